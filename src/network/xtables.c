#include "network/xtables.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#define LOCK   "/run/xtables.lock"
#define PREFIX "sk"

enum { NAMES_MAX = 4096, TABLE_MAX = 64 << 20 };

/* What the families differ in; the numbers of their options and all other structures are the same.
 */
struct family {
    const char *names; /* of the tables that the namespace has */
    int domain, level;
    size_t entry; /* bytes of an entry without matches and target */
    size_t match; /* of those, bytes that say what it is about: addresses, links, protocol */
    size_t target_offset, next_offset;
    size_t in, in_mask, out, out_mask;
};

static const struct family families[] = {
    {"/proc/thread-self/net/ip_tables_names", AF_INET, IPPROTO_IP, sizeof(struct ipt_entry),
     sizeof(struct ipt_ip), offsetof(struct ipt_entry, target_offset),
     offsetof(struct ipt_entry, next_offset), offsetof(struct ipt_entry, ip.iniface),
     offsetof(struct ipt_entry, ip.iniface_mask), offsetof(struct ipt_entry, ip.outiface),
     offsetof(struct ipt_entry, ip.outiface_mask)},
    {"/proc/thread-self/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6, sizeof(struct ip6t_entry),
     sizeof(struct ip6t_ip6), offsetof(struct ip6t_entry, target_offset),
     offsetof(struct ip6t_entry, next_offset), offsetof(struct ip6t_entry, ipv6.iniface),
     offsetof(struct ip6t_entry, ipv6.iniface_mask), offsetof(struct ip6t_entry, ipv6.outiface),
     offsetof(struct ip6t_entry, ipv6.outiface_mask)},
};

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
                   sizeof(struct ipt_replace) == sizeof(struct ip6t_replace) &&
                   offsetof(struct ipt_get_entries, entrytable) ==
                       offsetof(struct ip6t_get_entries, entrytable),
               "the families' structures are the same");

struct table {
    const struct family *family;
    int fd;
    struct ipt_getinfo info;
    uint8_t *answer; /* a struct ipt_get_entries */
    uint8_t *entries;
};

static void table_release(struct table *t)
{
    fd_close(&t->fd);
    free(TAKE_PTR(t->answer));
}
#define _cleanup_table_ _cleanup_(table_release)

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* ---- reading ---- */

static bool has_filter(const struct family *f)
{
    _cleanup_free_ char *names = NULL;
    if (file_read(AT_FDCWD, f->names, NAMES_MAX, &names, NULL, NULL) < 0)
        return false;
    const char *at = strstr(names, "filter\n");
    return at && (at == names || at[-1] == '\n');
}

static int read_once(struct table *t)
{
    socklen_t n = sizeof(t->info);
    memset(&t->info, 0, sizeof(t->info));
    memcpy(t->info.name, "filter", sizeof("filter"));
    if (getsockopt(t->fd, t->family->level, IPT_SO_GET_INFO, &t->info, &n) < 0)
        return -errno;
    if (t->info.size > TABLE_MAX)
        return -E2BIG;
    size_t head = offsetof(struct ipt_get_entries, entrytable);
    n = (socklen_t)(head + t->info.size);
    free(t->answer);
    t->answer = calloc(1, n);
    if (!t->answer)
        return -ENOMEM;
    memcpy(t->answer, "filter", sizeof("filter"));
    memcpy(t->answer + offsetof(struct ipt_get_entries, size), &t->info.size, sizeof(unsigned));
    t->entries = t->answer + head;
    return getsockopt(t->fd, t->family->level, IPT_SO_GET_ENTRIES, t->answer, &n) < 0 ? -errno : 0;
}

/* -EAGAIN: it has changed between the question for its size and that for its rules. */
static int read_table(struct table *t)
{
    int r = -EAGAIN;
    for (int tries = 0; tries < 8 && r == -EAGAIN; tries++)
        r = read_once(t);
    return r;
}

