#include "engine/frame.h"

#include "base/file.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

void frame_header(uint8_t ret[FRAME_HEADER], enum frame_kind kind, size_t len)
{
    const uint8_t header[FRAME_HEADER] = {
        (uint8_t)kind,       0,           0, 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
        (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(ret, header, FRAME_HEADER);
}

static long fill(struct frame_reader *r, int fd, size_t most)
{
    ssize_t n;
    do
        n = read(fd, r->bytes + r->n, most);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    r->n += (size_t)n;
    return n;
}

static size_t payload_length(const struct frame_reader *r)
{
    const uint8_t *h = r->bytes;
    return (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
}

long frame_fill(struct frame_reader *r, int fd)
{
    return fill(r, fd, sizeof(r->bytes) - r->n);
}

long frame_fill_one(struct frame_reader *r, int fd)
{
    if (r->n < FRAME_HEADER)
        return fill(r, fd, FRAME_HEADER - r->n);
    size_t whole = FRAME_HEADER + payload_length(r);
    return whole > sizeof(r->bytes) || whole <= r->n ? -EBADMSG : fill(r, fd, whole - r->n);
}

int frame_next(const struct frame_reader *r, struct frame *ret)
{
    if (r->n < FRAME_HEADER)
        return 0;
    const uint8_t *h = r->bytes;
    size_t len = payload_length(r);
    if (len > FRAME_MAX || h[1] || h[2] || h[3])
        return -EBADMSG;
    if (r->n < FRAME_HEADER + len)
        return 0;
    *ret = (struct frame){(enum frame_kind)h[0], h + FRAME_HEADER, len};
    return 1;
}

void frame_drop(struct frame_reader *r, const struct frame *f)
{
    size_t used = FRAME_HEADER + f->len;
    memmove(r->bytes, r->bytes + used, r->n - used);
    r->n -= used;
}

int frame_send(int fd, enum frame_kind kind, const void *payload, size_t len)
{
    uint8_t bytes[FRAME_HEADER + 4096];
    if (len > sizeof(bytes) - FRAME_HEADER)
        len = sizeof(bytes) - FRAME_HEADER;
    frame_header(bytes, kind, len);
    if (len > 0)
        memcpy(bytes + FRAME_HEADER, payload, len);
    const uint8_t *at = bytes;
    for (size_t left = FRAME_HEADER + len; left > 0;) {
        ssize_t n = send(fd, at, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        left -= (size_t)n;
    }
    return 0;
}
