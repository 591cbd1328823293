#include "cli/cli.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/top_columns.h"
#include "engine/beside.h"
#include "engine/state.h"
#include "engine/transition.h"
#include "runtime/cgroup.h"

#include <string.h>

/* No ps is run, neither the image's, which is a stranger's program (CVE-2022-1227), nor the
 * machine's, which it may not have: what ps reads is read here, of the processes in the container's
 * control group, those of `exec` too. */

struct top_options {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct top_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP ", by the columns' titles", "Options"},
    {0},
};

struct shown {
    const struct top_column *column;
    char *header;
};

struct layout {
    struct shown *v;
    size_t n;
};

static void layout_release(struct layout *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].header);
    free(l->v);
    *l = (struct layout){0};
}
#define _cleanup_layout_ __attribute__((cleanup(layout_release)))

/* --- what is to be shown ----------------------------------------------------------------- */

static int add_column(struct layout *l, const char *name, size_t n, const char *header,
                      struct err *e)
{
    const struct top_column *column = top_column_find(name, n);
    if (!column)
        return err_set(e, EINVAL, "unknown ps column \"%.*s\"", (int)n, name);
    struct shown *more = reallocarray(l->v, l->n + 1, sizeof(*more));
    if (!more)
        return err_nomem(e);
    l->v = more;
    more[l->n] = (struct shown){column, strdup(header ? header : column->header)};
    return more[l->n++].header ? 0 : err_nomem(e);
}

/* "pid,comm" or "pid comm"; "pid=NUMBER,comm=" with headers of their own, or none. */
static int add_list(struct layout *l, const char *list, struct err *e)
{
    for (const char *p = list + strspn(list, ", "); *p; p += strspn(p, ", ")) {
        size_t n = strcspn(p, ", =");
        const char *title = p[n] == '=' ? p + n + 1 : NULL,
                   *end = title ? strchrnul(title, ',') : p + n;
        _cleanup_free_ char *header = title ? strndup(title, (size_t)(end - title)) : NULL;
        if (title && !header)
            return err_nomem(e);
        int r = add_column(l, p, n, header, e);
        if (r < 0)
            return r;
        p = end;
    }
    return 0;
}

static const char plain[] = "pid,tname,time,ucmd", bsd[] = "pid,tname,stat,bsdtime,args",
                  full_begin[] = "user=UID", full_rest[] = "pid,ppid,c,stime,tname,time,cmd",
                  user[] = "user,pid,pcpu,pmem,vsz,rss,tname,stat,start_time,bsdtime,args";

enum style { STYLE_PLAIN, STYLE_BSD, STYLE_FULL, STYLE_USER };

struct words {
    struct strv list;
    size_t at;
    enum style style;
    struct layout layout;
};

static int unsupported(const char *word, struct err *e)
{
    return err_set(e, ENOTSUP,
                   "ps option \"%s\" is not supported: -e, -f, aux, and -o COLUMN,... are", word);
}

/* Letters together: "-ef", "aux", "-eo" with a list behind it. Which processes are meant does not
 * matter, as all of the container's are shown. */
static int take_letters(struct words *w, const char *word, struct err *e)
{
    bool dash = word[0] == '-';
    bool bsd_style = !dash || strpbrk(word, "ax");
    for (const char *p = word + dash; *p; p++) {
        const char *list = p[1] ? p + 1 : w->at < w->list.n ? w->list.v[w->at++] : NULL;
        switch (*p) {
        case 'o':
            return list ? add_list(&w->layout, list, e)
                        : err_set(e, EINVAL, "ps option \"%s\" needs a list of columns", word);
        case 'e':
        case 'A':
        case 'a':
        case 'x':
        case 'w':
            if (bsd_style && w->style == STYLE_PLAIN)
                w->style = STYLE_BSD;
            break;
        case 'f':
            if (dash)
                w->style = STYLE_FULL;
            break;
        case 'u':
            if (!bsd_style)
                return unsupported(word, e);
            w->style = STYLE_USER;
            break;
        default:
            return unsupported(word, e);
        }
        if (!p[1] && list)
            w->at--; /* it was none of ours */
    }
    return 0;
}

static int take_words(struct words *w, struct err *e)
{
    int r = 0;
    while (r == 0 && w->at < w->list.n) {
        const char *word = w->list.v[w->at++];
        const char *list = str_after(word, "--format=");
        if (str_eq(word, "--format") && w->at < w->list.n)
            list = w->list.v[w->at++];
        if (list)
            r = add_list(&w->layout, list, e);
        else if (str_after(word, "--"))
            r = unsupported(word, e);
        else
            r = take_letters(w, word, e);
    }
    if (r < 0 || w->layout.n > 0)
        return r;
    switch (w->style) {
    case STYLE_PLAIN:
        return add_list(&w->layout, plain, e);
    case STYLE_BSD:
        return add_list(&w->layout, bsd, e);
    case STYLE_USER:
        return add_list(&w->layout, user, e);
    case STYLE_FULL:
        r = add_list(&w->layout, full_begin, e);
        return r == 0 ? add_list(&w->layout, full_rest, e) : r;
    }
    return -EINVAL;
}

/* As Docker does, one word may hold several. */
static int parse_words(char **argv, int argc, struct layout *ret, struct err *e)
{
    struct words w = {0};
    for (int i = 0; i < argc; i++)
        for (char *at = argv[i], *word; (word = strsep(&at, " "));)
            if (*word)
                strv_add(&w.list, word);
    if (argc == 0)
        strv_add(&w.list, "-ef");
    int r = w.list.failed ? err_nomem(e) : take_words(&w, e);
    strv_release(&w.list);
    *ret = w.layout;
    return r;
}

/* --- showing ----------------------------------------------------------------------------- */

