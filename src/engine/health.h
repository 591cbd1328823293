/*
 * Health checks: a command that is executed in the container now and then, by its monitor; on the
 * monitor's own loop, without any process in between.
 *
 * What is checked, and how often, is Docker's Config.Healthcheck (Engine API, HealthConfig): times
 * in nanoseconds, zero for the defaults. What came of it is Docker's State.Health: Status
 * (starting, healthy, unhealthy), FailingStreak, Log (the last five).
 */
#ifndef SKIFF_ENGINE_HEALTH_H
#define SKIFF_ENGINE_HEALTH_H

#include "base/loop.h"
#include "engine/engine.h"

struct health;

/* What is told to who made it. */
struct health_listener {
    /* The state has changed (health_state): a check has ended. */
    void (*checked)(void *data, bool status_changed);
    void *data;
};

/* Begins to check the container of @c, as its document says. *ret is NULL when there is nothing to
 * check. All that is pointed to outlives it. */
int health_begin(struct loop *loop, const struct engine *en, const struct container_record *c,
                 const struct health_listener *listener, struct health **ret);

/* State.Health as it stands; a new reference. NULL when memory ran out. */
json_t *health_state(const struct health *h);

/* "starting", "healthy" or "unhealthy". */
const char *health_status(const struct health *h);

/* Ends it, and the check that is under way. NULL is nothing to end. */
void health_end(struct health *h);

#endif
