#include "image/unpack.h"

#include "image/unpack_folders.h"

#include "kernel/mount.h"
#include "kernel/node.h"

#include "base/file.h"
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define WHITEOUT        ".wh."
#define WHITEOUT_META   ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

enum { BUFFER_SIZE = 256 << 10, WRITE_AHEAD = 1 << 20, TAR_BLOCK = 512 };

struct unpacking {
    int in_fd;
    int root_fd;
    const struct placing *placing; /* NULL: a layer */
    bool may_lean;
    const struct limits *limits;
    char *buffer;
    long long in_bytes;
    bool filled_up; /* behind the end: see on_read */

    struct folders folders;
    struct unpacked out;
};

static void unpacking_release(struct unpacking *u)
{
    free(u->buffer);
    folders_release(&u->folders);
    unpacked_release(&u->out);
}

void unpacked_release(struct unpacked *u)
{
    strv_release(&u->opaque);
    strv_release(&u->made_up);
    strv_release(&u->leaning);
    *u = (struct unpacked){0};
}

bool unpacked_leans(const struct unpacked *u)
{
    return u->made_up.n > 0 || u->leaning.n > 0;
}

static void archive_release(struct archive **a)
{
    archive_read_free(*a);
}

static ssize_t read_some(struct unpacking *u)
{
    ssize_t n;
    do
        n = read(u->in_fd, u->buffer, BUFFER_SIZE);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        u->in_bytes += n;
    return n;
}

/* Some writers leave out the zeros that fill the last file's block up, and Docker does not miss
 * them. libarchive does: it gets them from here. Whatever else it makes of them is refused. */
static ssize_t fill_up(struct unpacking *u)
{
    size_t n = (size_t)(u->in_bytes % TAR_BLOCK);
    if (n == 0 || u->filled_up)
        return 0;
    u->filled_up = true;
    memset(u->buffer, 0, TAR_BLOCK - n);
    return (ssize_t)(TAR_BLOCK - n);
}

static int cut_off(const char *name, struct err *e)
{
    return name ? err_set(e, EBADMSG, "\"%s\": truncated: the archive ends within it", name)
                : err_set(e, EBADMSG, "truncated: the archive ends within an entry's header");
}

static ssize_t on_read(struct archive *a, void *data, const void **buffer)
{
    struct unpacking *u = data;
    ssize_t n = read_some(u);
    *buffer = u->buffer;
    if (n < 0) {
        archive_set_error(a, errno, "cannot read the archive");
        return -1;
    }
    if (u->in_bytes > u->limits->bytes) {
        archive_set_error(a, E2BIG, "the archive is larger than %jd bytes (SKIFF_LIMIT_BYTES)",
                          (intmax_t)u->limits->bytes);
        return -1;
    }
    return n == 0 ? fill_up(u) : n;
}

static int tell_archive(struct archive *a, const char *name, struct err *e)
{
    int code = archive_errno(a);
    const char *text = archive_error_string(a);
    if (code != E2BIG && code != ENOMEM && code != EIO)
        code = EBADMSG;
    if (!text)
        text = "damaged";
    return name ? err_set(e, code, "\"%s\": %s", name, text)
                : err_set(e, code, "cannot read the archive: %s", text);
}

static int append_component(struct str *path, const char *part, size_t n)
{
    if (n == 0 || (n == 1 && part[0] == '.'))
        return 0;
    if (n == 2 && part[0] == '.' && part[1] == '.')
        return -EINVAL;
    if (path->len > 0)
        str_addn(path, "/", 1);
    str_addn(path, part, n);
    return 0;
}

static int append_path(struct str *path, const char *name)
{
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (append_component(path, p, n) < 0)
            return -EINVAL;
        p += n + (p[n] == '/');
    }
    return 0;
}

/* "./a//b/" is "a/b", "/" is ""; below the folder that all goes into. *ret_root (may be NULL): it
 * is that folder itself. */
static int clean_name(const struct unpacking *u, const char *name, char **ret, bool *ret_root,
                      struct err *e)
{
    _cleanup_str_ struct str path = {0};
    if (!name || !*name)
        return err_set(e, EBADMSG, "an entry of the archive has no usable name");
    if (strlen(name) > (size_t)u->limits->path)
        return err_set(e, E2BIG, "an entry's name is longer than %lld bytes (SKIFF_LIMIT_PATH)",
                       u->limits->path);
    if (u->placing && append_path(&path, u->placing->into) < 0)
        return err_set(e, EINVAL, "\"..\" in the folder's name is refused");
    size_t before = path.len;
    if (append_path(&path, name) < 0)
        return err_set(e, EBADMSG, "\"%s\": \"..\" in a name is refused", name);
    if (ret_root)
        *ret_root = path.len == before;
    *ret = str_steal(&path);
    return *ret ? 0 : err_nomem(e);
}

