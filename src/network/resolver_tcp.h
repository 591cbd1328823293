/*
 * Questions by TCP (RFC 7766): a length of two bytes, a message. One question at a time of each
 * connection; those that ask nothing for a while are closed.
 */
#ifndef SKIFF_NETWORK_RESOLVER_TCP_H
#define SKIFF_NETWORK_RESOLVER_TCP_H

#include "base/loop.h"
#include "network/resolver_answer.h"
#include "network/resolver_forward.h"

enum { TCP_CONNECTIONS_MAX = 32 };

struct tcp_server {
    int fd; /* listens */
    struct loop *loop;
    struct answerer *answerer;
    struct forwarder *forwarder;
    struct loop_source source;
    unsigned n; /* connections */
};

/* Serves the socket in @loop. Negative errno. */
int tcp_server_open(struct tcp_server *s, struct loop *loop, int fd, struct answerer *answerer,
                    struct forwarder *forwarder);

#endif
