/*
 * What clang-tidy cannot see from one file alone: the code that comes with a story is negative, so
 * that what follows `if (r < 0) return r;` finds its outputs set. Included by lint.sh, never by a
 * build.
 */
#include "base/err.h"

static inline int tidy_negative(int code)
{
    if (code >= 0)
        __builtin_unreachable();
    return code;
}

#define err_set(...)   tidy_negative(err_set(__VA_ARGS__))
#define err_sys(...)   tidy_negative(err_sys(__VA_ARGS__))
#define err_wrap(...)  tidy_negative(err_wrap(__VA_ARGS__))
#define err_nomem(...) tidy_negative(err_nomem(__VA_ARGS__))
