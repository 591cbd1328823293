#include "engine/bundle.h"

#include "engine/environment.h"
#include "engine/user.h"

int json_put(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

int json_add(json_t *array, json_t *value, struct err *e)
{
    return json_array_append_new(array, value) < 0 ? err_nomem(e) : 0;
}

/* Path and Args of the document are the command, already put together; --init goes before it. */
static json_t *make_args(struct bundle *b)
{
    json_t *args = json_bool(bundle_host(b), "Init", false) ? json_pack("[ss]", "/dev/init", "--")
                                                            : json_array();
    if (!args ||
        json_array_append_new(args, json_string(json_str(b->record->document, "Path"))) < 0 ||
        json_array_extend(args, json_at(b->record->document, "Args")) < 0) {
        json_decref(args);
        return NULL;
    }
    return args;
}

json_t *bundle_user(const struct user *u)
{
    json_t *groups = json_array();
    for (size_t i = 0; groups && i < u->n_groups; i++)
        json_gather(&groups, json_integer(u->groups[i]));
    return json_pack("{s:i, s:i, s:o}", "uid", (int)u->uid, "gid", (int)u->gid, "additionalGids",
                     groups);
}

static int add_process(struct bundle *b, struct err *e)
{
    const json_t *config = bundle_config(b);
    _cleanup_user_ struct user user = {0};
    int r = user_resolve(b->root_fd, json_str(config, "User"), json_at(bundle_host(b), "GroupAdd"),
                         &user, e);
    json_t *env = NULL;
    if (r == 0)
        r = environment_make(config, json_bool(config, "Tty", false), NULL, user.home, &env, e);
    if (r < 0)
        return r;

    const char *cwd = json_str(config, "WorkingDir");
    const json_t *size = json_at(bundle_host(b), "ConsoleSize");
    json_t *process = json_pack("{s:b, s:o, s:o, s:o, s:s}", "terminal",
                                json_bool(config, "Tty", false), "user", bundle_user(&user), "args",
                                make_args(b), "env", env, "cwd", cwd && *cwd ? cwd : "/");
    r = json_put(b->spec, "process", process, e);
    if (r == 0 && json_array_size(size) == 2)
        r = json_put(process, "consoleSize",
                     json_pack("{s:O, s:O}", "height", json_array_get(size, 0), "width",
                               json_array_get(size, 1)),
                     e);
    return r;
}

/* What --annotation says goes to the runtime as it is; the name is ours to tell. */
static int add_annotations(struct bundle *b, struct err *e)
{
    json_t *annotations = json_object();
    int r = json_put(b->spec, "annotations", annotations, e);
    const json_t *given = json_at(bundle_host(b), "Annotations");
    if (r == 0 && given && json_object_update(annotations, (json_t *)(uintptr_t)given) < 0)
        r = err_nomem(e);
    return r == 0 ? json_put(annotations, "org.skiff.name", json_string(record_name(b->record)), e)
                  : r;
}

int bundle_make(struct bundle *b, struct err *e)
{
    const json_t *host = bundle_host(b), *config = bundle_config(b);
    b->spec = json_pack("{s:s, s:{s:s, s:b}, s:{}}", "ociVersion", "1.2.0", "root", "path",
                        "rootfs", "readonly", json_bool(host, "ReadonlyRootfs", false), "linux");
    if (!b->spec)
        return err_nomem(e);

    int r = add_annotations(b, e);
    if (r == 0)
        r = add_process(b, e);
    if (r == 0 && b->modes[NS_UTS].kind == MODE_PRIVATE) {
        r = json_put(b->spec, "hostname", json_string(json_str(config, "Hostname")), e);
        const char *domain = json_str(config, "Domainname");
        if (r == 0 && domain && *domain)
            r = json_put(b->spec, "domainname", json_string(domain), e);
    }
    if (r == 0)
        r = bundle_add_namespaces(b, e);
    if (r == 0)
        r = bundle_add_mounts(b, e);
    if (r == 0)
        r = bundle_add_resources(b, e);
    return r == 0 ? bundle_add_security(b, e) : r;
}
