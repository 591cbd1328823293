#include "cli/filter.h"

#include <string.h>

bool label_matches(const json_t *labels, const char *wish)
{
    const char *value = strchrnul(wish, '=');
    _cleanup_free_ char *key = strndup(wish, (size_t)(value - wish));
    const json_t *label = key ? json_object_get(labels, key) : NULL;
    return label && (!*value || str_eq(json_string_value(label), value + 1));
}

bool labels_pass(const struct option_list *filters, const json_t *labels)
{
    for (size_t i = 0; i < filters->n; i++) {
        const char *with = str_after(filters->v[i], "label=");
        const char *without = str_after(filters->v[i], "label!=");
        if ((with && !label_matches(labels, with)) || (without && label_matches(labels, without)))
            return false;
    }
    return true;
}

int filter_bool(const char *value)
{
    if (str_eq(value, "true") || str_eq(value, "1"))
        return 1;
    return str_eq(value, "false") || str_eq(value, "0") ? 0 : -EINVAL;
}

int filter_invalid(const char *filter, struct err *e)
{
    return err_set(e, EINVAL, "invalid filter '%s'", filter);
}

bool filter_rejects(const struct option_list *filters, const char *key,
                    bool (*holds)(const void *data, const char *key, const char *value),
                    const void *data)
{
    bool wanted = false;
    for (size_t i = 0; i < filters->n; i++) {
        const char *value = str_after(filters->v[i], key);
        if (value && holds(data, key, value))
            return false;
        wanted |= value != NULL;
    }
    return wanted;
}
