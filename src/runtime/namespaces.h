/*
 * The table of namespaces: eight kinds, one row each. The OCI spec's names, the files under
 * /proc/PID/ns, clone(2)'s flags and the command line's options are all read off this table.
 *
 * Sources: namespaces(7); OCI runtime-spec config-linux.md, "Namespaces".
 */
#ifndef SKIFF_RUNTIME_NAMESPACES_H
#define SKIFF_RUNTIME_NAMESPACES_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum namespace_kind {
    NS_USER, /* first: what is joined or made after it belongs to it */
    NS_PID,
    NS_NETWORK,
    NS_IPC,
    NS_UTS,
    NS_CGROUP,
    NS_TIME,
    NS_MOUNT, /* last: what comes after it sees other paths */
    NS_KINDS,
};

struct namespace_type {
    const char *name;   /* in the OCI spec: "network" */
    const char *file;   /* below /proc/PID/ns: "net" */
    const char *option; /* on the command line: "network"; NULL: not settable */
    uint64_t flag;      /* CLONE_NEW*; also setns(2)'s */
    bool by_default;    /* private in a container unless said otherwise */
    const char *walls;  /* what it keeps apart, in a few words */
};

extern const struct namespace_type namespace_types[NS_KINDS];

/* The kind that the OCI spec calls @name, or -1. */
int namespace_by_name(const char *name);

/* Opens the namespace of @kind of process @pid (0: the caller). A descriptor or negative errno. */
int namespace_open(pid_t pid, enum namespace_kind kind);

/* Opens @path, which must be a namespace of @kind (checked with NS_GET_NSTYPE, ioctl_ns(2)). */
int namespace_open_path(const char *path, enum namespace_kind kind, struct err *e);

/* The inode number that names the namespace, as lsns(8) shows it; 0 when @pid is gone. */
uint64_t namespace_inode(pid_t pid, enum namespace_kind kind);

#endif
