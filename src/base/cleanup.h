/*
 * Resources that release themselves when their variable goes out of scope.
 *
 * Every descriptor starts at -EBADF, every pointer at NULL, and is handed over by name:
 * `*ret = TAKE_FD(fd)` and `*ret = TAKE_PTR(p)` leave nothing behind for the cleanup to release.
 */
#ifndef SKIFF_BASE_CLEANUP_H
#define SKIFF_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f), unused))

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

static inline void cleanup_free(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

static inline void cleanup_closedir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static inline void cleanup_fclose(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define _cleanup_close_    _cleanup_(cleanup_close)
#define _cleanup_free_     _cleanup_(cleanup_free)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)

#define TAKE(var, nothing)                                                                         \
    ({                                                                                             \
        __typeof__(var) *take_p_ = &(var);                                                         \
        __typeof__(var) take_v_ = *take_p_;                                                        \
        *take_p_ = nothing;                                                                        \
        take_v_;                                                                                   \
    })
#define TAKE_FD(fd)   TAKE(fd, -EBADF)
#define TAKE_PTR(ptr) TAKE(ptr, NULL)

/* Closes *fd if it is open, and marks it closed. Safe to call twice. */
static inline void fd_close(int *fd)
{
    cleanup_close(fd);
    *fd = -EBADF;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
