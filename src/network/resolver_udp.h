/*
 * Questions by UDP: taken in batches, answered in batches.
 *
 * Each lies in a place of memory that the resolver shares with its monitor until it is answered. So
 * none is lost when the resolver is killed: the next one finds those that were left and goes on
 * with them. What another process wrote there is as hostile as what came from the container.
 */
#ifndef SKIFF_NETWORK_RESOLVER_UDP_H
#define SKIFF_NETWORK_RESOLVER_UDP_H

#include "base/loop.h"
#include "network/resolver_answer.h"
#include "network/resolver_forward.h"
#include "network/resolver_tcp.h"

#include <netinet/in.h>

enum { UDP_BATCH = 32, UDP_PLACES = FORWARDS_MAX + UDP_BATCH };

/* One question. It is free while `from` has no port: the kernel fills in both at once. */
struct udp_place {
    struct sockaddr_in from;
    uint32_t attempts; /* how often it was found left behind */
    uint8_t query[DNS_QUERY_MAX];
};

/* The shared memory; fresh, it is all zero. */
struct udp_queue {
    uint32_t touched; /* places behind were never used, and take no memory */
    struct udp_place places[UDP_PLACES];
    struct tcp_place connections[TCP_CONNECTIONS_MAX];
};

struct udp_server {
    int fd;
    struct udp_queue *queue;
    struct answerer *answerer;
    struct forwarder *forwarder;
    struct loop_source source;
    struct udp_waiting {
        struct udp_server *server;
    } waiting[UDP_PLACES]; /* what forwards are for: the place of the same number */
    struct udp_outgoing *out;
    uint64_t last_ms; /* when something came */
};

/* How many places of the queue need to be looked at. */
static inline size_t udp_queue_touched(const struct udp_queue *q)
{
    return q->touched < UDP_PLACES ? q->touched : UDP_PLACES;
}

/* Serves the socket in @loop, and first what was left in @queue. Negative errno. */
int udp_server_open(struct udp_server *s, struct loop *loop, int fd, struct udp_queue *queue,
                    struct answerer *answerer, struct forwarder *forwarder);

#endif
