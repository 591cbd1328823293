#include "cli/counting.h"

#include "cli/size.h"

#include <stdio.h>

void counting_begin(struct counting *c, const char *what)
{
    *c = (struct counting){.what = what};
    clock_gettime(CLOCK_MONOTONIC, &c->last);
}

void counting_show(void *data, unsigned long long size)
{
    struct counting *c = data;
    struct timespec now;
    char text[32];
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms =
        (now.tv_sec - c->last.tv_sec) * 1000LL + (now.tv_nsec - c->last.tv_nsec) / 1000000;
    if (ms < COUNTING_MS)
        return;
    c->last = now;
    c->shown = true;
    format_size((long long)size, text);
    fprintf(stderr, "\r\033[K%s - %s", c->what, text);
}

void counting_end(struct counting *c)
{
    if (c->shown)
        fputs("\r\033[K", stderr);
    c->shown = false;
}
