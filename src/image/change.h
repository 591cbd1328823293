/*
 * Dockerfile instructions that change an image's config: what `import --change` takes.
 *
 * The syntax is that of Docker's Dockerfile reference: CMD, ENTRYPOINT, ENV, EXPOSE,
 * HEALTHCHECK, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR; in shell or JSON form where they have
 * both; with quotes, "\" and $variables of the ENV that is there already.
 */
#ifndef SKIFF_IMAGE_CHANGE_H
#define SKIFF_IMAGE_CHANGE_H

#include "base/json.h"

/* Applies one instruction ("CMD [\"sh\"]") to @settings, the "config" object of an OCI image config
 * (image-spec config.md). -EINVAL when it is none, or not valid; @settings may be half changed. */
int change_apply(json_t *settings, const char *instruction, struct err *e);

#endif
