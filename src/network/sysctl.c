#include "network/sysctl.h"

#include "base/str.h"

#include <fcntl.h>

int sysctl_open(const char *path, struct err *e)
{
    _cleanup_free_ char *whole = str_printf("/proc/sys/net/%s", path);
    if (!whole)
        return err_nomem(e);
    int fd = open(whole, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", whole);
    return fd;
}

int sysctl_set(int fd, const char *path, char digit, struct err *e)
{
    /* With the RTNL lock taken the kernel asks for the call to be made again, which it does itself
     * unless a signal comes in between. */
    ssize_t n;
    do
        n = pwrite(fd, &digit, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        return err_sys(e, n < 0 ? errno : EIO, "cannot write %c to \"/proc/sys/net/%s\"", digit,
                       path);
    return 0;
}

int sysctl_write(const char *path, char digit, struct err *e)
{
    _cleanup_close_ int fd = sysctl_open(path, e);
    if (fd == -ENOENT)
        return 0;
    return fd < 0 ? fd : sysctl_set(fd, path, digit, e);
}

int sysctl_write_link(const char *family, const char *link, const char *name, char digit,
                      struct err *e)
{
    _cleanup_free_ char *path = str_printf("%s/conf/%s/%s", family, link, name);
    return path ? sysctl_write(path, digit, e) : err_nomem(e);
}
