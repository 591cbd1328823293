#include "engine/client.h"

#include "base/file.h"
#include "engine/frame.h"
#include "kernel/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

int client_wait_started(int monitor, struct err *e)
{
    static struct frame_reader r;
    for (;;) {
        struct frame f;
        int got = frame_next(&r, &f);
        if (got == 1 && f.kind == FRAME_STARTED)
            return 0;
        if (got == 1 && f.kind == FRAME_FAILED && f.len >= 1) {
            err_set(e, EIO, "%.*s", (int)(f.len - 1), (const char *)f.payload + 1);
            return f.payload[0];
        }
        if (got != 0) {
            err_set(e, EBADMSG, "the monitor answered what is no answer");
            return 125;
        }
        long n = frame_fill_one(&r, monitor);
        if (n <= 0) {
            err_set(e, ECONNRESET, "the container's monitor was killed while it started");
            return 125;
        }
    }
}

static void send_size(int monitor)
{
    struct winsize w;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
        return;
    const uint8_t payload[] = {(uint8_t)(w.ws_row >> 8), (uint8_t)w.ws_row,
                               (uint8_t)(w.ws_col >> 8), (uint8_t)w.ws_col};
    frame_send(monitor, FRAME_RESIZE, payload, sizeof(payload));
}

/* Signals that are about us and not about the container stay ours. */
static int block_signals(bool proxy, struct err *e)
{
    static const int ours[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGCHLD,
                               SIGURG,  SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP, SIGCONT};
    sigset_t set;
    if (proxy) {
        sigfillset(&set);
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            sigdelset(&set, ours[i]);
    } else {
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
    }
    int fd = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? err_sys(e, errno, "cannot wait for signals") : fd;
}

static void take_signal(const struct client *c, int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        if (c->terminal)
            send_size(c->monitor);
        return;
    }
    const uint8_t number = (uint8_t)info.ssi_signo;
    frame_send(c->monitor, FRAME_SIGNAL, &number, 1);
}

/* False once our input has ended. */
static bool take_input(const struct client *c)
{
    uint8_t buf[4096];
    ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    frame_send(c->monitor, FRAME_STDIN, buf, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* One frame of the monitor's. True when it was the last: the exit status is in *status. */
static bool take_frame(const struct frame *f, int *status)
{
    switch ((int)f->kind) {
    case FRAME_STDOUT:
        fd_write_all(STDOUT_FILENO, f->payload, f->len);
        return false;
    case FRAME_STDERR:
        fd_write_all(STDERR_FILENO, f->payload, f->len);
        return false;
    case FRAME_EXITED:
        *status = f->len == 1 ? f->payload[0] : 125;
        return true;
    default:
        return false;
    }
}

static int take_frames(struct frame_reader *r, int monitor, struct err *e)
{
    long n = frame_fill(r, monitor);
    if (n <= 0)
        return err_set(e, ECONNRESET,
                       "the container's monitor was killed, and with it the "
                       "container");
    struct frame f;
    int status, got;
    while ((got = frame_next(r, &f)) == 1) {
        if (take_frame(&f, &status))
            return status;
        frame_drop(r, &f);
    }
    return got < 0 ? err_set(e, EBADMSG, "the monitor sent what is no frame") : -EAGAIN;
}

static int carry(const struct client *c, int signals, struct err *e)
{
    static struct frame_reader r;
    struct pollfd fds[] = {
        {.fd = c->monitor, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = c->with_stdin ? STDIN_FILENO : -1, .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(e, errno, "cannot wait for the container");
        }
        if (fds[1].revents)
            take_signal(c, signals);
        if (fds[2].revents && !take_input(c))
            fds[2].fd = -1;
        if (fds[0].revents) {
            int status = take_frames(&r, c->monitor, e);
            if (status != -EAGAIN)
                return status;
        }
    }
}

int client_carry(const struct client *c, struct err *e)
{
    struct terminal terminal = {0};
    if (c->terminal) {
        send_size(c->monitor);
        terminal_make_raw(STDIN_FILENO, &terminal);
    }
    int signals = block_signals(c->sig_proxy, e);
    int status = signals < 0 ? signals : carry(c, signals, e);
    fd_close(&signals);
    terminal_restore(&terminal);
    return status;
}
