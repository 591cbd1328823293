#include "engine/stats.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "cli/template.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <time.h>

enum { FIRST_INTERVAL_MS = 200, INTERVAL_MS = 1000 };

struct stats_options {
    bool all, no_stream, no_trunc;
    const char *format;
};

static const struct option_def table[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct stats_options, all), NULL,
     "Also those that do not run", "Options"},
    {"no-stream", 0, OPTION_FLAG, offsetof(struct stats_options, no_stream), NULL,
     "Print them once", NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct stats_options, no_trunc), NULL,
     "Do not shorten IDs", NULL},
    {"format", 0, OPTION_STRING, offsetof(struct stats_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, NULL},
    {0},
};

/* One container that is watched: its last two readings. */
struct watched {
    char id[ID_LEN + 1];
    char *shown; /* as it was named on the command line; NULL */
    char *name, *created;
    char *limits; /* of its networks */
    struct container_stats before, now;
};

struct watch {
    struct watched *v;
    size_t n;
    bool named; /* on the command line: others do not come */
};

static void watched_release(struct watched *w)
{
    free(w->shown);
    free(w->name);
    free(w->created);
    free(w->limits);
    *w = (struct watched){0};
}

static void watch_release(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        watched_release(&w->v[i]);
    free(w->v);
}

static int watch_add(struct watch *w, const struct container_record *record, const char *shown)
{
    struct watched *more = reallocarray(w->v, w->n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    w->v = more;
    struct watched *new = &more[w->n];
    *new = (struct watched){.name = strdup(record_name(record)),
                            .created = strdup(json_str(record->document, "Created")),
                            .shown = shown ? strdup(shown) : NULL};
    memcpy(new->id, record->id, sizeof(new->id));
    w->n++;
    bool whole = new->name &&new->created && (new->shown || !shown);
    return whole ? 0 : -ENOMEM;
}

static bool watches(const struct watch *w, const char *id)
{
    for (size_t i = 0; i < w->n; i++)
        if (str_eq(w->v[i].id, id))
            return true;
    return false;
}

static int watch_named(struct cli *c, struct watch *w, char **names, int n, struct err *e)
{
    w->named = true;
    for (int i = 0; i < n; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        int r = record_find(&c->engine, names[i], &record, e);
        if (r < 0)
            return r;
        if (watch_add(w, &record, names[i]) < 0)
            return err_nomem(e);
    }
    return 0;
}

static int by_creation(const void *a, const void *b)
{
    const struct watched *x = a, *y = b;
    return -strcmp(x->created, y->created);
}

/* Adds the containers that came since the last time. */
static int watch_new(struct cli *c, struct watch *w, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(&c->engine, &ids, e);
    size_t before = w->n;
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        /* What cannot be read, or has just been removed, has nothing to show. */
        if (!watches(w, ids.v[i]) && record_open(&c->engine, ids.v[i], &record, NULL) == 0 &&
            watch_add(w, &record, NULL) < 0)
            r = err_nomem(e);
    }
    if (w->n != before)
        qsort(w->v, w->n, sizeof(*w->v), by_creation);
    return r;
}

/* "bridge 20mbit, web 1gbit": the rates that its networks were given (--network-opt rate=); "--"
 * where none was. NULL when memory ran out. */
static char *network_limits(const json_t *document)
{
    _cleanup_str_ struct str out = {0};
    const char *name;
    json_t *network;
    json_object_foreach (json_at(document, "NetworkSettings.Networks"), name, network) {
        const char *rate = json_str(json_at(network, "DriverOpts"), "rate");
        if (rate)
            str_addf(&out, "%s%s %s", out.len ? ", " : "", name, rate);
    }
    return out.len || out.failed ? str_steal(&out) : strdup("--");
}

/* Reads all of them again; those that are gone are watched no longer. */
static int watch_read(struct cli *c, struct watch *w, struct err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct watched *one = &w->v[i];
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        _cleanup_err_ struct err unread = ERR_INIT;
        one->before = one->now;
        int r = record_open(&c->engine, one->id, &record, &unread);
        if (r == 0) {
            free(one->limits);
            one->limits = network_limits(record.document);
            r = one->limits ? container_stats(&c->engine, &record, &one->now, &unread) : -ENOMEM;
        }
        if (r == -ENOMEM)
            return err_nomem(e);
        if (r == 0)
            w->v[kept++] = *one;
        else
            watched_release(one);
    }
    w->n = kept;
    return 0;
}

/* --- printing ---------------------------------------------------------------------------- */

static unsigned long long machine_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (unsigned long long)info.totalram * info.mem_unit : 0;
}

