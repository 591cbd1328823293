/*
 * What a container needs that does not depend on its root file system: its control group, its
 * network namespace, and the cables to its networks. They are the kernel's slowest works: a second
 * thread makes the network while the first prepares the rest and makes the group.
 */
#ifndef SKIFF_ENGINE_BESIDE_H
#define SKIFF_ENGINE_BESIDE_H

#include "engine/endpoints.h"
#include "engine/modes.h"
#include "network/resolver.h"
#include "runtime/cgroup.h"

#include <pthread.h>

struct beside {
    const struct container_record *record;
    char *cgroup_path;
    bool own_network; /* a network namespace is to be made */
    bool cable;       /* and connected */
    bool in_thread;   /* and joining it is still to be done */
    pthread_t thread;
    void *stack; /* its */
    int result;
    struct err err;
    /* What came of it. */
    struct cgroup *cgroup;
    int netns; /* -EBADF: none was made. With it the leases of addresses are held: it is kept
                * until what depends on them is gone */
    struct endpoints endpoints; /* attached, if they could be */
    struct resolver resolver;   /* of the names on them */
};
#define BESIDE_INIT ((struct beside){.netns = -EBADF, .resolver = RESOLVER_CLOSED})

/* Begins, for the container of @record with these @modes: what its networks and ports are is found
 * out at once. While another namespace is joined or made
 * by further processes (user, IPC) there is no thread: it is done when this returns. */
int beside_begin(struct beside *b, const struct engine *en, const struct container_record *record,
                 const struct mode modes[NS_KINDS], struct err *e);

/* The cables to the networks of the namespace b->netns, and names in there. */
int beside_connect(struct beside *b, struct err *e);

/* Does what is left, and waits for the thread. 0, or what failed. */
int beside_join(struct beside *b, struct err *e);

/* Lets go of what was made: it is somebody else's now. */
void beside_release(struct beside *b);

/* The same at the container's end: what tables and folders say of its networks goes first. */
void beside_end(struct beside *b);

/* Takes back what was made, and releases. For a start that fails; safe at any time. */
void beside_undo(struct beside *b);

/* The container's control group by its document: HostConfig.CgroupParent, else /skiff, and the ID.
 * The caller's to free; NULL when memory ran out. */
char *container_cgroup_path(const json_t *document);

#endif
