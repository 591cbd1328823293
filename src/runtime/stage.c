#include "runtime/stage.h"

#include "kernel/process.h"
#include "runtime/control.h"

#include <linux/sched.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>

/* What it says goes over @report: over a socket of the process that is wanted it could come after
 * the first words of that one, which does not wait. */
static _Noreturn void stage_main(const struct stage *s, int report)
{
    struct err e = ERR_INIT;
    /* Into the group first: after joining a user namespace we have no right to it any more, and
     * what we make is then in it by birth. */
    int r = s->cgroup && cgroup_clone_fd(s->cgroup) < 0 ? cgroup_enter(s->cgroup, &e) : 0;
    if (r == 0)
        r = s->join(s->data, &e);
    /* What we make is seen in the namespaces that it shares from its first moment on, with our
     * descriptors: it must not be open to their other processes even then (CVE-2016-9962). */
    if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        r = err_sys(&e, errno, "cannot protect the container's process");
    if (r == 0) {
        pid_t pid = process_clone(s->flags | CLONE_PARENT, -1, NULL);
        if (pid == 0) {
            s->run(s->data);
            _exit(1);
        }
        if (pid > 0)
            _exit(control_send(report, CONTROL_PID, pid, 0, NULL, -1) < 0);
        r = err_sys(&e, -pid, "cannot make the container's process");
    }
    control_send(report, CONTROL_FAILED, STEP_SETUP, -r, err_text(&e), -1);
    _exit(1);
}

int stage_run(const struct stage *s, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
    int pair[2], r = control_pair(pair);
    if (r < 0)
        return err_sys(e, -r, "cannot make a socket pair");
    _cleanup_close_ int mine = pair[0], theirs = pair[1];
    pid_t stage = process_clone(0, s->cgroup ? cgroup_clone_fd(s->cgroup) : -1, NULL);
    if (stage == 0)
        stage_main(s, theirs);
    if (stage < 0)
        return err_sys(e, -stage, "cannot fork");
    fd_close(&theirs);

    struct control_message m;
    r = control_receive(mine, &m);
    process_wait(stage);
    if (r != 1)
        return err_set(e, EIO, "cannot join the namespaces: the process that does was killed");
    fd_close(&m.fd);
    if (m.kind == CONTROL_FAILED)
        return control_failure(&m, e);
    if (m.kind != CONTROL_PID || m.number <= 0)
        return err_set(e, EBADMSG, "cannot join the namespaces: unexpected message");
    *ret_pid = m.number;
    *ret_pidfd = pidfd_open(*ret_pid, 0);
    return *ret_pidfd < 0 ? err_sys(e, errno, "cannot open the container's process") : 0;
}
