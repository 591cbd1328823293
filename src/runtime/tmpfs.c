#include "runtime/tmpfs.h"

#include "base/str.h"
#include "kernel/copy_tree.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool has_mode(const struct spec_mount *m)
{
    for (size_t i = 0; i < m->n_data; i++)
        if (str_eq(m->data[i].key, "mode"))
            return true;
    return false;
}

int tmpfs_take_after(int mount_fd, int root_fd, const struct spec_mount *m, struct err *e)
{
    struct stat st;
    _cleanup_close_ int hidden = root_open(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0, 0);
    if (hidden == -ENOENT || hidden == -ENOTDIR)
        return 0;
    if (hidden < 0 || fstat(hidden, &st) < 0)
        return err_sys(e, hidden < 0 ? -hidden : errno, "cannot open what is there");
    _cleanup_close_ int to = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return err_sys(e, errno, "cannot open the tmpfs");
    if (!has_mode(m) && fchmod(to, st.st_mode & 07777) < 0)
        return err_sys(e, errno, "cannot set the mode");
    if (!m->copy_up)
        return 0;
    static const struct copy_options as_is = {0};
    mode_t mask = umask(0);
    int r = copy_folder(hidden, to, &as_is, e);
    umask(mask);
    return r < 0 ? err_wrap(e, "cannot copy") : 0;
}
