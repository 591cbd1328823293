/*
 * Text in columns: cells end at tabs, rows at line ends.
 *
 * Columns are as wide as Docker prints them: the widest cell and three spaces, but not under ten.
 * What stands behind a row's last tab is no column, and is not padded.
 */
#ifndef SKIFF_CLI_TABLE_H
#define SKIFF_CLI_TABLE_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

/* Appends @text (@n bytes, rows with or without a last line end) to @out with its columns aligned.
 * Widths count code points, and no colours. 0, or -ENOMEM. */
int table_align(const char *text, size_t n, struct str *out, struct err *e);

#endif
