#include "kernel/owner_map.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>

enum { MAP_LIMIT = 64 << 10 };

void owner_map_release(struct owner_map *m)
{
    free(m->v);
    *m = (struct owner_map){0};
}

static int add_span(struct owner_map *m, struct owner_span span)
{
    struct owner_span *more = reallocarray(m->v, m->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    m->v = more;
    m->v[m->n++] = span;
    return 0;
}

int owner_map_set(struct owner_map *m, uint32_t inside, uint32_t outside, uint32_t size)
{
    owner_map_release(m);
    return add_span(m, (struct owner_span){inside, outside, size});
}

static bool parse_line(const char *line, struct owner_span *ret)
{
    uint32_t numbers[3];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char *end;
        line += strspn(line, " ");
        unsigned long n = strtoul(line, &end, 10);
        if (end == line || n > UINT32_MAX)
            return false;
        numbers[i] = (uint32_t)n;
        line = end;
    }
    *ret = (struct owner_span){numbers[0], numbers[1], numbers[2]};
    return *line == '\0';
}

int owner_map_parse(const char *text, struct owner_map *ret)
{
    struct owner_map m = {0};
    _cleanup_free_ char *copy = strdup(text);
    int r = copy ? 0 : -ENOMEM;
    for (char *at = copy, *line; r == 0 && (line = strsep(&at, "\n"));) {
        struct owner_span span;
        if (*line)
            r = parse_line(line, &span) ? add_span(&m, span) : -EINVAL;
    }
    /* Nobody is mapped: no namespace whose container could have files. */
    if (r == 0 && m.n == 0)
        r = -EINVAL;
    if (r < 0)
        owner_map_release(&m);
    else
        *ret = m;
    return r;
}

int owner_map_read(pid_t pid, const char *file, struct owner_map *ret, struct err *e)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", pid, file);
    _cleanup_free_ char *text = NULL;
    int r = path ? file_read(AT_FDCWD, path, MAP_LIMIT, &text, NULL, e) : err_nomem(e);
    if (r < 0)
        return r;
    r = owner_map_parse(text, ret);
    return r < 0 ? err_sys(e, -r, "cannot read \"%s\"", path) : 0;
}

static bool look_up(const struct owner_map *m, uint32_t id, bool outside, uint32_t *ret)
{
    if (!m->v) {
        *ret = id;
        return true;
    }
    for (size_t i = 0; i < m->n; i++) {
        uint32_t from = outside ? m->v[i].inside : m->v[i].outside;
        uint32_t to = outside ? m->v[i].outside : m->v[i].inside;
        if (id >= from && id - from < m->v[i].size) {
            *ret = to + (id - from);
            return true;
        }
    }
    return false;
}

bool owner_map_outside(const struct owner_map *m, uint32_t id, uint32_t *ret)
{
    return look_up(m, id, true, ret);
}

bool owner_map_inside(const struct owner_map *m, uint32_t id, uint32_t *ret)
{
    return look_up(m, id, false, ret);
}
