#include "engine/mark.h"

#include <fcntl.h>

static char *mark_path(const char *id, enum mark m)
{
    static const char *const names[] = {[MARK_PAUSED] = "paused", [MARK_STOPPED] = "stopped"};
    return str_printf("containers/%s/%s", id, names[m]);
}

int mark_set(const struct engine *en, const char *id, enum mark m, struct err *e)
{
    _cleanup_free_ char *path = mark_path(id, m);
    if (!path)
        return err_nomem(e);
    int fd = openat(en->run_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOENT ? err_set(e, ENOENT, "container %s is not running", id)
                               : err_sys(e, errno, "cannot make \"%s/%s\"", en->run, path);
    close(fd);
    return 0;
}

int mark_clear(const struct engine *en, const char *id, enum mark m, struct err *e)
{
    _cleanup_free_ char *path = mark_path(id, m);
    if (!path)
        return err_nomem(e);
    if (unlinkat(en->run_fd, path, 0) == 0 || errno == ENOENT)
        return 0;
    return err_sys(e, errno, "cannot remove \"%s/%s\"", en->run, path);
}

int mark_is_set(const struct engine *en, const char *id, enum mark m)
{
    _cleanup_free_ char *path = mark_path(id, m);
    return !path ? -ENOMEM : faccessat(en->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
