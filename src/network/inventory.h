/*
 * What there is of networks, for who checks it: cables, the namespaces they lead to, and the
 * translation of addresses. Nothing is made here; network.h tells what each of them is.
 */
#ifndef SKIFF_NETWORK_INVENTORY_H
#define SKIFF_NETWORK_INVENTORY_H

#include "base/err.h"
#include "network/address.h"

#include <stddef.h>

/* Which end of a cable is where. */
enum {
    CABLE_NOWHERE = -1, /* its namespace dies right now, and it with it */
    CABLE_HERE = -2
}; /* in our own: nobody's network namespace has it */

struct network_cable {
    char link[16];
    char owner[65]; /* as its alias says; "": it says nothing (yet) */
    int namespace;  /* the number that ours has for that of the other end, or one of the above */
};

/* All cables of the caller's network namespace, no matter whose. *ret is the caller's to free. */
int network_cables(struct network_cable **ret, size_t *ret_n, struct err *e);

/* The number that our network namespace has for the one of the descriptor @netns_fd; negative when
 * it has none. */
int network_namespace_number(int netns_fd);

/* Whether somebody has the address: 1, and whom its cable's alias names (64 digits, or ""); or 0.
 * Of bridges' networks alone. */
int network_address_owner(const struct ip_address *address, char owner[65], struct err *e);

/* Or a negative errno. */
enum { LINK_IS_GONE, LINK_IS_DOWN, LINK_IS_UP };
int network_link_state(const char *link, struct err *e);

/* Removes a cable. -ENODEV: it is gone. */
int network_remove_cable(const char *link, struct err *e);

/* Whether the translation of the default bridge's addresses is set up: 1 or 0. Also 1 without a
 * bridge. */
int network_nat_is_whole(struct err *e);

/* Sets it up. */
int network_repair_nat(struct err *e);

#endif
