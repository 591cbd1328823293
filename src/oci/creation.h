/*
 * A container while skiff-oci makes it: what `create` and `run` have in common.
 */
#ifndef SKIFF_OCI_CREATION_H
#define SKIFF_OCI_CREATION_H

#include "oci/oci.h"
#include "oci/state.h"
#include "runtime/container.h"

#include <stddef.h>

struct create_options {
    const char *bundle, *console_socket, *pid_file;
    bool no_pivot, no_new_keyring, no_subreaper;
    long long preserve_fds;
    bool detach, keep; /* run's alone; create is detached */
};

/* The rows of create's option table, which run's begins with. */
#define CREATE_OPTION(name, letter, type, field, argument, help, group)                            \
    {                                                                                              \
        name, letter, type, offsetof(struct create_options, field), argument, help, group          \
    }
#define CREATE_OPTIONS                                                                             \
    CREATE_OPTION("bundle", 'b', OPTION_STRING, bundle, "DIR",                                     \
                  "The bundle's folder (the current one)", "Options"),                             \
        CREATE_OPTION("console-socket", 0, OPTION_STRING, console_socket, "SOCKET",                \
                      "Unix socket that gets the terminal's master end", NULL),                    \
        CREATE_OPTION("pid-file", 0, OPTION_STRING, pid_file, "FILE",                              \
                      "Write the container's process ID here", NULL),                              \
        CREATE_OPTION("no-pivot", 0, OPTION_FLAG, no_pivot, NULL,                                  \
                      "Do not pivot_root: for a root on a ramfs; insecure", NULL),                 \
        CREATE_OPTION("no-new-keyring", 0, OPTION_FLAG, no_new_keyring, NULL,                      \
                      "Leave the caller's session keyring to the container", NULL),                \
        CREATE_OPTION("preserve-fds", 0, OPTION_INT, preserve_fds, "N",                            \
                      "Pass N descriptors from 3 on", NULL),                                       \
        CREATE_OPTION("no-subreaper", 0, OPTION_FLAG, no_subreaper, NULL, NULL, NULL)

struct creation {
    const struct create_options *options;
    const struct oci_global *global;
    char *bundle; /* absolute */
    int bundle_fd;
    struct spec spec;
    struct state state;
    struct container container;
    int fifo; /* held open for reading and writing: never an end of file for init */
};
#define CREATION_INIT                                                                              \
    ((struct creation){                                                                            \
        .bundle_fd = -EBADF, .fifo = -EBADF, .state = STATE_INIT, .container = CONTAINER_INIT})

/* Makes container @id. With @gated its first process is ready, and executes its program once the
 * gate is opened (state_open_gate); else it goes on to that by itself, and container_start tells
 * how that went. On failure nothing is left but what creation_release frees. */
int creation_make(struct creation *c, const char *id, bool gated, struct err *e);

/* Kills it and takes away all that is left of it. */
void creation_undo(struct creation *c);

void creation_release(struct creation *c);
#define _cleanup_creation_ _cleanup_(creation_release)

#endif
