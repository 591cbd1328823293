#include "cli/output_file.h"

#include "base/str.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

static int write_in_place(const char *path, output_write *write, void *data, struct err *e)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open \"%s\"", path);
    return write(data, fd, e);
}

int output_to_file(const char *path, const char *failed, output_write *write, void *data,
                   struct err *e)
{
    struct stat st;
    unsigned long long nonce = 0;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_sys(e, EISDIR, "%s: cannot write \"%s\"", failed, path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_in_place(path, write, data, e);
    if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
        return err_sys(e, errno, "cannot get random bytes");
    _cleanup_free_ char *temporary = str_printf("%s.tmp-%016llx", path, nonce);
    if (!temporary)
        return err_nomem(e);
    _cleanup_close_ int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "%s: cannot create \"%s\"", failed, path);
    int r = write(data, fd, e);
    if (r == 0 && rename(temporary, path) < 0)
        r = err_sys(e, errno, "cannot rename \"%s\" to \"%s\"", temporary, path);
    if (r < 0)
        unlink(temporary);
    return r;
}
