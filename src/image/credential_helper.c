#include "image/credential_private.h"

#include "base/file.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { NOT_STARTED = 127 };

struct program {
    const char *name; /* as the file has it */
    char *file;       /* docker-credential-NAME */
    pid_t pid;
    int pidfd, from;
    long long deadline; /* CLOCK_MONOTONIC, in milliseconds */
};

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* A name becomes part of a file's: nothing that leads elsewhere. */
static bool name_is_plain(const char *name)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    return n > 0 && n <= 100 && strspn(name, bytes) == n;
}

/* What it is to read, whole before it starts: no pipe that could be full or broken. */
static int make_input(const char *text, int *ret, struct err *e)
{
    _cleanup_close_ int fd = memfd_create("credentials", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot make a file in memory");
    int r = fd_write_all(fd, text, strlen(text));
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        return err_sys(e, -r, "cannot write a file in memory");
    *ret = TAKE_FD(fd);
    return 0;
}

static _Noreturn void become(const char *file, char *verb, int input, int output)
{
    sigset_t none;
    char *name = strdup(file), *argv[] = {name, verb, NULL};
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        syscall(SYS_close_range, 3U, ~0U, 0U) < 0)
        _exit(1);
    execvp(file, argv);
    _exit(NOT_STARTED);
}

static int start(struct program *p, const char *verb, const char *text, struct err *e)
{
    _cleanup_close_ int input = -EBADF;
    int fds[2];
    int r = make_input(text, &input, e);
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    p->from = fds[0];
    _cleanup_close_ int to = fds[1];
    char word[8];
    snprintf(word, sizeof(word), "%s", verb);
    p->pid = process_clone(0, -1, &p->pidfd);
    if (p->pid == 0)
        become(p->file, word, input, to);
    return p->pid < 0 ? err_sys(e, (int)-p->pid, "cannot fork") : 0;
}

/* Waits until @fd can be read: 0, or -ETIMEDOUT. */
static int wait_for(const struct program *p, int fd)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        long long left = p->deadline - now();
        int r = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
        if (r > 0)
            return 0;
        if (r == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Its answer, in memory that is not moved about. */
static int collect(const struct program *p, char **ret)
{
    _cleanup_secret_ char *text = calloc(1, CREDENTIAL_ANSWER_MAX + 1);
    size_t n = 0;
    if (!text)
        return -ENOMEM;
    for (;;) {
        int r = wait_for(p, p->from);
        ssize_t got = r < 0 ? 0 : read(p->from, text + n, CREDENTIAL_ANSWER_MAX - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (r < 0 || got < 0)
            return r < 0 ? r : -errno;
        if (got == 0)
            break;
        n += (size_t)got;
        if (n == CREDENTIAL_ANSWER_MAX)
            return -EFBIG;
    }
    *ret = TAKE_PTR(text);
    return wait_for(p, p->pidfd);
}

/* Why it failed: it says so on its standard output. One line of it. */
static int tell_failure(const struct program *p, int status, const char *verb, const char *answer,
                        struct err *e)
{
    _cleanup_str_ struct str shown = {0};
    size_t n = answer ? strcspn(answer, "\r\n") : 0;
    _cleanup_free_ char *line = n > 0 ? strndup(answer, n < 200 ? n : 200) : NULL;
    if (status == NOT_STARTED && n == 0)
        return err_set(e, ENOENT, "cannot execute \"%s\": it is not in a folder of PATH", p->file);
    str_add_visible(&shown, line ? line : "", "");
    if (shown.len == 0)
        return err_set(e, EIO, "\"%s %s\" failed with status %d", p->file, verb, status);
    return err_set(e, EIO, "\"%s %s\" failed: %s", p->file, verb, shown.s);
}

static int finish(struct program *p, const char *verb, unsigned seconds, char **ret, struct err *e)
{
    _cleanup_secret_ char *answer = NULL;
    int r = collect(p, &answer);
    if (r < 0)
        kill(p->pid, SIGKILL);
    int status = process_wait(p->pid);
    if (r == -ETIMEDOUT)
        return err_set(e, ETIMEDOUT, "\"%s %s\" does not answer for %u seconds", p->file, verb,
                       seconds);
    if (r == -EFBIG)
        return err_set(e, EFBIG, "\"%s %s\" answers with more than %d bytes", p->file, verb,
                       CREDENTIAL_ANSWER_MAX);
    if (r < 0)
        return err_sys(e, -r, "cannot read what \"%s %s\" says", p->file, verb);
    bool unknown = status != 0 && answer && strstr(answer, "credentials not found");
    if (status != 0 && !unknown)
        return tell_failure(p, status, verb, answer, e);
    if (!unknown && ret)
        *ret = TAKE_PTR(answer);
    return 0;
}

/* *ret stays NULL when it knows nothing of what was asked. */
static int run(const char *name, const char *verb, const char *text, unsigned seconds, char **ret,
               struct err *e)
{
    if (!name_is_plain(name))
        return err_set(e, EINVAL, "\"%s\" is no name of a program for credentials", name);
    struct program p = {.name = name, .pidfd = -EBADF, .from = -EBADF};
    p.file = str_printf("docker-credential-%s", name);
    p.deadline = now() + seconds * 1000LL;
    int r = p.file ? start(&p, verb, text, e) : err_nomem(e);
    if (r == 0)
        r = finish(&p, verb, seconds, ret, e);
    fd_close(&p.from);
    fd_close(&p.pidfd);
    free(p.file);
    return r;
}

/* {"Username", "Secret"}; a user "<token>" has an identity token. */
int credential_program_get(const char *program, const char *server, unsigned seconds,
                           struct credentials *ret, struct err *e)
{
    _cleanup_credentials_ struct credentials c = {0};
    _cleanup_secret_ char *answer = NULL;
    _cleanup_json_ json_t *said = NULL;
    int r = run(program, "get", server, seconds, &answer, e);
    if (r < 0 || !answer)
        return r;
    /* jansson's words may show what it did not understand: a secret. */
    r = json_parse(answer, strlen(answer), "answer", &said, NULL);
    const char *user = json_str(said, "Username");
    if (r < 0 || !user || !json_str(said, "Secret"))
        return r == -ENOMEM ? err_nomem(e)
                            : err_set(e, EINVAL,
                                      "\"docker-credential-%s get\" answers in no form "
                                      "that is known",
                                      program);
    bool token = str_eq(user, "<token>");
    r = credential_copy(token ? NULL : user, &c.user, e);
    if (r == 0)
        r = credential_copy(json_str(said, "Secret"), token ? &c.identity_token : &c.password, e);
    if (r == 0)
        *ret = TAKE(c, (struct credentials){0});
    return r;
}

int credential_program_store(const char *program, const char *server, unsigned seconds,
                             const struct credentials *c, struct err *e)
{
    const char *secret = c->identity_token ? c->identity_token : c->password;
    const char *user = c->identity_token || !c->user ? "<token>" : c->user;
    _cleanup_json_ json_t *said = json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
                                            user, "Secret", secret ? secret : "");
    _cleanup_secret_ char *text = said ? credential_text(said, JSON_COMPACT) : NULL;
    return text ? run(program, "store", text, seconds, NULL, e) : err_nomem(e);
}

int credential_program_erase(const char *program, const char *server, unsigned seconds,
                             struct err *e)
{
    return run(program, "erase", server, seconds, NULL, e);
}
