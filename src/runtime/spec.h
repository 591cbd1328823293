/*
 * The OCI runtime configuration (config.json), read once into a struct that the other files of this
 * room use. What the file asks for and this program cannot do is refused here by name, so that
 * nothing is silently left out.
 *
 * Source: OCI runtime-spec 1.2, config.md and config-linux.md. Strings belong to the document.
 */
#ifndef SKIFF_RUNTIME_SPEC_H
#define SKIFF_RUNTIME_SPEC_H

#include "base/json.h"
#include "runtime/capabilities.h"
#include "runtime/namespaces.h"

#include <sys/resource.h>
#include <sys/types.h>

struct spec_id_map {
    uint32_t inside, outside, size;
};

struct spec_mount {
    const char *destination; /* absolute, without "." and ".." */
    const char *type;        /* NULL for a bind */
    const char *source;      /* may be NULL */
    bool bind, recursive;
    bool copy_up;                    /* tmpfs is filled from what it hides ("tmpcopyup") */
    bool idmap, ridmap;              /* shift owners through the container's user namespace */
    uint64_t set, clear;             /* MOUNT_ATTR_* of the top mount */
    uint64_t set_below, clear_below; /* of all mounts under it too (rro, rnosuid, …) */
    uint64_t propagation;            /* MS_*; 0: MS_PRIVATE */
    bool propagation_below;
    struct mount_option *data; /* owned array; strings owned by the entry's `words` */
    size_t n_data;
    char *words;
    char *place; /* owned: the destination, cleaned */
};

struct spec_device {
    const char *path;
    mode_t mode; /* type and permissions */
    dev_t dev;
    uid_t uid;
    gid_t gid;
};

struct spec_rlimit {
    const char *name; /* "RLIMIT_NOFILE" */
    int resource;
    struct rlimit limit;
};

struct spec_process {
    bool terminal;
    unsigned short rows, columns; /* 0: not said */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    bool has_umask;
    mode_t umask;
    char **args; /* the arrays are owned and NULL-terminated, the strings the document's */
    char **env;
    size_t n_args, n_env;
    const char *cwd;
    struct capabilities caps;
    struct spec_rlimit *rlimits;
    size_t n_rlimits;
    bool no_new_privileges;
    bool has_oom_score_adj;
    int oom_score_adj;
};

struct spec_namespace {
    bool asked;       /* it stands in the list */
    const char *path; /* joined; NULL: made */
};

struct spec {
    json_t *document; /* owned reference */
    struct spec_process process;
    const char *root;
    bool root_readonly;
    const char *hostname, *domainname;
    struct spec_mount *mounts;
    size_t n_mounts;
    struct spec_namespace namespaces[NS_KINDS];
    struct spec_id_map *uid_map, *gid_map;
    size_t n_uid_map, n_gid_map;
    struct spec_device *devices;
    size_t n_devices;
    const char *cgroup_path;    /* NULL: not said */
    const json_t *resources;    /* linux.resources, for cgroup_apply; may be NULL */
    const json_t *seccomp;      /* linux.seccomp, for seccomp_compile; may be NULL */
    const json_t *sysctl;       /* an object of strings; may be NULL */
    const json_t *masked_paths; /* arrays of strings; may be NULL */
    const json_t *readonly_paths;
    const json_t *time_offsets; /* linux.timeOffsets; may be NULL */
    const json_t *hooks;        /* an object, for hooks.h; may be NULL */
    uint64_t root_propagation;  /* MS_*; 0: MS_PRIVATE */
};

/* Reads the file @path below @dirfd, of at most 16 MiB. Whole numbers from 2^63 on stand in the
 * document as the negative ones of the same 64 bits (-1 for 2^64-1). */
int spec_read(int dirfd, const char *path, json_t **ret, struct err *e);

/* Reads @document, of which a reference is kept. -EINVAL with the key that is wrong, -ENOTSUP with
 * the key that is not supported. On failure @ret holds nothing. */
int spec_parse(json_t *document, struct spec *ret, struct err *e);
void spec_release(struct spec *s);
#define _cleanup_spec_ _cleanup_(spec_release)

/* Reads "process" of the document (spec_process.c). */
int spec_parse_process(const json_t *doc, struct spec_process *p, struct err *e);

/* Reads one entry of "mounts" (spec_mount.c). */
int spec_parse_mount(const json_t *entry, struct spec_mount *ret, struct err *e);
void spec_mount_release(struct spec_mount *m);

/* Appends the words of "options" that are not a file system's own. 0 or -ENOMEM. */
int spec_list_mount_words(json_t *list);

/* The number of an rlimit by the spec's name ("RLIMIT_NOFILE"), or -1. */
int spec_rlimit_by_name(const char *name);

/* The environment's value of @name in the process, or NULL. */
const char *spec_getenv(const struct spec_process *p, const char *name);

#endif
