/*
 * What `exec` is to execute: the "process" of the container's configuration with the changes that
 * the command line asks for, or one that a file brings.
 */
#ifndef SKIFF_OCI_EXEC_PROCESS_H
#define SKIFF_OCI_EXEC_PROCESS_H

#include "base/options.h"
#include "oci/state.h"
#include "runtime/spec.h"

struct exec_options_oci {
    const char *console_socket, *pid_file, *process, *cwd, *user, *apparmor, *label;
    struct option_list env, groups, caps;
    long long preserve_fds;
    bool tty, detach, no_new_privs, ignore_paused;
};

/* The configuration of the container @s for this process, in @ret. @args: the command, of @n words;
 * none with a file. */
int exec_process_make(const struct exec_options_oci *o, const struct state *s, char **args, int n,
                      struct spec *ret, struct err *e);

#endif
