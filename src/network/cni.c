#include "network/cni.h"

#include "base/str.h"
#include "network/cni_plugin.h"

#include <string.h>
#include <sys/stat.h>

#define PROGRAMS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Version 0.3 knows neither CHECK nor results at DEL. */
static bool is_old(const json_t *list)
{
    return str_after(json_str(list, "cniVersion"), "0.3.") != NULL;
}

/* ---- where they are ---- */

int cni_path_check(const char *path, struct err *e)
{
    _cleanup_free_ char *copy = strdup(path);
    char *rest = copy, *one;
    if (!copy)
        return err_nomem(e);
    while ((one = strsep(&rest, ":")))
        if (one[0] != '/')
            return err_set(e, EINVAL, "CNI_PATH is \"%s\": its folders are not all absolute", path);
    return 0;
}

int cni_find(const char *path, const char *type, char **ret, struct err *e)
{
    _cleanup_free_ char *copy = strdup(path);
    char *rest = copy, *folder;
    struct stat st;
    if (!copy)
        return err_nomem(e);
    while ((folder = strsep(&rest, ":"))) {
        _cleanup_free_ char *file = str_printf("%s/%s", folder, type);
        if (!file)
            return err_nomem(e);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0) {
            *ret = TAKE_PTR(file);
            return 0;
        }
    }
    return err_set(e, ENOENT,
                   "there is no CNI plugin \"%s\" in \"%s\" (Debian has some in "
                   "containernetworking-plugins; CNI_PATH names other folders)",
                   type, path);
}

/* ---- calling one ---- */

static char *make_input(const struct cni_network *n, const json_t *plugin,
                        const struct cni_attachment *a, const json_t *previous)
{
    _cleanup_json_ json_t *conf = json_copy_object(plugin);
    _cleanup_json_ json_t *asked = json_object();
    const json_t *can = json_object_get(plugin, "capabilities");
    const char *name;
    json_t *wish;
    int r = conf && asked ? 0 : -ENOMEM;
    json_object_foreach ((json_t *)(uintptr_t)a->wishes, name, wish)
        if (r == 0 && json_is_true(json_object_get(can, name)))
            r = json_object_set(asked, name, wish);
    json_object_del(conf, "capabilities");
    if (r == 0)
        r = json_object_set(conf, "name", json_object_get(n->list, "name"));
    if (r == 0)
        r = json_object_set(conf, "cniVersion", json_object_get(n->list, "cniVersion"));
    if (r == 0 && json_object_size(asked) > 0)
        r = json_object_set(conf, "runtimeConfig", asked);
    if (r == 0 && previous)
        r = json_object_set(conf, "prevResult", (json_t *)(uintptr_t)previous);
    return r == 0 ? json_text(conf, JSON_COMPACT) : NULL;
}

/* Of ours they get nothing: who set LD_PRELOAD or GODEBUG for skiff did not think of them. */
static void make_environment(const struct cni_network *n, const char *command,
                             const struct cni_attachment *a, struct strv *ret)
{
    strv_addf(ret, "CNI_COMMAND=%s", command);
    strv_addf(ret, "CNI_PATH=%s", n->path);
    strv_add(ret, "PATH=" PROGRAMS);
    if (!a)
        return;
    strv_addf(ret, "CNI_CONTAINERID=%s", a->container);
    strv_addf(ret, "CNI_IFNAME=%s", a->inside);
    strv_addf(ret, "CNI_NETNS=%s", a->netns ? a->netns : "");
}

/* @a is NULL for a question that is about nobody. */
static int run(const struct cni_network *n, const char *type, const char *command,
               const struct cni_attachment *a, const char *input, char **ret, struct err *e)
{
    _cleanup_free_ char *file = NULL;
    _cleanup_strv_ struct strv environment = {0};
    int r = cni_find(n->path, type, &file, e);
    if (r < 0)
        return r;
    make_environment(n, command, a, &environment);
    if (environment.failed)
        return err_nomem(e);
    const struct cni_call call = {.file = file,
                                  .type = type,
                                  .command = command,
                                  .environment = environment.v,
                                  .input = input,
                                  .seconds = n->seconds ? n->seconds : CNI_SECONDS};
    return cni_plugin_run(&call, ret, e);
}

