/*
 * Running skiff-image, which takes archives apart, talks to registries, and makes images.
 */
#ifndef SKIFF_CLI_IMAGE_HELPER_H
#define SKIFF_CLI_IMAGE_HELPER_H

#include "cli/cli.h"

#include <sys/types.h>

struct image_helper {
    pid_t pid; /* 0: not there */
    int from;  /* what it prints; -EBADF when that goes elsewhere */
};
#define IMAGE_HELPER_INIT ((struct image_helper){.from = -EBADF})

/* What it is given of ours; -1: nothing, or for the streams our own. */
struct image_helper_files {
    int root_fd;         /* the folder that it works in */
    int kept;            /* one more that its command line names */
    int input, errors;   /* standard input and error */
    int output;          /* standard output; -1: `from` */
    const char *fetcher; /* the program skiff-fetch, when it will be needed for sure: so it starts
                          * at the same time; NULL: not now */
};
#define IMAGE_HELPER_FILES                                                                         \
    ((struct image_helper_files){                                                                  \
        .root_fd = -1, .kept = -1, .input = -1, .errors = -1, .output = -1})

/* Begins its command line: the program, @command, the folder @root_fd that it works in. */
void image_helper_arguments(struct cli *c, const char *command, int root_fd, struct strv *args);

/* Starts it. It ends when we do, whatever ends us. */
int image_helper_start(char **args, const struct image_helper_files *files,
                       struct image_helper *ret, struct err *e);

/* Calls @tick every @ms until it has an answer, or has ended. */
void image_helper_watch(const struct image_helper *h, int ms, void (*tick)(void *data), void *data);

/* Waits for its end. *ret_text is what it printed, such as an image's ID; the caller's. Returns 1
 * when it has failed, and told why itself. *ret_code (may be NULL) is then the errno that it failed
 * with; EIO when that is not known. */
int image_helper_finish(struct image_helper *h, char **ret_text, int *ret_code, struct err *e);

/* Ends one that is still there: what it was given was not whole. */
void image_helper_release(struct image_helper *h);
#define _cleanup_image_helper_ _cleanup_(image_helper_release)

#endif
