/*
 * An event loop over epoll(7): descriptors and timers, one thread, one callback at a time.
 *
 * Sources and timers are memory of the caller's; a callback may remove any of them, its own too,
 * and free what they stand in. Each round waits for one event, so that nothing removed meanwhile is
 * ever called; the kernel gives ready descriptors their turns.
 */
#ifndef SKIFF_BASE_LOOP_H
#define SKIFF_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
    int fd; /* not owned */
    uint32_t events;
    void (*ready)(void *data, uint32_t events);
    void *data;
};

struct loop_timer {
    uint64_t due_ms; /* CLOCK_MONOTONIC */
    void (*expired)(void *data);
    void *data;
    struct loop_timer *next;
    bool armed;
};

struct loop {
    int epoll;
    struct loop_timer *timers; /* the next first */
};
#define LOOP_INIT ((struct loop){.epoll = -EBADF})

/* 0 or a negative errno. */
int loop_open(struct loop *l);
void loop_close(struct loop *l);

/* Makes @s the source for @fd, quiet at first. */
void loop_source_init(struct loop_source *s, int fd, void (*ready)(void *, uint32_t), void *data);

/* Waits for @events (EPOLLIN, EPOLLOUT, …) of it from now on; none at all, not even an end of file,
 * when 0. Call it with 0 before its descriptor is closed. 0 or a negative errno. */
int loop_watch(struct loop *l, struct loop_source *s, uint32_t events);

/* Calls @t's function once, in @ms milliseconds; set again, it is moved. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/* Waits for one event and handles it. 0 or a negative errno. */
int loop_turn(struct loop *l);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t loop_now_ms(void);

#endif