static int run_on(const struct cni_network *n, const json_t *plugin, const char *command,
                  const struct cni_attachment *a, const json_t *previous, char **ret, struct err *e)
{
    _cleanup_free_ char *input = make_input(n, plugin, a, previous);
    return input ? run(n, json_str(plugin, "type"), command, a, input, ret, e) : err_nomem(e);
}

/* ---- VERSION ---- */

static int ask_version(const struct cni_network *n, const char *type, struct err *e)
{
    static const char question[] = "{\"cniVersion\":\"1.0.0\"}";
    _cleanup_free_ char *answer = NULL;
    _cleanup_json_ json_t *said = NULL;
    const char *wanted = json_str(n->list, "cniVersion");
    size_t i;
    json_t *version;
    int r = run(n, type, "VERSION", NULL, question, &answer, e);
    if (r < 0)
        return r;
    json_parse(answer, strlen(answer), "answer", &said, NULL);
    const json_t *all = json_object_get(said, "supportedVersions");
    if (!json_is_array(all))
        return err_set(e, EBADMSG,
                       "the CNI plugin \"%s\" does not say which versions of CNI it speaks", type);
    json_array_foreach (all, i, version)
        if (str_eq(json_string_value(version), wanted))
            return 0;
    return err_set(e, ENOTSUP, "the CNI plugin \"%s\" does not speak version %s", type, wanted);
}

int cni_look(const struct cni_network *n, struct err *e)
{
    size_t i;
    json_t *plugin;
    int r = 0;
    json_array_foreach (json_object_get(n->list, "plugins"), i, plugin) {
        const char *addresses = json_str(plugin, "ipam.type");
        if (r == 0)
            r = ask_version(n, json_str(plugin, "type"), e);
        if (r == 0 && addresses)
            r = ask_version(n, addresses, e);
    }
    return r;
}

/* ---- ADD, CHECK, DEL ---- */

int cni_add(const struct cni_network *n, const struct cni_attachment *a, json_t **ret,
            struct err *e)
{
    _cleanup_json_ json_t *result = NULL;
    size_t i;
    json_t *plugin;
    json_array_foreach (json_object_get(n->list, "plugins"), i, plugin) {
        _cleanup_free_ char *answer = NULL;
        _cleanup_json_ json_t *said = NULL;
        int r = run_on(n, plugin, "ADD", a, result, &answer, e);
        if (r < 0)
            return r;
        r = json_parse(answer, strlen(answer), "its answer", &said, NULL);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0 || !json_is_object(said))
            return err_set(e, EBADMSG, "what the CNI plugin \"%s\" answers to ADD is no result",
                           json_str(plugin, "type"));
        json_decref(result);
        result = TAKE_PTR(said);
    }
    *ret = TAKE_PTR(result);
    return 0;
}

int cni_check(const struct cni_network *n, const struct cni_attachment *a, struct err *e)
{
    size_t i;
    json_t *plugin;
    int r = 0;
    if (is_old(n->list) || json_is_true(json_object_get(n->list, "disableCheck")))
        return 0;
    json_array_foreach (json_object_get(n->list, "plugins"), i, plugin) {
        _cleanup_free_ char *answer = NULL;
        if (r == 0)
            r = run_on(n, plugin, "CHECK", a, a->result, &answer, e);
    }
    return r;
}

int cni_delete(const struct cni_network *n, const struct cni_attachment *a, struct err *e)
{
    const json_t *plugins = json_object_get(n->list, "plugins");
    int r = 0;
    for (size_t i = json_array_size(plugins); r == 0 && i-- > 0;) {
        _cleanup_free_ char *answer = NULL;
        r = run_on(n, json_array_get(plugins, i), "DEL", a, is_old(n->list) ? NULL : a->result,
                   &answer, e);
    }
    return r;
}
