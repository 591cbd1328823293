#include "base/err.h"

#include <stdarg.h>
#include <string.h>

static char out_of_memory[] = "out of memory";

static void replace_text(struct err *e, char *text)
{
    if (e->text != out_of_memory)
        free(e->text);
    e->text = text ? text : out_of_memory;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return -code;

    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);

    replace_text(e, text);
    e->code = code;
    return -code;
}

/* The kernel's words, in the lower case of the rest of the line. */
static const char *reason(int code, char *buf, size_t size)
{
    const char *words = strerrordesc_np(code);
    if (!words) {
        snprintf(buf, size, "error %d", code);
        return buf;
    }
    snprintf(buf, size, "%s", words);
    if (buf[0] >= 'A' && buf[0] <= 'Z' && !(buf[1] >= 'A' && buf[1] <= 'Z'))
        buf[0] = (char)(buf[0] - 'A' + 'a');
    return buf;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return -code;

    _cleanup_free_ char *what = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0)
        what = NULL;
    va_end(ap);

    char words[128];
    char *text = NULL;
    if (what && asprintf(&text, "%s: %s", what, reason(code, words, sizeof(words))) < 0)
        text = NULL;

    replace_text(e, text);
    e->code = code;
    return -code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e || e->code == 0)
        return -EIO;
    if (e->text == out_of_memory)
        return -e->code;

    _cleanup_free_ char *context = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&context, fmt, ap) < 0)
        context = NULL;
    va_end(ap);

    char *text = NULL;
    if (context && asprintf(&text, "%s: %s", context, e->text) < 0)
        text = NULL;
    replace_text(e, text);
    return -e->code;
}

int err_nomem(struct err *e)
{
    if (e) {
        replace_text(e, NULL);
        e->code = ENOMEM;
    }
    return -ENOMEM;
}

const char *err_text(const struct err *e)
{
    return e && e->text ? e->text : "unknown error";
}

void err_release(struct err *e)
{
    if (!e)
        return;
    if (e->text != out_of_memory)
        free(e->text);
    *e = ERR_INIT;
}
