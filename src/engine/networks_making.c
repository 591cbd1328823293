/*
 * Networks whose making was cut off: RUN/making/ID is the request, from before there is anything of
 * the network until its file is there. It appears locked, and the maker has the lock until he ends;
 * so one whose lock is free is of one who was killed. It is in the run folder of its root: what
 * other roots make on the same machine is nobody's business here, and it goes with a reboot as the
 * links do.
 */
#include "base/file.h"
#include "engine/networks_private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MAKING "making"

enum { REQUEST_LIMIT = 1 << 20 };

int networks_begin_making(const struct engine *en, const char *id, const json_t *document,
                          struct err *e)
{
    int r = dir_make(en->run_fd, MAKING, 0700, e);
    if (r < 0)
        return r;
    _cleanup_close_ int folder = dir_open(en->run_fd, MAKING, true, e);
    if (folder < 0)
        return folder;
    _cleanup_free_ char *text = json_text(document, 0);
    if (!text)
        return err_nomem(e);
    _cleanup_close_ int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    if (r == 0 && (flock(fd, LOCK_EX | LOCK_NB) < 0 ||
                   linkat(AT_FDCWD, self, folder, id, AT_SYMLINK_FOLLOW) < 0))
        r = -errno;
    return r < 0 ? err_sys(e, -r, "cannot make a file in \"%s/" MAKING "\"", en->run) : TAKE_FD(fd);
}

void networks_end_making(const struct engine *en, const char *id)
{
    _cleanup_free_ char *path = str_printf(MAKING "/%s", id);
    if (path)
        unlinkat(en->run_fd, path, 0);
}

/* Whether the file was written before its maker was killed. */
static bool is_made(const struct engine *en, const json_t *document, const char *id)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    const char *name = json_str(document, "Name");
    return name && networks_find(en, name, &n, NULL) == 0 && str_eq(n.id, id);
}

/* With the lock of its request. */
static int undo(const struct engine *en, int folder, const char *id, struct err *e)
{
    _cleanup_json_ json_t *document = NULL;
    _cleanup_(network_config_release) struct network_config c = {.driver = NETWORK_BRIDGE};
    if (json_read(folder, id, REQUEST_LIMIT, &document, NULL) < 0 || is_made(en, document, id) ||
        json_bool(document, "ConfigOnly", false) || network_document_read(document, &c, NULL) < 0 ||
        c.driver == NETWORK_CNI)
        return 0;
    if (!*c.link)
        snprintf(c.link, sizeof(c.link), "sk-%.10s", c.id);
    int r = network_fill(&c, e);
    return r == 0 ? network_remove(&c, e) : r;
}

static int look_at(const struct engine *en, int folder, const char *id, bool repair, struct err *e)
{
    struct stat st;
    _cleanup_close_ int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
        return 0; /* it is being made, or was just done */
    int r = repair ? undo(en, folder, id, e) : 0;
    if (r == 0 && repair)
        networks_end_making(en, id);
    return r < 0 ? err_wrap(e, "cannot remove what is left of network %.12s", id) : 1;
}

int networks_sweep(const struct engine *en, bool repair, struct err *e)
{
    int fd = openat(en->run_fd, MAKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0, r = 0;
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (r >= 0 && dir && (entry = readdir(dir))) {
        if (strlen(entry->d_name) == NETWORK_ID_LEN)
            found += r = look_at(en, fd, entry->d_name, repair, e);
    }
    return r < 0 ? r : found;
}
