/*
 * Carries streams: between a process, by our ends of its pipes or of its terminal, and clients
 * (peer.h), who send it input, resize its terminal, and signal it.
 *
 * What the starter's client does not take now the process waits for, and what the process does not
 * read the clients are not asked for more of: nothing is kept beyond a window's worth.
 */
#ifndef SKIFF_ENGINE_CARRIER_H
#define SKIFF_ENGINE_CARRIER_H

#include "engine/peer.h"

struct carrier {
    struct loop *loop;
    struct peers *peers;
    int terminal; /* the master end; is also out[0]; -EBADF: pipes */
    int pidfd;    /* whom clients' signals are for; -EBADF: nobody */
    bool once;    /* the end of one client's input is the end of all: never with a terminal */
    struct loop_source in, out[2]; /* ours, with their descriptors; -EBADF: closed, or none */
    uint8_t
        *input; /* what clients sent and the process has not read: @input_n bytes from @input_at */
    size_t input_at, input_n, input_size;
    bool input_ends; /* after those */
    /* Hears all that the process writes first: 0 is its output, 1 its errors. May be NULL. */
    void (*heard)(void *data, int which, const uint8_t *bytes, size_t n);
    void *data;
    uint8_t output[FRAME_HEADER + FRAME_MAX];
};

/* Nothing to carry yet. */
void carrier_init(struct carrier *c, struct loop *loop, struct peers *peers);

/* Begins with these descriptors, which are taken over: @terminal, or pipes @in, @out (-EBADF:
 * none). */
void carrier_begin(struct carrier *c, int terminal, int in, const int out[2]);

/* Takes a client's frame of a kind that is about streams or signals; others are let pass. */
void carrier_take(struct carrier *c, struct peer *p, const struct frame *f);

/* Before each turn of the loop: reads on only while there is room, and lets go of clients that have
 * gone, of whom one may have taken the input along. */
void carrier_settle(struct carrier *c);

/* The process is dead: passes on what it wrote last and closes the streams. With @all_dead nobody
 * else can write, and they have an end; otherwise what is there now is all. */
void carrier_finish(struct carrier *c, bool all_dead);

#endif
