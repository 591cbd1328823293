/*
 * What goes on, for whoever shows it: Docker's JSON messages, one a line.
 *
 * Source: Docker's API 1.50, POST /images/create ("CreateImageInfo").
 */
#ifndef SKIFF_IMAGE_PROGRESS_H
#define SKIFF_IMAGE_PROGRESS_H

#include "base/json.h"

struct progress {
    int fd; /* -1: nobody wants to know */
};

/* {"status", "id"}: said once; @id NULL: none. */
void progress_say(const struct progress *p, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* {"status", "id", "progressDetail": {}}: takes the place of what was said of that layer before. */
void progress_layer(const struct progress *p, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* {"status", "id", "progressDetail": {"current", "total"}}, in bytes. */
void progress_bytes(const struct progress *p, const char *id, const char *status, long long current,
                    long long total);

/* On standard error: what is to be read also by who does not want to see how it goes on. */
void progress_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* {"stream"}: a line that stands for itself, with its end. */
void progress_stream(const struct progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
