/*
 * Platforms: "linux/arm64/v8" as people write it, and which image of an index is for one.
 *
 * The names are Go's (image-spec, image-index.md, "platform"). What a machine can run besides its
 * own is as containerd has it: an earlier variant of the same architecture, 386 on amd64, arm on
 * arm64.
 */
#ifndef SKIFF_IMAGE_PLATFORM_H
#define SKIFF_IMAGE_PLATFORM_H

#include "base/json.h"

#include <stdbool.h>

/* "os[/architecture[/variant]]", or only an architecture; NULL: this machine's. Gives an object
 * with "os", "architecture" and perhaps "variant", the caller's. -EINVAL */
int platform_parse(const char *text, json_t **ret, struct err *e);

/* "linux/arm/v7": fresh; NULL when memory ran out. */
char *platform_text(const json_t *platform);

/* The descriptor of @manifests (an index's array) that serves @wanted best; it belongs to the
 * index. NULL: none does. */
json_t *platform_choose(const json_t *manifests, const json_t *wanted);

/* Whether @offered is just what is @wanted. */
bool platform_is(const json_t *offered, const json_t *wanted);

/* Whether an image whose config (or descriptor) says @offered runs where @wanted does. */
bool platform_serves(const json_t *offered, const json_t *wanted);

#endif
