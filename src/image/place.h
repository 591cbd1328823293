/*
 * Images from where no registry is: "oci:DIR[:REF]", "dir:DIR", "oci-archive:FILE[:REF]",
 * "docker-archive:FILE[:REF]", "docker-daemon:NAME", "containers-storage:NAME".
 *
 * The words are skopeo's (containers-transports(5)), so that what people know works.
 */
#ifndef SKIFF_IMAGE_PLACE_H
#define SKIFF_IMAGE_PLACE_H

#include "base/err.h"

#include <stdbool.h>

enum place_kind {
    PLACE_OCI_FOLDER,
    PLACE_FOLDER_OF_ONE,
    PLACE_OCI_ARCHIVE,
    PLACE_DOCKER_ARCHIVE,
    PLACE_DOCKER_DAEMON,
    PLACE_CONTAINERS_STORAGE,
};

struct place {
    enum place_kind kind;
    const char *transport; /* "oci-archive" */
    char *path;            /* of a file or folder; else NULL */
    char *name;            /* of the image there; NULL: not said */
};

/* Whether @text, which somebody typed for an image's name, is a place. "oci:1.0" and "dir:1" may be
 * names: those are places only with a path or with a name behind them. */
bool place_is(const char *text);

/* -EINVAL: no place, or one without a path or name. */
int place_parse(const char *text, struct place *ret, struct err *e);
void place_release(struct place *p);
#define _cleanup_place_ _cleanup_(place_release)

#endif
