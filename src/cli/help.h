/*
 * What `--help` prints, made from the table of commands.
 */
#ifndef SKIFF_CLI_HELP_H
#define SKIFF_CLI_HELP_H

#include "cli/cli.h"

/* `skiff --help`: all commands by their place, and the options before a command. */
int help_print(const struct option_def *global_options, struct err *e);

/* `skiff GROUP`: what can come after it. */
int help_print_group(const char *group, struct err *e);

/* `skiff COMMAND --help`. */
int help_print_command(const struct cli_command *command, struct err *e);

#endif
