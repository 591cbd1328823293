#include "cli/cli.h"
#include "cli/port_options.h"
#include "cli/rows.h"
#include "engine/endpoints.h"
#include "engine/inspect.h"

#include <string.h>

struct port_options {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct port_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, "Options"},
    {0},
};

/* One line for each place of the machine where a port is to be had: "0.0.0.0:8080", with @port
 * "80/tcp -> " before it. */
static void add_bindings(struct str *out, const char *port, const json_t *bindings)
{
    size_t i;
    json_t *b;
    json_array_foreach (bindings, i, b) {
        const char *ip = json_str(b, "HostIp"), *host_port = json_str(b, "HostPort");
        bool v6 = ip && strchr(ip, ':');
        str_addf(out, "%s%s%s%s%s:%s\n", port ? port : "", port ? " -> " : "", v6 ? "[" : "",
                 ip && *ip ? ip : "0.0.0.0", v6 ? "]" : "", host_port ? host_port : "");
    }
}

static int print_rows(const char *format, const char *wanted, json_t *ports, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s}", "Port", "PORT", "HostIp", "HOST IP", "HostPort", "HOST PORT");
    const char *port;
    json_t *bindings, *b;
    size_t i;
    json_object_foreach (ports, port, bindings)
        json_array_foreach (bindings, i, b) {
            const char *ip = json_str(b, "HostIp"), *number = json_str(b, "HostPort");
            json_t *row = json_pack("{s:s, s:s, s:s}", "Port", port, "HostIp", ip ? ip : "",
                                    "HostPort", number ? number : "");
            if (wanted && !str_eq(port, wanted))
                json_decref(row);
            else if (json_array_append_new(rows, row) < 0)
                return err_nomem(e);
        }
    return rows_print(format, "{{.Port}}\t{{.HostIp}}\t{{.HostPort}}", headers, rows, e);
}

/* "80" is "80/tcp". -EINVAL when it is no port. */
static int read_port(const char *text, char **ret, struct err *e)
{
    const char *slash = strchrnul(text, '/'), *protocol = *slash ? slash + 1 : "tcp";
    _cleanup_free_ char *number = strndup(text, (size_t)(slash - text));
    long long n;
    if (!number)
        return err_nomem(e);
    if (str_to_int64(number, 0, 65535, &n) < 0)
        return err_set(e, EINVAL, "invalid port \"%s\": PORT or PORT/PROTOCOL", text);
    *ret = str_printf("%lld/%s", n, protocol);
    return *ret ? 0 : err_nomem(e);
}

static int show(struct cli *c, const struct port_options *o, int n, char **words, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *d = NULL;
    _cleanup_free_ char *wanted = NULL;
    _cleanup_str_ struct str out = {0};
    int r = n == 2 ? read_port(words[1], &wanted, e) : 0;
    if (r == 0)
        r = record_find(&c->engine, words[0], &record, e);
    if (r == 0)
        r = inspect_container(&c->engine, &record, &d, e);
    if (r < 0)
        return r;
    json_t *ports = json_at(d, "NetworkSettings.Ports"), *bindings;
    const char *port;
    if (wanted)
        add_bindings(&out, NULL, json_object_get(ports, wanted));
    else
        json_object_foreach (ports, port, bindings)
            add_bindings(&out, port, bindings);
    if (wanted && out.len == 0)
        return err_set(e, ENOENT, "no public port '%s' published for %s", wanted, words[0]);
    if (o->format)
        return print_rows(o->format, wanted, ports, e);
    return out.failed ? err_nomem(e) : cli_print(out.s ? out.s : "", e);
}

/* `port add CONTAINER PORT...`, `port rm CONTAINER PORT...`: words as of `run -p`. */
static int change(struct cli *c, bool add, int n, char **words, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *bindings = json_object();
    int r = bindings ? 0 : err_nomem(e);
    for (int i = 1; i < n && r == 0; i++)
        r = parse_publish(words[i], bindings, e);
    if (r == 0)
        r = record_find(&c->engine, words[0], &record, e);
    if (r < 0)
        return r;
    return add ? endpoints_publish(&c->engine, &record, bindings, e)
               : endpoints_unpublish(&c->engine, &record, bindings, e);
}

static int run_port(struct cli *c, int argc, char **argv, struct err *e)
{
    struct port_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_port, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    if (n > 2 && (str_eq(words[0], "add") || str_eq(words[0], "rm")))
        return change(c, str_eq(words[0], "add"), n - 1, words + 1, e);
    if (n > 2)
        return err_set(e, EINVAL,
                       "\"skiff port\" takes one container and one port: see 'skiff port "
                       "--help'");
    return show(c, &o, n, words, e);
}

const struct cli_command cmd_port = {
    .line = "port [OPTIONS] CONTAINER [PORT[/PROTOCOL]] | add|rm CONTAINER [IP:][HOST:]PORT...",
    .summary = "Show the published ports of a container, or change them",
    .options = table,
    .min = 1,
    .max = -1,
    .first = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_port,
};
