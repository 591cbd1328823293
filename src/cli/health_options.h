/*
 * The options of a health check, and Docker's Config.Healthcheck that comes of them.
 */
#ifndef SKIFF_CLI_HEALTH_OPTIONS_H
#define SKIFF_CLI_HEALTH_OPTIONS_H

#include "base/json.h"
#include "base/options.h"

struct health_options {
    bool none;
    const char *cmd, *interval, *timeout, *start_period, *start_interval, *on_failure;
    long long retries;
};

/* Checks them, and puts Healthcheck and HealthcheckOnFailure into @config, as far as they say
 * anything. */
int health_options_put(const struct health_options *o, json_t *config, struct err *e);

#define HEALTH_ROW(type_, owner_, name_, field_, argument_, help_, group_)                         \
    {                                                                                              \
        name_, 0, OPTION_##type_, offsetof(owner_, health.field_), argument_, help_, group_        \
    }

/* Rows of an option table whose target has a `struct health_options health`. */
#define HEALTH_OPTION_ROWS(owner_)                                                                 \
    HEALTH_ROW(STRING, owner_, "health-cmd", cmd, "COMMAND", "Run in a shell to see how it does",  \
               "Health"),                                                                          \
        HEALTH_ROW(STRING, owner_, "health-interval", interval, "DURATION",                        \
                   "Between two checks (30s)", NULL),                                              \
        HEALTH_ROW(STRING, owner_, "health-timeout", timeout, "DURATION",                          \
                   "A check that takes longer failed (30s)", NULL),                                \
        HEALTH_ROW(INT, owner_, "health-retries", retries, "N",                                    \
                   "Failures in a row that make it unhealthy (3)", NULL),                          \
        HEALTH_ROW(STRING, owner_, "health-start-period", start_period, "DURATION",                \
                   "While it starts no failure counts (0s)", NULL),                                \
        HEALTH_ROW(STRING, owner_, "health-start-interval", start_interval, "DURATION",            \
                   "Between two checks meanwhile (5s)", NULL),                                     \
        HEALTH_ROW(STRING, owner_, "health-on-failure", on_failure, "ACTION",                      \
                   "Once unhealthy: none, kill, restart or stop", NULL),                           \
        HEALTH_ROW(FLAG, owner_, "no-healthcheck", none, NULL, "Not even the image's own check",   \
                   NULL)

#endif
