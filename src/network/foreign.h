/*
 * Other people's firewalls: a packet must be accepted by all of the kernel's forward chains, and
 * one of somebody else's (dockerd's, ufw's, firewalld's) that drops what it does not know would
 * keep containers from everybody. Such a chain gets two rules in front, which accept what comes
 * from and goes to links named "sk...", that is our bridges: what may reach these is decided by our
 * own chain. Nothing else in it is touched. Rules that were lost (a reload) are put back by whoever
 * looks next. What nf_tables does not show of iptables-legacy is xtables.h's.
 */
#ifndef SKIFF_NETWORK_FOREIGN_H
#define SKIFF_NETWORK_FOREIGN_H

#include "network/netlink.h"

struct foreign_chain {
    uint8_t family;
    bool drops; /* by its policy */
    char *table, *name;
};

struct foreign_chains {
    struct foreign_chain *v;
    size_t n;
};

void foreign_chains_release(struct foreign_chains *all);
#define _cleanup_foreign_ _cleanup_(foreign_chains_release)

/* Keeps a chain of an answer (NFT_MSG_NEWCHAIN) if it is somebody else's forward chain. */
int foreign_see(const struct nlmsghdr *m, struct foreign_chains *all);

/* Sees to it that none of them drops what is ours. A table that belongs to one program alone (its
 * owner's flag) is left as it is. */
int foreign_ensure(struct netlink *nl, const struct foreign_chains *all, struct err *e);

#endif
