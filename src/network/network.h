/*
 * Networks: gives an end of a cable, addresses and a way out to a network namespace it is handed.
 *
 * It knows nothing of containers but the 64 digits that name the owner of a cable, and nothing of
 * names or files but a folder in which addresses without a cable are claimed. What a network is
 * stands in a network_config, which is the caller's to keep; all else is the kernel's own objects,
 * in the network namespace of the caller. That namespace's links, the bridges among them, go with
 * a reboot: network_attach makes again what is missing.
 *
 * Callers are single-threaded (or a thread with what it calls here to itself), real root, and see
 * /proc. Errors, in addition to the kernel's: -EINVAL (a config, wish or owner that makes no
 * sense), -EEXIST (the namespace has a link of that name), -EADDRINUSE (an address that was asked
 * for is taken), -EADDRNOTAVAIL (no range or address is free), -EXFULL (no port is free), -ENODEV
 * (no such parent), -ENOTRECOVERABLE (the thread could not return to its own network namespace: it
 * must end).
 */
#ifndef SKIFF_NETWORK_NETWORK_H
#define SKIFF_NETWORK_NETWORK_H

#include "base/err.h"
#include "network/address.h"

enum network_driver {
    NETWORK_BRIDGE,
    NETWORK_MACVLAN,
    NETWORK_IPVLAN_L2,
    NETWORK_IPVLAN_L3,
    NETWORK_CNI, /* other people's programs make its links (cni.h): of what is here only creation
                  * and removal are for it, which care for ranges, and a bridge that is called as
                  * ours */
};

/* Whom links of one parent reach (macvlan; ipvlan knows the first three, passthru is macvlan's). */
enum network_mode {
    NETWORK_MODE_BRIDGE,
    NETWORK_MODE_PRIVATE,
    NETWORK_MODE_VEPA,
    NETWORK_MODE_PASSTHRU,
};

enum { NETWORK_SOURCES = 64 };

struct network_config {
    char id[65]; /* 64 lower-case hexadecimal digits; "" for the default bridge */
    enum network_driver driver;
    enum network_mode mode;
    /* The bridge, or the parent: "eth0", "eth0.50" (a VLAN on eth0 that is made where missing). ""
     * is filled in by network_create: "sk-" and ten digits of the ID (as parent: a link that leads
     * nowhere). */
    char link[16];
    struct ip_range subnet4, subnet6;     /* family 0: none, or to be chosen (network_create) */
    struct ip_address gateway4, gateway6; /* the bridge's own, or the router behind the parent */
    struct ip_range pool4, pool6;         /* where addresses are taken from; family 0: the subnet */
    struct ip_address *reserved;          /* never given, unless asked for by name */
    size_t n_reserved;
    bool no_ipv4;   /* IPv6 alone */
    bool want_ipv6; /* a range of unique local addresses is chosen where subnet6 is none */
    bool internal;  /* nothing outside is reached: no default route, no masquerading */
    bool isolated;  /* containers on it do not reach each other (icc off) */
    bool masquerade4, masquerade6; /* others see the host's address */
    bool large; /* packets of more than 64 KiB between containers: twice as fast, but what leaves
                 * by a card of the outside world is cut up one by one, at half the speed */
    bool routed4, routed6; /* ports are published at the container's own address */
    bool open4, open6;     /* all of its ports can be reached there */
    bool spoofing;         /* allowed: containers may use other source addresses than their own */
    bool limited; /* of strangers, only these reach its published ports (none: nobody does) */
    struct ip_range *sources; /* of both families, none within another; at most NETWORK_SOURCES */
    size_t n_sources;
    struct ip_address binding4; /* where ports are published that name no address; family 0: all */
    unsigned mtu;               /* 0: the kernel's, or the parent's */
    /* Only for choosing ranges: those that are somebody's besides the ones the host shows, as of
     * networks whose bridges are not there right now. */
    struct ip_range *avoid;
    size_t n_avoid;
};

/* The bridge that is there without being created, with whatever range it has or will get. */
#define NETWORK_DEFAULT_BRIDGE "skiff0"
#define NETWORK_DEFAULT                                                                            \
    ((struct network_config){.driver = NETWORK_BRIDGE,                                             \
                             .link = NETWORK_DEFAULT_BRIDGE,                                       \
                             .masquerade4 = true,                                                  \
                             .masquerade6 = true})

/* Frees what it points to. */
void network_config_release(struct network_config *c);

struct network_endpoint;

