#include "engine/stats.h"

#include "base/file.h"
#include "engine/beside.h"
#include "engine/state.h"

#include <fcntl.h>
#include <time.h>

enum { NET_DEV_LIMIT = 4 << 20 };

static unsigned long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000000000ULL + (unsigned long long)t.tv_nsec;
}

/* By the folder of its process, which is asked again once that is held: the number may have become
 * another's meanwhile. */
static void read_network(const json_t *state, pid_t pid, struct network_counters *ret)
{
    _cleanup_free_ char *path = str_printf("/proc/%d", (int)pid), *text = NULL;
    _cleanup_close_ int proc = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (proc >= 0 && state_pid(state) == pid &&
        file_read(proc, "net/dev", NET_DEV_LIMIT, &text, NULL, NULL) == 0)
        network_parse_counters(text, ret);
}

int container_stats(const struct engine *en, const struct container_record *c,
                    struct container_stats *ret, struct err *e)
{
    _cleanup_json_ json_t *state = NULL;
    *ret = (struct container_stats){0};
    int r = state_read(en, c, &state, NULL, e);
    pid_t pid = r == 0 ? state_pid(state) : 0;
    if (pid == 0)
        return r;

    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ char *path = container_cgroup_path(c->document);
    if (!path)
        return err_nomem(e);
    r = cgroup_open(path, &cg, e);
    if (r == -ENOENT) { /* it has just ended */
        err_release(e);
        return 0;
    }
    struct container_stats s = {.running = true, .at = now()};
    if (r == 0)
        r = cgroup_stat(cg, &s.group, e);
    if (r < 0)
        return r;
    if (!str_eq(json_str(c->document, "HostConfig.NetworkMode"), "host"))
        read_network(state, pid, &s.network);
    *ret = s;
    return 0;
}

double container_cpu_percent(const struct container_stats *before,
                             const struct container_stats *after)
{
    if (!before->running || !after->running || after->at <= before->at ||
        after->group.cpu <= before->group.cpu)
        return 0;
    return (double)(after->group.cpu - before->group.cpu) / (double)(after->at - before->at) * 100;
}
