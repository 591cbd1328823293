#include "engine/hold.h"

#include <errno.h>
#include <fcntl.h>

static struct flock byte_of(enum hold h, short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = h, .l_len = 1};
}

int hold_take(int folder, enum hold h, struct err *e)
{
    struct flock l = byte_of(h, F_RDLCK);
    return fcntl(folder, F_OFD_SETLK, &l) < 0
               ? err_sys(e, errno, "cannot lock the container's folder")
               : 0;
}

int hold_is_taken(int folder, enum hold h)
{
    struct flock l = byte_of(h, F_WRLCK); /* which nobody could take beside a shared one */
    return fcntl(folder, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}
