#include "engine/carrier.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* A carrier between a process, which is this test by three pipes, and the starter's client, which
 * is this test too. */
struct fixture {
    struct loop loop;
    struct peers peers;
    struct carrier carrier;
    struct loop_timer alarm;
    int client;      /* the client's end */
    int in, out[2];  /* the process's ends */
    size_t heard[2]; /* bytes that the listener was told of */
    bool late;       /* nothing happened any more */
    struct frame_reader reader;
};

static void take(void *data, struct peer *p, const struct frame *f)
{
    carrier_take(&((struct fixture *)data)->carrier, p, f);
}

static void listen_to(void *data, int which, const uint8_t *bytes, size_t n)
{
    (void)bytes;
    ((struct fixture *)data)->heard[which] += n;
}

static void too_late(void *data)
{
    ((struct fixture *)data)->late = true;
}

static int make(void **state)
{
    static struct fixture f;
    int pair[2], pipes[3][2];
    memset(&f, 0, sizeof(f));
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(loop_open(&f.loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK), 0);
    f.client = pair[0];
    fcntl(f.client, F_SETFL, O_NONBLOCK);
    f.in = pipes[0][0];
    f.out[0] = pipes[1][1];
    f.out[1] = pipes[2][1];
    f.peers = (struct peers){.loop = &f.loop, .take = take, .data = &f};
    struct peer *p = peer_add(&f.peers, pair[1], true);
    assert_non_null(p);
    p->wishes = WISH_STDIN | WISH_STDOUT | WISH_STDERR;
    carrier_init(&f.carrier, &f.loop, &f.peers);
    f.carrier.once = true;
    f.carrier.heard = listen_to;
    f.carrier.data = &f;
    carrier_begin(&f.carrier, -EBADF, pipes[0][1], (const int[]){pipes[1][0], pipes[2][0]});
    *state = &f;
    return 0;
}

static int take_away(void **state)
{
    struct fixture *f = *state;
    carrier_finish(&f->carrier, false);
    peers_release(&f->peers);
    loop_close(&f->loop);
    fd_close(&f->client);
    fd_close(&f->in);
    fd_close(&f->out[0]);
    fd_close(&f->out[1]);
    return 0;
}

/* Lets it work until nothing happens any more. */
static void settle(struct fixture *f)
{
    f->alarm = (struct loop_timer){.expired = too_late, .data = f};
    for (f->late = false; !f->late;) {
        carrier_settle(&f->carrier);
        loop_timer_set(&f->loop, &f->alarm, 20);
        assert_int_equal(loop_turn(&f->loop), 0);
    }
}

/* What the client has got: the number of bytes of frames of @kind, of which the first begins so. */
static size_t client_got(struct fixture *f, enum frame_kind kind, const char *begin)
{
    size_t got = 0;
    struct frame frame;
    while (frame_fill(&f->reader, f->client) > 0 || f->reader.n > 0) {
        int r = frame_next(&f->reader, &frame);
        if (r != 1)
            break;
        if (frame.kind == kind) {
            if (got == 0 && begin)
                assert_memory_equal(frame.payload, begin, strlen(begin));
            got += frame.len;
        }
        frame_drop(&f->reader, &frame);
    }
    return got;
}

static void output_is_framed_and_heard(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write(f->out[0], "hello", 5), 5);
    settle(f);
    assert_int_equal(client_got(f, FRAME_STDOUT, "hello"), 5);
    assert_int_equal(write(f->out[1], "error", 5), 5);
    settle(f);
    assert_int_equal(client_got(f, FRAME_STDERR, "error"), 5);
    assert_int_equal(f->heard[0], 5);
    assert_int_equal(f->heard[1], 5);
}

/* Writes as the process, and lets it be carried, until that stands still. */
static size_t flood(struct fixture *f)
{
    static const char bytes[4096];
    size_t all = 0;
    for (int still = 0; still < 2;) {
        ssize_t n = write(f->out[0], bytes, sizeof(bytes));
        if (n > 0) {
            all += (size_t)n;
            still = 0;
            continue;
        }
        settle(f);
        still++;
    }
    return all;
}

static void a_process_waits_for_a_client_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    size_t written = flood(f);
    /* What is in the pipe, in the socket, and a read's worth. */
    assert_true(written < 1 << 20);
    assert_true(f->peers.first->n <= FRAME_HEADER + FRAME_MAX);
    /* And nothing of it is lost. */
    size_t got = 0;
    for (int i = 0; i < 100 && got < written; i++) {
        got += client_got(f, FRAME_STDOUT, NULL);
        settle(f);
    }
    assert_int_equal(got, written);
}

static void a_client_that_has_gone_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    fd_close(&f->client);
    static const char bytes[4096];
    for (int i = 0; i < 1000; i++) {
        if (write(f->out[0], bytes, sizeof(bytes)) < 0)
            settle(f);
    }
    assert_true(f->heard[0] > 1 << 20);
    assert_null(f->peers.first);
}

static void input_comes_with_its_end(void **state)
{
    struct fixture *f = *state;
    char buf[16];
    frame_send(f->client, FRAME_STDIN, "typed", 5);
    settle(f);
    assert_int_equal(read(f->in, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "typed", 5);
    frame_send(f->client, FRAME_STDIN, NULL, 0);
    settle(f);
    assert_int_equal(read(f->in, buf, sizeof(buf)), 0);
}

static void send_input(struct fixture *f, size_t n)
{
    static const char bytes[4096];
    for (size_t sent = 0; sent < n; sent += sizeof(bytes))
        frame_send(f->client, FRAME_STDIN, bytes, sizeof(bytes));
    settle(f);
}

static void input_that_is_not_read_is_not_asked_for(void **state)
{
    struct fixture *f = *state;
    /* The pipe takes a window's worth, which is told by halves. */
    send_input(f, FRAME_WINDOW);
    assert_int_equal(client_got(f, FRAME_TAKEN, NULL), 8);
    /* Half of another is kept, and there is room for one more. */
    send_input(f, FRAME_WINDOW);
    assert_int_equal(client_got(f, FRAME_TAKEN, NULL), 4);
    send_input(f, FRAME_WINDOW / 2);
    assert_int_equal(client_got(f, FRAME_TAKEN, NULL), 0);
    assert_true(f->carrier.input_n < 2 * FRAME_WINDOW);
    assert_non_null(f->peers.first);
    /* More than was agreed on is no client's. */
    send_input(f, 4096);
    assert_null(f->peers.first);
}

static void a_deaf_client_closes_the_stream_that_was_its_own(void **state)
{
    struct fixture *f = *state;
    const uint8_t stream = FRAME_STDOUT;
    frame_send(f->client, FRAME_DEAF, &stream, 1);
    settle(f);
    assert_int_equal(write(f->out[0], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(write(f->out[1], "x", 1), 1);
}

static void the_last_words_are_carried(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write(f->out[0], "last", 4), 4);
    assert_int_equal(write(f->out[1], "words", 5), 5);
    carrier_finish(&f->carrier, false);
    assert_int_equal(f->heard[0], 4);
    assert_int_equal(f->heard[1], 5);
    assert_int_equal(write(f->out[0], "x", 1), -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, make, take_away)
    const struct CMUnitTest tests[] = {
        CASE(output_is_framed_and_heard),
        CASE(a_process_waits_for_a_client_that_does_not_read),
        CASE(a_client_that_has_gone_is_not_waited_for),
        CASE(input_comes_with_its_end),
        CASE(input_that_is_not_read_is_not_asked_for),
        CASE(a_deaf_client_closes_the_stream_that_was_its_own),
        CASE(the_last_words_are_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