/* One row, as `docker stats --format json` has it. */
static json_t *make_row(const struct watched *w, bool whole_id)
{
    const struct cgroup_stat *g = &w->now.group;
    unsigned long long all = w->now.running ? machine_memory() : 0;
    unsigned long long limit = g->memory_limit < all ? g->memory_limit : all;
    char used[32], most[32], received[32], sent[32], read[32], written[32], id[ID_LEN + 1];
    format_binary_size(g->memory, used);
    format_binary_size(limit, most);
    format_size((long long)w->now.network.received, received);
    format_size((long long)w->now.network.sent, sent);
    format_size((long long)g->read, read);
    format_size((long long)g->written, written);
    snprintf(id, sizeof(id), "%.*s", whole_id ? ID_LEN : SHORT_ID_LEN, w->id);
    return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:s, s:o, s:s, s:o}", "BlockIO",
                     json_sprintf("%s / %s", read, written), "CPUPerc",
                     json_sprintf("%.2f%%", container_cpu_percent(&w->before, &w->now)),
                     "Container", w->shown ? w->shown : id, "ID", id, "MemPerc",
                     json_sprintf("%.2f%%", limit ? (double)g->memory / (double)limit * 100 : 0),
                     "MemUsage", json_sprintf("%s / %s", used, most), "Name", w->name, "NetIO",
                     json_sprintf("%s / %s", received, sent), "NetLimit", w->limits, "PIDs",
                     json_sprintf("%llu", g->pids));
}

static int make_frame(const struct watch *w, const struct stats_options *o, struct str *out,
                      struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Container", "CONTAINER",
                  "ID", "CONTAINER ID", "Name", "NAME", "CPUPerc", "CPU %", "MemUsage",
                  "MEM USAGE / LIMIT", "MemPerc", "MEM %", "NetIO", "NET I/O", "NetLimit",
                  "NET LIMIT", "BlockIO", "BLOCK I/O", "PIDs", "PIDS");
    for (size_t i = 0; i < w->n; i++) {
        bool shown = w->v[i].now.running || o->all || w->named;
        if (shown && json_array_append_new(rows, make_row(&w->v[i], o->no_trunc)) < 0)
            return err_nomem(e);
    }
    _cleanup_template_format_ struct template_format format = {0};
    int r = template_parse_format(o->format,
                                  "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t"
                                  "{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
                                  &format, e);
    return r == 0 ? template_print_rows(&format, headers, rows, out, e) : r;
}

/* Over the last frame, line by line, in one write: nothing is blank in between, so nothing
 * flickers. What is longer or more than the window has room for is not shown. */
static int print_over(const char *frame, bool first, struct err *e)
{
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    _cleanup_str_ struct str out = {0};
    str_add(&out, first ? "\033[?7l\033[2J\033[H" : "\033[?7l\033[H");
    for (unsigned row = 1; *frame && (size.ws_row == 0 || row < size.ws_row); row++) {
        size_t n = strcspn(frame, "\n");
        str_addn(&out, frame, n);
        str_add(&out, "\033[K\n");
        frame += n + (frame[n] == '\n');
    }
    str_add(&out, "\033[J\033[?7h");
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

static int print(const struct watch *w, const struct stats_options *o, bool first, struct err *e)
{
    _cleanup_str_ struct str frame = {0};
    int r = make_frame(w, o, &frame, e);
    if (r < 0)
        return r;
    if (frame.failed)
        return err_nomem(e);
    const char *text = frame.s ? frame.s : "";
    return !o->no_stream && isatty(STDOUT_FILENO) ? print_over(text, first, e) : cli_print(text, e);
}

static int watch_all(struct cli *c, struct watch *w, const struct stats_options *o, struct err *e)
{
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (unsigned long round = 0;; round++) {
        int r = w->named ? 0 : watch_new(c, w, e);
        if (r == 0)
            r = watch_read(c, w, e);
        if (r == 0 && round > 0)
            r = print(w, o, round == 1, e);
        if (r < 0 || (round > 0 && o->no_stream) || (w->named && w->n == 0))
            return r;
        next.tv_nsec += (round == 0 ? FIRST_INTERVAL_MS : INTERVAL_MS) * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}

static int run_stats(struct cli *c, int argc, char **argv, struct err *e)
{
    struct stats_options o = {0};
    __attribute__((cleanup(watch_release))) struct watch watch = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_stats, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    r = n > 0 ? watch_named(c, &watch, words, n, e) : 0;
    return r == 0 ? watch_all(c, &watch, &o, e) : r;
}

const struct cli_command cmd_stats = {
    .line = "stats [OPTIONS] [CONTAINER...]",
    .summary = "Show what containers use, as it changes",
    .more = "{{.NetLimit}} in a template: the rates of its networks (run --network-opt rate=).",
    .options = table,
    .min = 0,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_stats,
};
