/*
 * Asking before something is done that cannot be undone.
 */
#ifndef SKIFF_CLI_CONFIRM_H
#define SKIFF_CLI_CONFIRM_H

#include "base/err.h"

/* Prints "WARNING! @warning" and asks on standard output; the answer comes from standard input. 0
 * when it is "y" or "yes"; else, also at an end of file, -ECANCELED: "@what has been cancelled". */
int confirm(const char *warning, const char *what, struct err *e);

#endif
