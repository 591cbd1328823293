/*
 * What people do to containers: start, stop, kill, pause, rename, remove. Each asks the table of
 * transitions first (transition.h), and any number of them may be done at once to one container.
 */
#ifndef SKIFF_ENGINE_LIFECYCLE_H
#define SKIFF_ENGINE_LIFECYCLE_H

#include "engine/engine.h"

/* Starts a container that exists. Its starter's client wishes for streams (enum frame_wish), and
 * has a @terminal or -1. *ret_monitor is the socket to its monitor (client.h), which has said that
 * it runs; -EBADF when it ran already. A start that fails is noted in its state. */
int lifecycle_start(const struct engine *en, struct container_record *c, unsigned wishes,
                    int terminal, int *ret_monitor, struct err *e);

/* How long to wait before killing; what the container was made with, else ten seconds. */
enum { STOP_PATIENCE_OWN = -2, STOP_PATIENCE_ENDLESS = -1 };

/* Ends it: with @signal (0: its own stop signal, else SIGTERM), and after @seconds with SIGKILL. It
 * has ended, and its state is on disk, when this returns. No policy starts it again. */
int lifecycle_stop(const struct engine *en, struct container_record *c, int signal,
                   long long seconds, struct err *e);

/* Stops it if it runs, and starts it, --rm or not. */
int lifecycle_restart(const struct engine *en, struct container_record *c, int signal,
                      long long seconds, struct err *e);

/* Sends @signal to its first process. After SIGKILL it has ended when this returns. */
int lifecycle_kill(const struct engine *en, struct container_record *c, int signal, struct err *e);

int lifecycle_pause(const struct engine *en, struct container_record *c, struct err *e);
int lifecycle_unpause(const struct engine *en, struct container_record *c, struct err *e);

int lifecycle_rename(const struct engine *en, struct container_record *c, const char *name,
                     struct err *e);

/* Removes it; with @force it is killed first. */
int lifecycle_remove(const struct engine *en, struct container_record *c, bool force,
                     struct err *e);

/* The signal that stops it. */
int lifecycle_stop_signal(const struct container_record *c);

#endif
