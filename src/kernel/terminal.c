#include "kernel/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>

int terminal_make_raw(int fd, struct terminal *ret)
{
    struct terminal t = {.fd = fd};
    if (tcgetattr(fd, &t.saved) < 0)
        return -errno;
    struct termios raw = t.saved;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return -errno;
    t.raw = true;
    *ret = t;
    return 0;
}

int terminal_hide_input(int fd, struct terminal *ret)
{
    struct terminal t = {.fd = fd};
    if (tcgetattr(fd, &t.saved) < 0)
        return -errno;
    struct termios hidden = t.saved;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fd, TCSAFLUSH, &hidden) < 0)
        return -errno;
    t.raw = true;
    *ret = t;
    return 0;
}

void terminal_restore(struct terminal *t)
{
    if (t->raw)
        tcsetattr(t->fd, TCSANOW, &t->saved);
    t->raw = false;
}

int terminal_copy_size(int from, int to)
{
    struct winsize size;
    if (ioctl(from, TIOCGWINSZ, &size) < 0 || ioctl(to, TIOCSWINSZ, &size) < 0)
        return -errno;
    return 0;
}
