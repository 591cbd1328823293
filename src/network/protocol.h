/* The protocols that have ports, by the names that people give them. */
#ifndef SKIFF_NETWORK_PROTOCOL_H
#define SKIFF_NETWORK_PROTOCOL_H

#include <stdint.h>

/* "tcp", "udp", "sctp"; NULL for any other. */
const char *protocol_name(uint8_t number);

/* IPPROTO_TCP and so on; 0: there is none of that name (which may be NULL). */
uint8_t protocol_number(const char *name);

#endif
