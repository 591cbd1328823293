/*
 * What killed processes of ours left: containers whose lock is free have nobody who watches them.
 */
#ifndef SKIFF_ENGINE_REAP_H
#define SKIFF_ENGINE_REAP_H

#include "engine/engine.h"

/* Puts right every container that nobody watches: its processes are killed, its cgroup removed; it
 * is removed itself if it was to be (--rm) or never became whole, else it counts as ended with 137.
 * So too what ran when the machine stopped, whose run folder is gone.
 * Several reapers at once, and containers that are just being made or ending, are fine. Returns how
 * many were put right; goes on after errors and tells the first. */
int reap_orphans(const struct engine *en, struct err *e);

#endif
