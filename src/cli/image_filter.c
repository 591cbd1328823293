#include "cli/image_filter.h"

#include "base/timestamp.h"
#include "cli/filter.h"
#include "image/reference.h"

#include <fnmatch.h>
#include <string.h>

static bool is_true(const char *text)
{
    return str_eq(text, "true") || str_eq(text, "1");
}

enum { SECOND = 1000000000 };

/* When it was made, in nanoseconds; less than 0 when nobody knows. */
static long long made_at(const struct image *image)
{
    const char *text = json_str(image->config, "created");
    const char *dot = text ? strchr(text, '.') : NULL;
    long long ns = 0, seconds = image_created(image);
    for (long long unit = SECOND / 10; dot && *++dot >= '0' && *dot <= '9'; unit /= 10)
        ns += (*dot - '0') * unit;
    return seconds < -SECOND || seconds > 8LL * SECOND ? -1 : seconds * SECOND + ns;
}

static int read_image_time(int root_fd, const char *name, long long *ret, struct err *e)
{
    _cleanup_image_ struct image image = {0};
    int r = image_find(root_fd, name, &image, e);
    if (r == 0)
        *ret = made_at(&image);
    return r;
}

static int read_until(const char *text, long long *ret, struct err *e)
{
    struct timespec now, t;
    clock_gettime(CLOCK_REALTIME, &now);
    if (parse_moment(text, now, &t) < 0)
        return err_set(e, EINVAL, "invalid filter 'until=%s': it is no time", text);
    *ret = t.tv_sec * SECOND + t.tv_nsec;
    return 0;
}

static int read_one(int root_fd, const char *text, struct image_filter *f, struct err *e)
{
    const char *value;
    if ((value = str_after(text, "before="))) {
        f->has_before = true;
        return read_image_time(root_fd, value, &f->before, e);
    }
    if ((value = str_after(text, "since="))) {
        f->has_since = true;
        return read_image_time(root_fd, value, &f->since, e);
    }
    if ((value = str_after(text, "until="))) {
        f->has_until = true;
        return read_until(value, &f->until, e);
    }
    value = str_after(text, "dangling=");
    if (value && !is_true(value) && !str_eq(value, "false") && !str_eq(value, "0"))
        return filter_invalid(text, e);
    if (value || str_after(text, "label=") || str_after(text, "label!=") ||
        str_after(text, "reference="))
        return 0;
    return filter_invalid(text, e);
}

int image_filter_read(int root_fd, const struct option_list *list, const char *pattern,
                      struct image_filter *ret, struct err *e)
{
    struct image_filter f = {.list = list, .pattern = pattern};
    for (size_t i = 0; i < list->n; i++) {
        int r = read_one(root_fd, list->v[i], &f, e);
        if (r < 0)
            return r;
    }
    *ret = f;
    return 0;
}

bool image_filter_passes(const struct image_filter *f, const struct image *image)
{
    long long created = made_at(image);
    if ((f->has_before && created >= f->before) || (f->has_since && created <= f->since) ||
        (f->has_until && created >= f->until))
        return false;
    for (size_t i = 0; i < f->list->n; i++) {
        const char *dangling = str_after(f->list->v[i], "dangling=");
        if (dangling && is_true(dangling) != (image->names.n == 0))
            return false;
    }
    return labels_pass(f->list, json_at(image->config, "config.Labels"));
}

static bool matches(const char *shown, const char *pattern)
{
    const char *colon = strrchr(shown, ':');
    _cleanup_free_ char *repository = strndup(shown, colon ? (size_t)(colon - shown) : 0);
    return fnmatch(pattern, shown, FNM_PATHNAME) == 0 ||
           (repository && *repository && fnmatch(pattern, repository, FNM_PATHNAME) == 0);
}

/* As it is shown, and with what is left out there. */
static bool name_matches(const char *name, const char *pattern)
{
    return name && (matches(reference_short(name), pattern) || matches(name, pattern));
}

bool image_filter_shows(const struct image_filter *f, const char *name)
{
    bool asked = false, found = false;
    for (size_t i = 0; i < f->list->n; i++) {
        const char *pattern = str_after(f->list->v[i], "reference=");
        asked |= pattern != NULL;
        found |= pattern && name_matches(name, pattern);
    }
    return (!asked || found) && (!f->pattern || name_matches(name, f->pattern));
}
