/*
 * Locking the fetcher in: it talks to strangers, and has nothing that they could want.
 *
 * User nobody, no group, no capability, no new privileges; a root of its own in which /etc and the
 * libraries are, read-only, and neither /proc nor devices nor other people's files; no terminal; no
 * program can be executed, no process made, nothing mapped executable any more; the system calls
 * that sockets and name resolution need. What it fetches it can only write to descriptors that it
 * is handed.
 */
#ifndef SKIFF_IMAGE_FETCH_CAGE_H
#define SKIFF_IMAGE_FETCH_CAGE_H

#include "base/err.h"

/* For good. As root, or as somebody who has nothing to give up already; single-threaded. */
int fetch_cage_enter(struct err *e);

#endif
