#include "cli/label_filter.h"

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
