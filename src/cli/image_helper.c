#include "cli/image_helper.h"

#include "base/file.h"
#include "image/exit_status.h"
#include "image/fetcher_spawn.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { ANSWER_MAX = 1 << 20 };

void image_helper_arguments(struct cli *c, const char *command, int root_fd, struct strv *args)
{
    strv_addf(args, "%s/skiff-image", c->libexec);
    strv_add(args, command);
    strv_addf(args, "--root-fd=%d", root_fd);
    strv_add(args, "--prefix=skiff");
}

/* The same command line, and behind the command that the fetcher is our child, and where. Without
 * one it starts its own. */
static char **with_fetcher(char **args, const char *program)
{
    pid_t pid;
    int fd;
    size_t n = 0;
    while (args[n])
        n++;
    char **more = calloc(n + 2, sizeof(*more));
    if (!more || fetcher_spawn(program, &pid, &fd, NULL) < 0)
        return args;
    char *option = str_printf("--fetcher=%d:%d", (int)pid, fd);
    if (!option || fcntl(fd, F_SETFD, 0) < 0)
        return args;
    more[0] = args[0];
    more[1] = args[1];
    more[2] = option;
    memcpy(more + 3, args + 2, (n - 2) * sizeof(*args));
    return more;
}

static _Noreturn void become(char **args, const struct image_helper_files *f, int output,
                             pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    if (f->root_fd >= 0)
        fcntl(f->root_fd, F_SETFD, 0);
    if (f->kept >= 0)
        fcntl(f->kept, F_SETFD, 0);
    if (f->input >= 0)
        dup2(f->input, STDIN_FILENO);
    if (output >= 0)
        dup2(output, STDOUT_FILENO);
    if (f->errors >= 0)
        dup2(f->errors, STDERR_FILENO);
    if (f->fetcher)
        args = with_fetcher(args, f->fetcher);
    execv(args[0], args);
    fprintf(stderr, "skiff: cannot execute \"%s\": %s\n", args[0], strerrordesc_np(errno));
    _exit(1);
}

int image_helper_start(char **args, const struct image_helper_files *files,
                       struct image_helper *ret, struct err *e)
{
    int fds[2] = {-EBADF, -EBADF};
    if (files->output < 0 && pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    pid_t self = getpid(), pid = fork();
    if (pid < 0)
        return err_sys(e, errno, "cannot fork");
    if (pid == 0)
        become(args, files, files->output < 0 ? to : files->output, self);
    *ret = (struct image_helper){pid, TAKE_FD(from)};
    return 0;
}

void image_helper_watch(const struct image_helper *h, int ms, void (*tick)(void *data), void *data)
{
    struct pollfd answer = {.fd = h->from, .events = POLLIN};
    int n;
    while ((n = poll(&answer, 1, ms)) == 0 || (n < 0 && errno == EINTR))
        tick(data);
}

int image_helper_finish(struct image_helper *h, char **ret_text, int *ret_code, struct err *e)
{
    int status;
    int r = h->from < 0 ? 0 : fd_read_all(h->from, ANSWER_MAX, ret_text, NULL);
    fd_close(&h->from);
    pid_t pid = TAKE(h->pid, 0);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(e, errno, "cannot wait for \"skiff-image\"");
    if (WIFSIGNALED(status))
        return err_set(e, EIO, "\"skiff-image\" was killed by signal %d", WTERMSIG(status));
    int code = WEXITSTATUS(status) - IMAGE_STATUS_ERRNO;
    if (ret_code)
        *ret_code = code > 0 ? code : EIO;
    if (WEXITSTATUS(status))
        return 1;
    return r < 0 ? err_sys(e, -r, "cannot read what \"skiff-image\" says") : 0;
}

void image_helper_release(struct image_helper *h)
{
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        process_wait(h->pid);
    }
    fd_close(&h->from);
    *h = IMAGE_HELPER_INIT;
}
