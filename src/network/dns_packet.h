/*
 * DNS messages: reading a question, writing an answer to it, and seeing whether a message answers
 * one. Pure; everything that is read is hostile.
 *
 * RFC 1035 (messages), 4343 (case), 6891 (EDNS), 2308 (no such name, no such data: without an SOA
 * record, so that nobody remembers it), 3596 (IPv6), 5452 (what an answer must match), 8482 (ANY).
 *
 * A pointer is never followed: a question's name stands behind the header, where no pointer can
 * lead anywhere, and of other names only the length matters. So nothing here can go in circles.
 */
#ifndef SKIFF_NETWORK_DNS_PACKET_H
#define SKIFF_NETWORK_DNS_PACKET_H

#include "network/address.h"

enum {
    DNS_HEADER = 12,
    DNS_NAME_MAX = 254,  /* "a.b" and its NUL; 255 bytes in a message (RFC 1035 section 2.3.4) */
    DNS_QUERY_MAX = 512, /* longer questions are refused: a name and some options fit */
    DNS_UDP_MIN = 512,   /* without EDNS an answer by UDP has no more */
    DNS_UDP_MAX = 4096,  /* and with it, whatever the client says */
    DNS_MESSAGE_MAX = 65535,
    DNS_TTL = 600, /* seconds, Docker's */
};

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255 };

/* RFC 1035 section 4.1.1; BADVERS is RFC 6891's. */
enum dns_code {
    DNS_OK = 0,
    DNS_FORMAT_ERROR = 1,
    DNS_SERVER_FAILURE = 2,
    DNS_NAME_ERROR = 3,
    DNS_NOT_IMPLEMENTED = 4,
    DNS_REFUSED = 5,
    DNS_BAD_VERSION = 16,
};

struct dns_question {
    char name[DNS_NAME_MAX]; /* lower case, without the last dot; "" when it is the root's, or has
                              * bytes that no host's name has: then nobody here has it */
    uint16_t type, class;
    size_t question_end; /* the question's first byte is DNS_HEADER */
    size_t end;          /* of the message: what is behind does not belong to it */
    bool edns;
    size_t udp_max; /* the longest answer by UDP, DNS_UDP_MIN..DNS_UDP_MAX */
};

/* Reads a question. 0: it is one. A positive enum dns_code: it is to be answered with that (@ret
 * then has a question_end of DNS_HEADER if not even the question is whole). -EBADMSG: it is no
 * question at all, and an answer might go to and fro for ever. */
int dns_read_query(const uint8_t *bytes, size_t n, struct dns_question *ret);

/* Whether @bytes is the answer to the question @query, which was sent under @id. A server that does
 * not understand may leave the question out. */
bool dns_is_answer(const uint8_t *bytes, size_t n, uint16_t id, const uint8_t *query,
                   const struct dns_question *q);

static inline uint16_t dns_id(const uint8_t *message)
{
    return (uint16_t)(message[0] << 8 | message[1]);
}

static inline void dns_set_id(uint8_t *message, uint16_t id)
{
    message[0] = (uint8_t)(id >> 8);
    message[1] = (uint8_t)id;
}

/* Its enum dns_code without EDNS's part. */
static inline unsigned dns_code(const uint8_t *message)
{
    return message[3] & 0x0f;
}

/* The address of "2.0.18.172.in-addr.arpa" or of 32 digits below "ip6.arpa"; false for others. */
bool dns_reverse_address(const char *name, struct ip_address *ret);

/* An answer being written: the question in the client's own letters, records, and EDNS where it had
 * it. What does not fit is left out, and the answer says so (TC): the client asks again by TCP. */
struct dns_reply {
    uint8_t *bytes;
    size_t n, room;
    unsigned answers;
    bool truncated;
    const struct dns_question *q;
    unsigned code;
};

/* Begins an answer to @query with @code in the @room bytes at @bytes, at least DNS_UDP_MIN. All
 * pointers are borrowed until dns_reply_end. */
void dns_reply_begin(struct dns_reply *r, const uint8_t *query, const struct dns_question *q,
                     unsigned code, uint8_t *bytes, size_t room);
void dns_reply_address(struct dns_reply *r, const struct ip_address *a);
/* @name is of ASCII, its labels of 1 to 63 bytes; another one is left out. */
void dns_reply_pointer(struct dns_reply *r, const char *name);
/* Its length. */
size_t dns_reply_end(struct dns_reply *r);

#endif
