/*
 * A network namespace, made by a second thread while the first prepares the rest: of all the kinds
 * it takes the kernel the longest (0.5 to 1 ms).
 */
#ifndef SKIFF_RUNTIME_NETNS_MAKER_H
#define SKIFF_RUNTIME_NETNS_MAKER_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

struct netns_maker {
    bool in_thread; /* and joining it is still to be done */
    pthread_t thread;
    int fd; /* negative errno: it could not be made */
};
#define NETNS_MAKER_INIT ((struct netns_maker){.fd = -EBADF})

/* Sets up the loopback interface of the caller's network namespace. */
int loopback_raise(struct err *e);

/* Makes a network namespace of the caller's user namespace, its loopback up, in this thread, which
 * is afterwards where it was. Its descriptor; -ENOTRECOVERABLE when the way back is barred. */
int netns_make(struct err *e);

/* Begins. From here to the end nothing may be made by a system call that copies this process: the
 * heap may be locked in the copy. Where there is no thread to be had, it is done on return. */
void netns_maker_begin(struct netns_maker *m);

/* Waits for it: the descriptor, the caller's, or a negative errno with its story. */
int netns_maker_end(struct netns_maker *m, struct err *e);

/* Waits for it and drops it. Safe at any time. */
void netns_maker_release(struct netns_maker *m);

#endif
