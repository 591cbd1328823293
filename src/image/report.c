#include "image/report.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"

#include <signal.h>
#include <string.h>

enum { REPORT_MAX = 64 << 20 };

static void send_all(int fd, char kind, const void *bytes, size_t n)
{
    if (fd_write_all(fd, &kind, 1) == 0)
        (void)fd_write_all(fd, bytes, n);
}

_Noreturn void report_and_exit(int fd, int r, const struct err *story, const void *bytes, size_t n)
{
    if (r >= 0) {
        send_all(fd, '+', bytes, n);
        _exit(0);
    }
    _cleanup_free_ char *text = str_printf("%d %s", -r, err_text(story));
    if (text)
        send_all(fd, '-', text, strlen(text));
    _exit(1);
}

/* "28 cannot write …" */
static int take_failure(const char *text, const char *who, struct err *e)
{
    const char *space = strchr(text, ' ');
    _cleanup_free_ char *number = space ? strndup(text, (size_t)(space - text)) : NULL;
    long long code;
    if (!number || str_to_int64(number, 1, 4095, &code) < 0)
        return err_set(e, EPROTO, "the %s ended without saying why", who);
    return err_set(e, (int)code, "%.4096s", space + 1);
}

int report_read(int fd, pid_t pid, const char *who, char **ret, size_t *ret_n, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = fd_read_all(fd, REPORT_MAX, &text, &n);
    if (r < 0) /* it may still be writing */
        kill(pid, SIGKILL);
    int status = process_wait(pid);
    if (r < 0)
        return err_sys(e, -r, "cannot read the report of the %s", who);
    if (status > 128)
        return err_set(e, EPROTO, "the %s was killed by signal %d", who, status - 128);
    if (n > 0 && text[0] == '-')
        return take_failure(text + 1, who, e);
    if (n == 0 || text[0] != '+' || status != 0)
        return err_set(e, EPROTO, "the %s ended without saying why", who);
    memmove(text, text + 1, n);
    *ret = TAKE_PTR(text);
    *ret_n = n - 1;
    return 0;
}
