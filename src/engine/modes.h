/*
 * Which namespaces a container has: of its own, the host's, another container's, or a file's. One
 * value a kind, as it stands in Docker's HostConfig ("PidMode": "container:web").
 */
#ifndef SKIFF_ENGINE_MODES_H
#define SKIFF_ENGINE_MODES_H

#include "engine/engine.h"
#include "runtime/namespaces.h"

enum mode_kind {
    MODE_PRIVATE,
    MODE_HOST,
    MODE_CONTAINER, /* value: a container's name or ID */
    MODE_PATH,      /* value: a namespace's file */
};

struct mode {
    enum mode_kind kind;
    const char *value; /* points into the text; of a private network: its network's name, or NULL */
    bool cable;        /* network: private, and connected to that network, or the default bridge */
};

/* The key of @kind in HostConfig: "PidMode". NULL for the mount namespace. */
const char *mode_key(enum namespace_kind kind);

/* Whether a network mode is the name or the ID of a network that somebody made: none of the words
 * for the other modes, and spelled as such a name may be. */
bool mode_names_network(const char *text);

/* Reads one value; NULL and "" are the kind's default. Besides private, host, container:NAME and
 * path:FILE: network takes bridge, default, none, and a network's name; ipc takes shareable and
 * none. */
int mode_parse(enum namespace_kind kind, const char *text, struct mode *ret, struct err *e);

/* The mode that a container's document says. */
int mode_of(const json_t *document, enum namespace_kind kind, struct mode *ret, struct err *e);

/* The first process of the running container that a mode names (MODE_CONTAINER). An IPC namespace
 * is joined only when its container was not made with "private" or "none". */
int mode_pid(const struct engine *en, enum namespace_kind kind, const struct mode *m, pid_t *ret,
             struct err *e);

/* The file to join for a mode: for a container, of its running first process. *ret is NULL for
 * private and host, else the caller's to free. */
int mode_path(const struct engine *en, enum namespace_kind kind, const struct mode *m, char **ret,
              struct err *e);

#endif
