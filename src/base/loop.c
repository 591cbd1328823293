#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

uint64_t loop_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int loop_open(struct loop *l)
{
    *l = LOOP_INIT;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
    if (l->epoll >= 0)
        close(l->epoll);
    *l = LOOP_INIT;
}

void loop_source_init(struct loop_source *s, int fd, void (*ready)(void *, uint32_t), void *data)
{
    *s = (struct loop_source){.fd = fd, .ready = ready, .data = data};
}

int loop_watch(struct loop *l, struct loop_source *s, uint32_t events)
{
    if (s->events == events)
        return 0;
    int op = events == 0 ? EPOLL_CTL_DEL : s->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = s};
    if (epoll_ctl(l->epoll, op, s->fd, &event) < 0)
        return -errno;
    s->events = events;
    return 0;
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    for (struct loop_timer **at = &l->timers; *at; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        break;
    }
    t->armed = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms)
{
    loop_timer_cancel(l, t);
    t->due_ms = loop_now_ms() + ms;
    t->armed = true;
    struct loop_timer **at = &l->timers;
    while (*at && (*at)->due_ms <= t->due_ms)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

static int wait_ms(const struct loop *l)
{
    if (!l->timers)
        return -1;
    uint64_t now = loop_now_ms(), due = l->timers->due_ms;
    uint64_t ms = due > now ? due - now : 0;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int loop_turn(struct loop *l)
{
    struct epoll_event event;
    int n = epoll_wait(l->epoll, &event, 1, wait_ms(l));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 1) {
        struct loop_source *s = event.data.ptr;
        s->ready(s->data, event.events);
    }
    /* Also when descriptors are always ready: a timer is not starved. */
    if (l->timers && l->timers->due_ms <= loop_now_ms()) {
        struct loop_timer *t = l->timers;
        loop_timer_cancel(l, t);
        t->expired(t->data);
    }
    return 0;
}
