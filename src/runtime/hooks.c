#include "runtime/hooks.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/process.h"
#include "runtime/spec_get.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <time.h>

static const char *const names[HOOK_KINDS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

/* One entry, its strings the document's. */
struct program {
    const char *path;
    char **args, **env; /* owned vectors */
    long long timeout;  /* seconds; 0: none */
};

static void program_release(struct program *p)
{
    free(p->args);
    free(p->env);
    *p = (struct program){0};
}

const char *hook_name(enum hook which)
{
    return names[which];
}

static int parse(const json_t *entry, struct program *ret, struct err *e)
{
    size_t n;
    int r;
    if ((r = spec_get_string(entry, "path", &ret->path, e)) < 0 ||
        (r = spec_get_strings(entry, "args", &ret->args, &n, e)) < 0 ||
        (r = spec_get_strings(entry, "env", &ret->env, &n, e)) < 0 ||
        (r = spec_get_int(entry, "timeout", "hook", 1, INT_MAX, 0, &ret->timeout, e)) < 0)
        return r;
    if (!ret->path || ret->path[0] != '/')
        return err_set(e, EINVAL, "config.json: a hook's path is not absolute");
    return 0;
}

int hooks_check(const json_t *hooks, struct err *e)
{
    for (enum hook which = 0; which < HOOK_KINDS; which++) {
        const json_t *list;
        size_t n, i;
        int r = spec_get_array(hooks, names[which], &list, &n, e);
        if (r < 0)
            return err_wrap(e, "hooks");
        json_t *entry;
        json_array_foreach (list, i, entry) {
            _cleanup_(program_release) struct program p = {0};
            r = parse(entry, &p, e);
            if (r < 0)
                return err_wrap(e, "hooks.%s", names[which]);
        }
    }
    return 0;
}

bool hooks_have(const json_t *hooks, enum hook which)
{
    return json_array_size(json_at(hooks, names[which])) > 0;
}

bool hooks_before_start(const json_t *hooks)
{
    return hooks_have(hooks, HOOK_PRESTART) || hooks_have(hooks, HOOK_CREATE_RUNTIME) ||
           hooks_have(hooks, HOOK_CREATE_CONTAINER) || hooks_have(hooks, HOOK_START_CONTAINER);
}

/* A file that cannot block its reader, whatever the hook does with it. */
static int make_input(const struct hook_state *s, struct err *e)
{
    _cleanup_json_ json_t *j =
        json_pack("{s:O*, s:O*, s:s, s:O*, s:O*}", "ociVersion", json_at(s->base, "ociVersion"),
                  "id", json_at(s->base, "id"), "status", s->status, "bundle",
                  json_at(s->base, "bundle"), "annotations", json_at(s->base, "annotations"));
    if (!j || (s->pid > 0 && json_object_set_new(j, "pid", json_integer(s->pid)) < 0))
        return err_nomem(e);
    _cleanup_free_ char *text = json_text(j, JSON_COMPACT);
    if (!text)
        return err_nomem(e);
    _cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot make the hook's input");
    int r = fd_write_all(fd, text, strlen(text));
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(e, r < 0 ? -r : errno, "cannot write the hook's input");
    return TAKE_FD(fd);
}

static _Noreturn void execute(const struct program *p, char *const *env, const char *folder, int in,
                              int out)
{
    char *const path_alone[] = {(char *)(uintptr_t)p->path, NULL};
    sigset_t none;
    sigemptyset(&none);
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)
            signal(n, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    if (folder && chdir(folder) < 0 && chdir("/") < 0)
        _exit(126);
    execve(p->path, p->args[0] ? p->args : path_alone, p->env[0] ? p->env : env);
    dprintf(2, "cannot execute it: %s", strerror(errno));
    _exit(127);
}

/* The first line of what the hook wrote; the rest is read, so that it is not stopped by a full
 * pipe, and dropped. */
struct output {
    int fd;
    char text[512];
    size_t n;
};

/* As read(2): 0 at the end, negative when there is nothing now. */
static ssize_t output_read(struct output *o)
{
    char buf[4096];
    ssize_t n = read(o->fd, buf, sizeof(buf));
    size_t room = sizeof(o->text) - 1 - o->n;
    size_t take = n > 0 && (size_t)n < room ? (size_t)n : n > 0 ? room : 0;
    memcpy(o->text + o->n, buf, take);
    o->n += take;
    return n;
}

static const char *output_line(struct output *o)
{
    while (output_read(o) > 0)
        continue;
    o->text[o->n] = '\0';
    o->text[strcspn(o->text, "\r\n")] = '\0';
    return o->text;
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* 1 when it has ended, 0 when its time is up. */
static int wait_for(int pidfd, struct output *o, long long timeout, struct err *e)
{
    long long end = now_ms() + timeout * 1000;
    struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = o->fd, .events = POLLIN}};
    for (;;) {
        long long left = timeout ? end - now_ms() : -1;
        if (timeout && left <= 0)
            return 0;
        int r = poll(fds, ARRAY_LEN(fds), left > INT_MAX ? INT_MAX : (int)left);
        if (r < 0 && errno != EINTR)
            return err_sys(e, errno, "cannot wait for it");
        if (r > 0 && fds[1].revents && output_read(o) == 0)
            fds[1].fd = -1;
        if (r > 0 && fds[0].revents)
            return 1;
    }
}

