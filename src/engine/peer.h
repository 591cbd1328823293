/*
 * A client of a monitor: its socket, what is on its way to it, and what it sends.
 *
 * The starter's client is the container's own standard output: what it does not take now the
 * container waits for. All others are onlookers. Of one that has fallen behind by half of
 * PEER_BOUND the container waits for PEER_STEP bytes to be taken, but no longer than
 * PEER_PATIENCE_MS: so one who reads is kept, however short of processor time; one who does not
 * costs the container that time once, and then goes its own way until PEER_BOUND bytes have piled
 * up, with which it is let go.
 *
 * A peer that has gone stays in its list, marked, until peers_sweep: so that nobody who walks the
 * list loses his footing.
 */
#ifndef SKIFF_ENGINE_PEER_H
#define SKIFF_ENGINE_PEER_H

#include "base/loop.h"
#include "engine/frame.h"

#include <stddef.h>
#include <termios.h>

enum { PEER_BOUND = 1 << 20, PEER_STEP = 1 << 16, PEER_PATIENCE_MS = 200 };

struct peers;

struct peer {
    struct peer *next;
    struct peers *peers;
    struct loop_source source;
    bool starter;
    bool gone;
    bool greeted;    /* it has said what it wishes */
    unsigned wishes; /* enum frame_wish */
    uint32_t owed;   /* bytes of its input that were taken, and not told yet */
    int terminal;    /* its own, to be given back if it dies; -EBADF: none */
    struct termios saved;
    int handed; /* what else it brought along, for whoever takes it; -EBADF: nothing */
    struct frame_reader *in;
    uint8_t *out; /* what it has not taken yet: @n bytes from @at */
    size_t at, n, size;
    uint64_t behind_ms; /* since when the container has waited for it; 0: it is not behind */
    size_t caught_up;   /* bytes that it has taken since */
};

struct peers {
    struct loop *loop;
    struct peer *first;
    struct loop_timer patience;
    /* One whole frame of @p's; the first is its FRAME_HELLO, unless it is the starter. */
    void (*take)(void *data, struct peer *p, const struct frame *f);
    void *data;
};

/* A peer on the socket @fd, which is then its own. NULL when memory ran out. */
struct peer *peer_add(struct peers *all, int fd, bool starter);

/* Remembers how its terminal is, to give it back; @fd is taken over. One that is no terminal is
 * kept as p->handed. */
void peer_keep_terminal(struct peer *p, int fd);

/* It gives its terminal back itself. */
void peer_forget_terminal(struct peer *p);

/* Sends, now or later. A peer that cannot be sent to has gone. */
void peer_send(struct peer *p, const void *bytes, size_t n);
void peer_send_frame(struct peer *p, enum frame_kind kind, const void *payload, size_t n);

/* Lets go of it: its terminal is as it was, its descriptors are closed. */
void peer_leave(struct peer *p);

/* The same bytes to all that wish one of @wishes. */
void peers_send(struct peers *all, unsigned wishes, const void *bytes, size_t n);

/* Whether the container must wait for somebody; to be asked again after each turn of the loop,
 * which comes when that is over. */
bool peers_must_wait(struct peers *all);

/* Whether anybody has not taken all yet. */
bool peers_have_unsent(const struct peers *all);

/* Whether anybody but @except wishes one of @wishes. */
bool peers_wish(const struct peers *all, unsigned wishes, const struct peer *except);

size_t peers_count(const struct peers *all);

/* Frees those that have gone, or all. */
void peers_sweep(struct peers *all);
void peers_release(struct peers *all);

#endif
