#include "runtime/steps.h"

#include "base/str.h"
#include "kernel/mount.h"
#include "runtime/identity.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

int step_start_session(struct step_state *st, struct err *e)
{
    if (setsid() < 0 && errno != EPERM) /* EPERM: it leads one already */
        return err_sys(e, errno, "cannot start a session");
    /* The keys of whoever called us stay with him. */
    if (!st->in->keep_keyring && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
        errno != ENOSYS && errno != EDQUOT)
        return err_sys(e, errno, "cannot make a session keyring");
    umask(0); /* modes here are meant as they are written */
    return 0;
}

static bool is_null_device(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == makedev(1, 3);
}

/* The null device that a stream was opened on outside is a file of the host's, whose mode and owner
 * root in here could change through the descriptor: it gets our own. */
static int replace_null(int fd, struct err *e)
{
    if (!is_null_device(fd))
        return 0;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int place =
        root < 0 ? -errno : root_open(root, "/dev/null", O_PATH, 0, RESOLVE_NO_SYMLINKS);
    if (place < 0 || !is_null_device(place))
        return err_set(e, ENODEV, "standard descriptor %d: \"/dev/null\" is not the null device",
                       fd);
    int flags = fcntl(fd, F_GETFL) & O_ACCMODE;
    _cleanup_close_ int own = root_open(root, "/dev/null", flags, 0, RESOLVE_NO_SYMLINKS);
    if (own < 0 || dup2(own, fd) < 0)
        return err_sys(e, own < 0 ? -own : errno, "cannot open \"/dev/null\"");
    return 0;
}

int step_set_stdio(struct step_state *st, struct err *e)
{
    if (st->spec->process.terminal)
        return 0;
    for (int fd = 0; fd < 3; fd++) {
        int from = st->in->stdio[fd];
        if (from != fd && dup2(from, fd) < 0)
            return err_sys(e, errno, "cannot set standard descriptor %d", fd);
        if (from == fd && fcntl(fd, F_SETFD, 0) < 0)
            return err_sys(e, errno, "standard descriptor %d is not open", fd);
        int r = replace_null(fd, e);
        if (r < 0)
            return r;
        /* A pipe of ours is given to the user, so that /dev/stderr can be opened by him. */
        struct stat s;
        if (fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode) && s.st_uid != st->spec->process.uid &&
            fchown(fd, st->spec->process.uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
            return err_sys(e, errno, "cannot give standard descriptor %d away", fd);
    }
    return 0;
}

/* Only what cannot be entered or executed stays open from here on, the control socket and the FIFO:
 * the payload's path, its interpreter's and its loader's are the image's to choose, and execve
 * resolves "/proc/self/fd/7/../../bin/sh" before it closes what is close-on-exec
 * (CVE-2024-21626). */
int step_close_descriptors(struct step_state *st, struct err *e)
{
    int first = 3 + (int)st->in->keep_fds;
    _cleanup_close_ int control = fcntl(st->control, F_DUPFD_CLOEXEC, first + 2);
    _cleanup_close_ int go = st->go_fd < 0 ? -EBADF : fcntl(st->go_fd, F_DUPFD_CLOEXEC, first + 2);
    if (control < 0 || (st->go_fd >= 0 && go < 0))
        return err_sys(e, errno, "cannot keep the descriptors");

    if (dup3(control, first, O_CLOEXEC) < 0 || (go >= 0 && dup3(go, first + 1, O_CLOEXEC) < 0))
        return err_sys(e, errno, "cannot keep the descriptors");
    st->control = first;
    st->go_fd = go < 0 ? go : first + 1;
    unsigned beyond = (unsigned)(go < 0 ? first + 1 : first + 2);
    if (syscall(SYS_close_range, beyond, ~0U, 0) < 0)
        return err_sys(e, errno, "cannot close the descriptors");
    control = go = st->proc_fd = -EBADF;
    for (int fd = 3; fd < first; fd++)
        fcntl(fd, F_SETFD, 0);
    return 0;
}

int step_enter_cwd(struct step_state *st, struct err *e)
{
    /* By a descriptor that was resolved without magic links: "/proc/self/fd/7" is refused, and so
     * is what such a link would lead to, the host (CVE-2024-21626). */
    const char *cwd = st->spec->process.cwd;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = root < 0 ? -errno : root_open(root, cwd, O_PATH | O_DIRECTORY, 0, 0);
    if (fd < 0)
        return err_sys(e, -fd, "cannot enter working directory \"%s\"", cwd);
    if (fchdir(fd) < 0)
        return err_sys(e, errno, "cannot enter working directory \"%s\"", cwd);
    return 0;
}

int step_take_identity(struct step_state *st, struct err *e)
{
    int r = identity_take(&st->spec->process, e);
    if (r < 0)
        return r;
    /* After the change of user, which clears it. The maker's end is seen as an end of file on the
     * control socket when it happened before. */
    if (st->in->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot tie the container's life to its monitor");
    return 0;
}

/* execvpe's search, but told apart: not found, or found and not to be executed. */
static int find_in_path(struct step_state *st, const char *name, struct err *e)
{
    const char *path = spec_getenv(&st->spec->process, "PATH");
    if (!path)
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    bool denied = false;
    for (const char *end;; path = end + 1) {
        end = strchrnul(path, ':');
        _cleanup_free_ char *file = str_printf("%.*s/%s", (int)(end - path), path, name);
        if (!file)
            return err_nomem(e);
        struct stat s;
        if (stat(file, &s) == 0 && S_ISREG(s.st_mode)) {
            if (faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) == 0) {
                st->path = st->path_owned = TAKE_PTR(file);
                return 0;
            }
            denied = true;
        }
        if (*end == '\0')
            break;
    }
    if (denied)
        return err_sys(e, EACCES, "exec");
    return err_set(e, ENOENT, "executable file not found in $PATH");
}

int step_find_executable(struct step_state *st, struct err *e)
{
    const char *name = st->spec->process.args[0];
    struct stat s;
    if (!strchr(name, '/'))
        return find_in_path(st, name, e);
    st->path = name;
    if (stat(name, &s) < 0)
        return err_sys(e, errno, "exec");
    if (S_ISDIR(s.st_mode))
        return err_sys(e, EISDIR, "exec");
    return faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) < 0 ? err_sys(e, errno, "exec") : 0;
}

