#include "engine/client.h"

#include "engine/frame.h"
#include "kernel/terminal.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
        if (got == 1 && f.kind == FRAME_EXITED) {
            err_set(e, ESRCH, "cannot attach to a stopped container, start it first");
            return 1;
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

/* With @more rows than there are. */
static void send_size(int monitor, int more)
{
    struct winsize w;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
        return;
    w.ws_row = (unsigned short)(w.ws_row + more);
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

enum { MAX_KEYS = 64 };

/* What is under way between our streams and the monitor. */
struct traffic {
    const struct client *client;
    int signals;
    struct frame_reader in;
    size_t written;    /* bytes of the first frame in it that are already written */
    size_t window;     /* bytes of input that may be sent */
    size_t typed;      /* of the detach keys */
    bool detached;     /* all of them */
    unsigned asked;    /* how often to end */
    bool input_ended;  /* ours */
    size_t most[2];    /* bytes that one write to standard output and error may have */
    bool deaf[2];      /* standard output and error: nobody reads them any longer */
    struct err *story; /* of the first output that was lost, unless to a closed pipe */
};

enum { ASKED_ENOUGH = 3 }; /* Docker's */

static void take_signal(struct traffic *t)
{
    struct signalfd_siginfo info;
    if (read(t->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        if (t->client->tty)
            send_size(t->client->monitor, 0);
        return;
    }
    const uint8_t number = (uint8_t)info.ssi_signo;
    frame_send(t->client->monitor, FRAME_SIGNAL, &number, 1);
    t->asked += info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
}

/* What is left of @n typed bytes once the detach keys are looked for: those that may begin them
 * wait until it is known. @ret has room for MAX_KEYS bytes more. */
static size_t filter_keys(struct traffic *t, const uint8_t *typed, size_t n, uint8_t *ret)
{
    const struct client *c = t->client;
    size_t out = 0;
    for (size_t i = 0; i < n && !t->detached; i++) {
        if (typed[i] != c->detach_keys[t->typed]) {
            memcpy(ret + out, c->detach_keys, t->typed);
            out += t->typed;
            t->typed = 0;
        }
        if (typed[i] == c->detach_keys[t->typed])
            t->detached = ++t->typed == c->n_detach_keys;
        else
            ret[out++] = typed[i];
    }
    return out;
}

static void take_input(struct traffic *t)
{
    uint8_t buf[4096], kept[sizeof(buf) + MAX_KEYS];
    const uint8_t *bytes = buf;
    bool keys =
        t->client->terminal && t->client->n_detach_keys > 0 && t->client->n_detach_keys <= MAX_KEYS;
    size_t room = t->window - MAX_KEYS, most = room < sizeof(buf) ? room : sizeof(buf);
    ssize_t n = read(STDIN_FILENO, buf, most);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    t->input_ended = n <= 0;
    size_t len = n > 0 ? (size_t)n : 0;
    if (keys && len > 0) {
        len = filter_keys(t, buf, len, kept);
        bytes = kept;
        if (len == 0)
            return;
    }
    t->window -= len;
    frame_send(t->client->monitor, FRAME_STDIN, bytes, len);
}

static bool is_output(const struct frame *f)
{
    return f->kind == FRAME_STDOUT || f->kind == FRAME_STDERR;
}

/* What cannot be written is lost, and so is all that follows; the container is told, as a program
 * of ours would be. */
static void lose_output(struct traffic *t, enum frame_kind kind, int code)
{
    const uint8_t stream = (uint8_t)kind;
    t->deaf[kind - FRAME_STDOUT] = true;
    frame_send(t->client->monitor, FRAME_DEAF, &stream, 1);
    if (code != EPIPE && t->story->code == 0)
        err_sys(t->story, code, "cannot write the container's output to standard %s",
                kind == FRAME_STDERR ? "error" : "output");
}

/* What a write cannot wait with: signals must be heard meanwhile. A pipe or a terminal that can be
 * written to takes no more for sure (pipe(7)); files take all. */
static size_t most_at_once(int fd)
{
    struct stat st;
    bool file = fstat(fd, &st) == 0 &&
                (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)));
    return file ? FRAME_MAX : PIPE_BUF;
}

/* Writes some of @f, as much as cannot make us wait.
 * True once it is used up. */
static bool put_output(struct traffic *t, const struct frame *f)
{
    size_t left = f->len - t->written;
    if (!t->deaf[f->kind - FRAME_STDOUT] && left > 0) {
        int fd = f->kind == FRAME_STDERR ? STDERR_FILENO : STDOUT_FILENO;
        size_t most = t->most[f->kind - FRAME_STDOUT];
        ssize_t n = write(fd, f->payload + t->written, left < most ? left : most);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return false;
        if (n >= 0)
            t->written += (size_t)n;
        else
            lose_output(t, f->kind, errno);
    }
    if (!t->deaf[f->kind - FRAME_STDOUT] && t->written < f->len)
        return false;
    t->written = 0;
    return true;
}

/* One frame of the monitor's that is no output. The exit status when it was the last, else
 * -EAGAIN. */
static int take_frame(struct traffic *t, const struct frame *f)
{
    if (f->kind == FRAME_EXITED)
        return f->len == 1 ? f->payload[0] : 125;
    if (f->kind == FRAME_TAKEN && f->len == 4)
        t->window += (size_t)f->payload[0] << 24 | (size_t)f->payload[1] << 16 |
                     (size_t)f->payload[2] << 8 | f->payload[3];
    return -EAGAIN;
}

/* The frames that are here, up to one of output, which is left in @ret (1; 0: none). *ret_status is
 * set by the last one. */
static int take_frames(struct traffic *t, struct frame *ret, int *ret_status, struct err *e)
{
    int got;
    while ((got = frame_next(&t->in, ret)) == 1) {
        if (is_output(ret))
            return 1;
        *ret_status = take_frame(t, ret);
        if (*ret_status != -EAGAIN)
            return 0;
        frame_drop(&t->in, ret);
    }
    return got < 0 ? err_set(e, EBADMSG, "the monitor sent what is no frame") : 0;
}

static int hear_monitor(struct traffic *t, struct err *e)
{
    if (frame_fill(&t->in, t->client->monitor) > 0)
        return 0;
    return err_set(e, ECONNRESET, "the container's monitor was killed, and with it the container");
}

static int carry(struct traffic *t, struct err *e)
{
    for (;;) {
        struct frame output;
        int status = -EAGAIN;
        int pending = take_frames(t, &output, &status, e);
        if (pending < 0 || status != -EAGAIN)
            return pending < 0 ? pending : status;
        if (t->detached || t->asked >= ASKED_ENOUGH) {
            frame_send(t->client->monitor, FRAME_BYE, NULL, 0);
            return t->detached ? CLIENT_DETACHED : CLIENT_FORCED;
        }

        bool wants_input = t->client->with_stdin && !t->input_ended && t->window > MAX_KEYS;
        int sink = !pending ? -1 : output.kind == FRAME_STDERR ? STDERR_FILENO : STDOUT_FILENO;
        struct pollfd fds[] = {
            {.fd = pending ? -1 : t->client->monitor, .events = POLLIN},
            {.fd = t->signals, .events = POLLIN},
            {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = sink, .events = POLLOUT},
        };
        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(e, errno, "cannot wait for the container");
        }
        if (fds[1].revents)
            take_signal(t);
        if (fds[2].revents)
            take_input(t);
        if (fds[3].revents && put_output(t, &output))
            frame_drop(&t->in, &output);
        if (fds[0].revents) {
            int r = hear_monitor(t, e);
            if (r < 0)
                return r;
        }
    }
}

int client_carry(const struct client *c, struct err *e)
{
    static struct traffic t; /* a frame's worth: too much for a stack */
    struct terminal terminal = {0};
    struct err lost = ERR_INIT;
    t.client = c;
    t.window = FRAME_WINDOW;
    t.story = &lost;
    t.most[0] = most_at_once(STDOUT_FILENO);
    t.most[1] = most_at_once(STDERR_FILENO);
    signal(SIGPIPE, SIG_IGN);                   /* it is for the container to take */
    t.signals = block_signals(c->sig_proxy, e); /* from here on no change of size is missed */
    if (c->tty) {
        if (c->redraw) /* a change of size makes programs do that */
            send_size(c->monitor, 1);
        send_size(c->monitor, 0);
    }
    if (c->terminal)
        terminal_make_raw(STDIN_FILENO, &terminal);
    int status = t.signals < 0 ? t.signals : carry(&t, e);
    fd_close(&t.signals);
    terminal_restore(&terminal);
    if (status >= 0 && lost.code != 0)
        status = err_set(e, lost.code, "%s", err_text(&lost));
    err_release(&lost);
    t.story = NULL;
    return status;
}
