/*
 * The table of commands: which words lead to which, and how they are listed.
 *
 * To add a command:
 *  1. in its own file, an option table, a `static int run_X(struct cli *, int, char **, struct err
 *     *)` that begins with cli_parse(&cmd_X, …), and
 *         const struct cli_command cmd_X = {.line = "X [OPTIONS] CONTAINER", .summary = …,
 *             .options = table, .min = 1, .max = 1, .first = WORD_CONTAINER,
 *             .flags = NEEDS_ENGINE, .run = run_X};
 *     (see cli.h);
 *  2. cmd_X in the list in cli.h;
 *  3. one line for each way to call it in commands.c: "X", and "container X" likewise.
 * Help, completion and the man page are made from that.
 */
#ifndef SKIFF_CLI_COMMANDS_H
#define SKIFF_CLI_COMMANDS_H

#include "cli/cli.h"

/* Where `skiff --help` lists a way to call a command. */
enum place {
    PLACE_NONE,   /* another name for one that is listed; or hidden */
    PLACE_COMMON, /* what people begin with */
    PLACE_COMMAND,
    PLACE_GROUP, /* in its group's list */
};

struct command_entry {
    const char *group; /* "image" of "image ls"; NULL: none */
    const char *name;
    const struct cli_command *command;
    enum place place;
};

/* All ways to call a command; a NULL name ends it. */
extern const struct command_entry command_entries[];

struct command_group {
    const char *name, *summary;
};

/* A NULL name ends it. */
extern const struct command_group command_groups[];

/* Whether @word is a group's name. */
bool command_is_group(const char *word);

/* The entry for "NAME", or "GROUP NAME"; NULL when there is none. */
const struct command_entry *command_find(const char *group, const char *name);

/* How many bytes of its usage line are its name: "system df" of "system df [OPTIONS]". */
int command_name_length(const struct cli_command *command);

/* For a @word that is no command: -EINVAL with the nearest one's name, or -ENOTSUP for one of
 * Docker's that is not there. */
int command_unknown(const char *group, const char *word, struct err *e);

#endif