/* The next entry's offset; the table's size when what is there is no entry. */
static size_t next(const struct table *t, size_t at)
{
    const struct family *f = t->family;
    size_t left = t->info.size - at;
    if (left < f->entry)
        return t->info.size;
    size_t step = get16(t->entries + at + f->next_offset);
    size_t target = get16(t->entries + at + f->target_offset);
    return step > left || target < f->entry || target + sizeof(struct xt_entry_target) > step
               ? t->info.size
               : at + step;
}

/* Whether the entry's target is a verdict or a jump: then it is copied to @ret. */
static bool is_standard(const struct table *t, size_t at, struct xt_standard_target *ret)
{
    size_t target = at + get16(t->entries + at + t->family->target_offset);
    if (next(t, at) - target < sizeof(*ret))
        return false;
    memcpy(ret, t->entries + target, sizeof(*ret));
    return *ret->target.u.user.name == '\0';
}

static bool refuses(const struct table *t, size_t at)
{
    struct xt_standard_target standard;
    if (is_standard(t, at, &standard))
        return standard.verdict == -NF_DROP - 1;
    struct xt_entry_target target;
    memcpy(&target, t->entries + at + get16(t->entries + at + t->family->target_offset),
           sizeof(target));
    return strncmp(target.u.user.name, "REJECT", sizeof(target.u.user.name)) == 0;
}

/* One of our rules: an entry, and what it leads to. */
static void make_rule(const struct family *f, bool in, uint8_t *ret)
{
    struct xt_standard_target accept = {
        .target.u.user.target_size = XT_ALIGN(sizeof(accept)),
        .verdict = -NF_ACCEPT - 1,
    };
    uint16_t target = (uint16_t)f->entry, end = (uint16_t)(f->entry + sizeof(accept));
    memset(ret, 0, f->entry);
    memcpy(ret + (in ? f->in : f->out), PREFIX, sizeof(PREFIX));
    memset(ret + (in ? f->in_mask : f->out_mask), 0xff, strlen(PREFIX));
    memcpy(ret + f->target_offset, &target, sizeof(target));
    memcpy(ret + f->next_offset, &end, sizeof(end));
    memcpy(ret + f->entry, &accept, sizeof(accept));
}

enum { RULE_MAX = sizeof(struct ip6t_entry) + sizeof(struct xt_standard_target) };

static size_t rule_size(const struct family *f)
{
    return f->entry + sizeof(struct xt_standard_target);
}

static bool is_rule(const struct table *t, size_t at, bool in)
{
    struct xt_standard_target target;
    uint8_t rule[RULE_MAX];
    make_rule(t->family, in, rule);
    return next(t, at) - at == rule_size(t->family) && is_standard(t, at, &target) &&
           target.verdict == -NF_ACCEPT - 1 && memcmp(t->entries + at, rule, t->family->match) == 0;
}

/* Whether it drops what it does not know, and does not have our rules. */
static bool lacks_rules(const struct table *t)
{
    size_t at = t->info.hook_entry[NF_INET_FORWARD], end = t->info.underflow[NF_INET_FORWARD];
    bool in = false, out = false, last_refuses = false;
    if (end >= t->info.size)
        return false;
    for (; at < end; at = next(t, at)) {
        in = in || is_rule(t, at, true);
        out = out || is_rule(t, at, false);
        last_refuses = refuses(t, at);
    }
    return at == end && (last_refuses || refuses(t, end)) && !(in && out);
}

/* ---- replacing ---- */

/* Where in the new table what was at @old is: rules that others jump to, and where chains begin and
 * end. The chain FORWARD still begins where it did. */
static unsigned moved(const struct table *t, unsigned old, unsigned delta)
{
    return old >= t->info.hook_entry[NF_INET_FORWARD] ? old + delta : old;
}

/* Jumps lead to where their chains are now. */
static void move_jumps(const struct table *t, uint8_t *entries, unsigned delta)
{
    struct xt_standard_target target;
    for (size_t at = 0; at < t->info.size; at = next(t, at)) {
        if (!is_standard(t, at, &target) || target.verdict < 0)
            continue;
        target.verdict = (int)moved(t, (unsigned)target.verdict, delta);
        memcpy(entries + moved(t, (unsigned)at, delta) +
                   get16(t->entries + at + t->family->target_offset),
               &target, sizeof(target));
    }
}

