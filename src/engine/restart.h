/*
 * Restart policies: Docker's no, on-failure[:N], always, unless-stopped.
 */
#ifndef SKIFF_ENGINE_RESTART_H
#define SKIFF_ENGINE_RESTART_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether it has one other than "no". */
bool restart_is_set(const json_t *document);

/* Whether a container of this document, which has been restarted @restarts times, is started again
 * after an end with @exit_code that no person brought about. */
bool restart_wanted(const json_t *document, int exit_code, unsigned restarts);

/* Whether it is to run after the machine was started anew; @state is its last. */
bool restart_at_boot(const json_t *document, const json_t *state);

/* How long to wait: doubled from @last_ms, 100 ms at first, a minute at most; from the beginning
 * again after ten seconds of running. */
uint64_t restart_delay_ms(uint64_t last_ms, uint64_t ran_ms);

#endif
