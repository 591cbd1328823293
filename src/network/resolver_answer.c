#include "network/resolver_answer.h"

#include <errno.h>

static void add_address(struct dns_reply *r, const struct ip_address *a, unsigned type)
{
    unsigned own = a->family == AF_INET ? DNS_A : DNS_AAAA;
    if (a->family != 0 && (type == own || type == DNS_ANY))
        dns_reply_address(r, a);
}

/* Of any other type such a name has nothing: an answer without records. */
static void add_hosts(struct answerer *a, struct dns_reply *r, const struct index_found *found)
{
    size_t turn = a->turn++ % found->n;
    for (size_t i = 0; i < found->n; i++) {
        const struct index_host *host = index_host(found, (turn + i) % found->n);
        add_address(r, &host->address, r->q->type);
        add_address(r, &host->other, r->q->type);
    }
}

ssize_t answer_question(struct answerer *a, const uint8_t *query, size_t n, bool tcp,
                        struct dns_question *ret_question, uint8_t *out)
{
    struct dns_question *q = ret_question;
    struct dns_reply r;
    struct index_found found;
    struct ip_address address;
    char name[DNS_NAME_MAX];

    int code = dns_read_query(query, n, q);
    if (code < 0)
        return code;
    size_t room = tcp ? DNS_MESSAGE_MAX : q->udp_max;
    dns_reply_begin(&r, query, q, (unsigned)code, out, room);
    if (code != DNS_OK)
        return (ssize_t)dns_reply_end(&r);

    if (*q->name && index_find(a->index, q->name, &found)) {
        add_hosts(a, &r, &found);
    } else if (dns_reverse_address(q->name, &address) &&
               index_reverse(a->index, &address, name, sizeof(name))) {
        if (q->type == DNS_PTR || q->type == DNS_ANY)
            dns_reply_pointer(&r, name);
    } else if (a->forwards) {
        return 0;
    } else {
        dns_reply_begin(&r, query, q, DNS_NAME_ERROR, out, room);
    }
    return (ssize_t)dns_reply_end(&r);
}

size_t answer_failure(const uint8_t *query, const struct dns_question *q, uint8_t *out)
{
    struct dns_reply r;
    dns_reply_begin(&r, query, q, DNS_SERVER_FAILURE, out, DNS_UDP_MIN);
    return dns_reply_end(&r);
}
