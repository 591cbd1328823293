#include "oci/relay.h"

#include "base/file.h"
#include "kernel/process.h"
#include "kernel/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>

/* One read's worth from @from to @to. False at the end, or when either side is gone. */
static bool copy_some(int from, int to)
{
    char buf[16384];
    ssize_t n = read(from, buf, sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    return n > 0 && fd_write_all(to, buf, (size_t)n) == 0;
}

/* What was typed and the terminal has no room for yet: a container that does not read must not keep
 * us from carrying its output. */
struct typed {
    char bytes[4096];
    size_t n, at;
};

/* Reads what comes next. False when there is no more. */
static bool typed_read(struct typed *t)
{
    ssize_t n = read(0, t->bytes, sizeof(t->bytes));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    t->n = n > 0 ? (size_t)n : 0;
    t->at = 0;
    return n > 0;
}

/* Hands on what the terminal takes. False when it is gone. */
static bool typed_write(struct typed *t, int console)
{
    ssize_t n = t->at < t->n ? write(console, t->bytes + t->at, t->n - t->at) : 0;
    t->at += n > 0 ? (size_t)n : 0;
    return n >= 0 || errno == EINTR || errno == EAGAIN;
}

int relay_block_signals(struct err *e)
{
    sigset_t all;
    sigfillset(&all);
    for (const int *s = (const int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGCHLD, SIGURG, 0}; *s; s++)
        sigdelset(&all, *s);
    int fd = sigprocmask(SIG_BLOCK, &all, NULL) < 0 ? -1 : signalfd(-1, &all, SFD_CLOEXEC);
    return fd < 0 ? err_sys(e, errno, "cannot wait for signals") : fd;
}

static void forward_signal(int signals, int pidfd, int console)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH && console >= 0)
        terminal_copy_size(0, console);
    else
        pidfd_send_signal(pidfd, (int)info.ssi_signo, NULL, 0);
}

int relay_until_end(pid_t pid, int pidfd, int signals, int console, struct err *e)
{
    struct typed typed = {.n = 0};
    bool typing = console >= 0;
    struct pollfd fds[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = console},
        {.events = POLLIN},
    };
    if (console >= 0 && fcntl(console, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, errno, "cannot use the terminal");
    for (;;) {
        bool full = typed.at < typed.n;
        fds[2].events = (short)(typing && full ? POLLIN | POLLOUT : POLLIN);
        fds[3].fd = typing && !full ? 0 : -1;
        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(e, errno, "cannot wait for the container");
        }
        if (fds[1].revents)
            forward_signal(signals, pidfd, console);
        if (fds[3].revents)
            typing = typed_read(&typed);
        if (typing && !typed_write(&typed, console))
            typing = false;
        if (fds[2].revents & ~POLLOUT) {
            if (copy_some(console, 1))
                continue; /* drain it before the end is believed */
            fds[2].fd = -1;
        }
        if (fds[0].revents)
            break;
    }
    int status = process_wait(pid);
    return status < 0 ? err_sys(e, -status, "cannot wait for the container") : status;
}
