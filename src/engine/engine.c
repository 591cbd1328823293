#include "engine/engine.h"

#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* An absolute path, so that the monitor can change its folder. */
static char *absolute(const char *path)
{
    if (path[0] == '/')
        return strdup(path);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    return here ? str_printf("%s/%s", here, path) : NULL;
}

/* A new folder whose own folders are containers, or hold what containers have in common. */
static int open_new(int dir_fd, const char *path, struct err *e)
{
    int fd = dir_open(dir_fd, path, false, e);
    if (fd >= 0)
        dir_spread(fd);
    return fd;
}

static int open_or_make(const char *path, mode_t mode, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int r = errno == ENOENT ? dir_make(AT_FDCWD, path, mode, e) : -errno;
    if (r == 0)
        return open_new(AT_FDCWD, path, e);
    if (geteuid() != 0 && (r == -EACCES || r == -EPERM))
        return err_set(e, -r,
                       "root's rights are needed for \"%s\": run it with sudo, or choose "
                       "other folders with --root and --run-dir",
                       path);
    return err_sys(e, -r, "cannot open \"%s\"", path);
}

static int open_below(int dir_fd, const char *name, mode_t mode, struct err *e)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int r = dir_make(dir_fd, name, mode, e);
    return r < 0 ? r : open_new(dir_fd, name, e);
}

int engine_open(const char *root, const char *run, struct engine *ret, struct err *e)
{
    _cleanup_engine_ struct engine en = ENGINE_INIT;
    en.root = absolute(root);
    en.run = absolute(run);
    if (!en.root || !en.run)
        return err_nomem(e);

    en.root_fd = open_or_make(en.root, 0710, e);
    if (en.root_fd < 0)
        return en.root_fd;
    en.run_fd = open_or_make(en.run, 0700, e);
    if (en.run_fd < 0)
        return en.run_fd;
    en.containers_fd = open_below(en.root_fd, "containers", 0710, e);
    if (en.containers_fd < 0)
        return en.containers_fd;
    *ret = en;
    en = ENGINE_INIT;
    return 0;
}

void engine_release(struct engine *en)
{
    free(en->root);
    free(en->run);
    fd_close(&en->root_fd);
    fd_close(&en->run_fd);
    fd_close(&en->containers_fd);
    *en = ENGINE_INIT;
}
