#include "oci/handover.h"

#include "base/file.h"

#include <fcntl.h>

enum { MOST_FDS = 1024 };

/* A number that the caller left free would be one of ours by the time the container inherits it, or
 * is already: ours are close-on-exec, and what was inherited is not. */
int handover_check_fds(long long n, struct err *e)
{
    if (n < 0 || n > MOST_FDS)
        return err_set(e, EINVAL, "--preserve-fds %lld: must be 0 to %d", n, MOST_FDS);
    for (int fd = 3; fd < 3 + n; fd++)
        if (fcntl(fd, F_GETFD) != 0)
            return err_set(e, EBADF, "--preserve-fds %lld: descriptor %d is not open", n, fd);
    return 0;
}

int handover_write_pid(const char *path, pid_t pid, struct err *e)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", pid);
    return path ? file_replace(AT_FDCWD, path, text, (size_t)n, 0644, 0, e) : 0;
}

int handover_open_cache(const struct oci_global *g)
{
    _cleanup_free_ char *path = str_printf("%s/@seccomp", g->root);
    return path && dir_make(AT_FDCWD, path, 0700, NULL) == 0 ? dir_open(AT_FDCWD, path, false, NULL)
                                                             : -EBADF;
}
