#include "base/file.h"
#include "base/str.h"
#include "runtime/cgroup_devices.h"
#include "runtime/cgroup_private.h"

#include <fcntl.h>
#include <string.h>

static int find(struct cgroup *cg, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", 4096, &text, NULL, e);
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    struct hierarchy *h = cgroup_add_hierarchy(cg);
    if (!h)
        return err_nomem(e);
    h->mount = strdup("/sys/fs/cgroup");
    h->root = strdup("/");
    h->controllers = TAKE_PTR(text);
    return h->mount && h->root ? 0 : err_nomem(e);
}

/* Hands on the controllers of @list from the group @dirfd to those in it. At once if possible;
 * else one by one, as the cpu controller, say, refuses when there are real-time processes. Returns
 * -EBUSY when @dirfd has processes of its own (cgroups(7), "no internal processes"). */
static int hand_on(int dirfd, const char *list)
{
    _cleanup_close_ int fd = openat(dirfd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_str_ struct str all = {0};
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ");
        str_addf(&all, "+%.*s ", (int)n, p);
        p += n + (p[n] == ' ');
    }
    if (all.failed)
        return -ENOMEM;
    if (all.len == 0 || write(fd, all.s, all.len) >= 0)
        return 0;

    int busy = 0;
    for (char *p = all.s; *p;) {
        size_t n = strcspn(p, " ");
        if (write(fd, p, n) < 0 && errno == EBUSY)
            busy = -EBUSY;
        p += n + (p[n] == ' ');
    }
    return busy;
}

/* Whether the group has all the controllers that the root has. */
static bool is_complete(const struct hierarchy *h)
{
    _cleanup_free_ char *text = NULL;
    if (file_read(h->dirfd, "cgroup.controllers", 4096, &text, NULL, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return str_eq(text, h->controllers);
}

/* The group has the controllers that every group above it hands on. What cannot be handed on is
 * found out by who asks for it. */
static int prepare(struct cgroup *cg, struct hierarchy *h, struct err *e)
{
    if (is_complete(h))
        return 0;
    _cleanup_free_ char *below = strdup(h->folder + strlen(h->mount) + 1);
    if (!below)
        return err_nomem(e);
    _cleanup_close_ int at = open(h->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (char *p = below; at >= 0 && p;) {
        int r = hand_on(at, h->controllers);
        if (r == -ENOMEM)
            return err_nomem(e);
        cg->delegation_busy |= r == -EBUSY;

        char *name = p, *slash = strchr(p, '/');
        p = slash ? slash + 1 : NULL;
        if (slash)
            *slash = '\0';
        int next = p ? openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        fd_close(&at);
        at = next;
    }
    return 0;
}

static int freeze(const struct cgroup *cg, bool frozen)
{
    int r = cgroup_write(cg, "", "cgroup.freeze", frozen ? "1" : "0");
    return r == -ENOENT ? -ENOTSUP : r;
}

static bool is_frozen(const struct cgroup *cg)
{
    unsigned long long n = 0;
    return cgroup_read_number(cg, "", "cgroup.events", "frozen", &n) == 0 && n == 1;
}

/* Linux 5.14. */
static int kill_all(const struct cgroup *cg)
{
    int r = cgroup_write(cg, "", "cgroup.kill", "1");
    return r == -ENOENT ? -ENOTSUP : r;
}

static int set_devices(struct cgroup *cg, const json_t *list, struct err *e)
{
    _cleanup_device_rules_ struct device_rules rules = {0};
    int r = device_rules_parse(list, &rules, e);
    return r < 0 ? r : device_rules_attach(&rules, cg->h[0].dirfd, e);
}

const struct cgroup_driver cgroup_v2_driver = {
    .layout = "cgroup v2",
    .enter_file = "cgroup.procs",
    .find = find,
    .prepare = prepare,
    .freeze = freeze,
    .is_frozen = is_frozen,
    .kill = kill_all,
    .oom_file = "memory.events",
    .set_devices = set_devices,
};
