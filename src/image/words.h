/*
 * The words of a Dockerfile instruction: quotes taken off, variables put in.
 */
#ifndef SKIFF_IMAGE_WORDS_H
#define SKIFF_IMAGE_WORDS_H

#include "base/json.h"
#include "base/str.h"

/* Splits @text at blanks. 'x' is literal; "x" and bare text know $NAME, ${NAME}, ${NAME:-else},
 * ${NAME:+then} and "\" before a character; variables are looked up in @env, an array of
 * "NAME=value" (may be NULL), an unknown one is empty. Variables do not make more words. -EINVAL: a
 * quote or brace is not closed. */
int words_split(const char *text, const json_t *env, struct strv *ret, struct err *e);

/* The whole text as one word: blanks between words are kept. *ret is the caller's to free. */
int words_join(const char *text, const json_t *env, char **ret, struct err *e);

#endif
