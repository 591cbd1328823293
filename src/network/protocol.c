#include "network/protocol.h"

#include "base/str.h"

#include <netinet/in.h>

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

const char *protocol_name(uint8_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (protocols[i].number == number)
            return protocols[i].name;
    return NULL;
}

uint8_t protocol_number(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (str_eq(protocols[i].name, name))
            return protocols[i].number;
    return 0;
}
