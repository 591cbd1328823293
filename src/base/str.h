/*
 * Strings that grow, and lists of strings.
 *
 * Both are filled without asking after each step: when memory runs out they remember it
 * (`failed`), ignore what follows, and say so once, at the end, by str_steal/strv_steal giving
 * NULL.
 */
#ifndef SKIFF_BASE_STR_H
#define SKIFF_BASE_STR_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct str {
    char *s;    /* NUL-terminated once something was added; NULL before */
    size_t len; /* bytes, without the NUL */
    size_t cap;
    bool failed; /* memory ran out: the content is not whole */
};

void str_add(struct str *b, const char *s);
void str_addn(struct str *b, const void *bytes, size_t n);
void str_addf(struct str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds @s with every control character as "\x1b" or "\u202e", so that a stranger's words cannot
 * give orders to a terminal, turn its direction or look like lines of ours. A byte that stands in
 * @also gets a backslash before it. */
void str_add_visible(struct str *b, const char *s, const char *also);

/* Hands the text over to the caller, who frees it; @b is as new. "" when nothing was added, NULL
 * when memory ran out. */
char *str_steal(struct str *b);
void str_release(struct str *b);
#define _cleanup_str_ _cleanup_(str_release)

struct strv {
    char **v; /* owned strings, NULL-terminated; NULL while empty */
    size_t n;
    bool failed;
};

/* Appends a copy of @s. */
void strv_add(struct strv *l, const char *s);
void strv_addf(struct strv *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_release(struct strv *l);
#define _cleanup_strv_ _cleanup_(strv_release)

/* printf into fresh memory; the caller frees it. NULL when memory ran out. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline bool str_eq(const char *a, const char *b)
{
    return a && b && __builtin_strcmp(a, b) == 0;
}

/* The rest of @s behind @prefix, or NULL if it does not begin so. */
const char *str_after(const char *s, const char *prefix);

/* A whole decimal number and nothing else, between @min and @max: 0, or -EINVAL / -ERANGE. */
int str_to_int64(const char *s, long long min, long long max, long long *ret);

/* A number as people write one, "1.5" or ".5"; what strtod(3) knows beyond that (signs, blanks,
 * "0x1f", "inf") is none. *ret_end is NULL then. */
double str_to_decimal(const char *text, char **ret_end);

/* "512m", "1.5g", "-1", "100": Docker's sizes, in powers of 1024. -EINVAL, with *ret_bad at a unit
 * that is none or NULL when there is no number; -ERANGE. */
int str_to_bytes(const char *text, long long *ret, const char **ret_bad);

/* "/a//b/../c/" to "/a/c", by the words alone; ".." at the top stays there, and what does not begin
 * with a slash gets one. Fresh; NULL when memory ran out. */
char *path_clean(const char *path);

/* The number of single-letter edits (insert, drop, change, swap) from @a to @b, for "did you mean".
 * Words longer than 63 bytes are as far as it gets: 99. */
unsigned str_distance(const char *a, const char *b);

#endif
