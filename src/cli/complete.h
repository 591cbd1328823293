/*
 * Completion, made at run time from the tables of commands and options: `skiff __complete WORD...`
 * prints what can stand in place of the last WORD (which may be empty). The scripts in completion/
 * ask for it each time; they know nothing of skiff's commands.
 *
 * A line is a candidate, and behind a tab what it is. Lines that begin with a colon are for the
 * script: ":files" and ":folders" (those of the machine too), ":nospace" (no blank behind).
 */
#ifndef SKIFF_CLI_COMPLETE_H
#define SKIFF_CLI_COMPLETE_H

#include "cli/cli.h"

/* What is being collected. */
struct candidates {
    struct cli *c;      /* its engine is opened when it is first needed, if it is there */
    const char *begun;  /* what was typed of the word: only what begins so counts */
    const char *before; /* what stands before @begun in the same word ("--name=") */
    struct str out;
    size_t n;
};

/* Adds @word if it begins as it should; @about may be NULL. */
void candidate_add(struct candidates *to, const char *word, const char *about);

/* Adds an order to the script: "files". */
void candidate_order(struct candidates *to, const char *order);

/* Adds what a word of this kind can be. complete_words.c */
void candidates_of_word(struct candidates *to, enum cli_word kind);

/* Adds what the option @o of @command can be given. complete_values.c */
void candidates_of_option(struct candidates *to, const struct option_def *o);

/* `skiff __complete`: complete.c. @argv after the word "__complete". */
int complete(struct cli *c, int argc, char **argv, const struct option_def *global_options,
             struct err *e);

#endif
