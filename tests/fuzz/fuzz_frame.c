/*
 * libFuzzer target: any bytes on the stream between a client and a monitor, in pieces of any size,
 * read by both of the reader's ways. Both must see the same frames.
 */
#include "base/cleanup.h"
#include "engine/frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    size_t frames, bytes;
    unsigned last;
};

/* Whole frames until there are none; false when these are no frames. */
static int take(struct frame_reader *r, struct sum *sum)
{
    struct frame f;
    int got;
    while ((got = frame_next(r, &f)) == 1) {
        if (f.len > FRAME_MAX || f.payload != r->bytes + FRAME_HEADER ||
            FRAME_HEADER + f.len > r->n)
            abort();
        for (size_t i = 0; i < f.len; i++)
            sum->last = sum->last * 31 + f.payload[i];
        sum->frames++;
        sum->bytes += f.len;
        frame_drop(r, &f);
    }
    return got;
}

static struct sum read_all(const uint8_t *data, size_t size, size_t piece,
                           long (*fill)(struct frame_reader *, int))
{
    static struct frame_reader r;
    struct sum sum = {0};
    r.n = 0;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sum;
    bool over = false;
    while (size > 0 && !over) {
        size_t n = size < piece ? size : piece;
        if (send(pair[0], data, n, MSG_NOSIGNAL) != (ssize_t)n)
            abort();
        data += n;
        size -= n;
        for (size_t left = n; left > 0 && !over;) {
            long got = fill(&r, pair[1]);
            over = got <= 0 || take(&r, &sum) < 0;
            left -= over ? 0 : (size_t)got;
        }
    }
    close(pair[0]);
    close(pair[1]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 100000)
        return 0;
    size_t piece = 1 + data[0] % 64u * 97u;
    struct sum many = read_all(data + 1, size - 1, piece, frame_fill);
    struct sum one = read_all(data + 1, size - 1, 60000, frame_fill_one);
    if (many.frames != one.frames || many.bytes != one.bytes || many.last != one.last)
        abort();
    return 0;
}
