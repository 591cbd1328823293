#include "cli/transfer.h"

#include "base/file.h"
#include "base/loop.h"
#include "cli/image_helper.h"
#include "cli/progress.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>

enum {
    FRAME_MS = 100,        /* between two frames, at least */
    PATIENCE_MS = 3000,    /* for a helper that is asked to end */
    LATE_SIGNAL_MS = 50,   /* from the helper's death by a terminal's signal to our own */
    ANSWER_MAX = 16 << 20, /* bytes */
    STORY_MAX = 4 << 10,   /* of one line of an error */
    LAST_READS = 64,       /* more than there can be in a pipe */
};

static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* One of the helper's outputs. */
struct stream {
    int fd; /* ours to close */
    struct loop_source source;
    bool open;
};

struct run {
    struct progress progress;
    struct image_helper helper;
    struct loop loop;
    struct stream messages, errors, answer;
    int signals, end; /* end: the helper's pidfd */
    struct loop_source signal_source, end_source;
    bool ended;
    struct loop_timer frame, patience;
    uint64_t drawn_ms;
    int screen;
    int signal;        /* the one that ends us */
    struct str line;   /* what has come of a line of an error */
    struct strv story; /* its last line: told by whoever prints errors, if it is one */
    struct str said;   /* the answer */
    int error;         /* a negative errno: nothing goes on */
};

static void run_release(struct run *x)
{
    image_helper_release(&x->helper);
    progress_release(&x->progress);
    loop_close(&x->loop);
    cleanup_close(&x->messages.fd);
    cleanup_close(&x->errors.fd);
    cleanup_close(&x->answer.fd);
    cleanup_close(&x->signals);
    cleanup_close(&x->end);
    str_release(&x->line);
    strv_release(&x->story);
    str_release(&x->said);
}

/* ---- the screen ---- */

/* A screen that takes nothing is no reason to stop: the image is what was asked for. */
static void print(struct run *x, struct str *out)
{
    if (out->failed)
        x->error = -ENOMEM;
    else if (out->len > 0)
        (void)fd_write_all(x->screen, out->s, out->len);
}

static void draw(struct run *x)
{
    _cleanup_str_ struct str out = {0};
    if (progress_draw(&x->progress, loop_now_ms(), &out) < 0)
        x->error = -ENOMEM;
    print(x, &out);
    x->drawn_ms = loop_now_ms();
}

static void frame_due(void *data)
{
    struct run *x = data;
    if (!x->signal)
        draw(x);
}

static void draw_soon(struct run *x)
{
    uint64_t since = loop_now_ms() - x->drawn_ms;
    if (!x->frame.armed)
        loop_timer_set(&x->loop, &x->frame, since < FRAME_MS ? FRAME_MS - since : 0);
}

static void take_size(struct run *x)
{
    struct winsize size;
    if (x->progress.terminal && ioctl(x->screen, TIOCGWINSZ, &size) == 0)
        progress_resize(&x->progress, size.ws_col, size.ws_row);
}

/* Something that is not progress gets its own line, above those that are updated. */
static void settle(struct run *x)
{
    _cleanup_str_ struct str out = {0};
    if (progress_settle(&x->progress, loop_now_ms(), &out) < 0)
        x->error = -ENOMEM;
    print(x, &out);
}

/* ---- what comes ---- */

/* Reads once; false at the end. */
static bool drain(struct run *x, struct stream *s, char *bytes, size_t max, size_t *ret_n)
{
    ssize_t n = read(s->fd, bytes, max);
    if (n < 0 && errno == EINTR)
        n = 0;
    else if (n <= 0) {
        loop_watch(&x->loop, &s->source, 0);
        s->open = false;
        return false;
    }
    *ret_n = (size_t)n;
    return true;
}

static void messages_ready(void *data, uint32_t events)
{
    struct run *x = data;
    _cleanup_str_ struct str out = {0};
    char bytes[16 << 10];
    size_t n = 0;
    (void)events;
    if (!drain(x, &x->messages, bytes, sizeof(bytes), &n) || x->signal)
        return;
    if (progress_take(&x->progress, bytes, n, loop_now_ms(), &out) < 0)
        x->error = -ENOMEM;
    print(x, &out);
    if (x->progress.terminal)
        draw_soon(x);
}

/* The line before the last was not what it has failed of. */
static void tell_story(struct run *x)
{
    if (x->story.n == 0)
        return;
    settle(x);
    fprintf(stderr, "%s\n", x->story.v[0]);
    strv_release(&x->story);
}

