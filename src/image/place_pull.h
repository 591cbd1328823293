/*
 * `pull` from a place that is no registry: what is there, opened, is loaded (load.h).
 *
 * Docker's daemon is asked over its socket, and answers with an archive. What is in Podman's store
 * only the libraries of that can read: skopeo is run, and writes an archive into a pipe.
 */
#ifndef SKIFF_IMAGE_PLACE_PULL_H
#define SKIFF_IMAGE_PLACE_PULL_H

#include "image/pull.h"

/* p->reference is a place (place.h). All else as pull_run. */
int place_pull(const struct pull *p, struct strv *ret_ids, struct err *e);

#endif
