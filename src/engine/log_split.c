#include "engine/log_split.h"

#include <string.h>

/* A line's end, or a piece that is as long as a line may be. */
static void give(struct log_split *s, enum log_stream stream, const char *bytes, size_t n,
                 bool partial, log_line *take, void *data)
{
    struct str *begun = &s->begun[stream];
    if (begun->len == 0) {
        take(data, stream, bytes, n, partial);
        return;
    }
    str_addn(begun, bytes, n);
    take(data, stream, begun->s, begun->len, partial); /* without memory: what there is of it */
    str_release(begun);
}

void log_split_add(struct log_split *s, enum log_stream stream, const char *bytes, size_t n,
                   log_line *take, void *data)
{
    while (n > 0) {
        size_t room = LOG_LINE_MAX - s->begun[stream].len;
        const char *end = memchr(bytes, '\n', n < room + 1 ? n : room + 1);
        size_t length = end ? (size_t)(end - bytes) : n < room ? n : room;
        if (end || length == room)
            give(s, stream, bytes, length, !end, take, data);
        else
            str_addn(&s->begun[stream], bytes, length);
        length += end != NULL;
        bytes += length;
        n -= length;
    }
}

void log_split_end(struct log_split *s, log_line *take, void *data)
{
    for (enum log_stream stream = LOG_STDOUT; stream <= LOG_STDERR; stream++) {
        struct str *begun = &s->begun[stream];
        if (begun->len > 0)
            take(data, stream, begun->s, begun->len, false);
        str_release(begun);
    }
}
