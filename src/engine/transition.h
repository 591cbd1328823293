/*
 * The state machine of a container, as a table: what each command does to a container in each
 * state, or the words with which it is refused. What a command may do is asked here and nowhere
 * else.
 */
#ifndef SKIFF_ENGINE_TRANSITION_H
#define SKIFF_ENGINE_TRANSITION_H

#include "engine/engine.h"

enum verb {
    VERB_START,
    VERB_STOP,
    VERB_RESTART,
    VERB_KILL,
    VERB_PAUSE,
    VERB_UNPAUSE,
    VERB_REMOVE,
    VERB_REMOVE_FORCED,
    VERB_RENAME,
    VERB_UPDATE,
    VERB_EXEC,
    VERB_ATTACH,
    VERB_TOP,
    VERBS
};

/* Whether @verb may be done to the container @c, whose state document is @state: 1: do it; 0: there
 * is nothing to do, and that is success; -EPERM, -EBUSY or -ESRCH with Docker's words. */
int transition(enum verb verb, const struct container_record *c, const json_t *state,
               struct err *e);

#endif
