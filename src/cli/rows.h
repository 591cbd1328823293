/*
 * What every command that lists something prints: rows, in the form that --format wishes.
 */
#ifndef SKIFF_CLI_ROWS_H
#define SKIFF_CLI_ROWS_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* The help of --format where rows are listed. */
#define ROWS_FORMAT_HELP "table, table TEMPLATE, TEMPLATE or json"

/* Prints @rows (an array of objects) to standard output as @format wishes, see
 * template_parse_format: a table of @columns without it, one JSON object a line with "json".
 * @headers: field name to title. Either may be NULL: memory ran out when it was made. */
int rows_print(const char *format, const char *columns, json_t *headers, json_t *rows,
               struct err *e);

/* Whether @format wishes no more than the usual table. */
bool rows_usual(const char *format);

/* @format where --quiet puts IDs alone in place of the usual table. */
static inline const char *rows_format(const char *format, bool quiet)
{
    return quiet && rows_usual(format) ? "{{.ID}}" : format;
}

/* An object of labels as "a=1,b=2", new; "" for NULL. NULL when memory ran out. */
json_t *rows_labels(const json_t *labels);

/* @text, new; what is no UTF-8 in it, as names of files and arguments may have, becomes U+FFFD. */
json_t *rows_text(const char *text);

#endif
