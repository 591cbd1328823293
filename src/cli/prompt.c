#include "cli/prompt.h"

#include "cli/cli.h"
#include "image/credentials.h"
#include "kernel/terminal.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { LINE_MAX_LEN = 64 << 10 };

static void ending_signals(sigset_t *ret)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigemptyset(ret);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaddset(ret, numbers[i]);
}

/* One byte of standard input: 1, 0 at its end, a negative errno; -EINTR with *ret_signal when one
 * came that is to end us. By bytes: what follows the line is somebody else's. */
static int read_byte(int signals, char *ret, int *ret_signal)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = signals, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return -errno;
        struct signalfd_siginfo info;
        if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info)) {
            *ret_signal = (int)info.ssi_signo;
            return -EINTR;
        }
        ssize_t n = fds[0].revents ? read(STDIN_FILENO, ret, 1) : -1;
        if (n >= 0)
            return (int)n;
        if (fds[0].revents && errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

static int read_line(int signals, char *line, int *ret_signal)
{
    char c = 0;
    size_t n = 0;
    int r;
    while ((r = read_byte(signals, &c, ret_signal)) == 1 && c != '\n') {
        if (n == LINE_MAX_LEN)
            return -EFBIG;
        line[n++] = c;
    }
    if (n > 0 && line[n - 1] == '\r')
        line[n - 1] = '\0';
    return r < 0 ? r : r == 0 && n == 0 ? -ECANCELED : 0;
}

/* With the signals blocked that would end us before the terminal is given back. */
static int ask(bool hidden, char *line, int *ret_signal, struct err *e)
{
    struct terminal terminal = {.fd = STDIN_FILENO};
    sigset_t ending, before;
    ending_signals(&ending);
    _cleanup_close_ int signals = signalfd(-1, &ending, SFD_CLOEXEC);
    if (signals < 0)
        return err_sys(e, errno, "cannot wait for signals");
    sigprocmask(SIG_BLOCK, &ending, &before);
    int r = hidden ? terminal_hide_input(STDIN_FILENO, &terminal) : 0;
    if (r == 0)
        r = read_line(signals, line, ret_signal);
    terminal_restore(&terminal);
    if (hidden)
        cli_print("\n", NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (r == -ECANCELED)
        return err_set(e, ECANCELED, "nothing was typed");
    return r < 0 && r != -EINTR ? err_sys(e, -r, "cannot read from the terminal") : r;
}

int prompt(const char *question, bool hidden, char **ret, struct err *e)
{
    _cleanup_secret_ char *line = calloc(1, LINE_MAX_LEN + 1);
    int number = 0;
    int r = line ? cli_print(question, e) : err_nomem(e);
    if (r == 0)
        r = ask(hidden, line, &number, e);
    if (r == -EINTR) {
        secret_free(&line);
        raise(number); /* as if we had never held it back */
        return err_set(e, ECANCELED, "interrupted");
    }
    if (r == 0)
        *ret = TAKE_PTR(line);
    return r;
}

int prompt_read_all(char **ret, struct err *e)
{
    _cleanup_secret_ char *text = calloc(1, LINE_MAX_LEN + 1);
    size_t n = 0;
    if (!text)
        return err_nomem(e);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, text + n, LINE_MAX_LEN - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, errno, "cannot read standard input");
        if (got == 0)
            break;
        n += (size_t)got;
        if (n == LINE_MAX_LEN)
            return err_set(e, EFBIG, "standard input is longer than any password");
    }
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '\r')
        text[--n] = '\0';
    *ret = TAKE_PTR(text);
    return 0;
}
