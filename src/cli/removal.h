/*
 * `volume rm` and `network rm`: each word is removed by itself, what fails is told, and the others
 * go on.
 */
#ifndef SKIFF_CLI_REMOVAL_H
#define SKIFF_CLI_REMOVAL_H

#include "cli/cli.h"

/* The only option: --force, no error for what is not there. */
extern const struct option_def removal_table[];

/* A command's run; @tells_missing: with --force a name that is not there is printed as well. */
int removal_run(struct cli *c, const struct cli_command *command, int argc, char **argv,
                int (*remove)(const struct engine *en, const char *name, struct err *e),
                bool tells_missing, struct err *e);

#endif
