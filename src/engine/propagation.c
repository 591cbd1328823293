#include "engine/propagation.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { MOUNTINFO_LIMIT = 64 << 20 };

/* What a mount's line in mountinfo says: "ID PARENT DEV ROOT POINT OPTIONS [shared:N] [master:N] -
 * …". Its mount point is cut out in place. */
struct line {
    const char *point;
    bool shared, slave;
};

static int parse_line(char *text, struct line *ret)
{
    *ret = (struct line){0};
    unsigned field = 0;
    for (char *at = text, *word; (word = strsep(&at, " ")); field++) {
        if (field == 4)
            ret->point = word;
        if (field > 5 && str_eq(word, "-"))
            return ret->point ? 0 : -EINVAL;
        ret->shared |= field > 5 && str_after(word, "shared:");
        ret->slave |= field > 5 && str_after(word, "master:");
    }
    return -EINVAL;
}

/* The mount that @path is on. *@text keeps the strings of @ret. */
static int find_mount(const char *path, char **text, struct line *ret, struct err *e)
{
    struct statx st;
    if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0)
        return err_sys(e, errno, "cannot stat \"%s\"", path);
    int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, text, NULL, e);
    if (r < 0)
        return r;
    char id[24];
    snprintf(id, sizeof(id), "%llu ", (unsigned long long)st.stx_mnt_id);
    for (char *at = *text, *line; (line = strsep(&at, "\n"));)
        if (str_after(line, id) && parse_line(line, ret) == 0)
            return 0;
    return err_set(e, EINVAL, "the mount of \"%s\" is not in /proc/self/mountinfo", path);
}

int propagation_check(const char *source, const char *word, struct err *e)
{
    bool shared = str_eq(word, "shared") || str_eq(word, "rshared");
    bool slave = str_eq(word, "slave") || str_eq(word, "rslave");
    if (!shared && !slave)
        return 0;
    _cleanup_free_ char *text = NULL;
    struct line mount = {0};
    int r = find_mount(source, &text, &mount, e);
    if (r < 0 || mount.shared || (slave && mount.slave))
        return r;
    return err_set(e, EINVAL, "path %s is mounted on %s but it is not a shared%s mount", source,
                   mount.point, slave ? " or slave" : "");
}
