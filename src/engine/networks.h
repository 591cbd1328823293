/*
 * Networks as people know them: by name, kept in a file each.
 *
 *     ROOT/networks/NAME.json      Docker's `network inspect` without Containers (0600)
 *     RUN/networks/ID/ADDRESS      who is on it (network/endpoint_file.h)
 *
 * The file is made whole, without a name, and link(2) gives it its name, which is the claim. It
 * never changes afterwards. The bridge is made with it; since that goes with a reboot and the file
 * does not, it is made again by whoever attaches to the network and misses it.
 *
 * bridge, host and none are there without being made and have no file.
 *
 * The lock, a flock on the file, lies between those who attach and those who remove:
 *
 *   who attaches  takes it shared, sees that the file still has its name, attaches, writes the
 *                 endpoint's file, lets go
 *   who removes   takes it alone, sees the same, reads the folder of endpoints, and takes the file
 *                 away if there is none
 */
#ifndef SKIFF_ENGINE_NETWORKS_H
#define SKIFF_ENGINE_NETWORKS_H

#include "engine/engine.h"
#include "engine/network_document.h"

struct network_record {
    json_t *document; /* what is in the file; of a predefined one what would be */
    const char *name; /* of the document */
    const char *id;   /* likewise; of a predefined one its name in hexadecimal, and zeros */
    int fd;           /* the file, whose lock may be held; -EBADF for a predefined one */
    struct network_config config; /* of bridge: NETWORK_DEFAULT, or what that is now; of host and
                                   * none: nothing */
};
#define NETWORK_RECORD_INIT ((struct network_record){.fd = -EBADF})

void network_record_release(struct network_record *n);
#define _cleanup_network_record_ _cleanup_(network_record_release)

/* Whether something can be attached to it by network_attach: host and none are no such thing, nor
 * is one that is only a configuration for others. */
bool network_record_is_real(const struct network_record *n);

/* Opens by name, by ID, or by the beginning of one ID. -ENOENT: "network X not found"; -EINVAL: the
 * beginning of several; -EBADMSG: its file is damaged, and which. No lock is held. */
int networks_find(const struct engine *en, const char *what, struct network_record *ret,
                  struct err *e);

/* The same by the name alone, and holds its lock shared until *ret is released: to attach. */
int networks_hold(const struct engine *en, const char *name, struct network_record *ret,
                  struct err *e);

/* Lets go of the lock alone: the endpoint's file is there, and says it from now on. */
void networks_let_go(const struct network_record *n);

/* The names of all that have a file, in no order. */
int networks_list(const struct engine *en, struct strv *ret, struct err *e);

/* The link of a bridge network with that ID, where its file names no other. */
void networks_usual_link(const char *id, char ret[16]);

/* Adds the ranges of all of those to @c's: their links may be gone, or show nothing, and nobody is
 * to choose the same. What cannot be read is passed over. */
int networks_avoid(const struct engine *en, struct network_config *c, struct err *e);

/* The names of the three that have none, in the order of the alphabet; NULL ends them. */
extern const char *const networks_predefined[];

/* Makes the network that @request (Docker's POST /networks/create) asks for, on disk before
 * returning. -EEXIST: "network with name X already exists"; -EPERM: a predefined name; others as
 * network_document_read and network_create. On failure nothing is left. */
int networks_create(const struct engine *en, const json_t *request, struct network_record *ret,
                    struct err *e);

/* Removes it: by name, ID or the beginning of one. -EBUSY names who is attached, -EPERM: a
 * predefined one. */
int networks_remove(const struct engine *en, const char *what, struct err *e);

/* Removes what is left of networks whose making was cut off: how many there were; without @repair
 * they are only counted. */
int networks_sweep(const struct engine *en, bool repair, struct err *e);

/* The 64 digits by which a container on a network is known: those of both, digit by digit (xor). */
void network_endpoint_id(const char *container, const char *network, char ret[NETWORK_ID_LEN + 1]);

/* Who is on it: an object for each file in its folder of endpoints whose container is watched, with
 * Owner and EndpointID (64 digits), Name, IPv4Address, IPv6Address (without a prefix, "" for none),
 * MacAddress, Link, Inside, Names and Ports, in no order. */
int networks_endpoints(const struct engine *en, const struct network_record *n, json_t **ret,
                       struct err *e);

#endif
