#include "network/dns_packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The header's second 16 bits (RFC 1035 section 4.1.1). */
enum {
    FLAG_ANSWER = 0x8000,
    OPCODE = 0x7800,
    FLAG_TRUNCATED = 0x0200,
    FLAG_RECURSE = 0x0100,
    FLAG_CAN_RECURSE = 0x0080,
    FLAG_CHECKING_DISABLED = 0x0010,
};

enum {
    LABEL_MAX = 63,
    WIRE_NAME_MAX = 255,
    RECORD_HEAD = 10, /* type, class, TTL, length of data */
    OPT_RECORD = 11,  /* with its name, the root's; without options */
    RECORDS_MAX = 16, /* of a question, behind it: EDNS's, a signature's */
    CLASS_INTERNET = 1,
};

/* ---- reading ---- */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Bytes that a name of ours may have: no dot, which would look like a label's end. */
static bool is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '.';
}

/* The name at @at, without pointers; where it ends, or 0. @ret is "" if it is odd. */
static size_t read_name(const uint8_t *bytes, size_t n, size_t at, char ret[DNS_NAME_MAX])
{
    size_t start = at, len = 0;
    bool odd = false;
    for (;;) {
        if (at >= n || bytes[at] > LABEL_MAX)
            return 0;
        size_t label = bytes[at++];
        if (label == 0)
            break;
        if (label >= n - at || at + label + 1 - start > WIRE_NAME_MAX)
            return 0;
        if (len > 0)
            ret[len++] = '.';
        for (size_t i = 0; i < label; i++) {
            odd = odd || !is_plain(bytes[at + i]);
            ret[len++] = lower(bytes[at + i]);
        }
        at += label;
    }
    ret[odd ? 0 : len] = '\0';
    return at;
}

/* Behind a name of any kind, or 0. */
static size_t skip_name(const uint8_t *bytes, size_t n, size_t at)
{
    while (at < n) {
        size_t label = bytes[at];
        if (label == 0)
            return at + 1;
        if (label >= 0xc0)
            return n - at >= 2 ? at + 2 : 0;
        if (label > LABEL_MAX || label >= n - at)
            return 0;
        at += label + 1;
    }
    return 0;
}

/* EDNS: the sender's limit stands where others have a class, the version in the TTL. */
static int take_option(const uint8_t *record, struct dns_question *q)
{
    if (q->edns)
        return DNS_FORMAT_ERROR;
    size_t size = get16(record + 2);
    q->edns = true;
    q->udp_max = size < DNS_UDP_MIN ? DNS_UDP_MIN : size > DNS_UDP_MAX ? DNS_UDP_MAX : size;
    return record[5] == 0 ? 0 : DNS_BAD_VERSION;
}

static int read_records(const uint8_t *bytes, size_t n, unsigned count, struct dns_question *q)
{
    int code = 0;
    size_t at = q->question_end;
    if (count > RECORDS_MAX)
        return DNS_FORMAT_ERROR;
    for (unsigned i = 0; i < count; i++) {
        size_t name = at;
        at = skip_name(bytes, n, at);
        if (at == 0 || n - at < RECORD_HEAD || n - at - RECORD_HEAD < get16(bytes + at + 8))
            return DNS_FORMAT_ERROR;
        if (get16(bytes + at) == DNS_OPT) {
            int r = bytes[name] == 0 ? take_option(bytes + at, q) : DNS_FORMAT_ERROR;
            if (r == DNS_FORMAT_ERROR)
                return r;
            code = r;
        }
        at += RECORD_HEAD + (size_t)get16(bytes + at + 8);
    }
    q->end = at;
    return code;
}

int dns_read_query(const uint8_t *bytes, size_t n, struct dns_question *ret)
{
    if (n < DNS_HEADER || (get16(bytes + 2) & FLAG_ANSWER))
        return -EBADMSG;
    *ret = (struct dns_question){
        .question_end = DNS_HEADER, .end = DNS_HEADER, .udp_max = DNS_UDP_MIN};
    if (get16(bytes + 2) & OPCODE)
        return DNS_NOT_IMPLEMENTED;
    if (get16(bytes + 4) != 1 || get16(bytes + 6) != 0 || get16(bytes + 8) != 0)
        return DNS_FORMAT_ERROR;

    size_t at = read_name(bytes, n, DNS_HEADER, ret->name);
    if (at == 0 || n - at < 4) {
        ret->name[0] = '\0';
        return DNS_FORMAT_ERROR;
    }
    ret->type = get16(bytes + at);
    ret->class = get16(bytes + at + 2);
    ret->question_end = ret->end = at + 4;
    /* No other class has hosts, and nobody uses one. */
    int r = read_records(bytes, n, get16(bytes + 10), ret);
    return r == 0 && ret->class != CLASS_INTERNET ? DNS_NOT_IMPLEMENTED : r;
}

