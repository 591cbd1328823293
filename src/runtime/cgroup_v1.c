#include "base/file.h"
#include "base/str.h"
#include "runtime/cgroup_devices.h"
#include "runtime/cgroup_private.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define MOUNTINFO_MAX_BYTES (16u << 20)

/* --- /proc/self/mountinfo ---------------------------------------------------------------- */

/* Cuts the next word off *p; NULL at the line's end. */
static char *word(char **p)
{
    char *w = *p;
    if (!w || !*w)
        return NULL;
    char *end = strchrnul(w, ' ');
    *p = *end ? end + 1 : end;
    *end = '\0';
    return w;
}

/* The kernel writes space, tab, newline and backslash as \040 and so on. */
static void unescape(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
            s[3] >= '0' && s[3] <= '7') {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

/* What of a hierarchy's options is not a controller's name (cgroup_show_options in the kernel). */
static bool is_plain_option(const char *s, size_t n)
{
    static const char *const plain[] = {
        "rw",          "ro", "none", "noprefix", "xattr", "clone_children", "cpuset_v2_mode",
        "favordynmods"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strlen(plain[i]) == n && strncmp(s, plain[i], n) == 0)
            return true;
    }
    return strncmp(s, "release_agent=", 14) == 0 || n == 0;
}

static char *controllers_of(const char *options)
{
    _cleanup_str_ struct str b = {0};
    for (const char *p = options; *p;) {
        size_t n = strcspn(p, ",");
        if (!is_plain_option(p, n)) {
            if (b.len > 0)
                str_add(&b, ",");
            str_addn(&b, p, n);
        }
        p += n + (p[n] == ',');
    }
    return str_steal(&b);
}

static bool known(const struct cgroup *cg, const char *device)
{
    for (size_t i = 0; i < cg->n; i++) {
        if (str_eq(cg->h[i].device, device))
            return true;
    }
    return false;
}

/* proc(5): ID parent major:minor root mountpoint options [tag...] - fstype source superoptions */
static int add_line(struct cgroup *cg, char *line)
{
    char *p = line;
    word(&p);
    word(&p);
    char *device = word(&p), *root = word(&p), *mount = word(&p);
    char *tag;
    do {
        tag = word(&p);
    } while (tag && !str_eq(tag, "-"));
    char *fstype = word(&p);
    word(&p);
    char *options = word(&p);
    /* A v2 tree beside (fstype cgroup2) is systemd's, for its own book-keeping. */
    if (!options || !str_eq(fstype, "cgroup") || known(cg, device))
        return 0;

    unescape(mount);
    unescape(root);
    struct hierarchy *h = cgroup_add_hierarchy(cg);
    if (!h)
        return -ENOMEM;
    h->mount = strdup(mount);
    h->root = strdup(root);
    h->device = strdup(device);
    h->controllers = controllers_of(options);
    return h->mount && h->root && h->device && h->controllers ? 0 : -ENOMEM;
}

static int find(struct cgroup *cg, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &text, NULL, e);
    if (r < 0)
        return r;
    for (char *line = text; *line;) {
        char *end = strchrnul(line, '\n'), *next = *end ? end + 1 : end;
        *end = '\0';
        /* Most lines are others' and stay whole. */
        if (strstr(line, " - cgroup ") && add_line(cg, line) < 0)
            return err_nomem(e);
        line = next;
    }
    if (cg->n == 0)
        return err_set(e, ENOENT, "no control groups are mounted at \"/sys/fs/cgroup\"");
    return 0;
}

/* --- cpuset ------------------------------------------------------------------------------ */

static int copy_value(int from, int to, const char *file)
{
    _cleanup_free_ char *own = NULL, *value = NULL;
    int r = file_read(to, file, PIPE_BUF * 16, &own, NULL, NULL);
    if (r < 0 || (*own && *own != '\n'))
        return r;
    r = file_read(from, file, PIPE_BUF * 16, &value, NULL, NULL);
    return r < 0 ? r : file_write(to, file, value, NULL);
}

/* A new cpuset has no CPUs and no memory, and nobody may enter it. Gives each group on the way
 * that has none its parent's, and tells it to do so for the groups made in it from now on: the
 * next container finds its own filled. Written last, so that who has the one has all. */
