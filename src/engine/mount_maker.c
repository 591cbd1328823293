#include "engine/mount_maker.h"

#include "base/file.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "runtime/control.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

enum { PATIENCE = 10 /* seconds */, PROPAGATE_PRIVATE = 1 << 18 };

static int go_there(int mount_namespace, struct err *e)
{
    if (mount_namespace >= 0)
        return setns(mount_namespace, CLONE_NEWNS) < 0
                   ? err_sys(e, errno, "cannot enter its mount namespace")
                   : 0;
    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, errno, "cannot make a mount namespace");
    _cleanup_close_ int slash = dir_open(AT_FDCWD, "/", true, e);
    return slash < 0 ? slash : mount_propagation(slash, PROPAGATE_PRIVATE, true, e);
}

static _Noreturn void make_there(int mount_namespace, mount_maker_fn *make, void *data, int sock)
{
    struct err e = ERR_INIT;
    alarm(PATIENCE);
    int fd = go_there(mount_namespace, &e);
    if (fd == 0)
        fd = make(data, &e);
    if (fd >= 0)
        _exit(control_send(sock, CONTROL_READY, 0, 0, NULL, fd) < 0);
    control_send(sock, CONTROL_FAILED, STEP_SETUP, -fd, err_text(&e), -1);
    _exit(1);
}

static int receive(int sock, struct err *e)
{
    struct control_message m;
    int r = control_receive(sock, &m);
    if (r != 1)
        return err_set(e, EIO, "the process that makes the mount was killed");
    _cleanup_close_ int fd = m.fd;
    if (m.kind == CONTROL_READY && fd >= 0)
        return TAKE_FD(fd);
    return err_set(e, m.code > 0 ? m.code : EBADMSG, "%s", m.text);
}

int mount_make_in(int mount_namespace, mount_maker_fn *make, void *data, struct err *e)
{
    int pair[2];
    int r = control_pair(pair);
    if (r < 0)
        return err_sys(e, -r, "cannot make a socket pair");
    _cleanup_close_ int mine = pair[0];
    pid_t child = process_clone(0, -1, NULL);
    if (child == 0)
        make_there(mount_namespace, make, data, pair[1]);
    close(pair[1]);
    if (child < 0)
        return err_sys(e, -child, "cannot fork");
    int fd = receive(mine, e);
    process_wait(child);
    return fd;
}