static int supervise(pid_t pid, const struct program *p, struct output *o, struct err *e)
{
    _cleanup_close_ int pidfd = pidfd_open(pid, 0);
    int r = pidfd < 0 ? err_sys(e, errno, "cannot watch it") : wait_for(pidfd, o, p->timeout, e);
    if (r < 1)
        kill(pid, SIGKILL);
    int status = process_wait(pid);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, ETIMEDOUT, "not done after %lld second%s", p->timeout,
                       p->timeout == 1 ? "" : "s");
    if (status == 0)
        return 0;
    const char *line = output_line(o);
    return err_set(e, ECANCELED, "status %d%s%s", status, *line ? ": " : "", line);
}

static int run(const json_t *entry, enum hook which, const struct hook_state *state, struct err *e)
{
    /* Our caller's variables are for programs of his, not for the container's. */
    static char *const none[] = {NULL};
    char *const *env = which == HOOK_START_CONTAINER ? none : environ;
    _cleanup_(program_release) struct program p = {0};
    int r = parse(entry, &p, e);
    if (r < 0)
        return r;
    _cleanup_close_ int in = make_input(state, e);
    if (in < 0)
        return err_wrap(e, "\"%s\"", p.path);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(e, errno, "\"%s\"", p.path);
    _cleanup_close_ int out = ends[0];
    _cleanup_close_ int theirs = ends[1];
    struct output o = {.fd = out};
    fcntl(out, F_SETFL, O_NONBLOCK);

    /* Not clone3, which a filter that is in force by now may refuse. */
    pid_t pid = fork();
    if (pid == 0)
        execute(&p, env, json_str(state->base, "bundle"), in, theirs);
    if (pid < 0)
        return err_sys(e, errno, "\"%s\": cannot fork", p.path);
    fd_close(&theirs);
    r = supervise(pid, &p, &o, e);
    return r < 0 ? err_wrap(e, "\"%s\"", p.path) : 0;
}

int hooks_run(const json_t *hooks, enum hook which, const struct hook_state *state, struct err *e)
{
    bool all = which == HOOK_POSTSTART || which == HOOK_POSTSTOP;
    int first = 0;
    size_t i;
    json_t *entry;
    json_array_foreach (json_at(hooks, names[which]), i, entry) {
        int r = run(entry, which, state, first < 0 ? NULL : e);
        if (r < 0 && first == 0)
            first = err_wrap(e, "hook %s", names[which]);
        if (r < 0 && !all)
            break;
    }
    return first;
}
