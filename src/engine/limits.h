/*
 * Limits: from the fields of Docker's HostConfig to the OCI object linux.resources, which
 * runtime/cgroup puts in force. `run` and `create` check and translate all of them at once,
 * `update` those that it was told of.
 */
#ifndef SKIFF_ENGINE_LIMITS_H
#define SKIFF_ENGINE_LIMITS_H

#include "base/err.h"
#include "base/json.h"

/* Docker's checks of what stands in @host, in its words (-EINVAL, -ERANGE): ranges, and options
 * that contradict each other. Reads the machine's CPUs and memory nodes only when they are asked
 * for. limits_check.c */
int limits_check(const json_t *host, struct err *e);

/* Puts in what a container has that asked for nothing, as `inspect` shows it: twice the memory as
 * memory and swap together, no rate, null for no limit of processes. */
int limits_complete(json_t *host, struct err *e);

/* Changes @host, which is complete, to what @change (another HostConfig, with nothing but what is
 * to be changed) says. Docker's refusals: -EINVAL. @ret_part is the caller's: the HostConfig of
 * what has to be written to the kernel, @change and what hangs together with it. */
int limits_change(json_t *host, const json_t *change, json_t **ret_part, struct err *e);

/* Adds the limits of @host, whole or a part, to the object @resources. Devices are looked up here:
 * -ENOENT, -EINVAL for what is no block device. */
int limits_to_resources(const json_t *host, json_t *resources, struct err *e);

/* "c 1:3 rwm", "b *:* r" to an item of linux.resources.devices; and HostConfig's {"Name": "nofile",
 * "Soft": …, "Hard": …} to one of process.rlimits. The caller's. -EINVAL. limits_parse.c */
int limits_parse_device_rule(const char *text, json_t **ret, struct err *e);
int limits_parse_ulimit(const json_t *limit, json_t **ret, struct err *e);

/* The runtime tells of "linux.resources.memory.swap": says --memory-swap instead, or whatever
 * option a person asked for that with; @host is what the limits came from. Leaves stories without
 * such words as they are. Returns e's code, negative. */
int limits_explain(const json_t *host, struct err *e);

#endif
