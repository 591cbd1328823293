/*
 * From a container's document (Docker's words) to an OCI configuration (the runtime's): every
 * container of the engine is also a valid bundle on disk.
 *
 * What Docker gives a container that asks for nothing stands here: capabilities, masked paths,
 * mounts, environment, seccomp profile.
 */
#ifndef SKIFF_ENGINE_BUNDLE_H
#define SKIFF_ENGINE_BUNDLE_H

#include "engine/engine.h"
#include "engine/modes.h"
#include "engine/user.h"

struct bundle {
    const struct engine *engine;
    struct container_record *record;
    int root_fd;              /* the mounted root, for users and groups; nothing in it is changed */
    bool built_in;            /* the image is the machine's own root */
    const struct mode *modes; /* NS_KINDS of them */
    json_t *spec;             /* the result; owned */
    pid_t shm_donor;          /* likewise: whose /dev/shm is to be the container's; 0: nobody's */
};

/* Builds the configuration of @b->record's document into @b->spec. */
int bundle_make(struct bundle *b, struct err *e);

/* Users and capability sets, as "process" has them: process.user, process.capabilities. The
 * caller's; NULL when memory ran out. A user that is not root gets what execve would leave him: the
 * bounding set alone. */
json_t *bundle_user(const struct user *u);
json_t *bundle_capabilities(uint64_t set, bool root);

/* Parts of it, each in a file of its own. */
int bundle_add_mounts(struct bundle *b, struct err *e);     /* bundle_mounts.c */
int bundle_add_resources(struct bundle *b, struct err *e);  /* bundle_resources.c */
int bundle_add_security(struct bundle *b, struct err *e);   /* bundle_security.c */
int bundle_add_namespaces(struct bundle *b, struct err *e); /* bundle_namespaces.c */

/* The document's HostConfig and Config. */
static inline const json_t *bundle_host(const struct bundle *b)
{
    return json_at(b->record->document, "HostConfig");
}
static inline const json_t *bundle_config(const struct bundle *b)
{
    return json_at(b->record->document, "Config");
}

/* Sets @key of @object to the new reference @value; -ENOMEM when either is missing. */
int json_put(json_t *object, const char *key, json_t *value, struct err *e);

/* Appends likewise. */
int json_add(json_t *array, json_t *value, struct err *e);

#endif
