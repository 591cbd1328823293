#include "engine/events.h"
#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/event_filter.h"
#include "cli/template.h"

#include <limits.h>
#include <string.h>

struct events_options {
    const char *since, *until, *format;
    struct option_list filter;
};

static const struct option_def table[] = {
    {"filter", 'f', OPTION_LIST, offsetof(struct events_options, filter), "KEY=VALUE",
     "container, event, image, label, network, type, volume", "Options"},
    {"format", 0, OPTION_STRING, offsetof(struct events_options, format), "TEMPLATE",
     "TEMPLATE or json", NULL},
    {"since", 0, OPTION_STRING, offsetof(struct events_options, since), "TIME",
     "Also what happened since then: 10m, 2024-01-02T15:04:05, seconds since 1970", NULL},
    {"until", 0, OPTION_STRING, offsetof(struct events_options, until), "TIME",
     "End then: what happened before is shown, and what happens until", NULL},
    {0},
};

static long long nanoseconds(struct timespec t)
{
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int parse_time_option(const char *option, const char *text, struct timespec now,
                             long long *ret_ns, struct err *e)
{
    struct timespec t;
    if (!text)
        return 0;
    if (parse_moment(text, now, &t) < 0)
        return err_set(e, EINVAL, "option \"--%s\": \"%s\" is no time", option, text);
    *ret_ns = nanoseconds(t);
    return 0;
}

/* "2006-01-02T15:04:05.000000000+01:00", where the machine is. */
static void add_time(struct str *out, long long ns)
{
    char text[64];
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm = {0};
    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    str_addf(out, "%s.%09lld", text, ns % 1000000000);
    long minutes = tm.tm_gmtoff / 60;
    if (minutes == 0)
        str_add(out, "Z");
    else
        str_addf(out, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', labs(minutes) / 60,
                 labs(minutes) % 60);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* " (exitCode=0, image=busybox, name=web)" */
static void add_attributes(struct str *out, json_t *attributes)
{
    size_t n = 0;
    const char **names = calloc(json_object_size(attributes) + 1, sizeof(*names));
    const char *name;
    json_t *value;
    if (!names) {
        out->failed = true;
        return;
    }
    json_object_foreach (attributes, name, value)
        names[n++] = name;
    qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_object_get(attributes, names[i]));
        str_add(out, i == 0 ? " (" : ", ");
        str_add_visible(out, names[i], "");
        str_add(out, "=");
        str_add_visible(out, text ? text : "", "");
    }
    str_add(out, n > 0 ? ")" : "");
    free(names);
}

static int print_plain(json_t *event, struct str *out)
{
    add_time(out, json_int(event, "timeNano", 0));
    const char *const words[] = {json_str(event, "Type"), json_str(event, "Action"),
                                 json_str(event, "ID")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        str_add(out, " ");
        str_add_visible(out, words[i], "");
    }
    add_attributes(out, json_object_get(event, "Attributes"));
    return 0;
}

/* Docker's templates know these by the names of its program's structure. */
static int add_methods(json_t *document)
{
    static const struct {
        const char *method, *key;
    } names[] = {
        {"Status()", "status"}, {"ID()", "id"},     {"From()", "from"},
        {"Scope()", "scope"},   {"Time()", "time"}, {"TimeNano()", "timeNano"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *value = json_object_get(document, names[i].key);
        value = value ? json_incref(value) : json_string("");
        if (json_object_set_new(document, names[i].method, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int print_event(json_t *event, const struct template *t, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    int r = 0;
    if (t) {
        _cleanup_json_ json_t *document = event_document(event);
        if (!document || add_methods(document) < 0)
            return err_nomem(e);
        r = template_run(t, document, &out, e);
    } else {
        r = print_plain(event, &out);
    }
    str_add(&out, "\n");
    if (r == 0 && out.failed)
        r = err_nomem(e);
    return r < 0 ? r : cli_print(out.s, e);
}

static int show(struct cli *c, const struct events_options *o, const struct template *t,
                struct err *e)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long since = nanoseconds(now), until = LLONG_MAX;
    if (o->until && !o->since)
        since = 0;
    int r = parse_time_option("since", o->since, now, &since, e);
    if (r == 0)
        r = parse_time_option("until", o->until, now, &until, e);
    if (r == 0)
        r = event_filter_check(&o->filter, e);
    _cleanup_event_reader_ struct event_reader *reader = NULL;
    if (r == 0)
        r = event_reader_open(&c->engine, until > nanoseconds(now), &reader, e);
    while (r == 0) {
        _cleanup_json_ json_t *event = NULL;
        r = event_reader_next(reader, since, until, &event, e);
        if (r <= 0)
            break;
        r = 0;
        if (json_int(event, "timeNano", 0) <= until && event_filter_passes(&o->filter, event))
            r = print_event(event, t, e);
    }
    return r;
}

static int run_events(struct cli *c, int argc, char **argv, struct err *e)
{
    struct events_options o = {0};
    _cleanup_template_ struct template *t = NULL;
    char **words;
    int n;
    int r = cli_parse(&cmd_events, argc, argv, &o, &words, &n, e);
    if (r == 0 && o.format && *o.format)
        r = template_new(str_eq(o.format, "json") ? "{{json .}}" : o.format, &t, e);
    if (r == 0)
        r = show(c, &o, t, e);
    options_release(table, &o);
    return r == 1 ? 0 : r;
}

const struct cli_command cmd_events = {
    .line = "events [OPTIONS]",
    .summary = "Show what happens to containers, images and volumes",
    .more = "Without --since, what happens from now on. The journal (ROOT/events) keeps the last\n"
            "4 to 8 MiB of it.",
    .options = table,
    .flags = NEEDS_ENGINE,
    .run = run_events,
};