static void end_of_line(struct run *x)
{
    if (x->line.len == 0)
        return;
    tell_story(x);
    _cleanup_str_ struct str shown = {0};
    str_add_visible(&shown, x->line.failed ? "" : x->line.s, "");
    strv_add(&x->story, shown.s ? shown.s : "");
    str_release(&x->line);
}

static void errors_ready(void *data, uint32_t events)
{
    struct run *x = data;
    char bytes[4 << 10];
    size_t n = 0;
    (void)events;
    if (!drain(x, &x->errors, bytes, sizeof(bytes), &n)) {
        end_of_line(x);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (bytes[i] == '\n')
            end_of_line(x);
        else if (x->line.len < STORY_MAX)
            str_addn(&x->line, &bytes[i], 1);
}

static void answer_ready(void *data, uint32_t events)
{
    struct run *x = data;
    char bytes[4 << 10];
    size_t n = 0;
    (void)events;
    if (drain(x, &x->answer, bytes, sizeof(bytes), &n) && x->said.len < ANSWER_MAX)
        str_addn(&x->said, bytes, n);
}

/* It has ended. Others may still have its streams, such as what a credential helper has started: of
 * them nothing is expected any more. */
static void helper_ended(void *data, uint32_t events)
{
    struct run *x = data;
    struct stream *const all[] = {&x->messages, &x->errors, &x->answer};
    (void)events;
    x->ended = true;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct pollfd p = {.fd = all[i]->fd, .events = POLLIN};
        for (int n = 0; n < LAST_READS && all[i]->open && poll(&p, 1, 0) == 1; n++)
            all[i]->source.ready(x, 0);
    }
    end_of_line(x);
}

/* ---- signals ---- */

static void patience_over(void *data)
{
    struct run *x = data;
    kill(x->helper.pid, SIGKILL);
}

