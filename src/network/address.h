/*
 * IP addresses and ranges of them, of either family.
 *
 * Plain values: copied, compared by ip_equal, zero is "none". What is parsed may be anybody's text:
 * only the usual notation passes, whole, without blanks, leading zeros or zones. An IPv4 address in
 * an IPv6 one's clothes (::ffff:10.0.0.1) is refused, or it would be a second name for the same.
 */
#ifndef SKIFF_NETWORK_ADDRESS_H
#define SKIFF_NETWORK_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct ip_address {
    sa_family_t family; /* AF_INET, AF_INET6; 0: none */
    uint8_t bytes[16];  /* in network byte order; of IPv4 the first four, the others 0 */
};

struct ip_range {
    struct ip_address first; /* the network's own address: no bit is set behind the prefix */
    unsigned prefix;         /* 0..32, 0..128 */
};

/* Room for the text of one, with its NUL. */
enum { IP_ADDRESS_TEXT = INET6_ADDRSTRLEN, IP_RANGE_TEXT = INET6_ADDRSTRLEN + 4 };

/* 0, or -EINVAL. */
int ip_address_parse(const char *text, struct ip_address *ret);

/* "172.18.0.0/16". The prefix must be there. *ret_address (may be NULL) is the address as written,
 * whose bits behind the prefix are cleared in *ret: whoever wants a network compares it with
 * ret->first. 0, or -EINVAL. */
int ip_range_parse(const char *text, struct ip_range *ret, struct ip_address *ret_address);

/* The text of an address or range, as it is parsed; "" for none. Return @ret. */
const char *ip_address_format(const struct ip_address *a, char ret[IP_ADDRESS_TEXT]);
const char *ip_range_format(const struct ip_range *r, char ret[IP_RANGE_TEXT]);

/* The bits of a family's addresses (32, 128), and its bytes (4, 16); 0 for none. */
unsigned ip_bits(sa_family_t family);
size_t ip_size(sa_family_t family);

/* "None" equals itself; nothing is in or overlaps a range that is none, or of the other family. */
bool ip_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_range_contains(const struct ip_range *r, const struct ip_address *a);
bool ip_range_overlaps(const struct ip_range *a, const struct ip_range *b);

/* Whether all of @inner is in @outer. */
bool ip_range_within(const struct ip_range *inner, const struct ip_range *outer);

/* The range of @prefix bits around @a. */
struct ip_range ip_range_of(const struct ip_address *a, unsigned prefix);

/* The @n-th address of the range, 0 being its first; none when the range is smaller. */
struct ip_address ip_range_nth(const struct ip_range *r, uint64_t n);
struct ip_address ip_range_last(const struct ip_range *r);

/* The link-local IPv6 address of a hardware address (rfc4291 2.5.6, appendix A). */
struct ip_address ip_link_local(const uint8_t mac[6]);

/* From and to the kernel's and the processor's forms. ip_to_u32 is the last 32 bits of the address,
 * in host byte order: of an IPv4 address the whole. */
struct ip_address ip_from_bytes(sa_family_t family, const void *bytes);
struct ip_address ip_from_u32(uint32_t address);
uint32_t ip_to_u32(const struct ip_address *a);

/* "02:42:ac:11:00:02", also with dashes: one that a card may have. 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[6]);

#endif
