#include "network/forwarding.h"

#include "base/str.h"
#include "network/sysctl.h"

#include <string.h>

#define LINKS6 "/proc/sys/net/ipv6/conf"

int forwarding_on4(struct err *e)
{
    return sysctl_write("ipv4/ip_forward", '1', e);
}

static int keep_advertisements(const char *link, struct err *e)
{
    char digit = '0';
    _cleanup_free_ char *path = str_printf("ipv6/conf/%s/accept_ra", link);
    if (!path)
        return err_nomem(e);
    _cleanup_close_ int fd = sysctl_open(path, e);
    if (fd == -ENOENT) /* gone with its link */
        return 0;
    if (fd < 0)
        return fd;
    if (pread(fd, &digit, 1, 0) != 1 || digit != '1')
        return 0;
    return sysctl_set(fd, path, '2', e);
}

int forwarding_on6(struct err *e)
{
    _cleanup_closedir_ DIR *links = opendir(LINKS6);
    if (!links)
        return err_sys(e, errno, "cannot open \"" LINKS6 "\"");
    struct dirent *entry;
    int r = 0;
    while (r == 0 && (entry = readdir(links)))
        if (entry->d_name[0] != '.' && !str_eq(entry->d_name, "all") &&
            !str_eq(entry->d_name, "default"))
            r = keep_advertisements(entry->d_name, e);
    return r < 0 ? r : sysctl_write("ipv6/conf/all/forwarding", '1', e);
}