/* Splits "a/b/c" in place: returns "c", and *path is "a/b", or "" when there is no folder. */
static const char *split(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    return slash + 1;
}

static int copy_content(struct unpacking *u, struct archive *a, struct archive_entry *entry, int fd,
                        const char *path, struct err *e)
{
    const void *bytes;
    size_t n;
    la_int64_t at, end = 0;
    int status;
    while ((status = archive_read_data_block(a, &bytes, &n, &at)) == ARCHIVE_OK ||
           status == ARCHIVE_WARN) {
        if (u->filled_up)
            return cut_off(path, e);
        if (at < end)
            return err_set(e, EBADMSG, "\"%s\": overlapping pieces of a sparse file", path);
        int r = fd_write_all_at(fd, bytes, n, at);
        if (r < 0)
            return err_sys(e, -r, "cannot write \"%s\"", path);
        end = at + (la_int64_t)n;
        u->out.size += (long long)n;
    }
    if (status != ARCHIVE_EOF)
        return tell_archive(a, path, e);
    if (archive_entry_size(entry) > end && ftruncate(fd, archive_entry_size(entry)) < 0)
        return err_sys(e, errno, "cannot write \"%s\"", path);
    /* Has the disk begin with it, so that the syncfs at the end finds less to do. */
    if (end >= WRITE_AHEAD && !u->placing)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

static bool is_wanted_attribute(const char *name)
{
    return strcmp(name, "security.capability") == 0 ||
           (str_after(name, "user.") && !str_after(name, "user.overlay."));
}

static int set_attributes(struct archive_entry *entry, int fd, const char *path, struct err *e)
{
    const char *name;
    const void *value;
    size_t n;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &n) == ARCHIVE_OK) {
        if (!name || !is_wanted_attribute(name))
            continue;
        if (fsetxattr(fd, name, value, n, 0) == 0)
            continue;
        /* What users noted down about a file may be lost; what it may do must not be. */
        if (errno == EOPNOTSUPP && str_after(name, "user."))
            continue;
        return err_sys(e, errno, "cannot set attribute \"%s\" of \"%s\"", name, path);
    }
    return 0;
}

static int place_file(struct unpacking *u, struct archive *a, struct archive_entry *entry,
                      struct node *n, const char *path, struct err *e)
{
    _cleanup_close_ int fd = -EBADF;
    int r = node_make_file(n, &fd);
    if (r < 0)
        return err_sys(e, -r, "cannot create \"%s\"", path);
    r = copy_content(u, a, entry, fd, path, e);
    if (r < 0)
        return r;
    r = node_finish(n, fd);
    if (r < 0)
        return err_sys(e, -r, "cannot set owner and mode of \"%s\"", path);
    return set_attributes(entry, fd, path, e);
}

static int place_folder(struct unpacking *u, struct archive_entry *entry, struct node *n,
                        const char *path, struct err *e)
{
    _cleanup_close_ int fd = -EBADF;
    struct node first = *n;
    if (n->alone)
        first.mode &= ~(mode_t)S_ISGID;
    int r = node_make_dir(&first, &fd);
    n->replaced = first.replaced;
    if (r < 0)
        return err_sys(e, -r, "cannot create folder \"%s\"", path);
    r = set_attributes(entry, fd, path, e);
    if (r == 0)
        r = folders_remember(&u->folders, path, n, e);
    if (r < 0)
        return r;
    if (first.was_whiteout)
        strv_add(&u->out.opaque, path);
    /* Mostly the next entry lies in it. */
    return folders_keep(&u->folders, path, TAKE_FD(fd), e);
}

static bool is_folder(struct archive_entry *entry)
{
    return archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry);
}

