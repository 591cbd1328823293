/*
 * Lines of comma-separated values, as --mount and --network take them.
 */
#ifndef SKIFF_CLI_FIELDS_H
#define SKIFF_CLI_FIELDS_H

/* The next field of *at, in place, and *at moves behind it (NULL: it was the last): one in quotes
 * may have commas, and a quote doubled. NULL when the line is no such line. */
char *field_next(char **at);

#endif
