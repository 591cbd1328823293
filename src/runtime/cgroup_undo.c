/* Taking changes of a group back: each write is remembered with what stood there before, and undone
 * in the opposite order, through the same states that the kernel accepted on the way. */
#include "base/file.h"
#include "base/str.h"
#include "runtime/cgroup_private.h"

#include <string.h>

#define FILE_MAX_BYTES (64u << 10)

struct step {
    const struct hierarchy *h;
    char *file, *text;
};

struct cgroup_undo {
    struct step *v;
    size_t n; /* those that were written; one more may be noted behind them */
    size_t cap;
};

struct cgroup_undo *cgroup_undo_new(void)
{
    return calloc(1, sizeof(struct cgroup_undo));
}

static void step_release(struct step *s)
{
    free(s->file);
    free(s->text);
    *s = (struct step){0};
}

void cgroup_undo_free(struct cgroup_undo *undo)
{
    for (size_t i = 0; undo && i < undo->n; i++)
        step_release(&undo->v[i]);
    if (undo)
        free(undo->v);
    free(undo);
}

/* The length of "8:16" in "8:16 1048576": files of block devices have a line for each. 0: none. */
static size_t device_length(const char *value)
{
    size_t major = strspn(value, "0123456789");
    if (major == 0 || value[major] != ':')
        return 0;
    size_t minor = strspn(value + major + 1, "0123456789");
    size_t n = major + 1 + minor;
    return minor > 0 && value[n] == ' ' ? n : 0;
}

/* A device that has no line is written like this to have none again. */
static char *no_line(bool v2, const char *file, const char *value, size_t n)
{
    const char *nothing = !v2                      ? "0"
                          : str_eq(file, "io.max") ? "rbps=max wbps=max riops=max wiops=max"
                                                   : "default";
    return str_printf("%.*s %s", (int)n, value, nothing);
}

/* What has to be written into a file that has @content, to take back that @value was written. */
static char *opposite(bool v2, const char *file, const char *content, const char *value)
{
    size_t n = device_length(value);
    if (n == 0)
        return strndup(content, strcspn(content, "\n"));
    for (const char *line = content; *line;) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, value, n + 1) == 0)
            return strndup(line, length);
        line += length + (line[length] == '\n');
    }
    return no_line(v2, file, value, n);
}

int cgroup_note(struct cgroup_undo *undo, const struct hierarchy *h, bool v2, const char *file,
                const char *value)
{
    if (undo->n == undo->cap) {
        struct step *more = reallocarray(undo->v, undo->cap + 16, sizeof(*more));
        if (!more)
            return -ENOMEM;
        undo->v = more;
        undo->cap += 16;
    }
    _cleanup_free_ char *content = NULL;
    int r = file_read(h->dirfd, file, FILE_MAX_BYTES, &content, NULL, NULL);
    if (r < 0)
        return r;
    struct step *s = &undo->v[undo->n];
    *s = (struct step){.h = h, .file = strdup(file), .text = opposite(v2, file, content, value)};
    if (s->file && s->text)
        return 0;
    step_release(s);
    return -ENOMEM;
}

void cgroup_noted(struct cgroup_undo *undo, bool written)
{
    if (written)
        undo->n++;
    else
        step_release(&undo->v[undo->n]);
}

void cgroup_undo(struct cgroup *cg)
{
    struct cgroup_undo *undo = TAKE_PTR(cg->undo); /* what is written now is not noted */
    for (size_t i = undo ? undo->n : 0; i > 0; i--)
        file_write(undo->v[i - 1].h->dirfd, undo->v[i - 1].file, undo->v[i - 1].text, NULL);
    cgroup_undo_free(undo);
}
