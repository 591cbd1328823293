/*
 * Command lines: one table per command, from which parsing, help and suggestions come.
 *
 *     static const struct option_def run_options[] = {
 *         {"name", 0, OPTION_STRING, offsetof(struct run, name), "NAME", "Name it", "General"},
 *         …
 *         {0},
 *     };
 *
 * As Docker's users type them: -it, -eA=b, -e A=b, --env=A=b, --env A=b, --rm=false, "--" ends.
 */
#ifndef SKIFF_BASE_OPTIONS_H
#define SKIFF_BASE_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum option_type {
    OPTION_FLAG,   /* bool; also --name=true|false|1|0 */
    OPTION_STRING, /* const char *: the last one counts; points into argv */
    OPTION_LIST,   /* struct option_list: every one, in order */
    OPTION_INT,    /* long long */
    OPTION_LATER,  /* Docker's, not there yet: refused as that, never shown in help */
};

/* Strings of a list option; they point into argv, the array is released by options_release. */
struct option_list {
    const char **v;
    size_t n;
};

struct option_def {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    enum option_type type;
    size_t offset;        /* of the field in the target */
    const char *argument; /* how help calls its value; NULL for flags */
    const char *help;     /* one line; NULL: not shown */
    const char *group;    /* heading in help; NULL: the one before */
};

/* Parses @argv (without the command's name) into @target, up to the first word that is no option
 * when @stop_at_word, else collecting words anywhere. *ret_words and *ret_n: what is left, moved to
 * the front of @argv. Returns 0; -EINVAL with a story that suggests the nearest option; 1 when
 * --help (or -h, if no option has that letter) was given. */
int options_parse(const struct option_def *table, char **argv, int argc, bool stop_at_word,
                  void *target, char ***ret_words, int *ret_n, struct err *e);

/* Frees the arrays of list options in @target. */
void options_release(const struct option_def *table, void *target);

/* The options of the table, grouped, as help shows them: at most 80 columns wide. */
void options_help(const struct option_def *table, struct str *out);

/* Of the @n names the nearest to @word, if near enough to be a slip; else NULL. */
const char *nearest_word(const char *word, const char *const *names, size_t n);

#endif
