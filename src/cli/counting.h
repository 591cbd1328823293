/*
 * One line on standard error that counts bytes while something long is done, for a person at a
 * terminal: it is written over, ten times a second at most, and gone at the end.
 */
#ifndef SKIFF_CLI_COUNTING_H
#define SKIFF_CLI_COUNTING_H

#include <stdbool.h>
#include <time.h>

enum { COUNTING_MS = 100 };

struct counting {
    const char *what; /* "Copying to container"; borrowed */
    struct timespec last;
    bool shown;
};

void counting_begin(struct counting *c, const char *what);

/* @data is the struct counting: it can be handed over as a callback. */
void counting_show(void *data, unsigned long long size);

/* Takes the line away, if there is one. */
void counting_end(struct counting *c);

#endif
