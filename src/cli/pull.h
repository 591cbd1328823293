/*
 * Fetching an image from a registry: the pull command, and run and create of an image that is not
 * there. skiff-image does it; the engine itself never begins a download.
 */
#ifndef SKIFF_CLI_PULL_H
#define SKIFF_CLI_PULL_H

#include "cli/cli.h"

struct pull {
    const char *name;     /* as it was typed */
    const char *platform; /* NULL: this machine's */
    bool quiet, all_tags;
    bool verify; /* show what the policy asked for */
    int screen;  /* where the progress goes, if it is shown: 1 or 2 */
};

/* Fetches it. *ret_id (may be NULL): "sha256:…" of the image, the caller's; with @all_tags of one
 * of them. -EIO with the story of skiff-image. */
int cli_pull(struct cli *c, const struct pull *p, char **ret_id, struct err *e);

#endif
