/*
 * A stranger's words in a column: on one line, without orders to a terminal, and not too long.
 */
#ifndef SKIFF_CLI_PLAIN_TEXT_H
#define SKIFF_CLI_PLAIN_TEXT_H

#include <stddef.h>

/* @text (NULL: none) with blanks for tabs and line ends, and control characters made visible. The
 * caller's to free; NULL when memory ran out. */
char *plain_text(const char *text);

/* The same, shortened to @width characters, the last of which is then "…". */
char *plain_text_of_width(const char *text, size_t width);

#endif
