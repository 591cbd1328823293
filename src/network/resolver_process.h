/*
 * The resolver's process: what it does between its fork and its end.
 */
#ifndef SKIFF_NETWORK_RESOLVER_PROCESS_H
#define SKIFF_NETWORK_RESOLVER_PROCESS_H

#include "network/resolver_index.h"
#include "network/resolver_udp.h"

enum { RESOLVER_IDLE_MS = 10000 };

struct resolver_job {
    int udp, tcp, asks;
    const int *held; /* connections of a killed one: TCP_CONNECTIONS_MAX, negative for none */
    struct udp_queue *queue;
    const struct index_network *networks;
    size_t n_networks, n_servers;
    void (*rest)(void); /* resolver_config's */
};

/* Locks itself in, answers, and ends when nobody has asked for RESOLVER_IDLE_MS: exit status 0, and
 * no question is left; any other end leaves some. */
_Noreturn void resolver_process(const struct resolver_job *job);

#endif
