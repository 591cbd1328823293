/*
 * What is mounted into a container by its user's wish: from HostConfig.Binds, Mounts and
 * VolumesFrom and Config.Volumes (the image's too) to the document's "Mounts", which is Docker's
 * list as inspect shows it. From then on that list alone counts; only HostConfig.Tmpfs stays where
 * it is, as Docker has it.
 *
 * An entry has besides "Spec", Docker's too, which inspect does not show: the object of
 * HostConfig.Mounts that it came from, or one that says the same. A volume whose Spec has no Source
 * is anonymous: it goes with its container.
 *
 * Where several give the same destination, a bind, a volume or a mount that was given by name wins
 * over another container's (--volumes-from), and that over the image's; two given by name are an
 * error.
 */
#ifndef SKIFF_ENGINE_MOUNTS_H
#define SKIFF_ENGINE_MOUNTS_H

#include "engine/volume.h"

/* Volumes whose locks are held: see volume.h. */
struct volume_holds {
    struct volume *v;
    size_t n;
};

void volume_holds_release(struct volume_holds *h);
#define _cleanup_volume_holds_ _cleanup_(volume_holds_release)

/* Fills in @document's "Mounts". Volumes that are missing are made, and all are held until the
 * document is written. On failure the list has what was made so far, for volumes_forget. */
int mounts_resolve(const struct engine *en, json_t *document, struct volume_holds *ret,
                   struct err *e);

/* The words behind the second colon of -v: -EINVAL for one that is none. */
int mounts_check_mode(const char *mode, bool volume, struct err *e);

#endif
