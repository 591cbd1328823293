#include "network/cni_plugin.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"
#include "network/cni.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum { COMPLAINT_MAX = 4096, SHOWN_MAX = 400, CANNOT_BEGIN = 126, CANNOT_EXECUTE = 127 };

/* What it writes to one of its streams. */
struct stream {
    int fd;
    char *text; /* room for @max bytes and a NUL */
    size_t n, max;
    bool full; /* and there was more */
};

struct plugin {
    const struct cni_call *call;
    pid_t pid;
    int pidfd;
    struct stream out, err;
    long long deadline; /* CLOCK_MONOTONIC, in milliseconds */
};

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Whole before it starts: no pipe that could be full or broken. */
static int make_input(const char *text, struct err *e)
{
    _cleanup_close_ int fd = memfd_create("cni", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    return r < 0 ? err_sys(e, -r, "cannot make a plugin's input") : TAKE_FD(fd);
}

static int open_stream(struct stream *s, size_t max, int *ret_write, struct err *e)
{
    int fds[2];
    s->text = malloc(max + 1);
    s->max = max;
    if (!s->text)
        return err_nomem(e);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    s->fd = fds[0];
    *ret_write = fds[1];
    return fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ? err_sys(e, errno, "cannot set up a pipe") : 0;
}

/* Other threads may have held locks when this process was made: nothing but system calls. */
static _Noreturn void become(const struct cni_call *call, const int stdio[3])
{
    char *const arguments[] = {(char *)(uintptr_t)call->file, NULL};
    sigset_t none;
    sigemptyset(&none);
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)
            signal(n, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0 || chdir("/") < 0 ||
        dup2(stdio[0], 0) < 0 || dup2(stdio[1], 1) < 0 || dup2(stdio[2], 2) < 0 ||
        syscall(SYS_close_range, 3U, ~0U, 0U) < 0)
        _exit(CANNOT_BEGIN);
    execve(call->file, arguments, call->environment);
    _exit(CANNOT_EXECUTE);
}

/* The standard streams lie above 2, since ours are open (fd_open_standard). */
static int start(struct plugin *p, struct err *e)
{
    _cleanup_close_ int in = make_input(p->call->input, e), out = -EBADF, err = -EBADF;
    if (in < 0)
        return in;
    int r = open_stream(&p->out, CNI_ANSWER_MAX, &out, e);
    if (r == 0)
        r = open_stream(&p->err, COMPLAINT_MAX, &err, e);
    if (r < 0)
        return r;
    p->deadline = now() + p->call->seconds * 1000LL;
    p->pid = process_clone(0, -1, &p->pidfd);
    if (p->pid == 0)
        become(p->call, (const int[]){in, out, err});
    return p->pid < 0 ? err_sys(e, (int)-p->pid, "cannot fork") : 0;
}

/* Takes what is there, once. What does not fit is read all the same, so that it is not stopped by a
 * full pipe. */
static bool take(struct stream *s)
{
    char rest[4096];
    if (s->fd < 0)
        return false;
    bool room = s->n < s->max;
    ssize_t n = room ? read(s->fd, s->text + s->n, s->max - s->n) : read(s->fd, rest, sizeof(rest));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&s->fd);
    if (n > 0 && room)
        s->n += (size_t)n;
    s->full |= n > 0 && !room;
    return n > 0;
}

/* Until it has ended: what others go on writing that it has left behind is not waited for. */
static int collect(struct plugin *p)
{
    bool ended = false;
    while (!ended) {
        struct pollfd fds[] = {{.fd = p->out.fd, .events = POLLIN},
                               {.fd = p->err.fd, .events = POLLIN},
                               {.fd = p->pidfd, .events = POLLIN}};
        long long left = p->deadline - now();
        int r = left > 0 ? poll(fds, ARRAY_LEN(fds), (int)left) : 0;
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0)
            return -ETIMEDOUT;
        if (r < 0)
            continue;
        ended = fds[2].revents != 0;
        if (fds[0].revents)
            take(&p->out);
        if (fds[1].revents)
            take(&p->err);
        if (p->out.full)
            return -EFBIG;
    }
    while (!p->out.full && take(&p->out))
        ;
    take(&p->err);
    return p->out.full ? -EFBIG : 0;
}

/* ---- why it failed ---- */

/* One line of a stranger's words, and not too long. */
static void add_words(struct str *to, const char *text)
{
    _cleanup_free_ char *part = strndup(text, SHOWN_MAX);
    if (!part) {
        to->failed = true;
        return;
    }
    for (char *c = part; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    for (size_t n = strlen(part); n > 0 && part[n - 1] == ' '; n--)
        part[n - 1] = '\0';
    str_add_visible(to, part, "");
}

/* Its answer is an error's object; else what it wrote to standard error. */
static void add_reason(struct str *to, const struct plugin *p)
{
    _cleanup_json_ json_t *said = NULL;
    json_parse(p->out.text, p->out.n, "answer", &said, NULL);
    const char *message = json_str(said, "msg"), *details = json_str(said, "details");
    if (message && *message) {
        add_words(to, message);
        if (details && *details) {
            str_add(to, ": ");
            add_words(to, details);
        }
    } else if (p->err.n > 0) {
        add_words(to, p->err.text);
    }
}

static int tell_failure(const struct plugin *p, int status, struct err *e)
{
    const struct cni_call *c = p->call;
    _cleanup_str_ struct str reason = {0};
    if (status == CANNOT_EXECUTE && p->out.n == 0 && p->err.n == 0)
        return err_set(e, ENOEXEC, "cannot execute the CNI plugin \"%s\"", c->file);
    add_reason(&reason, p);
    if (reason.failed)
        return err_nomem(e);
    if (reason.len == 0)
        return err_set(e, EREMOTEIO, "the CNI plugin \"%s\" failed at %s with status %d", c->type,
                       c->command, status);
    return err_set(e, EREMOTEIO, "the CNI plugin \"%s\" failed at %s: %s", c->type, c->command,
                   reason.s);
}

static int finish(struct plugin *p, char **ret, struct err *e)
{
    const struct cni_call *c = p->call;
    int r = collect(p);
    if (r < 0) { /* with all of its session; its own number is not free before it is waited for */
        kill(-p->pid, SIGKILL);
        kill(p->pid, SIGKILL);
    }
    int status = process_wait(p->pid);
    p->out.text[p->out.n] = '\0';
    p->err.text[p->err.n] = '\0';
    if (r == -ETIMEDOUT)
        return err_set(e, ETIMEDOUT,
                       "the CNI plugin \"%s\" has not answered %s in %u seconds, and was killed",
                       c->type, c->command, c->seconds);
    if (r == -EFBIG)
        return err_set(e, EFBIG, "the CNI plugin \"%s\" answers %s with more than %d bytes",
                       c->type, c->command, CNI_ANSWER_MAX);
    if (r < 0)
        return err_sys(e, -r, "cannot read what the CNI plugin \"%s\" says", c->type);
    if (status != 0)
        return tell_failure(p, status, e);
    *ret = TAKE_PTR(p->out.text);
    return 0;
}

int cni_plugin_run(const struct cni_call *call, char **ret, struct err *e)
{
    struct plugin p = {.call = call, .pidfd = -EBADF, .out = {.fd = -EBADF}, .err = {.fd = -EBADF}};
    int r = start(&p, e);
    if (r == 0)
        r = finish(&p, ret, e);
    fd_close(&p.out.fd);
    fd_close(&p.err.fd);
    fd_close(&p.pidfd);
    free(p.out.text);
    free(p.err.text);
    return r;
}
