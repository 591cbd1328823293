/*
 * Asking registries, from the coordinator's side: skiff-fetch, which has the network.
 *
 * A fetcher is a process that does one thing after the other. What it is told (base/message.h):
 *
 *     {"op": "place", "host", "schemes": ["https", "http"], "unverified", "stall": seconds,
 *      "ca", "cert", "key": PEM, "username", "password", "identity_token", "registry_token"}
 *     {"op": "get" | "head", "repository", "path": "manifests/latest", "accept", "offset", "limit",
 *      "silent": no events}            with a descriptor to write the body to
 *     {"op": "put", "repository", "path", "type", "size", "actions": "pull,push"}
 *     {"op": "upload", "repository", "path": "blobs/DIGEST", "digest", "size", "from": [...],
 *      "actions": "pull,push"}         with a descriptor of a file to read the body from
 *     {"op": "ping"}                   whether the registry lets us in; the answer may have
 *                                      "identity_token", which stands for the password later
 *
 * and what it says: {"event": "bytes", "n"} and {"event": "retry", "seconds", "story"} meanwhile,
 * then {"status", "type", "digest", "length", "size"} (get, head, put, ping), {"upload": "existed"
 * | "mounted" | "pushed"}, or {"code": errno, "story"}. Nothing it says is believed: what has a
 * digest is compared with it.
 */
#ifndef SKIFF_IMAGE_FETCHER_H
#define SKIFF_IMAGE_FETCHER_H

#include "base/json.h"
#include "image/credentials.h"
#include "image/registries.h"

#include <sys/types.h>

struct fetcher {
    pid_t pid; /* 0: not there */
    int fd;
};
#define FETCHER_INIT ((struct fetcher){.fd = -EBADF})

/* Starts one; *ret is released with fetcher_release, which ends it. */
int fetcher_start(struct fetcher *ret, struct err *e);
void fetcher_release(struct fetcher *f);
#define _cleanup_fetcher_ _cleanup_(fetcher_release)

/* Which registry the following is asked of, and as whom. */
int fetcher_place(struct fetcher *f, const struct endpoint *place, const struct credentials *who,
                  struct err *e);

/* Asks; the answer is to be waited for. @message becomes the callee's (NULL: out of memory). */
int fetcher_ask(struct fetcher *f, json_t *message, int with_fd, struct err *e);

/* What happens meanwhile; @event is borrowed. */
typedef void fetcher_event(void *data, const json_t *event);

/* Reads one message: 1 when it was an event (told to @tell, which may be NULL), 0 when it was the
 * answer, *ret, or a negative errno with the failure that the fetcher tells. */
int fetcher_read(struct fetcher *f, fetcher_event *tell, void *data, json_t **ret, struct err *e);

/* Waits for the answer. */
int fetcher_wait(struct fetcher *f, fetcher_event *tell, void *data, json_t **ret, struct err *e);

/* Asks, and takes the body of at most @limit bytes: *ret_text (NUL-terminated) and *ret_facts (may
 * be NULL) are the caller's. */
int fetcher_text(struct fetcher *f, json_t *message, size_t limit, char **ret_text, size_t *ret_n,
                 json_t **ret_facts, struct err *e);

#endif
