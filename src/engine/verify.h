/*
 * Whether what is on disk, what the kernel has, and what they say of each other agrees: every
 * invariant of docs/architecture.md, looked at from outside, and put right where that loses
 * nothing.
 *
 * No lock is taken for that. Containers start and stop meanwhile, so what does not hold is looked
 * at again and again for a while, and counts only if it never held: a second, or several for what
 * the kernel clears away in its own time. What somebody holds the watcher's lock of, and does not
 * run, is being made, started or removed, and is passed over.
 */
#ifndef SKIFF_ENGINE_VERIFY_H
#define SKIFF_ENGINE_VERIFY_H

#include "engine/engine.h"

/* One invariant that does not hold. */
struct verify_finding {
    const char *kind; /* "name", "container", …: what is meant; static */
    char *subject;    /* which: an ID, a name, a path */
    char *problem;    /* what does not hold, and what to do where nothing else is known to help */
    bool repairable;
    bool repaired;
    char *outcome; /* what was done, or why it could not be; NULL: nothing was tried */
};

struct verify_report {
    struct verify_finding *v;
    size_t n;
    size_t containers, running, volumes, images; /* that were looked at */
};

enum verify_flags {
    VERIFY_REPAIR = 1 << 0, /* put right what can be without losing anything */
    VERIFY_BLOBS = 1 << 1,  /* read all blobs of images again and compare their digests */
    /* What is looked at; none of these: all. */
    VERIFY_CONTAINERS = 1 << 2,
    VERIFY_NETWORKS = 1 << 3,
    VERIFY_VOLUMES = 1 << 4,
    VERIFY_IMAGES = 1 << 5,
    VERIFY_ALL = VERIFY_CONTAINERS | VERIFY_NETWORKS | VERIFY_VOLUMES | VERIFY_IMAGES,
};

/* 0, however much is found; a negative errno when it could not be looked at all. */
int verify(const struct engine *en, unsigned flags, struct verify_report *ret, struct err *e);

void verify_report_release(struct verify_report *r);
#define _cleanup_verify_report_ _cleanup_(verify_report_release)

#endif
