/*
 * skiff-oci: the command line of runc on top of runtime/ alone, for containerd, CRI-O, Podman and
 * Docker. Sources: runc(8) and its subcommands' pages; OCI runtime-spec runtime.md.
 */
#ifndef SKIFF_OCI_OCI_H
#define SKIFF_OCI_OCI_H

#include "base/err.h"
#include "base/options.h"

/* The runtime-spec that config.json is read by, and that state, spec and features name. */
#define OCI_VERSION "1.2.0"

/* The options before the command. */
struct oci_global {
    const char *root;
    const char *log;
    const char *log_format;
    bool systemd_cgroup;
    bool debug;
    bool version;
    const char *criu, *rootless; /* taken and not used: callers of runc pass them */
};

/* Each runs one command: 0 or an exit status, or a negative errno with its story. */
typedef int oci_command(const struct oci_global *g, int argc, char **argv, struct err *e);
oci_command oci_create, oci_run, oci_start, oci_state, oci_kill, oci_delete, oci_list, oci_spec,
    oci_features, oci_exec, oci_update;

/* Tells what went wrong without being a failure: to the error output, and to the log. */
void oci_warn(const struct oci_global *g, const char *text);

/* Parses @argv; exactly @want words must be left, *ret_words points at them. 1: help was printed.
 */
int oci_parse(const char *usage, const struct option_def *table, int argc, char **argv, int want,
              void *target, char ***ret_words, struct err *e);

#endif
