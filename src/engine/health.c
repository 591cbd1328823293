#include "engine/health.h"

#include "base/file.h"
#include "base/timestamp.h"
#include "engine/exec.h"
#include "engine/mark.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

/* Docker's. */
enum { OUTPUT_LIMIT = 4096, LOG_LIMIT = 5, RETRIES = 3 };
#define SECOND_NS 1000000000LL

struct health {
    struct loop *loop;
    const struct engine *engine;
    const struct container_record *record;
    struct health_listener listener;
    const char *status;
    unsigned streak;
    json_t *log;
    struct loop_timer next, limit; /* the next check; the end of the one that runs */
    uint64_t began_ms;
    /* The check that runs. */
    struct exec_probe probe;
    bool running, timed_out;
    struct loop_source ended, output;
    struct timespec started;
    char text[OUTPUT_LIMIT];
    size_t n;
};

static const json_t *check_of(const struct health *h)
{
    return json_at(h->record->document, "Config.Healthcheck");
}

static uint64_t span_ms(const struct health *h, const char *key, long long otherwise_ns)
{
    long long ns = json_int(check_of(h), key, 0);
    return (uint64_t)(ns > 0 ? ns : otherwise_ns) / 1000000;
}

/* While it starts, failures do not count; and it is looked at more often. */
static bool is_starting(const struct health *h)
{
    return str_eq(h->status, "starting") &&
           loop_now_ms() - h->began_ms < span_ms(h, "StartPeriod", 0);
}

static void set_next(struct health *h)
{
    uint64_t ms = is_starting(h) ? span_ms(h, "StartInterval", 5 * SECOND_NS)
                                 : span_ms(h, "Interval", 30 * SECOND_NS);
    loop_timer_set(h->loop, &h->next, ms > 0 ? ms : 1);
}

/* ---- what came of it ---- */

static void note(struct health *h, int status)
{
    char started[40], ended[40];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(h->started, started);
    format_time(now, ended);
    if (h->timed_out && h->n == 0)
        h->n = (size_t)snprintf(h->text, sizeof(h->text), "Health check exceeded timeout (%lld ms)",
                                (long long)span_ms(h, "Timeout", 30 * SECOND_NS));
    /* Output is whatever the container writes: bytes that are no UTF-8 become question marks. */
    json_t *text = json_stringn(h->text, h->n);
    for (size_t i = 0; !text && i < h->n; i++)
        h->text[i] = (h->text[i] & 0x80) ? '?' : h->text[i];
    if (!text)
        text = json_stringn(h->text, h->n);
    json_array_append_new(h->log, json_pack("{s:s, s:s, s:i, s:o}", "Start", started, "End", ended,
                                            "ExitCode", h->timed_out ? -1 : status, "Output",
                                            text ? text : json_string("")));
    if (json_array_size(h->log) > LOG_LIMIT)
        json_array_remove(h->log, 0);
}

static void judge(struct health *h, int status)
{
    const char *before = h->status;
    long long retries = json_int(check_of(h), "Retries", 0);
    bool counts = !is_starting(h);
    if (status == 0 && !h->timed_out) {
        h->streak = 0;
        h->status = "healthy";
    } else if (counts && ++h->streak >= (retries > 0 ? retries : RETRIES)) {
        h->status = "unhealthy";
    }
    note(h, status);
    h->listener.checked(h->listener.data, !str_eq(before, h->status));
}

/* ---- one check ---- */

static void hear_output(void *data, uint32_t events)
{
    struct health *h = data;
    char rest[512];
    bool full = h->n == sizeof(h->text);
    ssize_t n = read(h->probe.output, full ? rest : h->text + h->n,
                     full ? sizeof(rest) : sizeof(h->text) - h->n);
    if (n > 0 && !full)
        h->n += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        loop_watch(h->loop, &h->output, 0);
}

static void take_rest(struct health *h)
{
    while (h->output.events && h->n < sizeof(h->text)) {
        ssize_t n = read(h->probe.output, h->text + h->n, sizeof(h->text) - h->n);
        if (n <= 0)
            break;
        h->n += (size_t)n;
    }
}

static int end_probe(struct health *h)
{
    fd_close(&h->probe.leash);
    take_rest(h);
    loop_timer_cancel(h->loop, &h->limit);
    loop_watch(h->loop, &h->ended, 0);
    loop_watch(h->loop, &h->output, 0);
    int status = process_wait(h->probe.pid);
    fd_close(&h->probe.pidfd);
    fd_close(&h->probe.output);
    h->running = false;
    return status;
}

