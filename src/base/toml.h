/*
 * Reading TOML 1.0, as far as configuration files need it, into JSON values.
 *
 * Tables are objects, arrays arrays; dates and times are strings as they were written. Strict:
 * whatever the specification forbids is refused with its line (a key given twice, a table defined
 * twice or added to from elsewhere, text that is no UTF-8, control characters), and so is what JSON
 * cannot say (inf, nan, NUL).
 *
 * Source: the TOML 1.0.0 specification.
 */
#ifndef SKIFF_BASE_TOML_H
#define SKIFF_BASE_TOML_H

#include "base/json.h"

/* Parses @n bytes of @text, named as @name in errors: -EINVAL with the line. Keys and values are
 * nested at most 64 deep each. */
int toml_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e);

/* Reads and parses the file @path below @dirfd, of at most @limit bytes. */
int toml_read(int dirfd, const char *path, size_t limit, json_t **ret, struct err *e);

#endif
