#include "engine/user.h"

#include "base/file.h"
#include "base/str.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_LIMIT = 4 << 20, GROUPS_LIMIT = 65536 };

/* A file of the image, or "" when it has none. Opened only once it is known to be a regular one: a
 * FIFO would make us wait (CVE-2024-9676), and for some devices to be opened is an order. No more
 * than a bound of it is read (CVE-2026-47262). */
static int read_in_root(int root_fd, const char *path, char **ret, struct err *e)
{
    _cleanup_close_ int place = root_open(root_fd, path, O_PATH, 0, 0);
    struct stat st;
    if (place == -ENOENT || place == -ENOTDIR) {
        *ret = strdup("");
        return *ret ? 0 : err_nomem(e);
    }
    if (place < 0)
        return err_sys(e, -place, "cannot open the image's \"%s\"", path);
    if (fstat(place, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(e, EINVAL, "the image's \"%s\" is not a regular file", path);

    char again[32];
    snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
    _cleanup_close_ int fd = open(again, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot open the image's \"%s\"", path);
    int r = fd_read_all(fd, FILE_LIMIT, ret, NULL);
    if (r == -EFBIG)
        return err_set(e, EFBIG, "the image's \"%s\" is larger than 4 MiB", path);
    return r < 0 ? err_sys(e, -r, "cannot read the image's \"%s\"", path) : 0;
}

/* Cuts the next line off *at, and its fields at ':' into @fields. False at the end. */
static bool next_line(char **at, char *fields[], size_t n)
{
    if (**at == '\0')
        return false;
    char *line = *at;
    char *end = strchrnul(line, '\n');
    *at = *end ? end + 1 : end;
    *end = '\0';
    for (size_t i = 0; i < n; i++) {
        fields[i] = line ? line : (char *)(uintptr_t) "";
        char *colon = line && i + 1 < n ? strchr(line, ':') : NULL;
        if (colon)
            *colon = '\0';
        line = colon ? colon + 1 : NULL;
    }
    return true;
}

static int parse_id(const char *s, unsigned *ret)
{
    long long n;
    int r = str_to_int64(s, 0, INT32_MAX, &n);
    if (r == 0)
        *ret = (unsigned)n;
    return r;
}

static bool is_number(const char *s)
{
    const char *digits = *s == '-' || *s == '+' ? s + 1 : s;
    return *digits && digits[strspn(digits, "0123456789")] == '\0';
}

/* The user's line in passwd, by number or by name. Fills what it finds; *ret_name is its name. */
static int find_user(int root_fd, const char *who, struct user *u, char **ret_name, struct err *e)
{
    bool by_number = is_number(who);
    if (by_number && parse_id(who, &u->uid) < 0)
        return err_set(e, ERANGE, "user \"%s\": uids and gids must be in range 0-2147483647", who);

    _cleanup_free_ char *text = NULL;
    int r = read_in_root(root_fd, "/etc/passwd", &text, e);
    if (r < 0)
        return r;
    char *at = text, *f[7];
    while (next_line(&at, f, ARRAY_LEN(f))) {
        unsigned uid = 0, gid = 0;
        if (parse_id(f[2], &uid) < 0 || parse_id(f[3], &gid) < 0)
            continue;
        if (by_number ? uid != u->uid : !str_eq(f[0], who))
            continue;
        u->uid = uid;
        u->gid = gid;
        free(u->home);
        u->home = strdup(f[5][0] ? f[5] : "/");
        *ret_name = strdup(f[0]);
        return u->home && *ret_name ? 0 : err_nomem(e);
    }
    if (!by_number)
        return err_set(e, EINVAL, "unable to find user %s: no matching entries in passwd file",
                       who);
    return 0;
}

static int add_group(struct user *u, gid_t gid, struct err *e)
{
    for (size_t i = 0; i < u->n_groups; i++)
        if (u->groups[i] == gid)
            return 0;
    if (u->n_groups >= GROUPS_LIMIT)
        return err_set(e, E2BIG, "more than %d supplementary groups", GROUPS_LIMIT);
    gid_t *more = reallocarray(u->groups, u->n_groups + 1, sizeof(*more));
    if (!more)
        return err_nomem(e);
    u->groups = more;
    u->groups[u->n_groups++] = gid;
    return 0;
}

static bool is_member(char *members, const char *name)
{
    for (char *at = members, *member; (member = strsep(&at, ","));)
        if (str_eq(member, name))
            return true;
    return false;
}

/* Adds the groups that have @name as a member. */
static int add_memberships(const char *groups, const char *name, struct user *u, struct err *e)
{
    _cleanup_free_ char *text = strdup(groups);
    if (!text)
        return err_nomem(e);
    char *at = text, *f[4];
    unsigned gid = 0;
    int r = 0;
    while (r == 0 && next_line(&at, f, ARRAY_LEN(f)))
        if (parse_id(f[2], &gid) == 0 && is_member(f[3], name))
            r = add_group(u, gid, e);
    return r;
}

static int find_group(const char *groups, const char *who, gid_t *ret, struct err *e)
{
    if (is_number(who)) {
        if (parse_id(who, ret) < 0)
            return err_set(e, ERANGE, "group \"%s\": uids and gids must be in range 0-2147483647",
                           who);
        return 0;
    }
    _cleanup_free_ char *text = strdup(groups);
    if (!text)
        return err_nomem(e);
    char *at = text, *f[4];
    while (next_line(&at, f, ARRAY_LEN(f)))
        if (str_eq(f[0], who) && parse_id(f[2], ret) == 0)
            return 0;
    return err_set(e, EINVAL, "unable to find group %s: no matching entries in group file", who);
}

static int resolve(int root_fd, const char *who, const char *group, const json_t *group_add,
                   struct user *u, struct err *e)
{
    _cleanup_free_ char *name = NULL, *groups = NULL;
    int r = find_user(root_fd, *who ? who : "0", u, &name, e);
    if (r == 0)
        r = read_in_root(root_fd, "/etc/group", &groups, e);
    if (r == 0 && group && *group)
        r = find_group(groups, group, &u->gid, e);
    if (r == 0)
        r = add_group(u, u->gid, e);
    if (r == 0 && name && !(group && *group))
        r = add_memberships(groups, name, u, e);

    size_t i;
    json_t *item;
    json_array_foreach (group_add, i, item) {
        gid_t gid = 0;
        if (r == 0)
            r = find_group(groups, json_string_value(item), &gid, e);
        if (r == 0)
            r = add_group(u, gid, e);
    }
    return r;
}

int user_resolve(int root_fd, const char *spec, const json_t *group_add, struct user *ret,
                 struct err *e)
{
    _cleanup_user_ struct user u = {.home = strdup("/")};
    _cleanup_free_ char *who = strdup(spec ? spec : "");
    if (!u.home || !who)
        return err_nomem(e);
    char *group = strchr(who, ':');
    if (group)
        *group++ = '\0';
    int r = resolve(root_fd, who, group, group_add, &u, e);
    if (r < 0)
        return r;
    *ret = u;
    u = (struct user){0};
    return 0;
}

void user_release(struct user *u)
{
    free(u->home);
    free(u->groups);
    *u = (struct user){0};
}
