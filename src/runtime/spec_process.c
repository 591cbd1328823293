#include "base/str.h"
#include "runtime/spec.h"
#include "runtime/spec_get.h"

#include <limits.h>
#include <string.h>

static int parse_capability_set(const json_t *doc, const char *path, uint64_t *ret, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, path, &list, &n, e);
    if (r < 0)
        return r;

    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        int number = name ? capability_by_name(name) : -1;
        if (number < 0)
            return err_set(e, EINVAL, "config.json: \"%s\": unknown capability \"%s\"", path,
                           name ? name : "?");
        *ret |= UINT64_C(1) << number;
    }
    return 0;
}

static int parse_capabilities(const json_t *doc, struct capabilities *caps, struct err *e)
{
    const struct {
        const char *path;
        uint64_t *set;
    } sets[] = {
        {"process.capabilities.bounding", &caps->bounding},
        {"process.capabilities.effective", &caps->effective},
        {"process.capabilities.inheritable", &caps->inheritable},
        {"process.capabilities.permitted", &caps->permitted},
        {"process.capabilities.ambient", &caps->ambient},
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        int r = parse_capability_set(doc, sets[i].path, sets[i].set, e);
        if (r < 0)
            return r;
    }
    /* capabilities(7): none can be ambient that is not permitted and inheritable. Configurations
     * made by widespread tools list such ones, and mean nothing by it. */
    caps->ambient &= caps->permitted & caps->inheritable;
    return 0;
}

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

int spec_rlimit_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rlimit_names); i++)
        if (str_eq(name, rlimit_names[i].name))
            return rlimit_names[i].resource;
    return -1;
}

static int parse_rlimits(const json_t *doc, struct spec_process *p, struct err *e)
{
    const json_t *list;
    size_t n, i;
    int r = spec_get_array(doc, "process.rlimits", &list, &n, e);
    if (r < 0)
        return r;
    p->rlimits = calloc(n + 1, sizeof(*p->rlimits));
    if (!p->rlimits)
        return err_nomem(e);

    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_str(item, "type");
        int resource = name ? spec_rlimit_by_name(name) : -1;
        const json_t *soft = json_at(item, "soft"), *hard = json_at(item, "hard");
        if (resource < 0)
            return err_set(e, EINVAL, "config.json: process.rlimits: unknown limit \"%s\"",
                           name ? name : "?");
        if (!json_is_integer(soft) || !json_is_integer(hard))
            return err_set(e, EINVAL, "config.json: process.rlimits: \"%s\" is not whole numbers",
                           name);
        for (size_t k = 0; k < p->n_rlimits; k++)
            if (p->rlimits[k].resource == resource)
                return err_set(e, EINVAL, "config.json: process.rlimits: \"%s\" stands twice",
                               name);
        /* -1 is RLIM_INFINITY: see spec_read. */
        p->rlimits[p->n_rlimits++] = (struct spec_rlimit){
            .name = name,
            .resource = resource,
            .limit = {(rlim_t)json_integer_value(soft), (rlim_t)json_integer_value(hard)},
        };
    }
    return 0;
}

static int parse_user(const json_t *doc, struct spec_process *p, struct err *e)
{
    /* uid_t's last value means "unchanged" to the kernel; above INT32_MAX other engines' numbers
     * have overflowed to root, and nobody needs them. */
    const json_t *user = json_at(doc, "process.user");
    long long uid = 0, gid = 0, mask = -1;
    int r = spec_get_int(user, "uid", "process.user", 0, INT32_MAX, 0, &uid, e);
    if (r == 0)
        r = spec_get_int(user, "gid", "process.user", 0, INT32_MAX, 0, &gid, e);
    if (r == 0)
        r = spec_get_int(user, "umask", "process.user", 0, 0777, -1, &mask, e);
    if (r < 0)
        return r;
    p->uid = (uid_t)uid;
    p->gid = (gid_t)gid;
    p->has_umask = mask >= 0;
    p->umask = mask >= 0 ? (mode_t)mask : 0;

    const json_t *groups;
    size_t n, i;
    r = spec_get_array(doc, "process.user.additionalGids", &groups, &n, e);
    if (r < 0)
        return r;
    p->groups = calloc(n + 1, sizeof(*p->groups));
    if (!p->groups)
        return err_nomem(e);
    json_t *item;
    json_array_foreach (groups, i, item) {
        if (!json_is_integer(item) || json_integer_value(item) < 0 ||
            json_integer_value(item) > INT32_MAX)
            return err_set(e, ERANGE, "config.json: process.user.additionalGids: not a group ID");
        p->groups[p->n_groups++] = (gid_t)json_integer_value(item);
    }
    return 0;
}

int spec_parse_process(const json_t *doc, struct spec_process *p, struct err *e)
{
    if (!json_is_object(json_at(doc, "process")))
        return err_set(e, EINVAL, "config.json: \"process\" is missing");

    long long rows, columns, oom;
    const json_t *size = json_at(doc, "process.consoleSize");
    int r;
    if ((r = spec_get_bool(doc, "process.terminal", &p->terminal, e)) < 0 ||
        (r = spec_get_int(size, "height", "process.consoleSize", 0, USHRT_MAX, 0, &rows, e)) < 0 ||
        (r = spec_get_int(size, "width", "process.consoleSize", 0, USHRT_MAX, 0, &columns, e)) <
            0 ||
        (r = parse_user(doc, p, e)) < 0 ||
        (r = spec_get_strings(doc, "process.args", &p->args, &p->n_args, e)) < 0 ||
        (r = spec_get_strings(doc, "process.env", &p->env, &p->n_env, e)) < 0 ||
        (r = spec_get_string(doc, "process.cwd", &p->cwd, e)) < 0 ||
        (r = parse_capabilities(doc, &p->caps, e)) < 0 || (r = parse_rlimits(doc, p, e)) < 0 ||
        (r = spec_get_bool(doc, "process.noNewPrivileges", &p->no_new_privileges, e)) < 0 ||
        (r = spec_get_int(json_at(doc, "process"), "oomScoreAdj", "process", -1000, 1000, 0, &oom,
                          e)) < 0)
        return r;

    p->rows = (unsigned short)rows;
    p->columns = (unsigned short)columns;
    p->has_oom_score_adj = json_is_integer(json_at(doc, "process.oomScoreAdj"));
    p->oom_score_adj = (int)oom;
    if (p->n_args == 0 || p->args[0][0] == '\0')
        return err_set(e, EINVAL, "config.json: \"process.args\" is empty: nothing to run");
    if (!p->cwd || p->cwd[0] != '/')
        return err_set(e, EINVAL, "config.json: \"process.cwd\" is not an absolute path");
    return 0;
}

const char *spec_getenv(const struct spec_process *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->n_env; i++)
        if (strncmp(p->env[i], name, n) == 0 && p->env[i][n] == '=')
            return p->env[i] + n + 1;
    return NULL;
}
