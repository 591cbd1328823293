#include "cli/image_tree.h"

#include "cli/image_use.h"
#include "cli/size.h"
#include "image/platform.h"
#include "image/reference.h"

#include <string.h>

/* Docker's columns: the first is as wide as it must be. */
enum { ID_WIDTH = 12, USAGE_WIDTH = 10, CONTENT_WIDTH = 12, NAME_MIN = 21, GAP = 3 };

struct row {
    char *name;
    char id[SHORT_ID_LEN + 1];
    long long usage, content;
    bool used, whole; /* whole: the figures too, not the name alone */
};

struct tree {
    struct row *v;
    size_t n, capacity;
};

static void tree_release(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].name);
    free(t->v);
}

/* Takes the row's name. */
static int add_row(struct tree *t, struct row row)
{
    if (!row.name || row.usage < 0 || row.content < 0) {
        free(row.name);
        return -ENOMEM;
    }
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 16;
        struct row *v = reallocarray(t->v, capacity, sizeof(*v));
        if (!v) {
            free(row.name);
            return -ENOMEM;
        }
        t->v = v;
        t->capacity = capacity;
    }
    t->v[t->n++] = row;
    return 0;
}

static bool share_digest(const struct image *a, const struct image *b)
{
    for (size_t i = 0; i < a->repo_digests.n; i++)
        for (size_t k = 0; k < b->repo_digests.n; k++)
            if (str_eq(a->repo_digests.v[i], b->repo_digests.v[k]))
                return true;
    return false;
}

/* The first of those that came from the same index: they are shown with it. */
static size_t leader(const struct image_list *list, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (share_digest(&list->v[i], &list->v[at]))
            return i;
    return at;
}

static void take_id(const char *digest, char ret[SHORT_ID_LEN + 1])
{
    const char *hex = str_after(digest, "sha256:");
    snprintf(ret, SHORT_ID_LEN + 1, "%s", hex ? hex : "");
}

static struct row platform_row(struct cli *c, const struct image *image, bool last)
{
    const struct image_list one = {.v = (struct image *)(uintptr_t)image, .n = 1};
    _cleanup_free_ char *by = NULL;
    _cleanup_free_ char *platform = platform_text(image->config);
    _cleanup_str_ struct str name = {0};
    str_add(&name, last ? "└─ " : "├─ ");
    str_add_visible(&name, platform ? platform : "", "");
    bool used = cli_image_use(c, image->id, &by) != IMAGE_UNUSED;
    /* By nobody who can be named: that could not be found out. A row without a name is none. */
    struct row row = {.name = used && !by ? NULL : str_steal(&name),
                      .usage = image_list_size(c->engine.root_fd, &one),
                      .content = image_content_size(image),
                      .used = used,
                      .whole = true};
    take_id(image->digest, row.id);
    return row;
}

/* Names, each on a row of its own, the last with the sums; then a row a platform. */
static int add_image(struct cli *c, const struct image_list *list, size_t at,
                     const struct image_filter *filter, struct tree *t)
{
    struct tree platforms = {0};
    _cleanup_free_ struct image *family = calloc(list->n, sizeof(*family));
    struct image_list all = {.v = family};
    struct row head = {.whole = true};
    _cleanup_strv_ struct strv names = {0};
    if (!family)
        return -ENOMEM;
    for (size_t i = at; i < list->n; i++)
        if (leader(list, i) == at)
            family[all.n++] = list->v[i];
    int r = 0;
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        struct row row = platform_row(c, &family[i], i + 1 == all.n);
        head.used |= row.used;
        head.content += row.content;
        for (size_t k = 0; k < family[i].names.n; k++)
            if (image_filter_shows(filter, family[i].names.v[k]))
                strv_add(&names, reference_short(family[i].names.v[k]));
        r = add_row(&platforms, row);
    }
    head.usage = image_list_size(c->engine.root_fd, &all);
    take_id(family[0].id, head.id);
    for (size_t i = 0; r == 0 && i + 1 < names.n; i++)
        r = add_row(t, (struct row){.name = strdup(names.v[i])});
    head.name = strdup(names.n > 0 ? names.v[names.n - 1] : "<untagged>");
    if (r == 0)
        r = add_row(t, head);
    else
        free(head.name);
    for (size_t i = 0; r == 0 && i < platforms.n; i++) {
        struct row row = platforms.v[i];
        row.name = strdup(row.name);
        r = add_row(t, row);
    }
    tree_release(&platforms);
    return r < 0 || names.failed ? -ENOMEM : add_row(t, (struct row){.name = strdup("")});
}

static size_t columns_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void add_line(struct str *out, const struct row *row, size_t width)
{
    char usage[32], content[32];
    if (!row->whole) {
        str_addf(out, "%s\n", row->name);
        return;
    }
    format_size(row->usage, usage);
    format_size(row->content, content);
    str_addf(out, "%s%*s%-*s%*s%*s%s\n", row->name, (int)(width - columns_of(row->name)), "",
             ID_WIDTH + GAP, row->id, USAGE_WIDTH, usage, CONTENT_WIDTH + GAP, content,
             row->used ? "   U" : "");
}

static int print_tree(const struct tree *t, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    size_t width = NAME_MIN;
    for (size_t i = 0; i < t->n; i++)
        if (columns_of(t->v[i].name) > width)
            width = columns_of(t->v[i].name);
    width += GAP;
    str_addf(&out, "%*sU: in use\n\n",
             (int)(width + ID_WIDTH + USAGE_WIDTH + CONTENT_WIDTH + 2 * GAP - 6), "");
    str_addf(&out, "%-*s%-*s%-*s%-*s%s\n", (int)width, "IMAGE", ID_WIDTH + GAP, "ID",
             USAGE_WIDTH + GAP, "DISK USAGE", CONTENT_WIDTH + GAP, "CONTENT SIZE", "EXTRA");
    for (size_t i = 0; i < t->n; i++)
        add_line(&out, &t->v[i], width);
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

/* Whether one of its names is shown, or it has none and nobody asked for one. */
static bool is_shown(const struct image *image, const struct image_filter *filter)
{
    bool shown = image->names.n == 0 && image_filter_shows(filter, NULL);
    for (size_t i = 0; i < image->names.n; i++)
        shown |= image_filter_shows(filter, image->names.v[i]);
    return shown && image_filter_passes(filter, image);
}

int image_tree_print(struct cli *c, const struct image_list *list,
                     const struct image_filter *filter, struct err *e)
{
    _cleanup_(tree_release) struct tree t = {0};
    _cleanup_free_ bool *wanted = calloc(list->n + 1, sizeof(*wanted));
    int r = wanted ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < list->n; i++)
        wanted[leader(list, i)] |= is_shown(&list->v[i], filter);
    for (size_t i = 0; r == 0 && i < list->n; i++)
        if (wanted[i])
            r = add_image(c, list, i, filter, &t);
    return r < 0 ? err_nomem(e) : print_tree(&t, e);
}
