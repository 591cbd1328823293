#include "cli/log_lines.h"

#include "base/file.h"
#include "engine/log_config.h"

#include <string.h>

enum {
    BUFFER = 256 << 10,
    LINE_MAX_BYTES = 1 << 20, /* of a line that is put together; what is longer comes in pieces */
};

/* ---- output ---- */

int log_output_begin(struct log_output *o, struct err *e)
{
    o->bytes = malloc(BUFFER);
    return o->bytes ? 0 : err_nomem(e);
}

void log_output_release(struct log_output *o)
{
    free(o->bytes);
    *o = (struct log_output){0};
}

static int write_out(enum log_stream stream, const char *bytes, size_t n, struct err *e)
{
    int r = fd_write_all(stream == LOG_STDERR ? STDERR_FILENO : STDOUT_FILENO, bytes, n);
    return r < 0 ? err_sys(e, -r, "cannot write to standard %s",
                           stream == LOG_STDERR ? "error" : "output")
                 : 0;
}

int log_output_flush(struct log_output *o, struct err *e)
{
    size_t n = o->n;
    o->n = 0;
    return n > 0 ? write_out(o->stream, o->bytes, n, e) : 0;
}

/* The two streams may be the same file: what was first comes first. */
static int put(struct log_output *o, enum log_stream stream, const char *bytes, size_t n,
               struct err *e)
{
    int r = o->stream != stream || n > BUFFER - o->n ? log_output_flush(o, e) : 0;
    o->stream = stream;
    if (r < 0 || n > BUFFER)
        return r < 0 ? r : write_out(stream, bytes, n, e);
    memcpy(o->bytes + o->n, bytes, n);
    o->n += n;
    return 0;
}

/* ---- what stands before a line ---- */

/* As in a query of a URL: so that what a label says cannot be taken for another. */
static void add_escaped(struct str *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    for (; *text; text++)
        if (*text == ' ')
            str_add(out, "+");
        else if (strchr(plain, *text))
            str_addn(out, text, 1);
        else
            str_addf(out, "%%%02X", (unsigned char)*text);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "key=value,key=value ", by key. */
static char *describe(json_t *attributes)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_str_ struct str out = {0};
    const char *name;
    json_t *value;
    json_object_foreach (attributes, name, value)
        strv_add(&names, name);
    if (names.failed)
        return NULL;
    if (names.n > 0)
        qsort(names.v, names.n, sizeof(*names.v), compare);
    for (size_t i = 0; i < names.n; i++) {
        str_add(&out, i ? "," : "");
        add_escaped(&out, names.v[i]);
        str_add(&out, "=");
        add_escaped(&out, json_string_value(json_object_get(attributes, names.v[i])) ?: "");
    }
    str_add(&out, " ");
    return str_steal(&out);
}

int log_lines_begin(struct log_lines *l, const json_t *document, bool timestamps, bool details,
                    struct err *e)
{
    *l = (struct log_lines){.whole = timestamps || details, .timestamps = timestamps};
    if (!details)
        return 0;
    _cleanup_json_ json_t *attributes = log_config_attributes(document);
    l->details = attributes ? describe(attributes) : NULL;
    return l->details ? 0 : err_nomem(e);
}

int log_lines_prefix(struct log_lines *l, const char *name, size_t width, size_t number,
                     struct err *e)
{
    static const char *const colours[] = {"36", "33", "32", "35", "34",
                                          "96", "93", "92", "95", "94"};
    const char *none = getenv("NO_COLOR");
    bool coloured = isatty(STDOUT_FILENO) && !(none && *none);
    l->whole = true;
    l->prefix = coloured ? str_printf("\033[%sm%-*s |\033[0m ",
                                      colours[number % ARRAY_LEN(colours)], (int)width, name)
                         : str_printf("%-*s | ", (int)width, name);
    return l->prefix ? 0 : err_nomem(e);
}

/* ---- lines ---- */

static void begin_line(struct log_lines *l, struct str *line, const char *time)
{
    str_add(line, l->prefix ? l->prefix : "");
    if (l->timestamps) {
        str_addn(line, time, LOG_TIME_LEN);
        str_add(line, " ");
    }
    str_add(line, l->details ? l->details : "");
}

static int print_line(struct log_lines *l, enum log_stream stream, struct log_output *out,
                      struct err *e)
{
    struct str *line = &l->line[stream].text;
    int r = line->failed ? err_nomem(e) : put(out, stream, line->s, line->len, e);
    line->len = 0;
    return r;
}

static int add_whole(struct log_lines *l, const struct log_entry *entry, struct log_output *out,
                     struct err *e)
{
    struct str *line = &l->line[entry->stream].text;
    bool *open = &l->line[entry->stream].open;
    if (!*open)
        begin_line(l, line, entry->time);
    *open = entry->partial;
    str_addn(line, entry->text, entry->n);
    if (!entry->partial)
        str_add(line, "\n");
    return !*open || line->len > LINE_MAX_BYTES ? print_line(l, entry->stream, out, e) : 0;
}

int log_lines_add(struct log_lines *l, const struct log_entry *entry, struct log_output *out,
                  struct err *e)
{
    if (l->whole)
        return add_whole(l, entry, out, e);
    int r = put(out, entry->stream, entry->text, entry->n, e);
    return r == 0 && !entry->partial ? put(out, entry->stream, "\n", 1, e) : r;
}

int log_lines_finish(struct log_lines *l, struct log_output *out, struct err *e)
{
    int r = 0;
    for (enum log_stream s = LOG_STDOUT; r == 0 && s <= LOG_STDERR; s++) {
        if (l->line[s].open && l->prefix) /* others' lines follow */
            str_add(&l->line[s].text, "\n");
        if (l->line[s].open)
            r = print_line(l, s, out, e);
        l->line[s].open = false;
    }
    return r;
}

void log_lines_release(struct log_lines *l)
{
    free(l->prefix);
    free(l->details);
    str_release(&l->line[0].text);
    str_release(&l->line[1].text);
}
