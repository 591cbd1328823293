/*
 * Asking a person at the terminal: one line, shown or hidden.
 */
#ifndef SKIFF_CLI_PROMPT_H
#define SKIFF_CLI_PROMPT_H

#include "base/err.h"

#include <stdbool.h>

/* Prints @question on standard output and reads a line from standard input, which is a terminal.
 * @hidden: what is typed is not shown. The terminal is as it was whatever happens: also when a
 * signal ends this process meanwhile. *ret, without the line's end, is a secret of the caller's
 * (secret_free). -ECANCELED at an end of file. */
int prompt(const char *question, bool hidden, char **ret, struct err *e);

/* Standard input to its end, without one line end behind it: likewise. */
int prompt_read_all(char **ret, struct err *e);

#endif
