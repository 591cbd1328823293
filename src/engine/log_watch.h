/*
 * Waiting for more of the logs of containers, and for their ends, without asking again and again.
 */
#ifndef SKIFF_ENGINE_LOG_WATCH_H
#define SKIFF_ENGINE_LOG_WATCH_H

#include "engine/engine.h"

struct log_watch {
    int fd;         /* inotify(7); -EBADF when there is none to be had: then it is asked again */
    bool lock_fell; /* some container's lock was closed: it becomes free at any moment */
};

/* Never fails: there may be less to wait with. */
void log_watch_begin(struct log_watch *w);
void log_watch_end(struct log_watch *w);

/* Adds a container. What happens from here on ends a wait. */
void log_watch_add(struct log_watch *w, const struct engine *en, const struct container_record *c);

/* Waits until something may have happened, @timeout_ms at most (-1: any time). -EPIPE when nobody
 * reads from @out any longer. */
int log_watch_wait(struct log_watch *w, int out, int timeout_ms);

/* Whether somebody watches the container, and so may write its log. */
bool log_is_written(const struct engine *en, const char *id);

#endif
