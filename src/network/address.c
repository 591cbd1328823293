#include "network/address.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

unsigned ip_bits(sa_family_t family)
{
    return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

size_t ip_size(sa_family_t family)
{
    return ip_bits(family) / 8;
}

static bool is_mapped(const struct ip_address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return a->family == AF_INET6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

int ip_address_parse(const char *text, struct ip_address *ret)
{
    struct ip_address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(a.family, text, a.bytes) != 1 || is_mapped(&a))
        return -EINVAL;
    *ret = a;
    return 0;
}

/* As the address is: no sign, no blank, no leading zero. */
static int parse_prefix(const char *text, unsigned max, unsigned *ret)
{
    long long n;
    if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1] != '\0') ||
        str_to_int64(text, 0, max, &n) < 0)
        return -EINVAL;
    *ret = (unsigned)n;
    return 0;
}

int ip_range_parse(const char *text, struct ip_range *ret, struct ip_address *ret_address)
{
    char address[IP_ADDRESS_TEXT];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';

    struct ip_address a;
    unsigned prefix;
    if (ip_address_parse(address, &a) < 0 ||
        parse_prefix(slash + 1, ip_bits(a.family), &prefix) < 0)
        return -EINVAL;
    *ret = ip_range_of(&a, prefix);
    if (ret_address)
        *ret_address = a;
    return 0;
}

const char *ip_address_format(const struct ip_address *a, char ret[IP_ADDRESS_TEXT])
{
    if (a->family == 0 || !inet_ntop(a->family, a->bytes, ret, IP_ADDRESS_TEXT))
        ret[0] = '\0';
    return ret;
}

const char *ip_range_format(const struct ip_range *r, char ret[IP_RANGE_TEXT])
{
    char address[IP_ADDRESS_TEXT];
    ip_address_format(&r->first, address);
    ret[0] = '\0';
    if (*address)
        snprintf(ret, IP_RANGE_TEXT, "%s/%u", address, r->prefix);
    return ret;
}

bool ip_equal(const struct ip_address *a, const struct ip_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, ip_size(a->family)) == 0;
}

/* The bits of byte @i that a prefix covers. */
static uint8_t mask_byte(unsigned prefix, size_t i)
{
    if (prefix >= 8 * (i + 1))
        return 0xff;
    return prefix <= 8 * i ? 0 : (uint8_t)(0xff00 >> (prefix - 8 * i));
}

struct ip_range ip_range_of(const struct ip_address *a, unsigned prefix)
{
    struct ip_range r = {.first = *a, .prefix = prefix};
    for (size_t i = 0; i < ip_size(a->family); i++)
        r.first.bytes[i] &= mask_byte(prefix, i);
    return r;
}

bool ip_range_contains(const struct ip_range *r, const struct ip_address *a)
{
    if (r->first.family == 0 || r->first.family != a->family)
        return false;
    struct ip_range around = ip_range_of(a, r->prefix);
    return ip_equal(&around.first, &r->first);
}

bool ip_range_overlaps(const struct ip_range *a, const struct ip_range *b)
{
    return ip_range_contains(a, &b->first) || ip_range_contains(b, &a->first);
}

bool ip_range_within(const struct ip_range *inner, const struct ip_range *outer)
{
    return inner->prefix >= outer->prefix && ip_range_contains(outer, &inner->first);
}

struct ip_address ip_range_nth(const struct ip_range *r, uint64_t n)
{
    struct ip_address a = r->first;
    uint64_t carry = n;
    for (size_t i = ip_size(a.family); i-- > 0;) {
        /* The bits behind the prefix are 0, so nothing is ever carried beyond what fits. */
        a.bytes[i] |= (uint8_t)(carry & (uint8_t)~mask_byte(r->prefix, i));
        if (carry & mask_byte(r->prefix, i))
            return (struct ip_address){0};
        carry >>= 8;
    }
    return carry ? (struct ip_address){0} : a;
}

struct ip_address ip_range_last(const struct ip_range *r)
{
    struct ip_address a = r->first;
    for (size_t i = 0; i < ip_size(a.family); i++)
        a.bytes[i] |= (uint8_t)~mask_byte(r->prefix, i);
    return a;
}

struct ip_address ip_link_local(const uint8_t mac[6])
{
    const uint8_t bytes[16] = {
        0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
    };
    return ip_from_bytes(AF_INET6, bytes);
}

struct ip_address ip_from_bytes(sa_family_t family, const void *bytes)
{
    struct ip_address a = {.family = family};
    memcpy(a.bytes, bytes, ip_size(family));
    return a;
}

struct ip_address ip_from_u32(uint32_t address)
{
    uint32_t n = htonl(address);
    return ip_from_bytes(AF_INET, &n);
}

uint32_t ip_to_u32(const struct ip_address *a)
{
    uint32_t n = 0;
    if (a->family != 0)
        memcpy(&n, a->bytes + ip_size(a->family) - sizeof(n), sizeof(n));
    return ntohl(n);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

int mac_parse(const char *text, uint8_t ret[6])
{
    uint8_t mac[6];
    bool zero = true;
    for (int i = 0; i < 6; i++) {
        int high = hex_digit(text[3 * i]), low = high < 0 ? -1 : hex_digit(text[3 * i + 1]);
        if (low < 0)
            return -EINVAL;
        char next = text[3 * i + 2], wanted = text[2];
        if (i < 5 ? next != wanted || (wanted != ':' && wanted != '-') : next != '\0')
            return -EINVAL;
        mac[i] = (uint8_t)(high << 4 | low);
        zero &= mac[i] == 0;
    }
    if (zero || (mac[0] & 1)) /* none, or many cards' */
        return -EINVAL;
    memcpy(ret, mac, sizeof(mac));
    return 0;
}
