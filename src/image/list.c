#include "image/image.h"

#include "image/layout.h"
#include "image/resolve.h"

#include <string.h>

void image_list_release(struct image_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        image_release(&l->v[i]);
    free(l->v);
    *l = (struct image_list){0};
}

static int newest_first(const void *a, const void *b)
{
    const struct image *p = a, *q = b;
    time_t x = image_created(p), y = image_created(q);
    if (x != y)
        return x < y ? 1 : -1;
    /* Within a second the texts tell, if they are written alike, as ours are. */
    const char *s = json_str(p->config, "created"), *t = json_str(q->config, "created");
    return s && t ? strcmp(t, s) : 0;
}

/* An entry is listed at its manifest's first place only. */
static bool seen_before(const json_t *entries, size_t at)
{
    const char *digest = json_string_value(json_object_get(json_array_get(entries, at), "digest"));
    for (size_t i = 0; i < at; i++)
        if (str_eq(json_string_value(json_object_get(json_array_get(entries, i), "digest")),
                   digest))
            return true;
    return false;
}

int image_list(int root_fd, struct image_list *ret, size_t *ret_bad, struct err *e)
{
    _cleanup_json_ json_t *index = NULL;
    _cleanup_image_list_ struct image_list l = {0};
    struct stat st;
    size_t bad = 0;

    int r = layout_read_index(root_fd, &index, &st, e);
    if (r < 0)
        return r;
    const json_t *entries = json_object_get(index, "manifests");
    size_t n = json_array_size(entries);
    l.v = calloc(n ? n : 1, sizeof(*l.v));
    if (!l.v)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        if (seen_before(entries, i))
            continue;
        r = image_load(root_fd, index, json_array_get(entries, i), &st, &l.v[l.n], NULL);
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r < 0)
            bad++;
        else
            l.n++;
    }
    qsort(l.v, l.n, sizeof(*l.v), newest_first);
    *ret = TAKE(l, (struct image_list){0});
    if (ret_bad)
        *ret_bad = bad;
    return 0;
}
