/*
 * Running skiff-image for what takes a while (pull, push, load), with its progress shown.
 *
 * It writes Docker's JSON messages to the descriptor of its --progress-fd; cli/progress.h makes of
 * them what people read. What it says on standard error besides is told between those lines, and
 * the last of it, when it has failed, is the story of the error.
 */
#ifndef SKIFF_CLI_TRANSFER_H
#define SKIFF_CLI_TRANSFER_H

#include "cli/cli.h"

struct transfer {
    struct strv args;         /* from image_helper_arguments on, without --progress-fd and words */
    const char *const *words; /* behind "--": what is transferred */
    size_t n_words;
    int screen;   /* where the progress goes, 1 or 2; -1: nowhere */
    int input;    /* its standard input; -1: ours */
    int output;   /* its standard output; -1: the answer */
    bool fetches; /* it will talk to a registry */
};
#define TRANSFER_INIT ((struct transfer){.screen = -1, .input = -1, .output = -1})

/* Does it. *ret_answer (may be NULL) is what it printed, without the last line end; the caller's.
 * Its own words, and its errno, when it has failed. Ctrl-C and other signals that end programs end
 * the helper first and then, as if nobody had caught them, us. */
int transfer_run(struct cli *c, const struct transfer *t, char **ret_answer, struct err *e);

#endif
