/* What the machine has of us outside of any container: mounts, cables, the translation of
 * addresses.
 */
#include "base/file.h"
#include "engine/verify_private.h"
#include "network/inventory.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { MOUNTINFO_LIMIT = 64 << 20 };

/* ---- mounts ---- */

static int repair_mount(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                        struct err *e)
{
    (void)v;
    if (umount2(f->subject, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return err_sys(e, errno, "cannot unmount \"%s\"", f->subject);
    *ret_done = strdup("it is unmounted");
    return *ret_done ? 0 : err_nomem(e);
}

/* The kernel writes space, tab, newline and backslash as \040 and so on. */
static void unescape(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

/* "ID PARENT DEV ROOT POINT …": cuts out the fifth word. */
static char *mount_point(char *line)
{
    char *word = NULL;
    for (int i = 0; i < 5; i++)
        word = strsep(&line, " ");
    if (word)
        unescape(word);
    return word;
}

/* The overlay of a container is mounted in its own mount namespace alone. */
void verify_mounts(struct verify *v)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    char self[32], root[PATH_MAX];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", v->en->containers_fd);
    ssize_t n = readlink(self, root, sizeof(root) - 2);
    if (n <= 0 ||
        file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &text, NULL, &e) < 0) {
        verify_add(v, "mount", v->en->root, NULL, "mounts cannot be listed: %s", err_text(&e));
        return;
    }
    memcpy(root + n, "/", 2);
    for (char *at = text, *line; (line = strsep(&at, "\n"));) {
        char *point = mount_point(line);
        if (point && str_after(point, root))
            verify_add(v, "mount", point, repair_mount,
                       "it is mounted on the host, where nothing of a container's is");
    }
}

/* ---- cables ---- */

/* Whether the network namespace with that number has a process in it. */
struct search {
    int number;
    json_t *seen; /* inodes that were asked for */
};

static int is_in(struct search *s, const char *pid)
{
    struct stat st;
    char inode[24];
    _cleanup_free_ char *path = str_printf("/proc/%s/ns/net", pid);
    if (!path || stat(path, &st) < 0)
        return path ? 0 : -ENOMEM;
    snprintf(inode, sizeof(inode), "%llu", (unsigned long long)st.st_ino);
    if (json_object_get(s->seen, inode))
        return 0;
    if (json_object_set_new(s->seen, inode, json_true()) < 0)
        return -ENOMEM;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && network_namespace_number(fd) == s->number;
}

/* 1, 0, or a negative errno. */
static int has_process(int number)
{
    _cleanup_json_ json_t *seen = json_object();
    struct search s = {.number = number, .seen = seen};
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    struct dirent *entry;
    int r = 0;
    if (!proc)
        return -errno;
    while (r == 0 && (entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            r = is_in(&s, entry->d_name);
    return r;
}

static int repair_cable(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                        struct err *e)
{
    (void)v;
    int r = network_remove_cable(f->subject, e);
    if (r < 0 && r != -ENODEV)
        return r;
    *ret_done = strdup("the link is removed, and its address is free");
    return *ret_done ? 0 : err_nomem(e);
}

/* Whose container it is does not matter: a root knows nothing of others'. Its namespace is shared
 * with other containers, maybe, and lives on with them. */
static void look_at_cable(struct verify *v, const struct network_cable *cable)
{
    const char *owner = *cable->owner ? cable->owner : "nobody";
    const struct verify_container *c = verify_find(v, cable->owner);
    if (cable->namespace == CABLE_HERE)
        verify_add(v, "cable", cable->link, repair_cable,
                   "both of its ends are on the host (it was laid for %.12s)", owner);
    else if (cable->namespace != CABLE_NOWHERE && !(c && c->running) &&
             has_process(cable->namespace) == 0)
        verify_add(v, "cable", cable->link, repair_cable,
                   "nobody is in the network namespace it leads to (it was laid for %.12s)", owner);
}

static int repair_nat(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                      struct err *e)
{
    (void)v;
    (void)f;
    int r = network_repair_nat(e);
    if (r < 0)
        return r;
    *ret_done = strdup("it is set up again");
    return *ret_done ? 0 : err_nomem(e);
}

void verify_cables(struct verify *v)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ struct network_cable *cables = NULL;
    size_t n = 0;
    if (network_cables(&cables, &n, &e) < 0) {
        verify_add(v, "network", "links", NULL, "%s", err_text(&e));
        return;
    }
    for (size_t i = 0; i < n; i++)
        look_at_cable(v, &cables[i]);
    int r = n > 0 ? network_nat_is_whole(&e) : 1;
    if (r < 0)
        verify_add(v, "network", "inet skiff", NULL, "%s", err_text(&e));
    else if (r == 0)
        verify_add(v, "network", "inet skiff", repair_nat,
                   "the translation of the bridge's addresses is missing: containers reach nobody "
                   "but the host");
}