static void add_header(const struct layout *l, struct str *out)
{
    bool any = false;
    for (size_t i = 0; i < l->n; i++)
        any |= *l->v[i].header != '\0';
    for (size_t i = 0; any && i < l->n; i++)
        str_addf(out, "%s%s", i ? "\t" : "", l->v[i].header);
    str_add(out, any ? "\n" : "");
}

/* Lines with tabs between their cells; or, for --format, objects. */
struct listing {
    struct str text;
    json_t *rows; /* NULL: lines */
};

static void listing_release(struct listing *l)
{
    str_release(&l->text);
    json_decref(l->rows);
}

/* A column without a header of its own choice is called by its usual one. */
static const char *title(const struct shown *s)
{
    return *s->header ? s->header : s->column->header;
}

static int add_object(const struct layout *l, const struct process_info *p,
                      const struct top_machine *m, json_t *rows)
{
    json_t *row = json_object();
    bool whole = row;
    for (size_t i = 0; whole && i < l->n; i++) {
        _cleanup_str_ struct str cell = {0};
        l->v[i].column->print(p, m, &cell);
        whole = !cell.failed &&
                json_object_set_new(row, title(&l->v[i]), rows_text(cell.s ? cell.s : "")) == 0;
    }
    if (!whole) {
        json_decref(row);
        return -ENOMEM;
    }
    return json_array_append_new(rows, row) < 0 ? -ENOMEM : 0;
}

static int add_row(const struct layout *l, const struct process_info *p,
                   const struct top_machine *m, struct listing *to)
{
    if (to->rows)
        return add_object(l, p, m, to->rows);
    for (size_t i = 0; i < l->n; i++) {
        str_add(&to->text, i ? "\t" : "");
        l->v[i].column->print(p, m, &to->text);
    }
    str_add(&to->text, "\n");
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

/* Those that are in the group before and after they were looked at: whoever was in between got a
 * number that was theirs before. */
static int add_rows(const struct cgroup *cg, const struct layout *l, const struct top_machine *m,
                    struct listing *to, struct err *e)
{
    _cleanup_free_ pid_t *before = NULL, *after = NULL;
    ssize_t n = cgroup_pids(cg, &before, e);
    if (n < 0)
        return (int)n;
    struct process_info *v = calloc((size_t)n + 1, sizeof(*v));
    if (!v)
        return err_nomem(e);
    if (n > 0)
        qsort(before, (size_t)n, sizeof(*before), by_pid);
    int r = 0;
    for (ssize_t i = 0; i < n && r != -ENOMEM; i++)
        r = process_info_read(before[i], &v[i]);
    ssize_t still = r == -ENOMEM ? err_nomem(e) : cgroup_pids(cg, &after, e);
    if (still > 0)
        qsort(after, (size_t)still, sizeof(*after), by_pid);
    for (ssize_t i = 0; i < n; i++) {
        if (v[i].name && still > 0 &&
            bsearch(&before[i], after, (size_t)still, sizeof(*after), by_pid) &&
            add_row(l, &v[i], m, to) < 0)
            still = err_nomem(e);
        process_info_release(&v[i]);
    }
    free(v);
    return still < 0 ? (int)still : 0;
}

static int print(const struct layout *l, const struct listing *listing, const char *format,
                 struct err *e)
{
    if (!listing->rows) {
        _cleanup_str_ struct str out = {0};
        const struct str *text = &listing->text;
        int r =
            text->failed ? err_nomem(e) : table_align(text->s ? text->s : "", text->len, &out, e);
        return r < 0 ? r : cli_print(out.s ? out.s : "", e);
    }
    _cleanup_json_ json_t *headers = json_object();
    for (size_t i = 0; i < l->n; i++)
        json_object_set_new(headers, title(&l->v[i]), json_string(title(&l->v[i])));
    return rows_print(format, "", headers, listing->rows, e);
}

static int show(struct cli *c, const char *name, const struct layout *layout, const char *format,
                struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    int r = record_find(&c->engine, name, &record, e);
    if (r == 0)
        r = state_read(&c->engine, &record, &state, NULL, e);
    if (r == 0)
        r = transition(VERB_TOP, &record, state, e);
    if (r <= 0)
        return r;

    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ char *path = container_cgroup_path(record.document);
    _cleanup_(listing_release) struct listing listing = {.rows = rows_usual(format) ? NULL
                                                                                    : json_array()};
    struct top_machine machine = {0};
    if (!path || (!rows_usual(format) && !listing.rows))
        return err_nomem(e);
    r = cgroup_open(path, &cg, e);
    if (r == 0)
        r = top_machine_read(&machine, e);
    if (r == 0) {
        add_header(layout, &listing.text);
        r = add_rows(cg, layout, &machine, &listing, e);
    }
    top_machine_release(&machine);
    return r == 0 ? print(layout, &listing, format, e) : r;
}

static int run_top(struct cli *c, int argc, char **argv, struct err *e)
{
    struct top_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_top, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_layout_ struct layout layout = {0};
    cli_reap(c);
    r = parse_words(words + 1, n - 1, &layout, e);
    return r == 0 ? show(c, words[0], &layout, o.format, e) : r;
}

const struct cli_command cmd_top = {
    .line = "top [OPTIONS] CONTAINER [ps OPTIONS]",
    .summary = "Show the processes of a container",
    .more = "Options are those of ps: -ef (the default), aux, -e, and -o with columns, as in\n"
            "-o pid,user,pcpu,rss,etime,args. Numbers and names are this machine's.\n",
    .options = table,
    .min = 1,
    .max = -1,
    .stop_at_word = true,
    .first = WORD_RUNNING,
    .rest = WORD_NOTHING,
    .flags = NEEDS_ENGINE,
    .run = run_top,
};
