/*
 * What a command wants of a monitor that need not answer: an empty file in RUN/containers/ID. Marks
 * vanish with the folder when the container ends.
 */
#ifndef SKIFF_ENGINE_MARK_H
#define SKIFF_ENGINE_MARK_H

#include "engine/engine.h"

enum mark {
    MARK_PAUSED,  /* it may be frozen: the freezer knows */
    MARK_STOPPED, /* a person ends it: no restart policy brings it back */
};

/* -ENOENT: the container does not run. */
int mark_set(const struct engine *en, const char *id, enum mark m, struct err *e);
int mark_clear(const struct engine *en, const char *id, enum mark m, struct err *e);

/* 1 or 0; -ENOMEM. */
int mark_is_set(const struct engine *en, const char *id, enum mark m);

#endif
