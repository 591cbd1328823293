#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/log_lines.h"
#include "engine/hold.h"
#include "engine/log_config.h"
#include "engine/log_read.h"
#include "engine/log_watch.h"

#include <limits.h>
#include <string.h>

struct logs_options {
    bool follow, timestamps, details;
    const char *tail, *since, *until;
};

static const struct option_def table[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct logs_options, follow), NULL,
     "Go on until the container ends", "Options"},
    {"tail", 'n', OPTION_STRING, offsetof(struct logs_options, tail), "N",
     "The last N lines only (all)", NULL},
    {"since", 0, OPTION_STRING, offsetof(struct logs_options, since), "TIME",
     "From then on: 2006-01-02T15:04:05Z, or 10m ago", NULL},
    {"until", 0, OPTION_STRING, offsetof(struct logs_options, until), "TIME", "Up to then", NULL},
    {"timestamps", 't', OPTION_FLAG, offsetof(struct logs_options, timestamps), NULL,
     "Show when each line was written", NULL},
    {"details", 0, OPTION_FLAG, offsetof(struct logs_options, details), NULL,
     "Show what --log-opt labels, env and tag ask for", NULL},
    {0},
};

/* One container. */
struct source {
    struct container_record record;
    struct log_reader *reader;
    struct log_lines lines;
    bool ended;    /* it was seen to be over, before its log was read to the end */
    bool finished; /* and all of it is printed */
    bool has_entry;
    struct log_entry entry;
};

struct logs {
    struct cli *cli;
    struct source *sources;
    size_t n;
    struct log_output out;
    struct log_watch watch;
    bool follow;
    struct timespec since, until;
    bool has_since, has_until;
    int status;
};

/* ---- what was asked for ---- */

static int read_time(const char *option, const char *text, struct timespec now, bool *ret_has,
                     struct timespec *ret, struct err *e)
{
    *ret_has = text && *text;
    if (*ret_has && parse_moment(text, now, ret) < 0)
        return err_set(e, EINVAL,
                       "invalid value for \"%s\": \"%s\" is no time (2006-01-02T15:04:05Z), date, "
                       "number of seconds since 1970 or duration (10m)",
                       option, text);
    return 0;
}

static int read_tail(const char *text, long long *ret, struct err *e)
{
    *ret = LOG_TAIL_ALL;
    if (!text || !*text || str_eq(text, "all"))
        return 0;
    if (str_to_int64(text, LLONG_MIN, LLONG_MAX, ret) < 0)
        return err_set(e, EINVAL, "invalid value for \"--tail\": \"%s\" is not a number of lines",
                       text);
    return 0;
}

static int open_source(struct logs *l, struct source *s, const char *name, long long tail,
                       const struct logs_options *o, struct err *e)
{
    struct log_config config;
    int r = record_find(&l->cli->engine, name, &s->record, e);
    if (r == 0)
        r = log_config_read(json_at(s->record.document, "HostConfig"), &config, e);
    if (r == 0 && config.driver != LOG_DRIVER_FILE)
        r = err_set(e, ENOTSUP, "configured logging driver does not support reading");
    const struct log_read_options options = {
        .dir_fd = s->record.dir_fd,
        .tail = tail,
        .follow = l->follow && log_is_written(&l->cli->engine, s->record.id),
        .since = l->has_since ? &l->since : NULL,
        .until = l->has_until ? &l->until : NULL,
    };
    if (r == 0)
        r = hold_take(s->record.dir_fd, HOLD_LOG, e);
    if (r == 0)
        r = log_reader_open(&options, &s->reader, e);
    if (r == 0)
        r = log_lines_begin(&s->lines, s->record.document, o->timestamps, o->details, e);
    if (r == 0 && l->follow)
        log_watch_add(&l->watch, &l->cli->engine, &s->record);
    return r;
}

static void close_source(const struct engine *en, struct source *s)
{
    log_lines_release(&s->lines);
    log_reader_close(&s->reader);
    bool removed = s->record.dir_fd >= 0 && faccessat(en->containers_fd, s->record.id, F_OK, 0) < 0;
    fd_close(&s->record.dir_fd);
    if (removed) /* while we read its log */
        record_sweep(en, s->record.id, NULL);
    record_release(&s->record);
}

/* ---- printing ---- */

static int next_entry(struct source *s, struct err *e)
{
    if (s->finished || s->has_entry)
        return 0;
    int r = log_reader_next(s->reader, s->ended, &s->entry, e);
    s->has_entry = r == 1;
    return r < 0 ? r : 0;
}

