/*
 * Colours, for people: on a terminal alone, and never with NO_COLOR set (no-color.org) or on one
 * that has none (TERM unset or "dumb").
 *
 *     printf("%s%s%s\n", colour_begin(1, COLOUR_BAD), text, colour_end(1));
 */
#ifndef SKIFF_CLI_COLOUR_H
#define SKIFF_CLI_COLOUR_H

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_MIDDLING, COLOUR_BAD };

/* What turns @colour on and off again for what is written to @fd: "" where there are no colours. */
const char *colour_begin(int fd, enum colour colour);
const char *colour_end(int fd, enum colour colour);

#endif
