/* Whose a port is: asked only when it was refused, so it may take its time. */
#include "network/publish.h"

#include "base/file.h"
#include "base/str.h"
#include "network/firewall_private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

/* The tables of sockets may be long; what is behind this is not looked at. */
#define SOCKETS_MAX ((size_t)16 << 20)

struct search {
    const struct publication *p;
    struct publish_owner *owner;
    size_t before; /* bytes of a key before the protocol: the address */
    bool found;
};

static int see_port(const struct nlmsghdr *m, void *arg)
{
    struct search *s = arg;
    size_t size = ip_size(s->p->host.family);
    uint16_t port = htons(s->p->host_port);
    if (!nft_is(m, NFT_MSG_NEWSETELEM))
        return 0;
    for (const struct nlattr *x = NULL; !s->found && (x = nft_next_element(m, x));) {
        const uint8_t *key = nft_element_bytes(x, NFTA_SET_ELEM_KEY, s->before + 8);
        const void *data = nft_element_bytes(x, NFTA_SET_ELEM_DATA, size + 4);
        if (!key || !data || key[s->before] != s->p->protocol ||
            memcmp(key + s->before + 4, &port, sizeof(port)) != 0)
            continue;
        struct ip_address any = {.family = s->p->host.family};
        struct ip_address on = any;
        if (s->before > 0)
            on = ip_from_bytes(any.family, key);
        s->found = s->before == 0 || ip_equal(&s->p->host, &any) || ip_equal(&s->p->host, &on);
        s->owner->target = ip_from_bytes(any.family, data);
    }
    return 0;
}

static int find_container(struct search *s, struct err *e)
{
    bool six = s->p->host.family == AF_INET6;
    const char *const maps[] = {six ? "any6" : "any4", six ? "ports6" : "ports4"};
    _cleanup_netlink_ struct netlink nl = NETLINK_CLOSED;
    int r = netlink_open(&nl, NETLINK_NETFILTER, e);
    for (size_t i = 0; i < ARRAY_LEN(maps) && r == 0 && !s->found; i++) {
        struct netlink_batch b;
        NETLINK_BATCH_INIT(&b);
        nft_get_elements(&b, &firewall_inet, maps[i]);
        s->before = i == 0 ? 0 : ip_size(s->p->host.family);
        r = netlink_send(&nl, &b, see_port, s, NULL, e);
        if (r == -ENOENT) {
            err_release(e);
            r = 0;
        }
    }
    return r;
}

/* "  sl  local_address rem_address   st …" (proc_pid_net(5)): the tenth word is the inode. */
static unsigned long read_socket(char *line, const struct publication *p)
{
    enum { LOCAL = 1, STATE = 3, INODE = 9, WORDS };
    const char *words[WORDS] = {NULL}, *word;
    size_t n = 0;
    while (n < WORDS && (word = strsep(&line, " ")))
        if (*word)
            words[n++] = word;
    const char *port = n == WORDS ? strrchr(words[LOCAL], ':') : NULL;
    if (!port || strtoul(port + 1, NULL, 16) != p->host_port)
        return 0;
    /* 10: listens. A socket of UDP that is bound takes what comes, whatever its state. */
    bool takes = strtoul(words[STATE], NULL, 16) == 10 || p->protocol == IPPROTO_UDP;
    return takes ? strtoul(words[INODE], NULL, 10) : 0;
}

/* The inode of a socket with our port in one of the kernel's tables, or 0. */
static unsigned long find_socket(const char *table, const struct publication *p)
{
    _cleanup_free_ char *text = NULL;
    unsigned long found = 0;
    if (file_read(AT_FDCWD, table, SOCKETS_MAX, &text, NULL, NULL) < 0)
        return 0;
    char *at = text, *line;
    strsep(&at, "\n"); /* the heading */
    while (found == 0 && (line = strsep(&at, "\n")))
        found = read_socket(line, p);
    return found;
}

static bool holds(int proc, const char *pid, const char *socket_name)
{
    _cleanup_free_ char *path = str_printf("%s/fd", pid);
    if (!path)
        return false;
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char link[64];
        ssize_t n = readlinkat(fd, entry->d_name, link, sizeof(link) - 1);
        link[n < 0 ? 0 : n] = '\0';
        if (str_eq(link, socket_name))
            return true;
    }
    return false;
}

/* A process gives itself its name: only what can be printed is told. */
static void read_name(int proc, const char *pid, struct publish_owner *owner)
{
    _cleanup_free_ char *path = str_printf("%s/comm", pid);
    _cleanup_free_ char *name = NULL;
    size_t n = 0;
    if (!path || file_read(proc, path, sizeof(owner->name) - 1, &name, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n && name[i] != '\n'; i++)
        owner->name[i] = isprint((unsigned char)name[i]) ? name[i] : '?';
}

static bool find_process(unsigned long inode, struct publish_owner *owner)
{
    _cleanup_free_ char *socket_name = str_printf("socket:[%lu]", inode);
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    const struct dirent *entry;
    while (socket_name && proc && (entry = readdir(proc))) {
        long long pid;
        if (str_to_int64(entry->d_name, 1, INT32_MAX, &pid) < 0 ||
            !holds(dirfd(proc), entry->d_name, socket_name))
            continue;
        owner->pid = (pid_t)pid;
        read_name(dirfd(proc), entry->d_name, owner);
        return true;
    }
    return false;
}

/* A socket of IPv6 may have IPv4's port too. */
int publish_owner(const struct publication *p, struct publish_owner *ret, struct err *e)
{
    *ret = (struct publish_owner){0};
    struct search s = {.p = p, .owner = ret};
    int r = find_container(&s, e);
    ret->container = s.found;
    if (r < 0 || s.found)
        return r < 0 ? r : 1;

    bool udp = p->protocol == IPPROTO_UDP;
    const char *const tables[] = {udp ? "/proc/thread-self/net/udp" : "/proc/thread-self/net/tcp",
                                  udp ? "/proc/thread-self/net/udp6"
                                      : "/proc/thread-self/net/tcp6"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        unsigned long inode = find_socket(tables[i], p);
        if (inode != 0 && find_process(inode, ret))
            return 1;
    }
    return 0;
}