/* Prints what there is now, of all containers in the order in which it was written. */
static int print_available(struct logs *l, struct err *e)
{
    for (;;) {
        struct source *first = NULL;
        for (size_t i = 0; i < l->n; i++) {
            struct source *s = &l->sources[i];
            int r = next_entry(s, e);
            if (r < 0)
                return r;
            if (s->has_entry &&
                (!first || memcmp(s->entry.time, first->entry.time, LOG_TIME_LEN) < 0))
                first = s;
        }
        if (!first)
            return log_output_flush(&l->out, e);
        first->has_entry = false;
        int r = log_lines_add(&first->lines, &first->entry, &l->out, e);
        if (r < 0)
            return r;
    }
}

static int finish_source(struct logs *l, struct source *s, struct err *e)
{
    s->finished = true;
    int r = log_lines_finish(&s->lines, &l->out, e);
    if (r == 0)
        r = log_output_flush(&l->out, e);
    const char *name = record_name(&s->record);
    if (log_reader_garbage(s->reader) > 0)
        cli_warn(l->cli, "the log of container \"%s\" has %llu lines that are no entries", name,
                 (unsigned long long)log_reader_garbage(s->reader));
    if (log_reader_gap(s->reader))
        cli_warn(l->cli,
                 "files of the log of container \"%s\" were deleted before they were read: it "
                 "writes faster than this is read",
                 name);
    return r;
}

/* Milliseconds until the last moment that was asked for; -1: there is none. */
static int time_left(const struct logs *l)
{
    struct timespec now;
    if (!l->has_until)
        return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    long long ms =
        (l->until.tv_sec - now.tv_sec) * 1000 + (l->until.tv_nsec - now.tv_nsec) / 1000000;
    return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static int print_all(struct logs *l, struct err *e)
{
    for (;;) {
        /* Who is seen to have ended before his log is read has nothing more to come. */
        bool last = !l->follow || time_left(l) == 0, more = false;
        for (size_t i = 0; i < l->n; i++)
            l->sources[i].ended = !log_is_written(&l->cli->engine, l->sources[i].record.id);
        int r = print_available(l, e);
        for (size_t i = 0; r == 0 && i < l->n; i++) {
            struct source *s = &l->sources[i];
            if (!s->finished && (last || s->ended))
                r = finish_source(l, s, e);
            more |= !s->finished;
        }
        if (r < 0 || !more)
            return r;
        if (log_watch_wait(&l->watch, STDOUT_FILENO, time_left(l)) < 0)
            return 0; /* nobody reads */
    }
}

/* Opens those that can be; the others are told, and the rest goes on. */
static void open_sources(struct logs *l, int n, char **names, long long tail,
                         const struct logs_options *o)
{
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        struct source *s = &l->sources[l->n++];
        *s = (struct source){.record = CONTAINER_RECORD_INIT};
        if (open_source(l, s, names[i], tail, o, &e) == 0)
            continue;
        cli_error(err_text(&e));
        l->status = 1;
        s->finished = true;
    }
}

static int add_prefixes(struct logs *l, struct err *e)
{
    size_t width = 0;
    int r = 0;
    for (size_t i = 0; i < l->n; i++)
        if (!l->sources[i].finished && strlen(record_name(&l->sources[i].record)) > width)
            width = strlen(record_name(&l->sources[i].record));
    for (size_t i = 0; r == 0 && i < l->n; i++)
        if (!l->sources[i].finished)
            r = log_lines_prefix(&l->sources[i].lines, record_name(&l->sources[i].record), width, i,
                                 e);
    return r;
}

static int run_logs(struct cli *c, int argc, char **argv, struct err *e)
{
    struct logs_options o = {0};
    struct logs l = {.cli = c};
    char **words;
    int n;
    int r = cli_parse(&cmd_logs, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    long long tail;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((r = read_tail(o.tail, &tail, e)) < 0 ||
        (r = read_time("since", o.since, now, &l.has_since, &l.since, e)) < 0 ||
        (r = read_time("until", o.until, now, &l.has_until, &l.until, e)) < 0)
        return r;
    l.follow = o.follow;
    l.sources = calloc((size_t)n, sizeof(*l.sources));
    r = l.sources ? log_output_begin(&l.out, e) : err_nomem(e);
    if (r == 0) {
        log_watch_begin(&l.watch);
        open_sources(&l, n, words, tail, &o);
        r = n > 1 ? add_prefixes(&l, e) : 0;
        if (r == 0)
            r = print_all(&l, e);
        log_watch_end(&l.watch);
    }
    for (size_t i = 0; l.sources && i < l.n; i++)
        close_source(&c->engine, &l.sources[i]);
    free(l.sources);
    log_output_release(&l.out);
    return r < 0 ? r : l.status;
}

const struct cli_command cmd_logs = {
    .line = "logs [OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Show what containers wrote",
    .more = "Of several containers the lines come in the order in which they were written, each\n"
            "with its container's name before it.",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_CONTAINER,
    .rest = WORD_CONTAINER,
    .flags = NEEDS_ENGINE,
    .run = run_logs,
};
