/*
 * The instruction HEALTHCHECK of Docker's Dockerfile reference.
 */
#ifndef SKIFF_IMAGE_CHANGE_HEALTH_H
#define SKIFF_IMAGE_CHANGE_HEALTH_H

#include "base/json.h"

/* "NONE", or "[--interval=30s] [--timeout=30s] [--start-period=0s] [--start-interval=5s]
 * [--retries=3] CMD command", in shell or JSON form: Docker's "Healthcheck" in @settings. */
int change_health(json_t *settings, const char *text, struct err *e);

#endif