static void probe_ended(void *data, uint32_t events)
{
    struct health *h = data;
    int status = end_probe(h);
    set_next(h);
    judge(h, status);
}

static void took_too_long(void *data)
{
    struct health *h = data;
    h->timed_out = true;
    fd_close(&h->probe.leash);
}

/* CMD and its words; CMD-SHELL and one text, for the image's shell. The caller's to free, not what
 * it points to. NULL: there is nothing to run, or memory ran out. */
static char **probe_args(const json_t *document)
{
    const json_t *test = json_at(document, "Config.Healthcheck.Test");
    const json_t *shell = json_at(document, "Config.Shell");
    const char *kind = json_string_value(json_array_get(test, 0));
    bool by_shell = str_eq(kind, "CMD-SHELL");
    if (!by_shell && !str_eq(kind, "CMD"))
        return NULL;
    size_t n = 0, i;
    json_t *word;
    char **args = calloc(json_array_size(test) + json_array_size(shell) + 4, sizeof(*args));
    if (!args)
        return NULL;
    static char sh[] = "/bin/sh", c[] = "-c";
    if (by_shell && json_array_size(shell) == 0) {
        args[n++] = sh;
        args[n++] = c;
    }
    if (by_shell)
        json_array_foreach (shell, i, word)
            args[n++] = (char *)(uintptr_t)json_string_value(word);
    json_array_foreach (test, i, word)
        if (i > 0)
            args[n++] = (char *)(uintptr_t)json_string_value(word);
    return args;
}

static void check(void *data)
{
    struct health *h = data;
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char **args = probe_args(h->record->document);
    if (!args || mark_is_set(h->engine, h->record->id, MARK_PAUSED) != 0) {
        set_next(h);
        return;
    }
    const struct exec_request request = {.args = args, .terminal = -1};
    clock_gettime(CLOCK_REALTIME, &h->started);
    h->n = 0;
    h->timed_out = false;
    if (exec_probe_start(h->engine, h->record, &request, &h->probe, &e) < 0) {
        h->n = (size_t)snprintf(h->text, sizeof(h->text), "%.4000s", err_text(&e));
        set_next(h);
        judge(h, 125);
        return;
    }
    h->running = true;
    fcntl(h->probe.output, F_SETFL, O_NONBLOCK);
    loop_source_init(&h->ended, h->probe.pidfd, probe_ended, h);
    loop_source_init(&h->output, h->probe.output, hear_output, h);
    loop_watch(h->loop, &h->ended, EPOLLIN);
    loop_watch(h->loop, &h->output, EPOLLIN);
    loop_timer_set(h->loop, &h->limit, span_ms(h, "Timeout", 30 * SECOND_NS));
}

/* ---- from outside ---- */

int health_begin(struct loop *loop, const struct engine *en, const struct container_record *c,
                 const struct health_listener *listener, struct health **ret)
{
    const json_t *test = json_at(c->document, "Config.Healthcheck.Test");
    const char *kind = json_string_value(json_array_get(test, 0));
    *ret = NULL;
    if (!kind || str_eq(kind, "NONE") || json_array_size(test) < 2)
        return 0;
    struct health *h = calloc(1, sizeof(*h));
    json_t *log = json_array();
    if (!h || !log) {
        free(h);
        json_decref(log);
        return -ENOMEM;
    }
    *h = (struct health){.loop = loop,
                         .engine = en,
                         .record = c,
                         .listener = *listener,
                         .status = "starting",
                         .log = log,
                         .next = {.expired = check, .data = h},
                         .limit = {.expired = took_too_long, .data = h},
                         .began_ms = loop_now_ms()};
    set_next(h);
    *ret = h;
    return 0;
}

json_t *health_state(const struct health *h)
{
    return json_pack("{s:s, s:i, s:O}", "Status", h->status, "FailingStreak", (int)h->streak, "Log",
                     h->log);
}

const char *health_status(const struct health *h)
{
    return h->status;
}

void health_end(struct health *h)
{
    if (!h)
        return;
    loop_timer_cancel(h->loop, &h->next);
    if (h->running)
        end_probe(h);
    json_decref(h->log);
    free(h);
}