static bool same_question(const uint8_t *a, const uint8_t *b, const struct dns_question *q)
{
    size_t name_end = q->question_end - 4;
    for (size_t i = DNS_HEADER; i < name_end; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return memcmp(a + name_end, b + name_end, 4) == 0;
}

bool dns_is_answer(const uint8_t *bytes, size_t n, uint16_t id, const uint8_t *query,
                   const struct dns_question *q)
{
    if (n < DNS_HEADER || dns_id(bytes) != id ||
        (get16(bytes + 2) & (FLAG_ANSWER | OPCODE)) != FLAG_ANSWER)
        return false;
    unsigned questions = get16(bytes + 4);
    if (questions == 0)
        return n == DNS_HEADER && dns_code(bytes) != DNS_OK && dns_code(bytes) != DNS_NAME_ERROR;
    return questions == 1 && n >= q->question_end && same_question(bytes, query, q);
}

/* ---- reverse names ---- */

static bool reverse_ipv4(const char *name, struct ip_address *ret)
{
    uint8_t bytes[4];
    for (size_t i = 4; i-- > 0;) {
        unsigned value = 0, digits = 0;
        for (; *name >= '0' && *name <= '9' && digits < 3; digits++)
            value = value * 10 + (unsigned)(*name++ - '0');
        if (digits == 0 || value > 255 || *name++ != '.')
            return false;
        bytes[i] = (uint8_t)value;
    }
    if (strcmp(name, "in-addr.arpa") != 0)
        return false;
    *ret = ip_from_bytes(AF_INET, bytes);
    return true;
}

static bool reverse_ipv6(const char *name, struct ip_address *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16] = {0};
    for (size_t i = 32; i-- > 0; name += 2) {
        const char *digit = *name ? strchr(digits, *name) : NULL;
        if (!digit || name[1] != '.')
            return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] | (digit - digits) << (i % 2 ? 0 : 4));
    }
    if (strcmp(name, "ip6.arpa") != 0)
        return false;
    *ret = ip_from_bytes(AF_INET6, bytes);
    return true;
}

bool dns_reverse_address(const char *name, struct ip_address *ret)
{
    return reverse_ipv4(name, ret) || reverse_ipv6(name, ret);
}

/* ---- writing ---- */

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

void dns_reply_begin(struct dns_reply *r, const uint8_t *query, const struct dns_question *q,
                     unsigned code, uint8_t *bytes, size_t room)
{
    *r = (struct dns_reply){.bytes = bytes, .room = room, .q = q, .code = code};
    memcpy(bytes, query, q->question_end);
    r->n = q->question_end;
    if (q->edns)
        r->room -= OPT_RECORD;

    unsigned asked = get16(query + 2) & (OPCODE | FLAG_RECURSE | FLAG_CHECKING_DISABLED);
    put16(bytes + 2, FLAG_ANSWER | FLAG_CAN_RECURSE | asked | (code & 0x0f));
    memset(bytes + 4, 0, DNS_HEADER - 4);
    put16(bytes + 4, q->question_end > DNS_HEADER);
}

/* A record about the name that was asked for, with @length bytes of data; NULL: no room. */
static uint8_t *add_record(struct dns_reply *r, unsigned type, size_t length)
{
    if (r->truncated || r->room - r->n < 2 + RECORD_HEAD + length || r->answers == UINT16_MAX) {
        r->truncated = true;
        return NULL;
    }
    uint8_t *at = r->bytes + r->n;
    put16(at, 0xc000 | DNS_HEADER);
    put16(at + 2, type);
    put16(at + 4, CLASS_INTERNET);
    put16(at + 6, 0);
    put16(at + 8, DNS_TTL);
    put16(at + 10, (unsigned)length);
    r->n += 2 + RECORD_HEAD + length;
    r->answers++;
    return at + 2 + RECORD_HEAD;
}

void dns_reply_address(struct dns_reply *r, const struct ip_address *a)
{
    uint8_t *data = add_record(r, a->family == AF_INET ? DNS_A : DNS_AAAA, ip_size(a->family));
    if (data)
        memcpy(data, a->bytes, ip_size(a->family));
}

void dns_reply_pointer(struct dns_reply *r, const char *name)
{
    uint8_t wire[WIRE_NAME_MAX];
    size_t n = 0;
    for (const char *end; *name; name = *end ? end + 1 : end) {
        end = name + strcspn(name, ".");
        size_t label = (size_t)(end - name);
        if (label == 0 || label > LABEL_MAX || n + label + 2 > sizeof(wire))
            return;
        wire[n++] = (uint8_t)label;
        memcpy(wire + n, name, label);
        n += label;
    }
    if (n == 0)
        return;
    wire[n++] = 0;
    uint8_t *data = add_record(r, DNS_PTR, n);
    if (data)
        memcpy(data, wire, n);
}

size_t dns_reply_end(struct dns_reply *r)
{
    put16(r->bytes + 6, r->answers);
    if (r->truncated)
        r->bytes[2] |= FLAG_TRUNCATED >> 8;
    if (r->q->edns) {
        uint8_t *at = r->bytes + r->n;
        memset(at, 0, OPT_RECORD);
        put16(at + 1, DNS_OPT);
        put16(at + 3, DNS_UDP_MAX);
        at[5] = (uint8_t)(r->code >> 4);
        put16(r->bytes + 10, 1);
        r->n += OPT_RECORD;
    }
    return r->n;
}