int step_wait_for_go(struct step_state *st, struct err *e)
{
    int r = control_send(st->control, CONTROL_READY, 0, 0, NULL, -1);
    if (r < 0)
        return err_sys(e, -r, "cannot report");
    if (st->go_fd < 0) {
        struct control_message m;
        r = control_receive(st->control, &m);
        return r == 1 && m.kind == CONTROL_GO ? 0 : err_set(e, ECANCELED, "the monitor is gone");
    }
    char go;
    ssize_t n;
    do
        n = read(st->go_fd, &go, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : err_set(e, ECANCELED, "cannot wait for the start");
}

int step_reset_signals(struct step_state *st, struct err *e)
{
    /* By the system call: the C library keeps two signals to itself, and would not reset them. All
     * zero is SIG_DFL without flags, in every architecture's struct. */
    static const unsigned long by_default[16];
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)
            syscall(SYS_rt_sigaction, n, by_default, NULL, (NSIG - 1) / 8);
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? err_sys(e, errno, "signal mask") : 0;
}

int step_drop_rights(struct step_state *st, struct err *e)
{
    return identity_drop(&st->spec->process, st->in->filter, e);
}

int step_execute(struct step_state *st, struct err *e)
{
    execve(st->path, st->spec->process.args, st->spec->process.env);
    return err_sys(e, errno, "exec");
}

static _Noreturn void fail(const struct step_state *st, const struct step *step, int r,
                           const struct err *e)
{
    bool exec = step->failure == STEP_EXEC;
    int sent = control_send(st->control, CONTROL_FAILED, (int)step->failure, -r, err_text(e), -1);
    /* The maker of a container that is started later has gone: then all there is is the payload's
     * own error output, and the exit status, as a shell gives it. */
    if (sent < 0)
        dprintf(2, "%s: %s\n", st->spec->process.args[0], err_text(e));
    _exit(!exec ? 1 : r == -ENOENT ? 127 : 126);
}

_Noreturn void steps_run(const struct step *steps, size_t n, const struct init *in)
{
    struct step_state st = {
        .in = in,
        .spec = in->spec,
        .proc_fd = -EBADF,
        .control = in->control,
        .go_fd = in->go_fd,
    };
    struct err e = ERR_INIT;

    /* Nobody who shares a namespace with us may look into this process while it still has the
     * engine's descriptors (CVE-2016-9962). execve makes the payload dumpable again. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

    for (size_t i = 0; i < n; i++) {
        int r = steps[i].run(&st, &e);
        if (r < 0)
            fail(&st, &steps[i], r, &e);
    }
    _exit(1);
}
