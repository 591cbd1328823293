#include "image/stage.h"

#include "base/file.h"
#include "image/report.h"
#include "image/sandbox.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { PIPE_SIZE = 1 << 20 };

int stage_pipe(int *ret_read, int *ret_write, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    (void)fcntl(fds[0], F_SETPIPE_SZ, PIPE_SIZE); /* only for speed */
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

static _Noreturn void stage_main(const struct stage_plan *plan, int report)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_str_ struct str text = {0};
    const int fds[N_STAGE_FDS] = {
        [STAGE_IN] = plan->in,   [STAGE_REPORT] = report,   [STAGE_NULL] = -EBADF,
        [STAGE_OUT] = plan->out, [STAGE_MORE] = plan->more,
    };
    int r = sandbox_keep(fds, N_STAGE_FDS, &e);
    if (r < 0)
        report_and_exit(report, r, &e, "", 0);
    r = plan->work(plan->data, &text, &e);
    if (r == 0 && text.failed)
        r = err_nomem(&e);
    report_and_exit(STAGE_REPORT, r, &e, text.s ? text.s : "", text.len);
}

int stage_start(const struct stage_plan *plan, struct stage *ret, struct err *e)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int ours = report[0];
    _cleanup_close_ int theirs = report[1];
    pid_t pid = process_clone(plan->namespaces, -1, NULL);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start the %s", plan->name);
    if (pid == 0)
        stage_main(plan, theirs);
    *ret = (struct stage){plan->name, pid, TAKE_FD(ours)};
    return 0;
}

int stage_finish(struct stage *s, char **ret_text, size_t *ret_n, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    int r = s->pid > 0 ? report_read(s->report, TAKE(s->pid, 0), s->name, &text, &n, e) : 0;
    fd_close(&s->report);
    if (ret_text)
        *ret_text = r == 0 ? TAKE_PTR(text) : NULL;
    if (ret_n)
        *ret_n = n;
    return r;
}

void stage_release(struct stage *s)
{
    fd_close(&s->report);
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        process_wait(s->pid);
    }
    s->pid = 0;
}
