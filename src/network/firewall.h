/*
 * The firewall: what may pass between containers, their networks, the host and everybody else.
 *
 * Two tables of nf_tables, `inet skiff` (addresses and ports) and `bridge skiff` (who may send as
 * whom), made once per boot. Their chains (firewall_rules.c) are the same for no container and for
 * a thousand: a network, a container and a published port are elements of sets and maps. What each
 * chain does, and how an administrator adds to it, is told in docs/firewall.md.
 *
 * All here concerns the network namespace of the calling thread, and is shared by all roots of the
 * machine. Everything that adds sees to it first that the tables are whole, by one question that
 * changes nothing; chains that were removed or flushed by somebody are made again in one
 * transaction, which touches neither the chain `skiff-user` nor anybody's elements. Adding what is
 * there, and removing what is not, is success. Errors are the kernel's; a kernel without nf_tables
 * (or older than 5.6) fails clearly, since nobody would be protected.
 */
#ifndef SKIFF_NETWORK_FIREWALL_H
#define SKIFF_NETWORK_FIREWALL_H

#include "network/network.h"

/* The groups of cables' ends on the host: ports whose frames are checked ("sk"), and those of
 * networks in which containers may send as anybody. Other ports of a bridge are none of ours. It is
 * the link that says it, for it cannot outlive the cable. */
enum { FIREWALL_GROUP = 0x736b, FIREWALL_GROUP_OPEN = 0x736c };

/* The kernel gives a table that is made anew another handle. Whoever keeps those that his elements
 * were put into sees that they are gone with the old table. */
struct firewall_handles {
    uint64_t inet, bridge;
};

/* Closing a socket of nf_tables waits for the kernel, 2 to 20 ms, while it still frees what anybody
 * has removed, and meanwhile holds the lock that all transactions and new links of the machine
 * need. So what can stay is not removed (below); functions that stand in the way of a start give
 * their socket out: @ret_late is to be closed when there is time; NULL: at once. And whoever has
 * removed something closes his sockets after firewall_settle, which waits for the same without the
 * lock (membarrier(2), Linux 4.3). */
void firewall_settle(void);

/* Sees to it that the tables are whole. @ret may be NULL. */
int firewall_ensure(struct firewall_handles *ret, int *ret_late, struct err *e);

/* Only looks: which tables there are; zero where there is none. */
int firewall_look(struct firewall_handles *ret, struct err *e);

/* Only looks: whether the tables are whole and know the network (NULL: whichever): 1 or 0. */
int firewall_is_whole(const struct network_config *c, struct err *e);

/* A network whose link is a bridge; of other drivers nothing is done. A limit of who reaches its
 * published ports is there no later than the network is: all is one transaction. */
int firewall_add_network(const struct network_config *c, struct err *e);
/* Of one whose bridge has gone: what was accepted for it is not to go on for whoever has its range
 * next, and so connections of its range are forgotten too. */
int firewall_remove_network(const struct network_config *c, struct err *e);

/* What its containers have left. For a network that has none, and will have none. */
int firewall_forget_addresses(const struct network_config *c, struct err *e);

/* Who may send from the host's end of a cable: after it is laid, and before anybody uses it, for
 * until then nothing passes. Adds the network too where that is not there, so that an attachment
 * takes one question and one transaction. The second is for an end that does not come back; but
 * elements that are the address's own (whose MAC and IPv6 address follow from the IPv4 one) stay
 * until the network goes: of a link that is gone they let nobody send, and who has the address next
 * needs the same. */
int firewall_add_endpoint(const struct network_config *c, const struct network_endpoint *ep,
                          int *ret_late, struct err *e);
int firewall_remove_endpoint(const struct network_config *c, const struct network_endpoint *ep,
                             struct err *e);

#endif