static int fill_from_above(const struct hierarchy *h)
{
    _cleanup_free_ char *below = strdup(h->folder + strlen(h->mount) + 1);
    _cleanup_close_ int parent = open(h->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!below)
        return -ENOMEM;
    for (char *p = below; parent >= 0 && p;) {
        char *name = p, *slash = strchr(p, '/');
        p = slash ? slash + 1 : NULL;
        if (slash)
            *slash = '\0';
        int child = openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = child < 0 ? -errno : copy_value(parent, child, "cpuset.cpus");
        if (r == 0)
            r = copy_value(parent, child, "cpuset.mems");
        if (r == 0 && p)
            r = file_write(child, "cgroup.clone_children", "1", NULL);
        fd_close(&parent);
        parent = child;
        if (r < 0)
            return r;
    }
    return parent < 0 ? -errno : 0;
}

static int prepare(struct cgroup *cg, struct hierarchy *h, struct err *e)
{
    if (!cgroup_list_has(h->controllers, "cpuset", ","))
        return 0;
    char first = '\n';
    _cleanup_close_ int fd = openat(h->dirfd, "cpuset.cpus", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &first, 1) < 0)
        return err_sys(e, errno, "cannot read \"cpuset.cpus\" of control group \"%s\"", cg->path);
    if (first != '\n')
        return 0;
    int r = fill_from_above(h);
    return r < 0 ? err_sys(e, -r, "cannot give CPUs to control group \"%s\"", h->folder) : 0;
}

/* --- freezer ----------------------------------------------------------------------------- */

static bool is_frozen(const struct cgroup *cg)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, "freezer");
    _cleanup_free_ char *state = NULL;
    return h && file_read(h->dirfd, "freezer.state", 64, &state, NULL, NULL) == 0 &&
           str_after(state, "FROZEN");
}

static int freeze(const struct cgroup *cg, bool frozen)
{
    int r = cgroup_write(cg, "freezer", "freezer.state", frozen ? "FROZEN" : "THAWED");
    return r == -ENODEV ? -ENOTSUP : r;
}

static int kill_all(const struct cgroup *cg)
{
    (void)cg;
    return -ENOTSUP;
}

/* --- devices ----------------------------------------------------------------------------- */

/* Both files once, and then a line a write: the list has a dozen lines for every container. */
static int write_rules(const struct hierarchy *h, const struct device_rules *rules, struct err *e)
{
    _cleanup_close_ int allow = openat(h->dirfd, "devices.allow", O_WRONLY | O_CLOEXEC);
    _cleanup_close_ int deny = openat(h->dirfd, "devices.deny", O_WRONLY | O_CLOEXEC);
    if (allow < 0 || deny < 0)
        return err_sys(e, errno, "cannot open the device rules of control group \"%s\"", h->folder);
    for (size_t i = 0; i < rules->n; i++) {
        char line[64];
        device_rule_line(&rules->v[i], line, sizeof(line));
        if (write(rules->v[i].allow ? allow : deny, line, strlen(line)) < 0)
            return err_sys(e, errno, "cannot set \"linux.resources.devices\": cannot %s \"%s\"",
                           rules->v[i].allow ? "allow" : "deny", line);
    }
    return 0;
}

static int set_devices(struct cgroup *cg, const json_t *list, struct err *e)
{
    const struct hierarchy *h = cgroup_hierarchy(cg, "devices");
    if (!h)
        return cgroup_refuse(cg, "devices", "this machine has no \"devices\" controller", e);
    _cleanup_device_rules_ struct device_rules rules = {0};
    int r = device_rules_parse(list, &rules, e);
    if (r == 0)
        r = device_rules_check_v1(&rules, e);
    return r < 0 ? r : write_rules(h, &rules, e);
}

const struct cgroup_driver cgroup_v1_driver = {
    .layout = "cgroup v1",
    .enter_file = "tasks",
    .find = find,
    .prepare = prepare,
    .freeze = freeze,
    .is_frozen = is_frozen,
    .kill = kill_all,
    .oom_file = "memory.oom_control",
    .set_devices = set_devices,
};
