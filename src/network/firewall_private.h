/*
 * Inside the firewall: elements of its sets, gathered and then changed in one transaction. For
 * firewall.c and publish.c alone.
 */
#ifndef SKIFF_NETWORK_FIREWALL_PRIVATE_H
#define SKIFF_NETWORK_FIREWALL_PRIVATE_H

#include "network/firewall.h"
#include "network/firewall_rules.h"

/* Elements of any sets. Zero-initialised; that memory ran out is remembered, and reported by what
 * is done with them. */
struct firewall_element {
    const struct nft_table *table;
    const char *set;
    struct nft_element x[2]; /* of a set of ranges: the first, and the one behind the last */
    size_t n;
};

struct firewall_elements {
    struct firewall_element *v;
    size_t n, cap;
    bool failed;
    struct nft_element spare; /* what is written to after a failure */
};

void firewall_elements_release(struct firewall_elements *x);
#define _cleanup_elements_ _cleanup_(firewall_elements_release)

/* Adds an element whose key is empty, begins with a link's name, is a range (nothing is added where
 * it is none), or is an address twice (likewise). What is returned may be continued before the
 * next is added; it is never NULL. */
struct nft_element *firewall_elements_new(struct firewall_elements *x,
                                          const struct nft_table *table, const char *set);
struct nft_element *firewall_elements_link(struct firewall_elements *x,
                                           const struct nft_table *table, const char *set,
                                           const char *link);
void firewall_elements_range(struct firewall_elements *x, const struct nft_table *table,
                             const char *set, const struct ip_range *range);
void firewall_elements_self(struct firewall_elements *x, const struct ip_address *address);

/* Adds who may reach the published ports of the network on @bridge: one range of either family. */
void firewall_elements_source(struct firewall_elements *x, const char *bridge,
                              const struct ip_range *range);

/* More than a batch has room for of itself: netlink_batch_large(b, this * x->n). */
enum { FIREWALL_ELEMENT_MAX = 512 };

/* Puts a message for each into a batch. */
void firewall_elements_put(struct netlink_batch *b, unsigned message,
                           const struct firewall_elements *x);

/* Adds all or none (of some hundred; more are several transactions); those that are there with
 * other data (maps) are replaced. */
int firewall_elements_add(struct netlink *nl, const struct firewall_elements *x, struct err *e);

/* Adds all, in one transaction; -EEXIST when one is there. */
int firewall_elements_claim(struct netlink *nl, const struct firewall_elements *x, struct err *e);

/* What a map's element leads to now: 1 and its @n bytes, or 0. */
int firewall_element_data(struct netlink *nl, const struct firewall_element *x, size_t n, void *ret,
                          struct err *e);

/* Removes those that are there. */
int firewall_elements_remove(struct netlink *nl, const struct firewall_elements *x, struct err *e);

/* firewall_ensure, by a socket that is open. */
int firewall_ensure_with(struct netlink *nl, struct firewall_handles *ret, struct err *e);

#endif
