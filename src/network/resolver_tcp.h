/*
 * Questions by TCP (RFC 7766): a length of two bytes, a message. One question at a time of each
 * connection; those that ask nothing for a while are closed.
 *
 * What has come of a question lies in memory that is shared with the monitor, which also holds each
 * connection's descriptor: when the resolver is killed the next one goes on with both, and the
 * client notices nothing. Only where a part of an answer was sent the connection is closed.
 */
#ifndef SKIFF_NETWORK_RESOLVER_TCP_H
#define SKIFF_NETWORK_RESOLVER_TCP_H

#include "base/loop.h"
#include "network/resolver_answer.h"
#include "network/resolver_forward.h"

enum { TCP_CONNECTIONS_MAX = 32 };

/* One connection, by its place. */
struct tcp_place {
    uint16_t have;    /* bytes of `in` */
    uint8_t attempts; /* how often it was found left behind */
    uint8_t begun;    /* something of an answer was sent */
    uint8_t in[2 + DNS_QUERY_MAX];
};

struct tcp_server {
    int fd;   /* listens */
    int asks; /* to the monitor */
    struct tcp_place *places;
    bool used[TCP_CONNECTIONS_MAX];
    struct loop *loop;
    struct answerer *answerer;
    struct forwarder *forwarder;
    struct loop_source source;
    unsigned n; /* connections */
};

/* Serves the socket in @loop, and the connections of @held (TCP_CONNECTIONS_MAX, negative for
 * none), whose places are @places. Negative errno. */
int tcp_server_open(struct tcp_server *s, struct loop *loop, int fd, int asks,
                    struct tcp_place *places, const int *held, struct answerer *answerer,
                    struct forwarder *forwarder);

#endif
