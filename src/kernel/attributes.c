#include "kernel/attributes.h"

#include "base/str.h"

#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

static bool is_wanted(const char *name, bool with_lists)
{
    if (str_eq(name, "system.posix_acl_access") || str_eq(name, "system.posix_acl_default"))
        return with_lists;
    return str_eq(name, "security.capability") ||
           (str_after(name, "user.") && !str_after(name, "user.overlay."));
}

static int tell(int fd, const char *name, attribute_fn *fn, void *data)
{
    _cleanup_free_ char *value = malloc(XATTR_SIZE_MAX);
    if (!value)
        return -ENOMEM;
    ssize_t n = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
    if (n < 0)
        return errno == ENODATA ? 0 : -errno;
    return fn(data, name, value, (size_t)n);
}

int attributes_read(int fd, bool with_lists, attribute_fn *fn, void *data)
{
    ssize_t n = flistxattr(fd, NULL, 0);
    if (n <= 0)
        return n == 0 || errno == EOPNOTSUPP ? 0 : -errno;
    _cleanup_free_ char *names = malloc((size_t)n + 1);
    if (!names)
        return -ENOMEM;
    n = flistxattr(fd, names, (size_t)n);
    if (n < 0)
        return errno == ERANGE ? 0 : -errno; /* more came meanwhile: its owner is at work */
    names[n] = '\0';
    int r = 0;
    for (const char *name = names; r == 0 && name < names + n; name += strlen(name) + 1)
        if (is_wanted(name, with_lists))
            r = tell(fd, name, fn, data);
    return r;
}
