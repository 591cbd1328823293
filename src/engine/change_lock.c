#include "engine/change_lock.h"

#include <fcntl.h>
#include <sys/file.h>

/* Removing renames the folder into ROOT/removed. Seen from where it is now, without its name: a
 * folder that waited for the lock may have gone there meanwhile, with all that is in it. */
static int check_presence(const struct container_record *c, int fd, struct err *e)
{
    _cleanup_free_ char *place = str_printf("../../containers/%s", c->id);
    if (!place)
        return err_nomem(e);
    if (faccessat(fd, place, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(e, ENOENT, "no such container: %s", c->id);
    return 0;
}

int change_lock(const struct container_record *c, struct err *e)
{
    /* A descriptor of its own: those that share one share its lock too. */
    _cleanup_close_ int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open the folder of container \"%.12s\"", c->id);
    int r;
    do
        r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
    while (r == -EINTR);
    if (r < 0)
        return err_sys(e, -r, "cannot lock container \"%.12s\"", c->id);
    r = check_presence(c, fd, e);
    return r < 0 ? r : TAKE_FD(fd);
}

void change_unlock(int lock)
{
    flock(lock, LOCK_UN);
}

int change_lock_again(int lock)
{
    return flock(lock, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}
