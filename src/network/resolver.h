/*
 * Names for a container: 127.0.0.11:53 in its network namespace, and who answers there.
 *
 * The sockets are made when the container starts and belong to its monitor, which waits at them and
 * reads nothing. With the first question it forks a resolver, a process that is locked in
 * (resolver_cage.h), answers from the endpoint files of the container's networks
 * (resolver_index.h), and ends when nobody has asked for some seconds. So who never asks pays for
 * two sockets; who takes his resolver over can lie to himself alone; and when one is killed, the
 * next goes on with the questions it had (resolver_udp.h).
 *
 * What is not ours is asked of name servers. The resolver can make no socket: it names a server by
 * its number, and the monitor hands it a socket that is connected there. The servers of the host's
 * resolv.conf are asked from the host's namespace, so those on its loopback work; those that a
 * person gave (--dns) from the container's, by its own routes, as if the container asked itself.
 * A change of resolv.conf is seen within a second and ends the resolver.
 *
 * The port that the sockets are bound to is always the same, and led to from 53 (resolver_rules.h).
 * A random one would now and then be just the one that a container's own service wants; this one is
 * IANA's "reserved", and the kernel gives it to nobody who does not ask for it.
 */
#ifndef SKIFF_NETWORK_RESOLVER_H
#define SKIFF_NETWORK_RESOLVER_H

#include "network/resolver_index.h"
#include "network/resolver_tcp.h"
#include "network/upstream.h"

#define RESOLVER_ADDRESS "127.0.0.11"
enum { RESOLVER_PORT = 1011 };

struct udp_queue;

struct resolver {
    int fd; /* readable when there is something for resolver_turn */
    int udp, tcp;
    int child;                     /* pidfd; negative: none */
    int asks;                      /* to the child */
    int held[TCP_CONNECTIONS_MAX]; /* its clients' connections, for the next one */
    int clock;                     /* each second while there is a child; else when to look again */
    bool owed;                     /* a killed one left questions */
    bool paused;                   /* not yet time for another one */
    uint64_t began_ms;             /* the last one */
    struct udp_queue *queue;       /* shared with the child; NULL before the first */
    struct upstreams servers;
    bool inside; /* they are asked from the container's namespace */
    struct stat resolv_conf;
};

#define RESOLVER_CLOSED                                                                            \
    ((struct resolver){.fd = -EBADF,                                                               \
                       .udp = -EBADF,                                                              \
                       .tcp = -EBADF,                                                              \
                       .child = -EBADF,                                                            \
                       .asks = -EBADF,                                                             \
                       .held = {[0 ... TCP_CONNECTIONS_MAX - 1] = -EBADF},                         \
                       .clock = -EBADF})

/* What a resolver has to know. All is borrowed, until resolver_fork returns. */
struct resolver_config {
    const struct index_network
        *networks; /* in the order in which names are looked for; at most 64 */
    size_t n_networks;
    bool internal;                    /* the host's servers are not to be asked */
    const struct ip_address *servers; /* instead of the host's: the first three */
    size_t n_servers;
    void (*rest)(void); /* gives back memory that is not needed any more; called soon, locked in;
                           may be NULL */
};

/* Makes sockets and rules in the namespace @netns_fd, whose `lo` may still be down. The calling
 * thread is back in its own namespace on return, or the error is -ENOTRECOVERABLE and the process
 * must not go on. -EADDRINUSE: somebody serves there already, as in a namespace that is shared. May
 * be called before a fork: the sockets are the child's too. */
int resolver_open(int netns_fd, struct resolver *ret, struct err *e);

/* To be called when ->fd is readable. 1: a resolver is wanted, call resolver_fork. 0. A failure
 * cannot be mended: close it. Never waits. */
int resolver_turn(struct resolver *r, struct err *e);

/* Starts one. The calling process is single-threaded, real root, in the host's namespaces, and
 * stays its parent. When that fails it is wanted again in a second. */
int resolver_fork(struct resolver *r, const struct resolver_config *c, struct err *e);

/* Its networks are others now: it is ended, and the next gets what is true then. */
void resolver_changed(struct resolver *r);

/* Ends it and closes all; in a process that did not fork it, only closes. Safe to call twice. */
void resolver_close(struct resolver *r);

#endif
