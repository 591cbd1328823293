#include "runtime/console.h"

#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>

int console_open(int root_fd, int *ret_master, int *ret_slave, struct err *e)
{
    _cleanup_close_ int master =
        root_open(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, RESOLVE_NO_SYMLINKS);
    if (master < 0)
        return err_sys(e, -master, "cannot open a terminal in \"/dev/pts\"");
    struct statfs fs;
    if (fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
        return err_set(e, EINVAL, "cannot open a terminal: \"/dev/pts\" is not a devpts");

    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return err_sys(e, errno, "cannot unlock the terminal");
    _cleanup_close_ int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return err_sys(e, errno, "cannot open the terminal's other end");
    *ret_master = TAKE_FD(master);
    *ret_slave = TAKE_FD(slave);
    return 0;
}

int console_resize(int tty_fd, unsigned short rows, unsigned short columns)
{
    struct winsize size = {0};
    if (ioctl(tty_fd, TIOCGWINSZ, &size) < 0)
        return -errno;
    if (rows)
        size.ws_row = rows;
    if (columns)
        size.ws_col = columns;
    return ioctl(tty_fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int console_take(int slave, uid_t uid, struct err *e)
{
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return err_sys(e, errno, "cannot take the terminal");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(slave, fd) < 0)
            return err_sys(e, errno, "cannot use the terminal");
    if (fchown(slave, uid, (gid_t)-1) < 0)
        return err_sys(e, errno, "cannot give the terminal to user %u", uid);
    return 0;
}
