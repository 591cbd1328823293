/*
 * The name servers that are asked for what is not ours: those of the host's /etc/resolv.conf
 * (resolv.conf(5)), or those that a person gave with --dns.
 */
#ifndef SKIFF_NETWORK_UPSTREAM_H
#define SKIFF_NETWORK_UPSTREAM_H

#include "base/err.h"
#include "network/address.h"

#include <sys/stat.h>

#define RESOLV_CONF "/etc/resolv.conf"

enum { UPSTREAMS_MAX = 3 /* as the C library, MAXNS */ };

struct upstream {
    struct ip_address address;
    uint32_t scope; /* the link's index of "fe80::1%eth0"; 0: none */
};

struct upstreams {
    struct upstream v[UPSTREAMS_MAX];
    size_t n;
};

/* The servers that the text of a resolv.conf names, the first three; what is no address is passed
 * over. Where it names none it is the machine itself, as for the C library: 127.0.0.1. */
void upstreams_parse(const char *text, struct upstreams *ret);

/* Those of the machine, and what the file is like (all zero: there is none), by which a change of
 * it is seen. -ENOMEM, or why it cannot be read. */
int upstreams_read(struct upstreams *ret, struct stat *ret_file, struct err *e);

/* Whether the file is another one, or was changed, since upstreams_read. */
bool upstreams_changed(const struct stat *file);

/* A socket connected (or, by TCP, connecting) to port 53 of the server, non-blocking, from a port
 * that the kernel chooses at random; in the network namespace of the calling thread. So the kernel
 * lets through what comes from there alone. Negative errno. */
int upstream_connect(const struct upstream *u, bool stream);

#endif
