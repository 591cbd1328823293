/*
 * Netlink: messages are built in a bounded buffer, sent together, and answered before send returns.
 *
 * A batch holds one or more messages; what does not fit is remembered (`overflow`) and reported
 * once, by netlink_send. Nothing here knows what a link, an address or a table is (rfc3549,
 * netlink(7)).
 */
#ifndef SKIFF_NETWORK_NETLINK_H
#define SKIFF_NETWORK_NETLINK_H

#include "base/err.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
    int fd;
    uint32_t seq; /* of the last message sent */
};

#define NETLINK_CLOSED ((struct netlink){.fd = -EBADF})

/* Opens a socket of @protocol (NETLINK_ROUTE, NETLINK_NETFILTER) in the network namespace of the
 * calling thread; it stays in that namespace for good. */
int netlink_open(struct netlink *nl, int protocol, struct err *e);
void netlink_release(struct netlink *nl);
#define _cleanup_netlink_ _cleanup_(netlink_release)

/* The largest batch: far above what most of this room sends, so it may lie on the stack. */
#define NETLINK_BATCH_MAX 4096

struct netlink_batch {
    _Alignas(NLMSG_ALIGNTO) uint8_t own[NETLINK_BATCH_MAX];
    uint8_t *bytes; /* where it is built: `own`, or on the heap */
    size_t max;     /* how many bytes there are */
    size_t len;     /* bytes used */
    size_t message; /* where the message being built starts */
    bool overflow;  /* something did not fit: the batch cannot be sent */
};

#define NETLINK_BATCH_INIT(b)                                                                      \
    ((b)->bytes = (b)->own, (b)->max = NETLINK_BATCH_MAX, (b)->len = 0, (b)->message = 0,          \
     (b)->overflow = false)

/* A larger one, on the heap. */
int netlink_batch_large(struct netlink_batch *b, size_t max, struct err *e);
void netlink_batch_release(struct netlink_batch *b);
#define _cleanup_netlink_batch_ _cleanup_(netlink_batch_release)

/* Starts a message of @type with NLM_F_* @flags (NLM_F_REQUEST is added) and the family's own
 * header of @n bytes. What is put afterwards belongs to it. */
void netlink_begin(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header,
                   size_t n);

/* Adds an attribute to the message begun last. The be32 form is for nf_tables, whose numbers are in
 * network byte order. A string's NUL is part of the attribute. */
void netlink_put(struct netlink_batch *b, uint16_t type, const void *bytes, size_t n);
void netlink_put_u8(struct netlink_batch *b, uint16_t type, uint8_t value);
void netlink_put_u16(struct netlink_batch *b, uint16_t type, uint16_t value);
void netlink_put_u32(struct netlink_batch *b, uint16_t type, uint32_t value);
void netlink_put_be32(struct netlink_batch *b, uint16_t type, uint32_t value);
void netlink_put_string(struct netlink_batch *b, uint16_t type, const char *s);

/* Opens an attribute that holds attributes, to be closed with what is returned. netlink_nest_header
 * puts bytes without an attribute's header first, as IFLA_INFO_DATA's VETH_INFO_PEER wants. */
size_t netlink_nest(struct netlink_batch *b, uint16_t type);
size_t netlink_nest_header(struct netlink_batch *b, uint16_t type, const void *header, size_t n);
void netlink_nest_end(struct netlink_batch *b, size_t nest);

/* Sees every message of an answer that is not an acknowledgement. @m is whole: nlmsg_len is
 * checked. A negative return ends the conversation with that code. */
typedef int (*netlink_reader)(const struct nlmsghdr *m, void *arg);

/* Sends the batch and hears all of the kernel's answers. The last message is given NLM_F_ACK; the
 * others are acknowledged only if they fail (or ask for it themselves), and a failure does not keep
 * the kernel from doing the ones after it. 0 when all succeeded, otherwise the first failure's
 * negative errno, with the kernel's own words (NETLINK_EXT_ACK, Linux 4.12) in the story;
 * *ret_failed (may be NULL) is then that message's number from 0, or UINT_MAX if it was none of
 * them. @reader may be NULL. */
int netlink_send(struct netlink *nl, struct netlink_batch *b, netlink_reader reader, void *arg,
                 unsigned *ret_failed, struct err *e);

/* Finds an attribute of @type in @n bytes of attributes: NULL when there is none with at least
 * @min bytes of content. The attributes lie behind a header of @header bytes in a message
 * (netlink_attr), or in another attribute (netlink_attr_in). */
const struct nlattr *netlink_attr(const struct nlmsghdr *m, size_t header, uint16_t type,
                                  size_t min);
const struct nlattr *netlink_attr_in(const struct nlattr *nest, uint16_t type, size_t min);

static inline const void *netlink_data(const struct nlattr *a)
{
    return (const uint8_t *)a + sizeof(struct nlattr);
}

static inline size_t netlink_size(const struct nlattr *a)
{
    return (size_t)a->nla_len - sizeof(struct nlattr);
}

/* The index of the link @name in the socket's namespace, or -ENODEV. Takes no lock in the kernel,
 * unlike RTM_GETLINK. */
int netlink_link_index(const struct netlink *nl, const char *name);

/* The name of the link @index; "?" when it is gone. */
enum { NETLINK_NAME = 16 };
void netlink_link_name(const struct netlink *nl, int index, char ret[NETLINK_NAME]);

#endif
