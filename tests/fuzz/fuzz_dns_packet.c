/*
 * libFuzzer target: any bytes as a question of a container, and as a server's answer to it. What is
 * written as answer is one, is no longer than the client takes, and its question is the client's.
 */
#include "network/dns_packet.h"

#include "base/cleanup.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const uint8_t *query, const struct dns_question *q, unsigned code)
{
    static uint8_t out[DNS_UDP_MAX];
    const struct ip_address four = {.family = AF_INET}, six = {.family = AF_INET6};
    struct dns_reply r;
    dns_reply_begin(&r, query, q, code, out, q->udp_max);
    for (unsigned i = 0; code == DNS_OK && i < query[0]; i++) {
        dns_reply_address(&r, &four);
        dns_reply_address(&r, &six);
        dns_reply_pointer(&r, q->name);
    }
    size_t n = dns_reply_end(&r);
    if (n > q->udp_max || n < q->question_end || dns_id(out) != dns_id(query))
        abort();
    if (q->question_end > DNS_HEADER && !dns_is_answer(out, n, dns_id(query), query, q))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question q;
    /* Its first half a question, the rest what a server says to it. */
    size_t half = size / 2;
    int r = dns_read_query(data, size, &q);
    if (r >= 0) {
        if (q.end > size || q.question_end > q.end || strlen(q.name) >= DNS_NAME_MAX)
            abort();
        struct ip_address a;
        (void)dns_reverse_address(q.name, &a);
        answer(data, &q, (unsigned)r);
    }
    if (dns_read_query(data, half, &q) == 0)
        (void)dns_is_answer(data + half, size - half, dns_id(data), data, &q);
    return 0;
}
