/*
 * Published ports: connections to a port of the host are led to a container, by the kernel alone.
 *
 * A port is claimed by a bound socket that never listens: for all processes of the machine at once,
 * engines and others, and freed by the kernel when the last process that holds it ends. What leads
 * the packets is an element of a map in the table `inet skiff` (firewall.h); it is put there by
 * whoever holds the claim, who replaces what a former holder left. No process copies anything, and
 * the server sees the client's own address.
 *
 * All in the network namespace of the calling thread.
 */
#ifndef SKIFF_NETWORK_PUBLISH_H
#define SKIFF_NETWORK_PUBLISH_H

#include "base/err.h"
#include "network/address.h"

struct publication {
    uint8_t protocol;       /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
    struct ip_address host; /* on which of the host's addresses; all zero: all of the family */
    uint16_t host_port;     /* in the processor's byte order */
    bool direct; /* not at all by the host's address (which, and host_port, are nothing then): who
                  * has a route reaches it by the target's own. Nothing is claimed for it. */
    struct ip_address target; /* the container's address, of the same family; none: it leads
                               * nowhere, and neither adds nor removes anything */
    uint16_t target_port;
    char bridge[16]; /* the bridge that leads to it */
    int claim;       /* the bound socket, or -EBADF: nothing is claimed */
};

#define PUBLICATION_NONE ((struct publication){.claim = -EBADF})

/* Claims the first port from @first to @last (0, 0: any that the kernel finds free) on p->host for
 * p->protocol: sets p->host_port and p->claim, a close-on-exec socket that is the caller's to
 * close after publish_remove. Of IPv6 addresses the IPv6 side alone is claimed. Where the kernel
 * has no sockets of SCTP there is no claim (-EBADF), and publish_add does not replace. Errors, in
 * addition to the kernel's: -EADDRINUSE (all are taken; the story names the port, and whose it is
 * where publish_owner knows), -EADDRNOTAVAIL (the host has no such address). */
int publish_claim(struct publication *p, uint16_t first, uint16_t last, struct err *e);

/* Leads the packets (also of one whose claim somebody else holds, -EBADF, as the repair does), in
 * one transaction (several when there are thousands): afterwards all @n are published, or none. The
 * tables are made whole before. Connections of UDP that go to a former holder are forgotten. */
int publish_add(const struct publication *p, size_t n, int *ret_late, struct err *e);

/* Takes them back; one that is not there, or leads to somebody else by now, is left and is success.
 * Connections that lie stay as they are; those of UDP are forgotten. Where other ports lead to the
 * same port of the same container they are to be published again afterwards (what leads answers
 * through the host is the target's, not the port's). @ret_late is
 * the socket, to be closed after firewall_settle; NULL: that is done here, and takes 5 to 20 ms. */
int publish_remove(const struct publication *p, size_t n, int *ret_late, struct err *e);

/* The same for targets that are nobody's any more, of which nothing is to stay. */
int publish_clear(const struct publication *p, size_t n, struct err *e);

/* Who has the port of @p (protocol, host, host_port): a container, or else a process that has it
 * bound. For a caller that knows what stands behind an address. */
struct publish_owner {
    bool container;
    struct ip_address target; /* of the container */
    pid_t pid;                /* of the process; 0: unknown */
    char name[64];            /* its name as the kernel has it, printable; "" likewise */
};

/* Everything that is published, whoever did it: without claims, and without bridges. *ret is the
 * caller's to free. */
int publish_list(struct publication **ret, size_t *ret_n, struct err *e);

/* 1, or 0 when nobody is found to have it. */
int publish_owner(const struct publication *p, struct publish_owner *ret, struct err *e);

#endif
