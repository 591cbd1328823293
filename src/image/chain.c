#include "image/chain.h"

#include "image/hash.h"

#include <fcntl.h>
#include <unistd.h>

enum { FACTS_MAX = 4096 };

int chain_ids(const json_t *diff_ids, struct strv *ret, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    size_t i;
    json_t *value;
    json_array_foreach (diff_ids, i, value) {
        _cleanup_free_ char *chain = NULL;
        if (i == 0) {
            strv_add(&ids, json_string_value(value));
            continue;
        }
        _cleanup_free_ char *text =
            ids.failed ? NULL : str_printf("%s %s", ids.v[i - 1], json_string_value(value));
        if (!text)
            return err_nomem(e);
        int r = hash_bytes(text, strlen(text), &chain, e);
        if (r < 0)
            return r;
        strv_add(&ids, chain);
    }
    if (ids.failed)
        return err_nomem(e);
    *ret = TAKE(ids, (struct strv){0});
    return 0;
}

static bool is_there(int root_fd, const char *id, bool *ret_leans)
{
    _cleanup_free_ char *path = str_printf("layers/%s/layer.json", id + sizeof("sha256:") - 1);
    _cleanup_json_ json_t *facts = NULL;
    if (!path || json_read(root_fd, path, FACTS_MAX, &facts, NULL) < 0)
        return false;
    *ret_leans = json_bool(facts, "leans", false);
    return true;
}

const char *chain_find(int root_fd, const char *diff_id, const char *chain_id, bool lowest)
{
    bool leans;
    if (is_there(root_fd, diff_id, &leans) && (lowest || !leans))
        return diff_id;
    return !lowest && is_there(root_fd, chain_id, &leans) ? chain_id : NULL;
}
