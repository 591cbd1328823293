#include "network/counters.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_RECEIVED = 0, FIELD_SENT = 8 };

static void add(unsigned long long *sum, unsigned long long n)
{
    *sum = n > ULLONG_MAX - *sum ? ULLONG_MAX : *sum + n;
}

/* The first nine numbers of a line; false when there are fewer. */
static bool read_fields(const char *p, const char *end, unsigned long long fields[FIELD_SENT + 1])
{
    for (size_t i = 0; i <= FIELD_SENT; i++) {
        while (p < end && *p == ' ')
            p++;
        if (p == end || *p < '0' || *p > '9')
            return false;
        char *after;
        errno = 0;
        fields[i] = strtoull(p, &after, 10);
        if (errno)
            fields[i] = ULLONG_MAX;
        p = after;
    }
    return true;
}

void network_parse_counters(const char *text, struct network_counters *ret)
{
    *ret = (struct network_counters){0};
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *name = line + strspn(line, " ");
        /* The last: an alias has a colon in its name. */
        const char *colon = memrchr(line, ':', (size_t)(end - line));
        unsigned long long fields[FIELD_SENT + 1];
        bool loopback = colon && colon - name == 2 && strncmp(name, "lo", 2) == 0;
        if (colon && !loopback && read_fields(colon + 1, end, fields)) {
            add(&ret->received, fields[FIELD_RECEIVED]);
            add(&ret->sent, fields[FIELD_SENT]);
        }
        line = end + (*end == '\n');
    }
}
