#include "network/publish.h"

#include "base/str.h"
#include "network/conntrack.h"
#include "network/firewall_private.h"
#include "network/protocol.h"
#include "network/sysctl.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

static bool is_any(const struct ip_address *a)
{
    static const uint8_t zeros[16];
    return memcmp(a->bytes, zeros, sizeof(zeros)) == 0;
}

static int open_claim(const struct publication *p)
{
    int type = p->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    _cleanup_close_ int fd = socket(p->host.family, type | SOCK_CLOEXEC, p->protocol);
    if (fd < 0)
        return -errno;
    int on = 1;
    if (p->host.family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

union socket_name {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t name_socket(const struct publication *p, uint16_t port, union socket_name *ret)
{
    *ret = (union socket_name){.any.sa_family = p->host.family};
    if (p->host.family == AF_INET6) {
        ret->ipv6.sin6_port = htons(port);
        memcpy(&ret->ipv6.sin6_addr, p->host.bytes, 16);
        return sizeof(ret->ipv6);
    }
    ret->ipv4.sin_port = htons(port);
    memcpy(&ret->ipv4.sin_addr, p->host.bytes, 4);
    return sizeof(ret->ipv4);
}

static int set_reuse(int fd, int on)
{
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* Connections that a former server of the port closed are in the way for a minute (TIME_WAIT), but
 * not with SO_REUSEADDR; with which, however, two sockets that do not listen may have the same
 * port. So this one listens for a moment, which only one may that has it, and then has the port as
 * one without the option. */
static int bind_beside_closed(int fd, const union socket_name *name, socklen_t n)
{
    int r = set_reuse(fd, 1);
    if (r < 0)
        return r;
    if (bind(fd, &name->any, n) < 0 || listen(fd, 0) < 0)
        return -errno;
    r = set_reuse(fd, 0);
    return r == 0 && shutdown(fd, SHUT_RDWR) < 0 ? -errno : r;
}

static int bind_port(const struct publication *p, int fd, const union socket_name *name,
                     socklen_t n)
{
    if (bind(fd, &name->any, n) == 0)
        return 0;
    return errno == EADDRINUSE && p->protocol == IPPROTO_TCP ? bind_beside_closed(fd, name, n)
                                                             : -errno;
}

static int try_port(struct publication *p, int fd, uint16_t port)
{
    union socket_name name;
    socklen_t n = name_socket(p, port, &name);
    int r = bind_port(p, fd, &name, n);
    if (r < 0)
        return r;
    if (getsockname(fd, &name.any, &n) < 0)
        return -errno;
    p->host_port = ntohs(p->host.family == AF_INET6 ? name.ipv6.sin6_port : name.ipv4.sin_port);
    return 0;
}

/* "0.0.0.0:80/tcp" */
static char *port_text(const struct publication *p, uint16_t port)
{
    char address[IP_ADDRESS_TEXT];
    ip_address_format(&p->host, address);
    bool six = p->host.family == AF_INET6;
    return str_printf("%s%s%s:%u/%s", six ? "[" : "", address, six ? "]" : "", port,
                      protocol_name(p->protocol));
}

static int tell_taken(const struct publication *p, uint16_t first, uint16_t last, struct err *e)
{
    struct publication taken = *p;
    taken.host_port = first;
    _cleanup_free_ char *port = port_text(p, first);
    if (!port)
        return err_nomem(e);
    if (first != last)
        return err_set(e, EADDRINUSE, "no port from \"%s\" to %u is free", port, last);
    struct publish_owner owner;
    if (publish_owner(&taken, &owner, NULL) <= 0)
        return err_set(e, EADDRINUSE, "the port \"%s\" is taken", port);
    if (!owner.container)
        return err_set(e, EADDRINUSE, "the port \"%s\" is taken by the process %d (\"%s\")", port,
                       (int)owner.pid, owner.name);
    char address[IP_ADDRESS_TEXT];
    return err_set(e, EADDRINUSE, "the port \"%s\" is taken by the container with the address %s",
                   port, ip_address_format(&owner.target, address));
}

static int tell_refused(const struct publication *p, uint16_t port, int r, struct err *e)
{
    _cleanup_free_ char *text = port_text(p, port);
    if (!text)
        return err_nomem(e);
    if (r == -EADDRNOTAVAIL)
        return err_set(e, EADDRNOTAVAIL, "cannot publish on \"%s\": no address of this host", text);
    return err_sys(e, -r, "cannot claim the port \"%s\"", text);
}

/* Without a socket it is the element that claims: it is added as one that must be new. */
static int claim_without_socket(struct publication *p, uint16_t first)
{
    uint16_t number = first;
    if (number == 0) {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            return -EIO;
        number |= 0xc000; /* the range for such ports: RFC 6335, 6 */
    }
    p->host_port = number;
    p->claim = -EBADF;
    return 0;
}

int publish_claim(struct publication *p, uint16_t first, uint16_t last, struct err *e)
{
    if (p->host.family != AF_INET && p->host.family != AF_INET6)
        return err_set(e, EINVAL, "a port is published on an IPv4 or IPv6 address");
    for (unsigned port = first; port <= last; port++) {
        _cleanup_close_ int fd = open_claim(p);
        if (fd == -EPROTONOSUPPORT || fd == -ESOCKTNOSUPPORT)
            return claim_without_socket(p, first);
        int r = fd < 0 ? fd : try_port(p, fd, (uint16_t)port);
        if (r == 0) {
            p->claim = TAKE_FD(fd);
            return 0;
        }
        if (r != -EADDRINUSE)
            return tell_refused(p, (uint16_t)port, r, e);
    }
    return tell_taken(p, first, last, e);
}

static void put_port(struct nft_element *x, uint8_t protocol, uint16_t port)
{
    uint16_t number = htons(port);
    nft_key_put(x, &protocol, 1, 4);
    nft_key_put(x, &number, 2, 4);
}

static void direct_element(const struct publication *p, struct firewall_elements *x)
{
    size_t size = ip_size(p->target.family);
    struct nft_element *new =
        firewall_elements_new(x, &firewall_inet, size == 4 ? "direct4" : "direct6");
    nft_key_put(new, p->target.bytes, size, size);
    put_port(new, p->protocol, p->target_port);
}

static void port_element(const struct publication *p, struct firewall_elements *x)
{
    size_t size = ip_size(p->target.family);
    bool any = is_any(&p->host), six = size == 16;
    const char *map = any ? (six ? "any6" : "any4") : (six ? "ports6" : "ports4");
    struct nft_element *new = firewall_elements_new(x, &firewall_inet, map);
    if (!any)
        nft_key_put(new, p->host.bytes, size, size);
    put_port(new, p->protocol, p->host_port);

    uint16_t port = htons(p->target_port);
    memcpy(new->data, p->target.bytes, size);
    memcpy(new->data + size, &port, sizeof(port));
    new->data_size = size + 4;
}

static void hairpin_element(const struct publication *p, const uint8_t mac[6],
                            struct firewall_elements *x)
{
    size_t size = ip_size(p->target.family);
    struct nft_element *new =
        firewall_elements_new(x, &firewall_bridge, size == 4 ? "hairpin4" : "hairpin6");
    nft_key_put(new, p->target.bytes, size, size);
    put_port(new, p->protocol, p->target_port);
    memcpy(new->data, mac, 6);
    new->data_size = 6;
}

static int bridge_mac(int fd, const char *bridge, uint8_t ret[6], struct err *e)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, bridge, strnlen(bridge, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return err_sys(e, errno, "cannot read the hardware address of \"%s\"", bridge);
    memcpy(ret, request.ifr_hwaddr.sa_data, 6);
    return 0;
}

/* For connections from the host by its loopback: the kernel else sends nothing that comes from
 * there to another link. What strangers could do with it, the chain `guard` drops. */
static int open_loopback(const struct publication *p, struct err *e)
{
    if (p->host.family != AF_INET || (!is_any(&p->host) && p->host.bytes[0] != 127))
        return 0;
    _cleanup_free_ char *path = str_printf("ipv4/conf/%s/route_localnet", p->bridge);
    return path ? sysctl_write(path, '1', e) : err_nomem(e);
}

static int gather(struct netlink *nl, const struct publication *p, size_t n,
                  struct firewall_elements *exclusive, struct firewall_elements *x, struct err *e)
{
    const char *bridge = "";
    uint8_t mac[6] = {0};
    for (size_t i = 0; i < n; i++) {
        if (p[i].target.family == 0)
            continue;
        if (p[i].direct) {
            direct_element(&p[i], x);
            continue;
        }
        if (p[i].host.family != p[i].target.family)
            return err_set(e, EINVAL, "a port is published on an address of the target's family");
        if (!str_eq(bridge, p[i].bridge)) {
            bridge = p[i].bridge;
            int r = bridge_mac(nl->fd, bridge, mac, e);
            if (r == 0)
                r = open_loopback(&p[i], e);
            if (r < 0)
                return r;
        }
        bool socketless = p[i].claim < 0 && p[i].protocol == IPPROTO_SCTP;
        port_element(&p[i], socketless ? exclusive : x);
        hairpin_element(&p[i], mac, x);
        firewall_elements_self(x, &p[i].target);
    }
    return 0;
}

/* Whether the port leads to @p's target, and not to somebody who has it now. */
static int is_ours(struct netlink *nl, const struct firewall_element *port, struct err *e)
{
    uint8_t data[sizeof(port->x[0].data)];
    int r = firewall_element_data(nl, port, port->x[0].data_size, data, e);
    return r <= 0 ? r : memcmp(data, port->x[0].data, port->x[0].data_size) == 0;
}

/* Those that lead there already are not claimed anew: whoever puts back what a table has lost. */
static int claim_elements(struct netlink *nl, struct firewall_elements *x, struct err *e)
{
    size_t kept = 0;
    int r = firewall_elements_claim(nl, x, e);
    if (r != -EEXIST)
        return r;
    err_release(e);
    for (size_t i = 0; i < x->n; i++) {
        r = is_ours(nl, &x->v[i], e);
        if (r < 0)
            return r;
        if (r == 0)
            x->v[kept++] = x->v[i];
    }
    x->n = kept;
    r = firewall_elements_claim(nl, x, e);
    return r == -EEXIST ? err_set(e, EADDRINUSE, "a port is taken by another container") : r;
}

static int add(struct netlink *nl, struct firewall_elements *exclusive,
               const struct firewall_elements *x, struct err *e)
{
    int r = claim_elements(nl, exclusive, e);
    if (r < 0)
        return r;
    r = firewall_elements_add(nl, x, e);
    if (r < 0)
        (void)firewall_elements_remove(nl, exclusive, NULL);
    return r;
}

int publish_add(const struct publication *p, size_t n, int *ret_late, struct err *e)
{
    if (n == 0)
        return 0;
    _cleanup_elements_ struct firewall_elements exclusive = {0}, x = {0};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = gather(&nl, p, n, &exclusive, &x, e);
    if (r == 0)
        r = firewall_ensure_with(&nl, NULL, e);
    if (r == 0)
        r = add(&nl, &exclusive, &x, e);
    if (r == 0)
        r = conntrack_forget(&nl, p, n, e);
    if (ret_late)
        *ret_late = TAKE_FD(nl.fd);
    return r < 0 ? err_wrap(e, "cannot publish ports") : 0;
}

/* With @all, what answers went by too, whether the port leads there or not. */
static int gather_ours(struct netlink *nl, const struct publication *p, size_t n, bool all,
                       struct firewall_elements *x, struct err *e)
{
    static const uint8_t no_mac[6];
    for (size_t i = 0; i < n; i++) {
        if (p[i].target.family == 0)
            continue;
        if (p[i].direct) { /* it is the address's own */
            direct_element(&p[i], x);
            continue;
        }
        port_element(&p[i], x);
        if (x->failed)
            return err_nomem(e);
        int r = is_ours(nl, &x->v[x->n - 1], e);
        if (r < 0)
            return r;
        if (r == 0)
            x->n--;
        if (r > 0 || all)
            hairpin_element(&p[i], no_mac, x);
    }
    for (size_t i = 0; i < x->n; i++)
        x->v[i].x[0].data_size = 0; /* whichever bridge */
    return 0;
}

static int remove_ours(const struct publication *p, size_t n, bool all, int *ret_late,
                       struct err *e)
{
    if (n == 0)
        return 0;
    _cleanup_elements_ struct firewall_elements x = {0};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    if (r == 0)
        r = gather_ours(&nl, p, n, all, &x, e);
    if (r == 0)
        r = firewall_elements_remove(&nl, &x, e);
    if (r == 0)
        r = conntrack_forget(&nl, p, n, e);
    if (ret_late)
        *ret_late = TAKE_FD(nl.fd);
    else
        firewall_settle();
    return r < 0 ? err_wrap(e, "cannot take published ports back") : 0;
}

int publish_remove(const struct publication *p, size_t n, int *ret_late, struct err *e)
{
    return remove_ours(p, n, false, ret_late, e);
}

int publish_clear(const struct publication *p, size_t n, struct err *e)
{
    return remove_ours(p, n, true, NULL, e);
}
