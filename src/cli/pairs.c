#include "cli/pairs.h"

#include <string.h>

int pairs_read(const char *option, const struct option_list *list, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *pairs = json_object();
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->v[i], *value = strchrnul(text, '=');
        _cleanup_free_ char *key = strndup(text, (size_t)(value - text));
        if (!key)
            return err_nomem(e);
        if (!*key)
            return err_set(e, EINVAL, "invalid argument \"%s\" for \"--%s\": must be KEY=VALUE",
                           text, option);
        json_t *j = json_string(*value ? value + 1 : "");
        if (!j || json_object_set_new(pairs, key, j) < 0)
            return err_set(e, EINVAL, "option \"--%s\": its value is not UTF-8", option);
    }
    *ret = TAKE_PTR(pairs);
    return 0;
}
