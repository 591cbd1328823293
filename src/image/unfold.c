#include "image/unfold.h"

#include "base/file.h"

#include <string.h>

ssize_t unfold_read(struct unfold *u, size_t kept, struct err *e)
{
    ssize_t n = (ssize_t)TAKE(u->head_len, 0);
    if (n > 0)
        memcpy(u->in + kept, u->head, (size_t)n);
    else
        do
            n = read(u->in_fd, u->in + kept, UNFOLD_BLOCK - kept);
        while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(e, errno, "cannot read the archive");
    u->n_in += n;
    return n;
}

int unfold_write(struct unfold *u, const void *bytes, size_t n, struct err *e)
{
    int r = fd_write_all(u->out_fd, bytes, n);
    if (r < 0)
        return err_sys(e, -r, "cannot pass the archive on");
    u->n_out += (long long)n;
    if (u->n_out > LIMITS_RATIO_FREE && u->n_out / u->limits->ratio > u->n_in)
        return err_set(e, E2BIG,
                       "the archive unfolds to more than %lld times its size (SKIFF_LIMIT_RATIO)",
                       u->limits->ratio);
    return 0;
}

int unfold_damaged(const struct unfold *u, const char *why, struct err *e)
{
    return err_set(e, EBADMSG, "cannot decompress the archive (%s): %s", u->name, why);
}
