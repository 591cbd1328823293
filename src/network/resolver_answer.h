/*
 * What the resolver says to a question: what its container's networks know, or a name server, or
 * that there is nothing. A name that somebody has on them is never asked elsewhere, whatever is
 * asked about it.
 */
#ifndef SKIFF_NETWORK_RESOLVER_ANSWER_H
#define SKIFF_NETWORK_RESOLVER_ANSWER_H

#include "network/dns_packet.h"
#include "network/resolver_index.h"

#include <sys/types.h>

struct answerer {
    struct resolver_index *index;
    bool forwards; /* there are servers to ask */
    unsigned turn; /* who is named first: another one each time */
};

/* Reads the question in @query and writes the answer to @out: its length. 0 when a server has to be
 * asked for it; -EBADMSG when it deserves none. @out has room for DNS_MESSAGE_MAX bytes by TCP,
 * for DNS_UDP_MAX otherwise. */
ssize_t answer_question(struct answerer *a, const uint8_t *query, size_t n, bool tcp,
                        struct dns_question *ret_question, uint8_t *out);

/* Writes that no server answered. */
size_t answer_failure(const uint8_t *query, const struct dns_question *q, uint8_t *out);

#endif
