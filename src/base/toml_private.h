/*
 * Between the two halves of the TOML reader: where it stands in the text, and values.
 */
#ifndef SKIFF_BASE_TOML_PRIVATE_H
#define SKIFF_BASE_TOML_PRIVATE_H

#include "base/json.h"

enum { TOML_DEPTH_MAX = 64 };

struct toml {
    const char *at, *end; /* what is left; a NUL stands at @end */
    const char *begin;
    const char *name; /* for errors */
    unsigned depth;   /* of values within values */
    struct err *e;
};

/* "NAME" line 7: and the words. Returns -EINVAL. */
int toml_fail(const struct toml *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The next byte, or -1 at the end. */
static inline int toml_peek(const struct toml *t)
{
    return t->at < t->end ? (unsigned char)*t->at : -1;
}

/* Whether @word comes next, which is then behind us. */
bool toml_take(struct toml *t, const char *word);

/* Spaces and tabs. */
void toml_blanks(struct toml *t);

/* A comment if there is one, and then the end of the line or of the text. */
int toml_line_end(struct toml *t);

/* Blanks, comments and line ends. */
int toml_space(struct toml *t);

/* A string in quotes of either kind; @multiline: it may have three of them. A fresh json string. */
int toml_string(struct toml *t, bool multiline, json_t **ret);

/* A boolean, number, date or time. */
int toml_scalar(struct toml *t, json_t **ret);

#endif
