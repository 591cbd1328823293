/*
 * What a client and a monitor say to each other over a stream socket: frames of 8 bytes and a
 * payload. Those of the streams are Docker's own (Engine API, "Stream format"), so that they can
 * be passed on untouched; the others are ours.
 */
#ifndef SKIFF_ENGINE_FRAME_H
#define SKIFF_ENGINE_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_kind {
    FRAME_STDIN = 0, /* to the container, FRAME_WINDOW bytes at most not yet taken; empty: end */
    FRAME_STDOUT = 1,
    FRAME_STDERR = 2,
    FRAME_RESIZE = 16, /* rows and columns, two 16-bit numbers in network order */
    FRAME_SIGNAL = 17, /* one byte: to the container's first process */
    FRAME_STARTED = 18,
    FRAME_FAILED = 19, /* one byte: the exit status for it; then the story */
    FRAME_EXITED = 20, /* one byte: the exit status */
    FRAME_TAKEN = 21,  /* a 32-bit number in network order: bytes of FRAME_STDIN that were taken */
    FRAME_DEAF = 22,   /* one byte, a stream's number: nobody hears it any longer */
    FRAME_HELLO = 23,  /* the first from who connects: one byte, which streams (frame_wish) */
    FRAME_BYE = 25,    /* it leaves in order, its terminal as it was */
    FRAME_WAKE = 24,   /* the container's marks have changed (mark.h) */
};

/* What a client is there for. With none of it he only waits for the end. */
enum frame_wish {
    WISH_STDIN = 1 << 0,
    WISH_STDOUT = 1 << 1,
    WISH_STDERR = 1 << 2,
    WISH_KEEP = 1 << 4, /* no stream: a claim of a port comes along, and is to be kept (STARTED) */
    WISH_ANSWER = 1 << 3, /* no stream, but a first frame: a monitor that was killed gives none */
};

/* The window is why a signal is never stuck behind input that a container does not read: the
 * monitor can always take all that a client may send. */
enum { FRAME_HEADER = 8, FRAME_MAX = 65536, FRAME_WINDOW = 65536 };

/* Writes the header of a frame with @len bytes of payload. */
void frame_header(uint8_t ret[FRAME_HEADER], enum frame_kind kind, size_t len);

/* Takes bytes as they come and gives whole frames. */
struct frame_reader {
    uint8_t bytes[FRAME_HEADER + FRAME_MAX];
    size_t n;
};

struct frame {
    enum frame_kind kind;
    const uint8_t *payload; /* in the reader, until its next call */
    size_t len;
};

/* Reads what @fd has to give. Number of bytes; 0 at the end of file; -errno. */
long frame_fill(struct frame_reader *r, int fd);

/* The same, but at most one frame's bytes: what follows it stays in the socket. */
long frame_fill_one(struct frame_reader *r, int fd);

/* The next whole frame: 1; 0 when more bytes are needed; -EBADMSG when these are no frames. Call
 * frame_next again only after the frame before was used up, with frame_drop. */
int frame_next(const struct frame_reader *r, struct frame *ret);
void frame_drop(struct frame_reader *r, const struct frame *f);

/* Sends one small frame, all of it. 0 or -errno. */
int frame_send(int fd, enum frame_kind kind, const void *payload, size_t len);

#endif
