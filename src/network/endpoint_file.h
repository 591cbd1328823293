/*
 * Endpoint files: who has which address of a network, one text file per address in the network's
 * folder (RUN/networks/NETWORK_ID), named by the address: "172.18.0.2".
 *
 * Written in one step when the link lies, removed at the container's end; whoever leases an address
 * overwrites what a killed process left under it, so no stale name stands for a live address. The
 * resolver, inspect, the collector and the repair read them. Lines, each once unless said:
 *
 *     owner <64 hexadecimal digits>
 *     former <64 hexadecimal digits>   whom it was given to, where that was another: he has ended,
 *                                 and the owner lives in what was his network namespace
 *     link sk-ac120002            the host's end; not for macvlan and ipvlan
 *     inside eth0
 *     mac 02:42:ac:12:00:02
 *     address fd00::ac12:2        the other family's, if there is one
 *     name web                    any number; the container's own first, then its short ID, aliases
 *     port tcp 0.0.0.0 8080 80    any number; protocol, host address and port, its own port
 *
 * The folder is 0755 and the files 0644, below a folder that is nobody else's: the resolver reads
 * them as nobody.
 */
#ifndef SKIFF_NETWORK_ENDPOINT_FILE_H
#define SKIFF_NETWORK_ENDPOINT_FILE_H

#include "base/err.h"
#include "base/str.h"
#include "network/address.h"

/* A name of a host is at most 253 bytes long (RFC 1035); one that a container has may be longer, it
 * is only never asked for. */
enum {
    ENDPOINT_NAME_MAX = 255,
    ENDPOINT_NAMES_MAX = 1024,
    ENDPOINT_PORTS_MAX = 65536,
    ENDPOINT_FILE_MAX = 4 << 20, /* bytes */
};

struct endpoint_port {
    uint8_t protocol;       /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
    struct ip_address host; /* all zero: any of its family */
    uint16_t host_port, port;
};

struct endpoint_file {
    struct ip_address address;  /* the file's name; IPv4 where there is one */
    struct ip_address other;    /* IPv6 beside an IPv4 one; family 0: none */
    char owner[65], former[65]; /* former: "" for none */
    char link[16], inside[16];  /* "" for none */
    uint8_t mac[6];
    struct strv names;
    struct endpoint_port *ports;
    size_t n_ports;
};

/* Frees what it points to; it is as new. */
void endpoint_file_release(struct endpoint_file *f);
#define _cleanup_endpoint_file_ _cleanup_(endpoint_file_release)

/* Adds a port; -ENOMEM, or -E2BIG when it has as many as there are. */
int endpoint_file_add_port(struct endpoint_file *f, const struct endpoint_port *port);

/* Puts the file in @dirfd, in place of one that is there. -EINVAL when @f cannot be told in lines
 * (a name with a blank, an owner that is none) or breaks a limit above. */
int endpoint_file_write(int dirfd, const struct endpoint_file *f, struct err *e);

/* The same, but -EEXIST (without a story) when there is one already: of several who claim an
 * address one succeeds. */
int endpoint_file_claim(int dirfd, const struct endpoint_file *f, struct err *e);

/* Reads the file of @address, whatever it is: -ENOENT, -EBADMSG (not such a file; each line is
 * looked at, and none may be unknown). @ret is the caller's to release. */
int endpoint_file_read(int dirfd, const struct ip_address *address, struct endpoint_file *ret,
                       struct err *e);

/* The same of a file's text, which is changed. Pure. 0, -EBADMSG, -ENOMEM. */
int endpoint_file_parse(char *text, const struct ip_address *address, struct endpoint_file *ret);

/* Calls @see for every address that has a file in @dirfd, in no order; other names are passed over.
 * What @see returns, if it is not 0, ends it and is returned. Files may come and go meanwhile. */
int endpoint_file_list(int dirfd, int (*see)(const struct ip_address *address, void *arg),
                       void *arg, struct err *e);

/* Removes the file of @address. That it is gone is success. */
int endpoint_file_remove(int dirfd, const struct ip_address *address, struct err *e);

#endif
