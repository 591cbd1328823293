#include "oci/relay.h"

#include "base/file.h"
#include "kernel/process.h"
#include "kernel/terminal.h"

#include <poll.h>
#include <signal.h>
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

static int block_signals(struct err *e)
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

int relay_until_end(pid_t pid, int pidfd, int console, struct err *e)
{
    _cleanup_close_ int signals = block_signals(e);
    if (signals < 0)
        return signals;

    struct pollfd fds[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = console, .events = POLLIN},
        {.fd = console >= 0 ? 0 : -1, .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(e, errno, "cannot wait for the container");
        }
        if (fds[1].revents)
            forward_signal(signals, pidfd, console);
        if (fds[2].revents && !copy_some(console, 1))
            fds[2].fd = -1;
        else if (fds[2].revents)
            continue; /* drain it before the end is believed */
        if (fds[3].revents && !copy_some(0, console))
            fds[3].fd = -1;
        if (fds[0].revents)
            break;
    }
    int status = process_wait(pid);
    return status < 0 ? err_sys(e, -status, "cannot wait for the container") : status;
}