static void signal_ready(void *data, uint32_t events)
{
    struct run *x = data;
    struct signalfd_siginfo info;
    (void)events;
    if (read(x->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGCONT) {
        if (info.ssi_signo == SIGCONT)
            progress_forget(&x->progress); /* a shell has printed below */
        take_size(x);
        if (x->progress.terminal && !x->signal)
            draw_soon(x);
        return;
    }
    if (x->signal)
        return;
    x->signal = (int)info.ssi_signo;
    kill(x->helper.pid, SIGTERM);
    loop_timer_set(&x->loop, &x->patience, PATIENCE_MS);
}

static void signals_of(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
        sigaddset(set, fatal[i]);
    sigaddset(set, SIGWINCH);
    sigaddset(set, SIGCONT);
}

/* Nothing is held any more: so be it. */
static _Noreturn void end_by(int number, const sigset_t *mask)
{
    signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    raise(number);
    _exit(128 + number);
}

/* ---- the run ---- */

static int stream_open(struct run *x, struct stream *s, void (*ready)(void *, uint32_t),
                       int *ret_to, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    s->fd = fds[0];
    *ret_to = fds[1];
    loop_source_init(&s->source, s->fd, ready, x);
    int r = loop_watch(&x->loop, &s->source, EPOLLIN);
    s->open = r == 0;
    return r < 0 ? err_sys(e, -r, "cannot wait for \"skiff-image\"") : 0;
}

static int watch_end(struct run *x, struct err *e)
{
    x->end = pidfd_open(x->helper.pid, 0);
    int r = x->end < 0 ? -errno : 0;
    loop_source_init(&x->end_source, x->end, helper_ended, x);
    if (r == 0)
        r = loop_watch(&x->loop, &x->end_source, EPOLLIN);
    return r < 0 ? err_sys(e, -r, "cannot wait for \"skiff-image\"") : 0;
}

static int begin(struct cli *c, struct run *x, const struct transfer *t, struct err *e)
{
    _cleanup_strv_ struct strv args = {0};
    _cleanup_close_ int messages = -EBADF;
    _cleanup_close_ int errors = -EBADF;
    int r = stream_open(x, &x->errors, errors_ready, &errors, e);
    if (r == 0 && x->screen >= 0)
        r = stream_open(x, &x->messages, messages_ready, &messages, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < t->args.n; i++)
        strv_add(&args, t->args.v[i]);
    if (messages >= 0)
        strv_addf(&args, "--progress-fd=%d", messages);
    if (t->n_words > 0)
        strv_add(&args, "--");
    for (size_t i = 0; i < t->n_words; i++)
        strv_add(&args, t->words[i]);
    if (args.failed || t->args.failed)
        return err_nomem(e);
    _cleanup_free_ char *fetcher = t->fetches ? str_printf("%s/skiff-fetch", c->libexec) : NULL;
    const struct image_helper_files files = {.fetcher = fetcher,
                                             .root_fd = c->engine.root_fd,
                                             .kept = messages,
                                             .input = t->input,
                                             .errors = errors,
                                             .output = t->output};
    fflush(stdout);
    r = image_helper_start(args.v, &files, &x->helper, e);
    if (r == 0)
        r = watch_end(x, e);
    if (r < 0 || x->helper.from < 0)
        return r;
    x->answer.fd = TAKE_FD(x->helper.from);
    loop_source_init(&x->answer.source, x->answer.fd, answer_ready, x);
    r = loop_watch(&x->loop, &x->answer.source, EPOLLIN);
    x->answer.open = r == 0;
    return r < 0 ? err_sys(e, -r, "cannot wait for \"skiff-image\"") : 0;
}

static int open_signals(struct run *x, const sigset_t *set, struct err *e)
{
    x->signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (x->signals < 0)
        return err_sys(e, errno, "cannot wait for signals");
    loop_source_init(&x->signal_source, x->signals, signal_ready, x);
    int r = loop_watch(&x->loop, &x->signal_source, EPOLLIN);
    return r < 0 ? err_sys(e, -r, "cannot wait for signals") : 0;
}

/* A terminal gives its signal to the helper as to us, and perhaps first. */
static void wait_for_signal(struct run *x)
{
    struct pollfd p = {.fd = x->signals, .events = POLLIN};
    while (!x->signal && poll(&p, 1, LATE_SIGNAL_MS) == 1)
        signal_ready(x, 0);
}

/* Its end, and what became of it. */
static int finish(struct run *x, struct err *e)
{
    _cleanup_free_ char *nothing = NULL;
    int code = EIO;
    int r = image_helper_finish(&x->helper, &nothing, &code, e);
    if (!x->signal)
        settle(x);
    if (r == 0) {
        tell_story(x);
        return x->error == -ENOMEM ? err_nomem(e) : 0;
    }
    wait_for_signal(x);
    if (x->signal || r < 0)
        return r < 0 ? r : -EIO;
    if (x->story.n == 0)
        return err_set(e, code, "\"skiff-image\" has failed, and did not say why");
    const char *story = str_after(x->story.v[0], "skiff: ");
    return err_set(e, code, "%s", story ? story : x->story.v[0]);
}

static int run(struct cli *c, struct run *x, const struct transfer *t, const sigset_t *set,
               char **ret_answer, struct err *e)
{
    x->screen = t->screen;
    x->frame = (struct loop_timer){.expired = frame_due, .data = x};
    x->patience = (struct loop_timer){.expired = patience_over, .data = x};
    progress_init(&x->progress, t->screen >= 0 && isatty(t->screen));
    take_size(x);
    int r = loop_open(&x->loop);
    if (r < 0)
        return err_sys(e, -r, "cannot wait for events");
    r = open_signals(x, set, e);
    if (r == 0)
        r = begin(c, x, t, e);
    while (r == 0 && !x->ended) {
        r = loop_turn(&x->loop);
        if (r < 0)
            err_sys(e, -r, "cannot wait for \"skiff-image\"");
    }
    if (r == 0)
        r = finish(x, e);
    if (r < 0 || !ret_answer)
        return r;
    while (x->said.len > 0 && x->said.s[x->said.len - 1] == '\n')
        x->said.s[--x->said.len] = '\0';
    *ret_answer = str_steal(&x->said);
    return *ret_answer ? 0 : err_nomem(e);
}

int transfer_run(struct cli *c, const struct transfer *t, char **ret_answer, struct err *e)
{
    struct run x = {.helper = IMAGE_HELPER_INIT,
                    .loop = LOOP_INIT,
                    .messages.fd = -EBADF,
                    .errors.fd = -EBADF,
                    .answer.fd = -EBADF,
                    .signals = -EBADF,
                    .end = -EBADF};
    sigset_t set, before;
    signals_of(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    int r = run(c, &x, t, &set, ret_answer, e);
    int number = x.signal;
    run_release(&x);
    if (number)
        end_by(number, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
