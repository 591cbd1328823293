#include "engine/base_layer.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Made under another name, and shown by one rename. Who finds that name taken goes on with what is
 * there: all make the same. */
#define UNFINISHED "base.new"

static const char *const folders[] = {"dev", "proc", "sys", "etc"};
static const char *const files[] = {"etc/hosts", "etc/hostname", "etc/resolv.conf"};

static int fill(int fd, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++)
        r = dir_make(fd, folders[i], 0755, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++) {
        _cleanup_close_ int file =
            openat(fd, files[i], O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (file < 0 || fchmod(file, 0644) < 0)
            r = err_sys(e, errno, "cannot create \"%s\"", files[i]);
    }
    /* What mount(8) and df(1) of older systems read. */
    if (r == 0 && symlinkat("/proc/mounts", fd, "etc/mtab") < 0 && errno != EEXIST)
        r = err_sys(e, errno, "cannot create \"etc/mtab\"");
    return r;
}

int base_layer_make(const struct engine *en, struct err *e)
{
    if (faccessat(en->root_fd, BASE_LAYER, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int r = dir_make(en->root_fd, UNFINISHED, 0755, e);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = openat(en->root_fd, UNFINISHED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = fd < 0 ? err_sys(e, errno, "cannot open \"" UNFINISHED "\"") : fill(fd, e);
    if (r == 0 && renameat(en->root_fd, UNFINISHED, en->root_fd, BASE_LAYER) < 0)
        r = err_sys(e, errno, "cannot create \"%s/" BASE_LAYER "\"", en->root);
    /* Somebody else was first: his is as good. */
    if (r < 0 && faccessat(en->root_fd, BASE_LAYER, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        dir_remove(en->root_fd, UNFINISHED, NULL);
        err_release(e);
        return 0;
    }
    return r;
}
