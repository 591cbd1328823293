#include "runtime/exe.h"

#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

int exe_protect(char *const argv[], struct err *e)
{
    _cleanup_close_ int self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    struct statvfs fs;
    if (self < 0 || fstatvfs(self, &fs) < 0)
        return err_sys(e, errno, "cannot open \"/proc/self/exe\"");
    if (fs.f_flag & ST_RDONLY)
        return 0;

    _cleanup_close_ int copy = mount_clone(self, "", false, e);
    if (copy < 0)
        return err_wrap(e, "cannot protect this program's file");
    uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    int r = mount_change(copy, attrs, 0, false, e);
    if (r < 0)
        return err_wrap(e, "cannot protect this program's file");
    syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
    return err_sys(e, errno, "cannot execute this program again");
}
