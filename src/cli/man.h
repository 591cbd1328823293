/*
 * Manual pages, made from the tables of commands and options when skiff is built or installed
 * (scripts/man.sh):
 *
 *     skiff __man                 a line a page: "ps", or "container-ls ps" where one is only
 * another's other name skiff __man --commands      the list of commands, for skiff(1) skiff __man
 * --options       the options before a command, for skiff(1) skiff __man WORD...         the page
 * of a command
 *
 * They are written in the macros of man(7).
 */
#ifndef SKIFF_CLI_MAN_H
#define SKIFF_CLI_MAN_H

#include "cli/cli.h"

/* @argv after the word "__man". */
int man_print(int argc, char **argv, const struct option_def *global_options, struct err *e);

#endif
