/*
 * Lists of plugins as they are written down: other people's files.
 */
#include "base/str.h"
#include "network/cni.h"

#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Letters and digits, and then dots, dashes and underscores too. */
static bool is_name(const char *text, size_t most)
{
    if (!text || !*text || !strchr(letters, text[0]))
        return false;
    size_t n = 1;
    while (text[n] && n <= most && (strchr(letters, text[n]) || strchr("_.-", text[n])))
        n++;
    return !text[n] && n <= most;
}

bool cni_is_type(const char *text)
{
    return is_name(text, CNI_TYPE_MAX);
}

static int check_version(const json_t *list, struct err *e)
{
    static const char *const known[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
    const char *version = json_str(list, "cniVersion");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(version, known[i]))
            return 0;
    _cleanup_str_ struct str shown = {0};
    str_add_visible(&shown, version ? version : "", "");
    return err_set(e, EINVAL, "its \"cniVersion\" is \"%s\": 0.3.0 to 1.1.0 are known",
                   shown.s ? shown.s : "");
}

static int check_capabilities(const json_t *plugin, struct err *e)
{
    const json_t *all = json_object_get(plugin, "capabilities");
    const char *name;
    json_t *on;
    if (all && !json_is_object(all))
        return err_set(e, EINVAL, "the \"capabilities\" of a plugin are no object");
    json_object_foreach ((json_t *)(uintptr_t)all, name, on)
        if (!json_is_boolean(on))
            return err_set(e, EINVAL, "a capability of a plugin is neither true nor false");
    return 0;
}

static int check_plugin(const json_t *plugin, struct err *e)
{
    static const char *const ours[] = {"prevResult", "runtimeConfig"};
    const json_t *ipam = json_object_get(plugin, "ipam");
    const json_t *addresses = json_object_get(ipam, "type");
    if (!json_is_object(plugin) || !cni_is_type(json_str(plugin, "type")))
        return err_set(e, EINVAL,
                       "a plugin's \"type\" is a file's name of letters, digits, '_', '.' and '-', "
                       "at most %d",
                       CNI_TYPE_MAX);
    if (ipam && !json_is_object(ipam))
        return err_set(e, EINVAL, "the \"ipam\" of a plugin is no object");
    if (addresses && !cni_is_type(json_string_value(addresses)))
        return err_set(e, EINVAL, "the \"type\" of a plugin's \"ipam\" is no name of a file");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (json_object_get(plugin, ours[i]))
            return err_set(e, EINVAL, "a plugin's \"%s\" is not for a list to say", ours[i]);
    return check_capabilities(plugin, e);
}

int cni_list_check(const json_t *list, struct err *e)
{
    const json_t *plugins = json_object_get(list, "plugins");
    size_t i, n = json_array_size(plugins);
    json_t *plugin;
    if (!json_is_object(list))
        return err_set(e, EINVAL, "it is no object");
    int r = check_version(list, e);
    if (r < 0)
        return r;
    if (!is_name(json_str(list, "name"), CNI_NAME_MAX))
        return err_set(e, EINVAL,
                       "its \"name\" is not of letters, digits, '_', '.' and '-', at most %d",
                       CNI_NAME_MAX);
    if (n == 0 || n > CNI_PLUGINS_MAX)
        return err_set(e, EINVAL, "its \"plugins\" are not a list of 1 to %d", CNI_PLUGINS_MAX);
    json_array_foreach (plugins, i, plugin)
        if (r == 0)
            r = check_plugin(plugin, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *text = json_text(list, JSON_COMPACT);
    if (!text)
        return err_nomem(e);
    return strlen(text) > CNI_LIST_MAX
               ? err_set(e, EFBIG, "it has more than %d bytes", CNI_LIST_MAX)
               : 0;
}

/* The configuration of one plugin says name and version itself. */
static json_t *list_of_one(json_t *plugin)
{
    _cleanup_json_ json_t *copy = json_copy_object(plugin);
    json_object_del(copy, "name");
    json_object_del(copy, "cniVersion");
    return json_pack("{s:O?, s:O?, s:[O]}", "cniVersion", json_object_get(plugin, "cniVersion"),
                     "name", json_object_get(plugin, "name"), "plugins", copy);
}

int cni_list_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *list = NULL;
    _cleanup_err_ struct err why = ERR_INIT;
    int r = n > CNI_LIST_MAX
                ? err_set(e, EFBIG, "\"%s\" has more than %d bytes", name, CNI_LIST_MAX)
                : json_parse(text, n, name, &list, e);
    if (r < 0)
        return r;
    if (json_object_get(list, "type") && !json_object_get(list, "plugins")) {
        json_t *one = list_of_one(list);
        json_decref(list);
        list = one;
        if (!list)
            return err_nomem(e);
    }
    r = cni_list_check(list, &why);
    if (r < 0)
        return err_set(e, -r, "\"%s\" is no list of CNI plugins: %s", name, err_text(&why));
    *ret = TAKE_PTR(list);
    return 0;
}

bool cni_can(const json_t *list, const char *capability)
{
    size_t i;
    json_t *plugin;
    json_array_foreach (json_object_get(list, "plugins"), i, plugin)
        if (json_is_true(json_object_get(json_object_get(plugin, "capabilities"), capability)))
            return true;
    return false;
}
