#include "engine/idmap.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

enum { SUBID_LIMIT = 1 << 20, RANGE_SIZE = 65536 };

struct subids {
    struct id_range own; /* size 0: none */
    struct id_range *all;
    size_t n;
};

/* One line of subuid(5): "name:first:count". */
static bool parse_line(char *line, char **ret_name, struct id_range *ret)
{
    char *first = strchr(line, ':');
    char *count = first ? strchr(first + 1, ':') : NULL;
    long long f, n;
    if (!count)
        return false;
    *first++ = *count++ = '\0';
    if (str_to_int64(first, 0, UINT32_MAX - 1, &f) < 0 ||
        str_to_int64(count, 1, UINT32_MAX - 1, &n) < 0 || f + n > UINT32_MAX)
        return false;
    *ret_name = line;
    *ret = (struct id_range){(uint32_t)f, (uint32_t)n};
    return true;
}

static int read_subids(const char *path, struct subids *s, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(AT_FDCWD, path, SUBID_LIMIT, &text, NULL, e);
    if (r == -ENOENT) {
        err_release(e);
        return 0;
    }
    if (r < 0)
        return r;
    bool for_skiff = false;
    for (char *at = text, *line; (line = strsep(&at, "\n"));) {
        char *name;
        struct id_range range;
        if (!parse_line(line, &name, &range))
            continue;
        struct id_range *more = reallocarray(s->all, s->n + 1, sizeof(*more));
        if (!more)
            return err_nomem(e);
        s->all = more;
        s->all[s->n++] = range;
        bool skiff = str_eq(name, "skiff");
        if ((skiff && !for_skiff) || (str_eq(name, "root") && s->own.size == 0))
            s->own = range;
        for_skiff |= skiff;
    }
    return 0;
}

static bool is_free(const struct subids *s, uint32_t first)
{
    for (size_t i = 0; i < s->n; i++)
        if (first < (uint64_t)s->all[i].first + s->all[i].size &&
            s->all[i].first < (uint64_t)first + RANGE_SIZE)
            return false;
    return true;
}

int idmap_choose(const json_t *chosen, struct id_range *ret_uids, struct id_range *ret_gids,
                 struct err *e)
{
    if (json_is_object(chosen)) {
        uint32_t size = (uint32_t)json_int(chosen, "Size", RANGE_SIZE);
        *ret_uids = (struct id_range){(uint32_t)json_int(chosen, "UID", 0), size};
        *ret_gids = (struct id_range){(uint32_t)json_int(chosen, "GID", 0), size};
        return 0;
    }

    struct subids uids = {0}, gids = {0};
    int r = read_subids("/etc/subuid", &uids, e);
    if (r == 0)
        r = read_subids("/etc/subgid", &gids, e);
    if (r == 0 && uids.own.size > 0 && gids.own.size > 0) {
        *ret_uids = uids.own;
        *ret_gids = gids.own;
    } else if (r == 0) {
        /* Between 2^30 and 2^31, where neither people nor distributions put their own. */
        uint16_t nonce = 0;
        uint32_t first = 0;
        r = err_set(e, ENOSPC,
                    "no free range of %d IDs: add a line for \"skiff\" to /etc/subuid "
                    "and /etc/subgid",
                    RANGE_SIZE);
        for (unsigned i = 0; r < 0 && i < 64; i++) {
            if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
                break;
            first = (UINT32_C(1) << 30) + (uint32_t)(nonce % 16384) * RANGE_SIZE;
            if (is_free(&uids, first) && is_free(&gids, first)) {
                *ret_uids = *ret_gids = (struct id_range){first, RANGE_SIZE};
                err_release(e);
                r = 0;
            }
        }
    }
    free(uids.all);
    free(gids.all);
    return r;
}

json_t *idmap_to_json(const struct id_range *r)
{
    return json_pack("[{s:i, s:I, s:I}]", "containerID", 0, "hostID", (json_int_t)r->first, "size",
                     (json_int_t)r->size);
}
