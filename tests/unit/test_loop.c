#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct ground {
    struct loop loop;
    int in[2], out[2]; /* readers, writers */
    char heard[32];    /* what was called, in order */
};

static struct ground *ground;

static int begin(void **state)
{
    static struct ground g;
    int pair[2];
    g = (struct ground){.loop = LOOP_INIT};
    for (int i = 0; i < 2; i++) {
        if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
            return -1;
        g.in[i] = pair[0];
        g.out[i] = pair[1];
    }
    *state = ground = &g;
    return loop_open(&g.loop);
}

static int end(void **state)
{
    struct ground *g = *state;
    loop_close(&g->loop);
    loop_close(&g->loop);
    for (int i = 0; i < 2; i++) {
        close(g->in[i]);
        close(g->out[i]);
    }
    return 0;
}

static void note(const char *what)
{
    size_t n = strlen(ground->heard);
    snprintf(ground->heard + n, sizeof(ground->heard) - n, "%s", what);
}

static void hear(void *data, uint32_t events)
{
    char c;
    if (events & EPOLLIN)
        assert_int_equal(read(ground->in[*(char *)data - 'a'], &c, 1), 1);
    if (events & EPOLLHUP)
        note("-");
    note(data);
}

static void expire(void *data)
{
    note(data);
}

static char a[] = "a", b[] = "b";

static void who_is_watched_is_called_once_for_what_there_is(void **state)
{
    struct ground *g = *state;
    struct loop_source s;
    loop_source_init(&s, g->in[0], hear, a);
    assert_int_equal(loop_watch(&g->loop, &s, EPOLLIN), 0);
    assert_int_equal(loop_watch(&g->loop, &s, EPOLLIN), 0);
    assert_int_equal(write(g->out[0], "xy", 2), 2);
    assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "a");
    assert_int_equal(loop_turn(&g->loop), 0); /* level, not edge: there is more */
    assert_string_equal(g->heard, "aa");
}

static void who_is_not_watched_is_not_called_not_even_at_its_end(void **state)
{
    struct ground *g = *state;
    struct loop_source one, other;
    loop_source_init(&one, g->in[0], hear, a);
    loop_source_init(&other, g->in[1], hear, b);
    assert_int_equal(loop_watch(&g->loop, &one, EPOLLIN), 0);
    assert_int_equal(loop_watch(&g->loop, &other, EPOLLIN), 0);
    assert_int_equal(loop_watch(&g->loop, &one, 0), 0);
    close(g->out[0]);
    assert_int_equal(write(g->out[1], "x", 1), 1);
    assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "b");
    assert_int_equal(loop_watch(&g->loop, &one, EPOLLIN), 0);
    assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "b-a");
    g->out[0] = dup(g->out[1]);
}

static void one_that_is_always_ready_keeps_no_other_from_its_turn(void **state)
{
    struct ground *g = *state;
    struct loop_source one, other;
    loop_source_init(&one, g->in[0], hear, a);
    loop_source_init(&other, g->in[1], hear, b);
    assert_int_equal(loop_watch(&g->loop, &one, EPOLLIN), 0);
    assert_int_equal(loop_watch(&g->loop, &other, EPOLLIN), 0);
    assert_int_equal(write(g->out[0], "xxxxxxxx", 8), 8);
    assert_int_equal(write(g->out[1], "x", 1), 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(&g->loop), 0);
    assert_non_null(strchr(g->heard, 'b'));
}

static void timers_expire_in_the_order_of_their_times(void **state)
{
    struct ground *g = *state;
    struct loop_timer early = {.expired = expire, .data = a}, late = {.expired = expire, .data = b};
    loop_timer_set(&g->loop, &late, 30);
    loop_timer_set(&g->loop, &early, 10);
    uint64_t began = loop_now_ms();
    while (strlen(g->heard) < 2)
        assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "ab");
    assert_true(loop_now_ms() - began >= 29); /* never early; how late is nobody's promise */
    assert_false(early.armed || late.armed);
}

static void a_timer_is_moved_and_cancelled(void **state)
{
    struct ground *g = *state;
    struct loop_timer one = {.expired = expire, .data = a}, other = {.expired = expire, .data = b};
    loop_timer_set(&g->loop, &one, 5);
    loop_timer_set(&g->loop, &other, 10);
    loop_timer_set(&g->loop, &one, 20);
    loop_timer_cancel(&g->loop, &other);
    loop_timer_cancel(&g->loop, &other);
    while (!*g->heard)
        assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "a");
    assert_null(g->loop.timers);
}

static void a_timer_is_not_starved_by_what_is_always_ready(void **state)
{
    struct ground *g = *state;
    struct loop_source s;
    struct loop_timer t = {.expired = expire, .data = b};
    loop_source_init(&s, g->out[0], hear, a); /* writable for ever */
    assert_int_equal(loop_watch(&g->loop, &s, EPOLLOUT), 0);
    loop_timer_set(&g->loop, &t, 1);
    while (!strchr(g->heard, 'b')) {
        g->heard[0] = '\0';
        assert_int_equal(loop_turn(&g->loop), 0);
    }
}

struct suicide {
    struct loop_source source, *other;
    struct loop_timer timer;
};

static void die(void *data, uint32_t events)
{
    struct suicide *s = data;
    (void)events;
    note("d");
    loop_watch(&ground->loop, &s->source, 0);
    loop_watch(&ground->loop, s->other, 0);
    loop_timer_cancel(&ground->loop, &s->timer);
    memset(s, 0xa5, sizeof(*s));
    free(s);
}

static void a_callback_may_free_all_of_them(void **state)
{
    struct ground *g = *state;
    struct loop_source other;
    struct loop_timer last = {.expired = expire, .data = b};
    struct suicide *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    loop_source_init(&other, g->in[1], hear, a);
    loop_source_init(&s->source, g->in[0], die, s);
    s->other = &other;
    s->timer = (struct loop_timer){.expired = expire, .data = a};
    assert_int_equal(loop_watch(&g->loop, &s->source, EPOLLIN), 0);
    loop_timer_set(&g->loop, &s->timer, 0);
    assert_int_equal(write(g->out[0], "x", 1), 1);
    assert_int_equal(loop_watch(&g->loop, &other, 0), 0);
    loop_timer_set(&g->loop, &last, 20);
    while (!strchr(g->heard, 'b'))
        assert_int_equal(loop_turn(&g->loop), 0);
    assert_string_equal(g->heard, "db");
}

static void what_cannot_be_watched_is_told(void **state)
{
    struct ground *g = *state;
    struct loop_source s;
    loop_source_init(&s, -1, hear, a);
    assert_int_equal(loop_watch(&g->loop, &s, EPOLLIN), -EBADF);
    assert_int_equal(s.events, 0);
    assert_int_equal(loop_watch(&g->loop, &s, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_watched_is_called_once_for_what_there_is, begin,
                                        end),
        cmocka_unit_test_setup_teardown(who_is_not_watched_is_not_called_not_even_at_its_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_is_always_ready_keeps_no_other_from_its_turn,
                                        begin, end),
        cmocka_unit_test_setup_teardown(timers_expire_in_the_order_of_their_times, begin, end),
        cmocka_unit_test_setup_teardown(a_timer_is_moved_and_cancelled, begin, end),
        cmocka_unit_test_setup_teardown(a_timer_is_not_starved_by_what_is_always_ready, begin, end),
        cmocka_unit_test_setup_teardown(a_callback_may_free_all_of_them, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_watched_is_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