/* The new table; *ret is the caller's. */
static struct ipt_replace *compose(const struct table *t, unsigned delta,
                                   struct xt_counters *counters)
{
    const struct ipt_getinfo *old = &t->info;
    size_t place = old->hook_entry[NF_INET_FORWARD];
    struct ipt_replace *new = calloc(1, sizeof(*new) + old->size + delta);
    if (!new)
        return NULL;
    memcpy(new->name, old->name, sizeof(new->name));
    new->valid_hooks = old->valid_hooks;
    new->num_entries = old->num_entries + 2;
    new->size = old->size + delta;
    new->num_counters = old->num_entries;
    new->counters = counters;
    for (size_t i = 0; i < ARRAY_LEN(new->hook_entry); i++) {
        new->hook_entry[i] = moved(t, old->hook_entry[i], delta);
        new->underflow[i] = moved(t, old->underflow[i], delta);
    }
    new->hook_entry[NF_INET_FORWARD] = (unsigned)place;

    uint8_t *entries = (uint8_t *)new + sizeof(*new);
    memcpy(entries, t->entries, place);
    make_rule(t->family, true, entries + place);
    make_rule(t->family, false, entries + place + delta / 2);
    memcpy(entries + place + delta, t->entries + place, old->size - place);
    move_jumps(t, entries, delta);
    return new;
}

/* The kernel begins to count anew, and gives what it has counted in the old table. */
static void hand_over(const struct table *t, const struct xt_counters *counted)
{
    size_t n = t->info.num_entries + 2, before = 0;
    size_t size = sizeof(struct xt_counters_info) + n * sizeof(*counted);
    struct xt_counters_info *info = calloc(1, size);
    if (!info)
        return;
    for (size_t at = 0; at < t->info.hook_entry[NF_INET_FORWARD]; at = next(t, at))
        before++;
    memcpy(info->name, t->info.name, sizeof(info->name));
    info->num_counters = (unsigned)n;
    memcpy(info->counters, counted, before * sizeof(*counted));
    memcpy(info->counters + before + 2, counted + before, (n - 2 - before) * sizeof(*counted));
    (void)setsockopt(t->fd, t->family->level, IPT_SO_SET_ADD_COUNTERS, info, (socklen_t)size);
    free(info);
}

static int insert(const struct table *t)
{
    unsigned delta = 2 * (unsigned)rule_size(t->family);
    _cleanup_free_ struct xt_counters *counters = calloc(t->info.num_entries, sizeof(*counters));
    _cleanup_free_ struct ipt_replace *new = counters ? compose(t, delta, counters) : NULL;
    if (!new)
        return -ENOMEM;
    socklen_t n = (socklen_t)(sizeof(*new) + new->size);
    if (setsockopt(t->fd, t->family->level, IPT_SO_SET_REPLACE, new, n) < 0)
        return -errno;
    hand_over(t, counters);
    return 0;
}

/* The lock of iptables; who holds it for seconds is not waited for. */
static int lock(void)
{
    enum { STEP_MS = 10, STEPS = 500 };
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    _cleanup_close_ int fd = open(LOCK, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    for (int i = 0; i < STEPS; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return TAKE_FD(fd);
        nanosleep(&step, NULL);
    }
    return -EBUSY;
}

static int ensure(const struct family *f)
{
    _cleanup_table_ struct table t = {.family = f, .fd = -EBADF};
    t.fd = socket(f->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (t.fd < 0)
        return -errno;
    int r = read_table(&t);
    if (r < 0 || !lacks_rules(&t))
        return r;
    _cleanup_close_ int held = lock();
    r = held < 0 ? held : read_table(&t);
    return r == 0 && lacks_rules(&t) ? insert(&t) : r;
}

int xtables_ensure(struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        int r = has_filter(&families[i]) ? ensure(&families[i]) : 0;
        if (r < 0)
            return err_sys(e, -r,
                           "cannot have the chain FORWARD of %s-legacy let containers through",
                           families[i].domain == AF_INET ? "iptables" : "ip6tables");
    }
    return 0;
}
