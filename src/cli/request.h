/*
 * From the options of `run` to a request: the body of Docker's POST /containers/create.
 */
#ifndef SKIFF_CLI_REQUEST_H
#define SKIFF_CLI_REQUEST_H

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "cli/health_options.h"
#include "cli/limit_options.h"
#include "cli/network_options.h"

/* All that `run` and `create` can be told. */
struct request_options {
    bool interactive, tty, detach, remove, read_only, privileged, init, sig_proxy;
    bool oom_kill_disable, quiet, verify, no_trust, publish_all;
    const char *name, *entrypoint, *workdir, *user, *hostname, *domainname, *stop_signal;
    const char *restart, *log_driver, *detach_keys, *shm_size, *cidfile, *cgroup_parent, *pull,
        *platform;
    const char *pid, *ipc, *uts, *cgroupns, *userns, *time;
    struct limit_options limits;
    struct health_options health;
    struct network_options network;
    long long oom_score_adj, stop_timeout;
    struct option_list env, env_file, label, label_file, volume, mount, tmpfs, cap_add, cap_drop,
        security_opt, ulimit, device, sysctl, dns, dns_search, dns_option, add_host, group_add,
        attach, time_offset, device_rule, annotation, log_opt, publish, expose;
    const json_t *words; /* all that was said, as it was: borrowed; NULL: not known */
    /* volumes */
    const char *volume_driver;
    struct option_list volumes_from, storage_opt;
};

#define REQUEST_OPTIONS_INIT                                                                       \
    ((struct request_options){.sig_proxy = true, .stop_timeout = STOP_TIMEOUT_UNSET})
enum { STOP_TIMEOUT_UNSET = -2 };

extern const struct option_def request_table[];

/* Builds the request for @image and the command @argv (@argc words). *ret is the caller's. Errors
 * name the option and what it should have been. */
int request_build(const struct request_options *o, const char *image, int argc, char **argv,
                  json_t **ret, struct err *e);

/* Parts of it, request_parse.c: texts to JSON, each -EINVAL with the story. */
int parse_bytes(const char *option, const char *text, long long *ret, struct err *e);
int parse_cpus(const char *text, long long *ret_nano, struct err *e);
int parse_mount(const char *text, json_t **ret, struct err *e); /* request_mount.c */
int parse_device(const char *text, json_t **ret, struct err *e);
int parse_ulimit(const char *text, json_t **ret, struct err *e);
/* "no", "always", "unless-stopped", "on-failure[:N]": HostConfig's RestartPolicy, the caller's. */
int parse_restart_policy(const char *text, json_t **ret, struct err *e);
int parse_time_offset(const char *text, json_t *offsets, struct err *e);

/* @text, with the working directory before it when it begins with a dot: a relative path, as Docker
 * takes it for a source. Fresh; NULL when memory ran out (errno). */
char *absolute_source(const char *text);

/* Adds NAME=VALUE, or NAME with its value here, to @env; NAME alone, which takes the image's away,
 * when it is not set. */
int add_env(json_t *env, const char *text, struct err *e);

/* Adds the lines of a file likewise; there a NAME that is not set says nothing. */
int add_env_file(json_t *env, const char *path, struct err *e);

/* Adds the lines of a file, KEY=VALUE, to the object @labels; a KEY alone has an empty value. */
int add_label_file(json_t *labels, const char *path, struct err *e);

#endif
