/*
 * The names of a container's networks, in the resolver's memory: made of the endpoint files, made
 * anew when a folder of them has changed. Names are found whatever their case.
 */
#ifndef SKIFF_NETWORK_RESOLVER_INDEX_H
#define SKIFF_NETWORK_RESOLVER_INDEX_H

#include "network/address.h"

struct resolver_index;

struct index_network {
    int folder_fd;    /* borrowed */
    const char *name; /* the network's, borrowed */
};

/* The networks are searched in this order. NULL when memory ran out. */
struct resolver_index *index_new(const struct index_network *networks, size_t n);
void index_free(struct resolver_index *ix);

/* Looks whether files have come, gone or changed, and reads them again if so. What cannot be read
 * is passed over, and with no memory left what was known stays. */
void index_refresh(struct resolver_index *ix);

/* Who has @name (in lower case) on the first network on which somebody has it; NAME.NETWORK names
 * that one network. Their addresses are v[0..n), valid until the next refresh. False: nobody. */
struct index_host {
    struct ip_address address, other; /* either may be IPv6; family 0: none */
};
struct index_found {
    const struct index_entry *first;
    const struct index_host *hosts;
    size_t n;
};
bool index_find(const struct resolver_index *ix, const char *name, struct index_found *ret);
const struct index_host *index_host(const struct index_found *f, size_t i);

/* The name of who has the address, as "NAME.NETWORK": false if nobody has it, or no name, or that
 * is longer than @size. */
bool index_reverse(const struct resolver_index *ix, const struct ip_address *address, char *ret,
                   size_t size);

#endif
