/*
 * libFuzzer target: any text as an image's passwd and group, and as the user that is asked for. The
 * three stand one after the other, separated by NUL bytes.
 */
#include "base/file.h"
#include "engine/user.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A root file system with nothing but an etc, made once, in the folder that the caller gives us. */
static int open_root(void)
{
    static int fd = -1;
    if (fd < 0) {
        const char *folder = getenv("FUZZ_FOLDER");
        fd = open(folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || (mkdirat(fd, "etc", 0700) < 0 && errno != EEXIST))
            abort();
    }
    return fd;
}

static void write_file(int root, const char *path, const char *text, size_t n)
{
    _cleanup_close_ int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, text, n) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int root = open_root();
    _cleanup_free_ char *copy = malloc(size + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    const char *end = copy + size, *passwd = copy;
    const char *group = passwd + strlen(passwd) + 1;
    const char *who = group < end ? group + strlen(group) + 1 : end;
    write_file(root, "etc/passwd", passwd, strlen(passwd));
    write_file(root, "etc/group", group < end ? group : "", group < end ? strlen(group) : 0);

    _cleanup_user_ struct user u = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (user_resolve(root, who < end ? who : "", NULL, &u, &e) < 0)
        return 0;
    if (u.uid > INT32_MAX || u.gid > INT32_MAX || u.n_groups == 0 || !u.home ||
        u.groups[0] != u.gid)
        abort();
    return 0;
}
