/*
 * The settings of linux.resources, one row each: cgroup_apply walks them in order.
 */
#ifndef SKIFF_RUNTIME_CGROUP_RESOURCES_H
#define SKIFF_RUNTIME_CGROUP_RESOURCES_H

#include "runtime/cgroup_private.h"

struct cgroup_setting {
    const char *option; /* below linux.resources; its value is what @set gets */
    const char *controller[2];
    const char *file[2]; /* v1, v2; NULL: the layout has nothing like it */
    int (*set)(struct cgroup *cg, const struct cgroup_setting *s, const json_t *value,
               struct err *e);
};

/* The number @value of @option; -EINVAL when it is none or less than @min. */
int cgroup_integer(const char *option, const json_t *value, long long min, long long *ret,
                   struct err *e);

/* Writes @text into the setting's file of this layout, or refuses. */
int cgroup_set_text(struct cgroup *cg, const struct cgroup_setting *s, const char *text,
                    struct err *e);

/* Whole objects, in files of their own: the value is linux.resources.memory, .cpu, .blockIO. */
int cgroup_set_memory(struct cgroup *cg, const struct cgroup_setting *s, const json_t *memory,
                      struct err *e);
int cgroup_set_bandwidth(struct cgroup *cg, const struct cgroup_setting *s, const json_t *cpu,
                         struct err *e);
int cgroup_set_real_time(struct cgroup *cg, const struct cgroup_setting *s, const json_t *cpu,
                         struct err *e);
int cgroup_set_block_io(struct cgroup *cg, const struct cgroup_setting *s, const json_t *block_io,
                        struct err *e);

#endif