/* A folder in place of something else, or the other way round: not among files that are there. */
static int check_place(const struct unpacking *u, struct archive_entry *entry, const struct node *n,
                       const char *path, struct err *e)
{
    struct stat st;
    bool folder = is_folder(entry);
    if (!u->placing || fstatat(n->dirfd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        S_ISDIR(st.st_mode) == folder)
        return 0;
    return folder
               ? err_set(e, ENOTDIR, "cannot overwrite non-directory \"%s\" with directory", path)
               : err_set(e, EISDIR, "cannot overwrite directory \"%s\" with non-directory", path);
}

/* An entry for the archive's root: the folder is there already. */
static int place_root(struct unpacking *u, struct archive_entry *entry, struct node *n,
                      struct err *e)
{
    if (!is_folder(entry))
        return err_set(e, EBADMSG, "the archive's root is not a folder");
    if (u->placing)
        return 0;
    struct node first = *n;
    first.mode &= ~(mode_t)S_ISGID;
    int r = node_finish(&first, u->root_fd);
    if (r < 0)
        return err_sys(e, -r, "cannot set owner and mode of \"/\"");
    r = set_attributes(entry, u->root_fd, "/", e);
    return r < 0 ? r : folders_remember(&u->folders, "", n, e);
}

/* The file may be in a layer below. What had the link's name is gone all the same. */
static int lean(struct unpacking *u, struct node *n, const char *path, const char *target,
                struct err *e)
{
    int r = node_make_way(n);
    if (r < 0)
        return err_sys(e, -r, "cannot replace \"%s\"", path);
    strv_add(&u->out.leaning, path);
    strv_add(&u->out.leaning, target);
    return 0;
}

static int place_link(struct unpacking *u, struct archive_entry *entry, struct node *n,
                      const char *path, struct err *e)
{
    _cleanup_free_ char *target = NULL;
    _cleanup_close_ int opened = -EBADF;
    int r = clean_name(u, archive_entry_hardlink(entry), &target, NULL, e);
    if (r < 0)
        return err_wrap(e, "link \"%s\"", path);
    _cleanup_free_ char *folder = strdup(target);
    if (!folder)
        return err_nomem(e);
    const char *base = split(folder);
    int dirfd = u->root_fd;
    if (base) {
        opened = root_open(u->root_fd, folder, O_PATH | O_DIRECTORY, 0, 0);
        dirfd = opened;
    }
    r = dirfd < 0 ? dirfd : *target ? node_make_link(n, dirfd, base ? base : target) : -EISDIR;
    if (r == -ENOENT && !u->placing && u->may_lean)
        return lean(u, n, path, target, e);
    if (r == -ENOENT || r == -ENOTDIR)
        return err_set(e, EBADMSG, "link \"%s\": \"%s\" is not in the archive", path, target);
    return r < 0 ? err_sys(e, -r, "cannot link \"%s\" to \"%s\"", path, target) : 0;
}

static int place_symlink(struct archive_entry *entry, struct node *n, const char *path,
                         struct err *e)
{
    const char *target = archive_entry_symlink(entry);
    if (!target || !*target)
        return err_set(e, EBADMSG, "\"%s\": a symbolic link without a usable target", path);
    int r = node_make_symlink(n, target);
    return r < 0 ? err_sys(e, -r, "cannot create symbolic link \"%s\"", path) : 0;
}

static int place_whiteout(struct unpacking *u, struct node *n, const char *folder, struct err *e)
{
    const char *hidden = n->name + sizeof(WHITEOUT) - 1;
    bool opaque = strcmp(n->name, WHITEOUT_OPAQUE) == 0;
    if (opaque) {
        strv_add(&u->out.opaque, folder);
        return 0;
    }
    if (str_after(n->name, WHITEOUT_META))
        return 0; /* AUFS's own book-keeping */
    if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return err_set(e, EBADMSG, "\"%s/%s\": a whiteout of nothing that can be there", folder,
                       n->name);
    n->name = hidden;
    int r = node_make_whiteout(n, &opaque);
    if (r < 0)
        return err_sys(e, -r, "cannot create the whiteout of \"%s/%s\"", folder, hidden);
    if (opaque)
        strv_addf(&u->out.opaque, "%s%s%s", folder, *folder ? "/" : "", hidden);
    return 0;
}

static int place_by_type(struct unpacking *u, struct archive *a, struct archive_entry *entry,
                         struct node *n, const char *path, struct err *e)
{
    if (archive_entry_hardlink(entry))
        return place_link(u, entry, n, path, e);
    mode_t type = archive_entry_filetype(entry);
    switch (type) {
    case AE_IFREG:
        return place_file(u, a, entry, n, path, e);
    case AE_IFDIR:
        return place_folder(u, entry, n, path, e);
    case AE_IFLNK:
        return place_symlink(entry, n, path, e);
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO: {
        int r = node_make_special(n, type, type == AE_IFIFO ? 0 : archive_entry_rdev(entry));
        return r < 0 ? err_sys(e, -r, "cannot create device \"%s\"", path) : 0;
    }
    default:
        return err_set(e, EBADMSG, "\"%s\": a kind of file that is not known", path);
    }
}

/* Owner, mode and time, with what no file can have refused. */
static int take_facts(const struct unpacking *u, struct archive_entry *entry, struct node *n,
                      const char *path, struct err *e)
{
    la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
        return err_set(e, EBADMSG, "\"%s\": owner %lld:%lld cannot be", path, (long long)uid,
                       (long long)gid);
    long nsec = archive_entry_mtime_nsec(entry);
    n->alone = !u->placing;
    n->mode = archive_entry_perm(entry) & 07777;
    n->uid = (uid_t)uid;
    n->gid = (gid_t)gid;
    if (u->placing && (!owner_map_outside(&u->placing->uids, n->uid, &n->uid) ||
                       !owner_map_outside(&u->placing->gids, n->gid, &n->gid)))
        return err_set(e, EINVAL, "\"%s\": owner %lld:%lld is not mapped in the container", path,
                       (long long)uid, (long long)gid);
    n->mtime.tv_sec = archive_entry_mtime(entry);
    n->mtime.tv_nsec = nsec >= 0 && nsec < 1000000000 ? nsec : 0;
    return 0;
}

static int place(struct unpacking *u, struct archive *a, struct archive_entry *entry, struct err *e)
{
    _cleanup_free_ char *path = NULL;
    bool is_root = false;
    struct node n = {.dirfd = -EBADF};
    int r = clean_name(u, archive_entry_pathname(entry), &path, &is_root, e);
    if (r < 0)
        return r;
    r = take_facts(u, entry, &n, path, e);
    if (r < 0)
        return r;
    if (is_root)
        return place_root(u, entry, &n, e);

    _cleanup_free_ char *folder = strdup(path);
    if (!folder)
        return err_nomem(e);
    const char *base = split(folder);
    if (!base)
        *folder = '\0';
    n.name = base ? base : path;
    r = folders_open(&u->folders, folder, u->placing ? NULL : &u->out.made_up, &n.dirfd, e);
    if (r < 0)
        return err_wrap(e, "\"%s\"", path);
    if (!u->placing && str_after(n.name, WHITEOUT))
        return place_whiteout(u, &n, folder, e);
    r = check_place(u, entry, &n, path, e);
    if (r == 0)
        r = place_by_type(u, a, entry, &n, path, e);
    if (n.replaced && !is_folder(entry))
        folders_forget(&u->folders);
    return r;
}

static int finish(struct unpacking *u, struct err *e)
{
    if (u->out.opaque.failed || u->out.made_up.failed || u->out.leaning.failed)
        return err_nomem(e);
    return folders_finish(&u->folders, &u->out.made_up, e);
}

static int unpack_entries(struct unpacking *u, struct archive *a, struct err *e)
{
    struct archive_entry *entry;
    for (;;) {
        int status = archive_read_next_header(a, &entry);
        if (status == ARCHIVE_EOF)
            return finish(u, e);
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return tell_archive(a, NULL, e);
        if (u->filled_up)
            return cut_off(NULL, e);
        /* A folder that has no entry takes as much room as one that has. */
        u->out.entries++;
        if (u->out.entries + (long long)u->out.made_up.n > u->limits->entries)
            return err_set(e, E2BIG, "the archive has more than %lld entries (SKIFF_LIMIT_ENTRIES)",
                           u->limits->entries);
        int r = place(u, a, entry, e);
        if (r < 0)
            return r;
    }
}

/* Behind the archive's end: nobody reads it, but it belongs to the digest. */
static int drain(struct unpacking *u, struct err *e)
{
    ssize_t n;
    while ((n = read_some(u)) > 0)
        if (u->in_bytes > u->limits->bytes)
            return err_set(e, E2BIG, "the archive is larger than %lld bytes (SKIFF_LIMIT_BYTES)",
                           u->limits->bytes);
    return n < 0 ? err_sys(e, errno, "cannot read the archive") : 0;
}

int unpack(int in_fd, int root_fd, const struct placing *placing, bool may_lean,
           const struct limits *limits, struct unpacked *ret, struct err *e)
{
    _cleanup_(unpacking_release) struct unpacking u = {
        .in_fd = in_fd,
        .root_fd = root_fd,
        .placing = placing,
        .may_lean = may_lean,
        .limits = limits,
        .buffer = malloc(BUFFER_SIZE),
        .folders = {.root_fd = root_fd, .parent_fd = -EBADF},
    };
    _cleanup_(archive_release) struct archive *a = archive_read_new();
    if (!u.buffer || !a)
        return err_nomem(e);
    if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_open(a, &u, NULL, on_read, NULL) != ARCHIVE_OK)
        return tell_archive(a, NULL, e);
    int r = unpack_entries(&u, a, e);
    if (r == 0)
        r = drain(&u, e);
    if (r < 0)
        return r;
    *ret = TAKE(u.out, (struct unpacked){0});
    return 0;
}
