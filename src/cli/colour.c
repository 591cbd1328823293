#include "cli/colour.h"

#include "base/str.h"

#include <stdlib.h>
#include <unistd.h>

static bool wanted(int fd)
{
    const char *refused = getenv("NO_COLOR"), *term = getenv("TERM");
    return (!refused || !*refused) && term && *term && !str_eq(term, "dumb") && isatty(fd);
}

const char *colour_begin(int fd, enum colour colour)
{
    /* Those of sixteen that every terminal has, so that a person's own choice of them holds. */
    static const char *const orders[] = {
        [COLOUR_NONE] = "",
        [COLOUR_GOOD] = "\033[32m",
        [COLOUR_MIDDLING] = "\033[33m",
        [COLOUR_BAD] = "\033[31m",
    };
    return wanted(fd) ? orders[colour] : "";
}

const char *colour_end(int fd, enum colour colour)
{
    return colour != COLOUR_NONE && wanted(fd) ? "\033[0m" : "";
}
