#include "image/progress.h"

#include "base/file.h"
#include "base/str.h"

#include <stdarg.h>
#include <unistd.h>

/* Whoever showed it may have gone: the work goes on. */
static void send_line(const struct progress *p, json_t *message)
{
    _cleanup_json_ json_t *own = message;
    _cleanup_free_ char *text = own ? json_text(own, JSON_COMPACT) : NULL;
    _cleanup_free_ char *line = text ? str_printf("%s\n", text) : NULL;
    if (line)
        (void)fd_write_all(p->fd, line, strlen(line));
}

/* @detail is taken; NULL: none. */
__attribute__((format(printf, 4, 0))) static void say(const struct progress *p, const char *id,
                                                      json_t *detail, const char *fmt, va_list args)
{
    char *text = NULL;
    _cleanup_json_ json_t *own = detail;
    if (p->fd < 0 || vasprintf(&text, fmt, args) < 0)
        return;
    send_line(p, json_pack("{s:s, s:O*, s:s*}", "status", text, "progressDetail", own, "id", id));
    free(text);
}

void progress_say(const struct progress *p, const char *id, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(p, id, NULL, fmt, args);
    va_end(args);
}

void progress_layer(const struct progress *p, const char *id, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(p, id, json_object(), fmt, args);
    va_end(args);
}

void progress_bytes(const struct progress *p, const char *id, const char *status, long long current,
                    long long total)
{
    if (p->fd >= 0)
        send_line(p,
                  json_pack("{s:s, s:{s:I, s:I}, s:s}", "status", status, "progressDetail",
                            "current", (json_int_t)current, "total", (json_int_t)total, "id", id));
}

void progress_warn(const char *fmt, ...)
{
    _cleanup_str_ struct str line = {0};
    va_list args;
    char *text;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    str_add(&line, "skiff: warning: ");
    str_add_visible(&line, text, "");
    str_add(&line, "\n");
    free(text);
    if (!line.failed)
        (void)fd_write_all(STDERR_FILENO, line.s, line.len);
}

void progress_stream(const struct progress *p, const char *fmt, ...)
{
    va_list args;
    char *text;
    if (p->fd < 0)
        return;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    send_line(p, json_pack("{s:s}", "stream", text));
    free(text);
}
