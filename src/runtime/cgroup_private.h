/*
 * What the files of the cgroup module share: the group's folders, and the two layouts' drivers.
 */
#ifndef SKIFF_RUNTIME_CGROUP_PRIVATE_H
#define SKIFF_RUNTIME_CGROUP_PRIVATE_H

#include "runtime/cgroup.h"

#include <stdint.h>

struct hierarchy {
    char *mount;       /* where it is mounted: "/sys/fs/cgroup/cpu" */
    char *root;        /* which of its groups is mounted there: "/" mostly */
    char *controllers; /* separated by commas (v1) or spaces (v2): "cpu,cpuacct", "name=systemd" */
    char *device;      /* "0:29": the hierarchy's identity; a second mount of it is not wanted */
    char *folder;      /* the group's folder: @mount + "/skiff/ID" */
    int dirfd;         /* on it; -EBADF where the group is not */
    int enter_fd;      /* `tasks` or `cgroup.procs` of it, for writing */
    bool made;         /* by cgroup_create, to be undone if that fails */
};

struct cgroup {
    const struct cgroup_driver *driver;
    char *path; /* as asked for */
    struct hierarchy *h;
    size_t n;
    struct cgroup_undo *undo; /* while cgroup_change has made changes that may be taken back */
    bool delegation_busy; /* v2: a parent has processes of its own and cannot hand on controllers */
};

/* One for each layout. */
struct cgroup_driver {
    const char *layout;
    const char *enter_file;
    /* Finds the hierarchies: @cg->h with mount, root, controllers. */
    int (*find)(struct cgroup *cg, struct err *e);
    /* Makes the group just created in @h usable, whoever made its parents, and whenever. */
    int (*prepare)(struct cgroup *cg, struct hierarchy *h, struct err *e);
    /* Orders freezing or thawing, without waiting; tells whether it is done. -ENOTSUP. */
    int (*freeze)(const struct cgroup *cg, bool frozen);
    bool (*is_frozen)(const struct cgroup *cg);
    /* Kills everything in the group at a stroke; -ENOTSUP where the kernel cannot. */
    int (*kill)(const struct cgroup *cg);
    /* Where the kernel counts its out-of-memory kills. */
    const char *oom_file;
    /* Puts device rules in force (cgroup_devices.h). */
    int (*set_devices)(struct cgroup *cg, const json_t *rules, struct err *e);
};

extern const struct cgroup_driver cgroup_v1_driver, cgroup_v2_driver;

/* A new element of @cg->h, all its descriptors closed; NULL when memory ran out. */
struct hierarchy *cgroup_add_hierarchy(struct cgroup *cg);

/* Whether @name stands in a list separated by any of @separators. */
bool cgroup_list_has(const char *list, const char *name, const char *separators);

/* The hierarchy with @controller in which the group exists, or NULL. */
struct hierarchy *cgroup_hierarchy(const struct cgroup *cg, const char *controller);

/* Writes @value for the option @option (its name below linux.resources) into @file. Refuses with
 * words for the person: no such controller, no such file, the kernel's refusal. */
int cgroup_set(struct cgroup *cg, const char *controller, const char *file, const char *option,
               const char *value, struct err *e);

/* The same without words: 0 or a negative errno; -ENODEV without the controller. */
int cgroup_write(const struct cgroup *cg, const char *controller, const char *file,
                 const char *value);

/* Notes what stands in @file of @h before @value is written to it; afterwards, whether that was
 * done is told to cgroup_noted: only then it counts. -ENOMEM. cgroup_undo.c */
struct cgroup_undo *cgroup_undo_new(void);
int cgroup_note(struct cgroup_undo *undo, const struct hierarchy *h, bool v2, const char *file,
                const char *value);
void cgroup_noted(struct cgroup_undo *undo, bool written);
void cgroup_undo_free(struct cgroup_undo *undo);

/* Whether the group has @file of @controller. */
bool cgroup_has_file(const struct cgroup *cg, const char *controller, const char *file);

/* The text of @file of @controller, the caller's. 0 or a negative errno. */
int cgroup_read(const struct cgroup *cg, const char *controller, const char *file, char **ret);

/* The number behind @key in a file of lines "key number" (key NULL: the file is a number).
 * 0 or a negative errno. */
int cgroup_read_number(const struct cgroup *cg, const char *controller, const char *file,
                       const char *key, unsigned long long *ret);

/* "linux.resources.@option is not supported …" -ENOTSUP. */
int cgroup_refuse(const struct cgroup *cg, const char *option, const char *why, struct err *e);

/* The processes in the folder @dirfd and below; appends. */
struct pid_list {
    pid_t *v;
    size_t n, cap;
};
int cgroup_collect_pids(int dirfd, struct pid_list *list);

#endif
