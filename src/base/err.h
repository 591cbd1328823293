/*
 * Errors: a negative errno for the program, one line of story for the person.
 *
 * A function that can fail returns 0 (or a useful non-negative number) or a negative errno, and
 * takes a `struct err *` as its last argument when there is something to tell. The message is made
 * where the facts are (err_set, err_sys), gathers context on its way up (err_wrap) and is printed
 * once, by cli/. Outputs (`ret_…`) are untouched on failure.
 *
 * Wording: lower case, no full stop, the subject in quotes, what failed first:
 *     cannot open "/etc/subuid": permission denied
 *
 * Every function here accepts a NULL `struct err *`: the code is returned, the story is dropped.
 */
#ifndef SKIFF_BASE_ERR_H
#define SKIFF_BASE_ERR_H

#include "base/cleanup.h"

struct err {
    int code;   /* a positive errno; 0 while nothing has failed */
    char *text; /* owned; NULL while nothing has failed */
};

#define ERR_INIT ((struct err){0})

/* Tells a failure that is not the kernel's: `text` is the whole story. Replaces what was there.
 * @code is a positive errno. Returns -@code. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Tells a failure of a system call: like err_set, and appends ": " and the words for @code. */
int err_sys(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "@fmt: " before the story that is there. Returns the same negative code as before;
 * with no story or a NULL @e, returns -EIO. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Tells that memory ran out. Allocates nothing. Returns -ENOMEM. */
int err_nomem(struct err *e);

/* What to print: the story, or words for "nothing was said". Never NULL. */
const char *err_text(const struct err *e);

/* Frees the story; @e is as new. Safe to call twice. */
void err_release(struct err *e);

#define _cleanup_err_ _cleanup_(err_release)

#endif
