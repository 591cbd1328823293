#include "oci/exec_process.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

/* A fresh list with what @old (may be missing) has, and @more. */
static json_t *extended(const json_t *old, const struct option_list *more)
{
    json_t *list = json_array(), *item;
    size_t i;
    json_array_foreach (old, i, item)
        json_gather(&list, json_incref(item));
    for (size_t k = 0; k < more->n; k++)
        json_gather(&list, json_string(more->v[k]));
    return list;
}

static int put(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

static int set_args(json_t *process, char **args, int n, struct err *e)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_gather(&list, json_string(args[i]));
    return put(process, "args", list, e);
}

static int parse_id(const char *text, long long *ret, struct err *e)
{
    if (str_to_int64(text, 0, INT32_MAX, ret) < 0)
        return err_set(e, EINVAL, "\"%s\" is not a user or group ID (0 to 2147483647)", text);
    return 0;
}

/* UID or UID:GID; what is not said stays as it is in the configuration. */
static int set_user(json_t *user, const char *text, struct err *e)
{
    _cleanup_free_ char *uid = strdup(text);
    long long number;
    if (!uid)
        return err_nomem(e);
    char *gid = strchr(uid, ':');
    if (gid)
        *gid++ = '\0';
    int r = parse_id(uid, &number, e);
    if (r == 0)
        r = put(user, "uid", json_integer(number), e);
    if (r == 0 && gid)
        r = parse_id(gid, &number, e);
    if (r == 0 && gid)
        r = put(user, "gid", json_integer(number), e);
    return r;
}

static int add_groups(json_t *user, const struct option_list *groups, struct err *e)
{
    if (groups->n == 0)
        return 0;
    json_t *list = extended(json_at(user, "additionalGids"), &(struct option_list){0});
    for (size_t i = 0; i < groups->n; i++) {
        long long number;
        int r = parse_id(groups->v[i], &number, e);
        if (r < 0) {
            json_decref(list);
            return r;
        }
        json_gather(&list, json_integer(number));
    }
    return put(user, "additionalGids", list, e);
}

/* Inheritable ones are never added (CVE-2022-29162), and so none can be ambient. */
static int add_capabilities(json_t *process, const struct option_list *caps, struct err *e)
{
    if (caps->n == 0)
        return 0;
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    const json_t *old = json_at(process, "capabilities");
    json_t *all = old ? json_copy_object(old) : json_object();
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        if (json_object_set_new(all, sets[i], extended(json_at(old, sets[i]), caps)) < 0) {
            json_decref(all);
            return err_nomem(e);
        }
    return put(process, "capabilities", all, e);
}

static int change(json_t *process, const struct exec_options_oci *o, char **args, int n,
                  struct err *e)
{
    const json_t *old = json_at(process, "user");
    json_t *user = old ? json_copy_object(old) : json_object();
    int r = put(process, "user", user, e);
    if (r == 0 && o->user)
        r = set_user(user, o->user, e);
    if (r == 0)
        r = add_groups(user, &o->groups, e);
    if (r == 0)
        r = set_args(process, args, n, e);
    if (r == 0 && o->cwd)
        r = put(process, "cwd", json_string(o->cwd), e);
    if (r == 0 && o->env.n > 0)
        r = put(process, "env", extended(json_at(process, "env"), &o->env), e);
    if (r == 0)
        r = add_capabilities(process, &o->caps, e);
    if (r == 0 && o->tty)
        r = put(process, "terminal", json_true(), e);
    if (r == 0 && o->no_new_privs)
        r = put(process, "noNewPrivileges", json_true(), e);
    if (r == 0 && o->apparmor)
        r = put(process, "apparmorProfile", json_string(o->apparmor), e);
    if (r == 0 && o->label)
        r = put(process, "selinuxLabel", json_string(o->label), e);
    return r;
}

int exec_process_make(const struct exec_options_oci *o, const struct state *s, char **args, int n,
                      struct spec *ret, struct err *e)
{
    const char *bundle = json_str(s->document, "bundle");
    _cleanup_close_ int fd = dir_open(AT_FDCWD, bundle ? bundle : "", true, e);
    if (fd < 0)
        return err_wrap(e, "cannot open the container's bundle");
    _cleanup_json_ json_t *document = NULL, *process = NULL;
    int r = spec_read(fd, "config.json", &document, e);
    if (r == 0 && o->process)
        r = spec_read(AT_FDCWD, o->process, &process, e);
    if (r < 0)
        return r;
    if (!o->process) {
        const json_t *old = json_at(document, "process");
        process = old ? json_copy_object(old) : json_object();
        r = process ? change(process, o, args, n, e) : err_nomem(e);
    }
    if (r == 0 && json_object_set(document, "process", process) < 0)
        r = err_nomem(e);
    return r < 0 ? r : spec_parse(document, ret, e);
}
