#include "cli/cli.h"
#include "cli/colour.h"

#include <stdarg.h>
#include <string.h>

/* By rank. Errors are always told: what fails without a word helps nobody. */
static const char *const levels[] = {
    [CLI_DEBUG] = "debug", [CLI_INFO] = "info",   [CLI_WARN] = "warn",
    [CLI_ERROR] = "error", [CLI_FATAL] = "fatal",
};

int cli_log_level(const char *name, enum cli_level *ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq(name, levels[i])) {
            *ret = (enum cli_level)i;
            return 0;
        }
    return err_set(e, EINVAL,
                   "unable to parse logging level \"%s\": debug, info, warn, error or fatal", name);
}

__attribute__((format(printf, 2, 0))) static void print_line(const char *kind, const char *fmt,
                                                             va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0)
        return;
    _cleanup_free_ char *owned = text;
    _cleanup_str_ struct str line = {0};
    str_add_visible(&line, text, "");
    fprintf(stderr, "%sskiff:%s %s%s\n", colour_begin(STDERR_FILENO, COLOUR_MIDDLING),
            colour_end(STDERR_FILENO, COLOUR_MIDDLING), kind, line.s && !line.failed ? line.s : "");
}

void cli_warn(const struct cli *c, const char *fmt, ...)
{
    if (c->level > CLI_WARN)
        return;
    va_list args;
    va_start(args, fmt);
    print_line("warning: ", fmt, args);
    va_end(args);
}

void cli_debug(const struct cli *c, const char *fmt, ...)
{
    if (c->level > CLI_DEBUG)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ms = (double)(now.tv_sec - c->begun.tv_sec) * 1e3 +
                (double)(now.tv_nsec - c->begun.tv_nsec) / 1e6;
    char kind[64];
    snprintf(kind, sizeof(kind), "debug: %.2f ms: ", ms);
    va_list args;
    va_start(args, fmt);
    print_line(kind, fmt, args);
    va_end(args);
}
