#include "image/blobs.h"

#include "base/str.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/reference.h"

#include <fcntl.h>
#include <string.h>

enum { PIECE = 1 << 20 };

/* The digest of what is there; *ret is the caller's. */
static int digest_of(int fd, char *buffer, char **ret, struct err *e)
{
    _cleanup_hash_ struct hash *h = NULL;
    int r = hash_new(&h, e);
    while (r == 0) {
        ssize_t n = read(fd, buffer, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, errno, "cannot be read");
        if (n == 0)
            return hash_finish(h, ret, e);
        r = hash_add(h, buffer, (size_t)n, e);
    }
    return r;
}

static void check_one(int dir_fd, const char *name, char *buffer)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char *digest = NULL;
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* no image needs it any more */
        return;
    int r = fd < 0 ? err_sys(&e, errno, "cannot be opened") : digest_of(fd, buffer, &digest, &e);
    if (r < 0)
        printf("%s %s\n", name, err_text(&e));
    else if (!str_eq(str_after(digest, "sha256:"), name))
        printf("%s is damaged: its content has the digest %s\n", name, digest);
}

int blobs_check(int root_fd, struct err *e)
{
    int fd = openat(root_fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    _cleanup_free_ char *buffer = malloc(PIECE);
    struct dirent *entry;
    if (!buffer)
        return err_nomem(e);
    if (!dir)
        return errno == ENOENT ? 0 : err_sys(e, errno, "cannot read \"" LAYOUT_BLOBS "\"");
    while ((entry = readdir(dir)))
        if (strlen(entry->d_name) == DIGEST_HEX_LEN && hex_is_valid(entry->d_name, DIGEST_HEX_LEN))
            check_one(fd, entry->d_name, buffer);
    return fflush(stdout) == EOF ? err_sys(e, errno, "cannot print what is damaged") : 0;
}
