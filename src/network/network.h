/*
 * Networks: gives an end of a cable, an address and a way out to a network namespace it is handed.
 *
 * It knows nothing of containers but the 64 digits that name the owner of a cable. IPv4 on the
 * default bridge; all state is the kernel's own objects, in the network namespace of the caller.
 */
#ifndef SKIFF_NETWORK_NETWORK_H
#define SKIFF_NETWORK_NETWORK_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* What a container has of a network. All addresses in network byte order. */
struct network_endpoint {
    char bridge[16];        /* the bridge, "skiff0" */
    char link[16];          /* the host's end of the cable, a port of that bridge */
    struct in_addr address; /* of eth0 in the container */
    unsigned prefix;        /* of the address, in bits */
    struct in_addr gateway; /* the bridge's address, where the default route leads */
    uint8_t mac[6];         /* of eth0 in the container */
};

/* Gives the network namespace @netns_fd an eth0 on the bridge skiff0: up, with an IPv4 address of
 * the bridge's range, a default route, and no IPv6. The bridge and the masquerading of its range
 * are made when they are missing. `lo` is left alone. @owner is 64 lower-case hexadecimal digits;
 * the host's end bears the alias "skiff:OWNER".
 *
 * The caller is single-threaded, real root and sees /proc; it is in its own network namespace again
 * on return, or the error is -ENOTRECOVERABLE and it must end. There is no counterpart: the cable
 * and the lease of its address go when the namespace goes. On failure no cable is left. Errors, in
 * addition to the kernel's: -EINVAL (owner), -EEXIST (has an eth0), -EADDRNOTAVAIL (no range or
 * address is free), -EXFULL (no port is free). */
int network_attach(int netns_fd, const char *owner, struct network_endpoint *ret, struct err *e);

/* The default bridge as it is now. Makes nothing. */
struct network_bridge {
    bool exists;
    char name[16];
    struct in_addr subnet;  /* 0.0.0.0 when it does not exist, or has no address (yet) */
    struct in_addr gateway; /* likewise */
    unsigned prefix;
};

int network_default_bridge(struct network_bridge *ret, struct err *e);

#endif
