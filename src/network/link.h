/*
 * Links of the host: whose they are, where their other end is, and their removal.
 */
#ifndef SKIFF_NETWORK_LINK_H
#define SKIFF_NETWORK_LINK_H

#include "network/netlink.h"

/* The 64 digits of an owner, or nothing. */
enum { LINK_OWNER = 65 };

/* Who the alias of the link @name (which may be an alternative one) says it was made for; "". */
void link_owner(struct netlink *nl, const char *name, char ret[LINK_OWNER]);

/* The same, and whether there is such a link: 1 or 0. */
int link_exists(struct netlink *nl, const char *name, char ret_owner[LINK_OWNER], struct err *e);

/* The index of the link @name if its other end is in the namespace @netns_fd; 0 if there is no such
 * link, or it leads elsewhere. */
int link_to_namespace(struct netlink *nl, const char *name, int netns_fd, struct err *e);

/* Appends a message after which a link (by @index, or by @name where that is 0) generates no IPv6
 * address by itself. To be told before it is up: in one message the kernel does that first. */
void link_put_no_address6(struct netlink_batch *b, int index, const char *name);

/* -ENODEV: it is gone. */
int link_remove(struct netlink *nl, int index, struct err *e);

/* The number that the socket's network namespace has for the one of the descriptor @netns_fd;
 * negative when it has none. */
int link_namespace_number(struct netlink *nl, int netns_fd);

#endif
