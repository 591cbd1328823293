/*
 * Asking name servers on a container's behalf.
 *
 * Each question goes out from a socket of its own, which the monitor connects (resolver.h): from a
 * port that the kernel chose at random, under a random number, and an answer is taken only from
 * that server and port, with that number and question (RFC 5452). A server that does not answer in
 * time, or not usefully, is followed by the next; the one that answered last is asked first.
 */
#ifndef SKIFF_NETWORK_RESOLVER_FORWARD_H
#define SKIFF_NETWORK_RESOLVER_FORWARD_H

#include "base/loop.h"
#include "network/dns_packet.h"

enum { FORWARDS_MAX = 128 };

/* What the resolver asks its monitor for: a socket to a server; or to hold a client's connection,
 * whose descriptor comes with it, for the next resolver, and to let go of it again
 * (resolver_tcp.h). And what it gets for the first, with a descriptor if error is 0. */
enum forward_what { FORWARD_CONNECT, FORWARD_HOLD, FORWARD_LET_GO };
struct forward_wish {
    uint32_t ticket; /* or the connection's place */
    uint8_t server, stream;
    uint8_t what;
    uint8_t unused;
};
struct forward_grant {
    uint32_t ticket;
    int32_t error; /* negative errno */
};

struct forward;

struct forwarder {
    struct loop *loop;
    int asks; /* to the monitor, SOCK_SEQPACKET */
    size_t n_servers;
    struct loop_source grants;
    struct forward *first; /* those under way */
    unsigned n;
    size_t preferred;
    uint32_t tickets;
};

/* Listens for what the monitor grants. Negative errno. */
int forwarder_open(struct forwarder *fw, struct loop *loop, int asks, size_t n_servers);

/* Asks for the answer to @query, which is @q, by TCP if @stream. @done is called once, later, with
 * the answer under the client's own number and in its own letters, or NULL if there is none; it
 * must stay callable. -EBUSY when FORWARDS_MAX are under way, -ENOMEM. @query and @q are copied. */
typedef void (*forward_done)(void *owner, const uint8_t *answer, size_t n);
int forward_start(struct forwarder *fw, const uint8_t *query, const struct dns_question *q,
                  bool stream, forward_done done, void *owner, struct forward **ret);

/* Forgets it: @done is not called. */
void forward_cancel(struct forwarder *fw, struct forward *f);

#endif
