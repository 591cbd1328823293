/*
 * How much went through the interfaces of a network namespace, by /proc/PID/net/dev.
 */
#ifndef SKIFF_NETWORK_COUNTERS_H
#define SKIFF_NETWORK_COUNTERS_H

struct network_counters {
    unsigned long long received, sent; /* bytes */
};

/* Adds up over all interfaces of the file's @text but the loopback. What is no line of an interface
 * counts for nothing; sums stop at ULLONG_MAX. */
void network_parse_counters(const char *text, struct network_counters *ret);

#endif
