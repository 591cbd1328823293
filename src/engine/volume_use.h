/*
 * Who uses which volume, and the removal of those that nobody does. See volume.h for why nothing
 * that is used can be removed.
 */
#ifndef SKIFF_ENGINE_VOLUME_USE_H
#define SKIFF_ENGINE_VOLUME_USE_H

#include "engine/volume.h"

/* An object: a volume's name to the list of IDs of the containers whose documents name it. A
 * container whose document cannot be read may use any volume, so that is an error. */
int volume_users(const struct engine *en, json_t **ret, struct err *e);

/* Bytes of its files; what cannot be read does not count. */
long long volume_size(const struct volume *v);

/* Removes @name. -ENOENT; -EBUSY when it is used: "volume is in use - [ID, …]". */
int volume_remove(const struct engine *en, const char *name, struct err *e);

/* Whether prune may take a volume. */
typedef bool volume_wanted(const struct volume *v, const void *data);

/* Removes all that nobody uses and @wanted agrees to. Their names go to @ret_names, what their
 * files took to *ret_bytes. Goes on after a failure, and returns the first. */
int volume_prune(const struct engine *en, volume_wanted *wanted, const void *data,
                 struct strv *ret_names, long long *ret_bytes, struct err *e);

/* Removes the anonymous volumes of a container that has been removed (record_hide), unless others
 * use them: what `rm -v` and --rm do. For a document without any it does nothing at all. */
void volumes_forget(const struct engine *en, const json_t *document);

#endif
