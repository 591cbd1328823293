#include "cli/health_options.h"

#include "base/timestamp.h"

enum { LEAST_NS = 1000000 }; /* Docker's: a millisecond */

/* A span, if it is given. */
static int put_span(json_t *check, const char *key, const char *option, const char *text,
                    struct err *e)
{
    long long ns;
    if (!text)
        return 0;
    if (parse_duration(text, &ns) < 0)
        return err_set(e, EINVAL,
                       "invalid argument \"%s\" for \"--%s\": not a duration such as 30s or 1m30s",
                       text, option);
    if (ns < 0)
        return err_set(e, EINVAL, "--%s cannot be negative", option);
    if (ns > 0 && ns < LEAST_NS)
        return err_set(e, EINVAL, "--%s cannot be less than 1ms", option);
    return json_object_set_new(check, key, json_integer(ns)) < 0 ? err_nomem(e) : 0;
}

static int put_test(json_t *check, const struct health_options *o, struct err *e)
{
    if (!o->none && !(o->cmd && *o->cmd))
        return 0;
    json_t *test = o->none ? json_pack("[s]", "NONE") : json_pack("[s, s]", "CMD-SHELL", o->cmd);
    if (!test && o->cmd)
        return err_set(e, EINVAL, "option \"--health-cmd\": its value is not UTF-8");
    return json_object_set_new(check, "Test", test) < 0 ? err_nomem(e) : 0;
}

static int check_conflicts(const struct health_options *o, struct err *e)
{
    bool given = (o->cmd && *o->cmd) || o->interval || o->timeout || o->retries ||
                 o->start_period || o->start_interval;
    if (o->none && given)
        return err_set(e, EINVAL, "--no-healthcheck conflicts with --health-* options");
    if (o->retries < 0)
        return err_set(e, EINVAL, "--health-retries cannot be negative");
    const char *action = o->on_failure;
    if (action && !str_eq(action, "none") && !str_eq(action, "kill") &&
        !str_eq(action, "restart") && !str_eq(action, "stop"))
        return err_set(
            e, EINVAL,
            "invalid argument \"%s\" for \"--health-on-failure\": none, kill, restart or "
            "stop",
            action);
    return 0;
}

int health_options_put(const struct health_options *o, json_t *config, struct err *e)
{
    _cleanup_json_ json_t *check = json_object();
    if (!check)
        return err_nomem(e);
    int r = check_conflicts(o, e);
    if (r == 0)
        r = put_test(check, o, e);
    if (r == 0)
        r = put_span(check, "Interval", "health-interval", o->interval, e);
    if (r == 0)
        r = put_span(check, "Timeout", "health-timeout", o->timeout, e);
    if (r == 0)
        r = put_span(check, "StartPeriod", "health-start-period", o->start_period, e);
    if (r == 0)
        r = put_span(check, "StartInterval", "health-start-interval", o->start_interval, e);
    if (r == 0 && o->retries && json_object_set_new(check, "Retries", json_integer(o->retries)) < 0)
        r = err_nomem(e);
    if (r == 0 && json_object_size(check) > 0 && json_object_set(config, "Healthcheck", check) < 0)
        r = err_nomem(e);
    if (r == 0 && o->on_failure &&
        json_object_set_new(config, "HealthcheckOnFailure", json_string(o->on_failure)) < 0)
        r = err_nomem(e);
    return r;
}
