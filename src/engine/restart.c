#include "engine/restart.h"

#include "base/str.h"

enum { FIRST_MS = 100, LONGEST_MS = 60000, GOOD_MS = 10000 };

bool restart_is_set(const json_t *document)
{
    const char *policy = json_str(document, "HostConfig.RestartPolicy.Name");
    return policy && *policy && !str_eq(policy, "no");
}

bool restart_wanted(const json_t *document, int exit_code, unsigned restarts)
{
    const char *policy = json_str(document, "HostConfig.RestartPolicy.Name");
    long long most = json_int(document, "HostConfig.RestartPolicy.MaximumRetryCount", 0);
    if (str_eq(policy, "always") || str_eq(policy, "unless-stopped"))
        return true;
    return str_eq(policy, "on-failure") && exit_code != 0 && (most <= 0 || restarts < most);
}

bool restart_at_boot(const json_t *document, const json_t *state)
{
    const char *policy = json_str(document, "HostConfig.RestartPolicy.Name");
    const char *status = json_str(state, "State.Status");
    if (str_eq(status, "created"))
        return false;
    if (str_eq(policy, "always"))
        return true;
    return str_eq(policy, "unless-stopped") && !json_bool(state, "StoppedByUser", false);
}

uint64_t restart_delay_ms(uint64_t last_ms, uint64_t ran_ms)
{
    if (last_ms == 0 || ran_ms >= GOOD_MS)
        return FIRST_MS;
    return 2 * last_ms < LONGEST_MS ? 2 * last_ms : LONGEST_MS;
}