/* What a container asks of a network. Zero is "anything". */
struct network_wish {
    const char *owner;                    /* 64 lower-case hexadecimal digits */
    const char *inside;                   /* the link's name in the namespace: "eth0" */
    struct ip_address address4, address6; /* this and no other; family 0: any that is free */
    bool has_mac;
    uint8_t mac[6];
    bool default_route4, default_route6; /* by way of this network; no effect on an internal one */
    unsigned long long rate;             /* bits a second, each way; 0: no limit */
    int *ret_late;                       /* firewall.h; NULL: closed at once */
    int leases_fd; /* the folder of the network's endpoint files, in which a macvlan's or ipvlan's
                    * address is claimed by a file of its name; unused by bridges */
    /* Called when the link lies and before anything passes, to write down whose it is: what is in
     * the firewall's tables is so always somebody's. Its failure is the attachment's. NULL: none.
     */
    int (*laid)(const struct network_endpoint *ep, void *data, struct err *e);
    void *data;
};

/* The only network of a container that asks for nothing. */
#define NETWORK_WISH_DEFAULT(id)                                                                   \
    ((struct network_wish){.owner = (id),                                                          \
                           .inside = "eth0",                                                       \
                           .default_route4 = true,                                                 \
                           .default_route6 = true,                                                 \
                           .leases_fd = -EBADF})

/* What a container has of a network. Addresses are family 0 where the network has none. */
struct network_endpoint {
    char bridge[16];                      /* the bridge; "" for macvlan and ipvlan */
    char link[16];                        /* the host's end of the cable; likewise */
    char inside[16];                      /* the link in the namespace */
    struct ip_address address4, address6; /* of that link */
    unsigned prefix4, prefix6;            /* of its addresses, in bits */
    struct ip_address gateway4, gateway6; /* where a default route leads or would; none: internal */
    uint8_t mac[6];                       /* of that link */
};

/* The address by which an endpoint is known: the IPv4 one, or on a network without it the other. */
static inline const struct ip_address *network_endpoint_address(const struct network_endpoint *ep)
{
    return ep->address4.family ? &ep->address4 : &ep->address6;
}

/* Makes the network's link and fills in what @c leaves open: the link's name, a subnet (the first
 * that none of the host's addresses and routes overlaps; two calls at once never end with the
 * same), IPv6 where it is wanted, gateways (a subnet's first address). -EADDRINUSE where the subnet
 * or the link's name is taken by another. On failure nothing is left, and @c is as it was. */
int network_create(struct network_config *c, struct err *e);

/* Fills in what @c leaves open by what the network's bridge has, where there is one. */
int network_fill(struct network_config *c, struct err *e);

/* Removes the link, unless it was there before network_create. That it is gone is success. */
int network_remove(const struct network_config *c, struct err *e);

/* The default bridge as it is, made when missing. */
int network_default(struct network_config *ret, struct err *e);

/* The same, but makes nothing: 1, or 0 when it does not exist. A bridge that has no address (yet)
 * has no subnet4. */
int network_default_look(struct network_config *ret, struct err *e);

/* Gives the network namespace @netns_fd a link to the network: up, with an address of each of the
 * network's families, and no IPv6 where it has none. What is missing of the network itself (the
 * bridge, the rules of its table) is made. `lo` is left alone. The host's end bears the alias
 * "skiff:OWNER". The cable and the lease of its addresses go when the namespace goes. On failure
 * no link is left. */
int network_attach(int netns_fd, const struct network_config *c, const struct network_wish *w,
                   struct network_endpoint *ret, struct err *e);

/* Leads the default route of the families asked for by way of an endpoint, in place of the one
 * there is. Of no effect where the endpoint has no gateway (it may, in an IPvlan of layer 3). */
int network_route(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                  bool route4, bool route6, struct err *e);

/* Takes the link from the namespace again, and frees its addresses (a file in a folder of leases is
 * the caller's to remove). That it is gone is success. */
int network_detach(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                   struct err *e);

/* Whether the namespace @netns_fd has that link, whoever it was laid for: 1 or 0. */
int network_is_in(int netns_fd, const struct network_config *c, const struct network_endpoint *ep,
                  struct err *e);

/* Puts the host's end of a cable into its network's bridge again, which somebody has deleted; makes
 * that where it is missing. */
int network_rejoin(const struct network_config *c, const struct network_endpoint *ep,
                   struct err *e);

/* For one that publishes ports: it reaches them itself by the host's address. Where bridged packets
 * pass the host's own rules (br_netfilter), they are translated on the bridge and would have to
 * leave by the port they came from, which a bridge does not do unless told. */
int network_reflect(const struct network_endpoint *ep, struct err *e);

#endif
