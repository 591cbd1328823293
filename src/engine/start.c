#include "engine/start.h"

#include "base/file.h"
#include "engine/bundle.h"
#include "engine/files.h"
#include "engine/root_mount.h"
#include "engine/shm.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CACHE_MODE = 0700 };

static int open_cache(const struct engine *en)
{
    int fd = openat(en->root_fd, "cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && mkdirat(en->root_fd, "cache", CACHE_MODE) == 0)
        fd = openat(en->root_fd, "cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -EBADF : fd; /* without a cache filters are compiled each time */
}

static int mount_root(struct start *s, const struct create_image *image, struct err *e)
{
    s->root_mount = root_mount(s->engine, s->record, image, s->userns, s->discard, e);
    return s->root_mount < 0 ? s->root_mount : 0;
}

static int read_modes(struct start *s, struct err *e)
{
    int r = 0;
    for (enum namespace_kind kind = 0; r == 0 && kind < NS_KINDS; kind++)
        r = mode_of(s->record->document, kind, &s->modes[kind], e);
    return r;
}

static int write_bundle(struct start *s, const struct create_image *image, struct err *e)
{
    struct bundle b = {
        .modes = s->modes,
        .engine = s->engine,
        .record = s->record,
        .root_fd = s->root_mount,
        .built_in = image->built_in,
    };
    int r = bundle_make(&b, e);
    if (r == 0)
        r = json_write(s->record->dir_fd, "config.json", b.spec, 0600, 0, e);
    if (r == 0)
        r = spec_parse(b.spec, &s->spec, e);
    json_decref(b.spec);
    if (r < 0 || b.shm_donor == 0)
        return r;
    int shm = shm_clone(b.shm_donor, e);
    if (shm < 0)
        return err_wrap(e, "cannot share /dev/shm of container \"%s\"", s->modes[NS_IPC].value);
    return volume_mounts_add(&s->sources, "/dev/shm", shm, e);
}

/* Who shares another's network has his files, unless he is gone by now. */
static int write_files(const struct start *s, struct err *e)
{
    const enum mode_kind network = s->modes[NS_NETWORK].kind;
    if (network != MODE_CONTAINER)
        return files_write(s->record, network == MODE_HOST, e);
    if (files_are_lent(s->record))
        return 0;
    int r = files_write(s->record, false, e);
    return r == 0 ? files_use_names(s->record, e) : r;
}

int start_prepare(const struct engine *en, struct container_record *c,
                  const struct create_image *image, struct start *ret, struct err *e)
{
    *ret = (struct start){
        .engine = en,
        .record = c,
        .root_mount = -EBADF,
        .userns = -EBADF,
        .beside = BESIDE_INIT,
        .terminal = -1,
    };
    struct start *s = ret;
    s->discard = json_bool(c->document, "HostConfig.AutoRemove", false);
    s->stdin_open = json_bool(c->document, "Config.OpenStdin", false);
    const char *name = json_str(c->document, "Config.Image");
    s->image_name = strdup(name ? name : "?");
    s->cache = open_cache(en);
    if (!s->image_name)
        return err_nomem(e);

    /* What the root is attached to, in the container's mount namespace alone. */
    if (mkdirat(c->dir_fd, "rootfs", 0755) < 0 && errno != EEXIST)
        return err_sys(e, errno, "cannot create folder \"rootfs\"");
    int r = read_modes(s, e);
    if (r == 0)
        r = volume_mounts_open(en, c->id, c->document, &s->sources, e);
    if (r == 0)
        r = root_userns(en, c, &s->modes[NS_USER], !s->discard, &s->userns, e);
    if (r == 0)
        r = beside_begin(&s->beside, en, c, s->modes, e);
    if (r == 0 && s->modes[NS_NETWORK].kind == MODE_CONTAINER)
        r = endpoints_share(&s->beside.endpoints, en, c, &s->modes[NS_NETWORK], e);
    if (r == 0)
        r = mount_root(s, image, e);
    if (r == 0)
        r = write_bundle(s, image, e);
    if (r == 0)
        r = write_files(s, e);
    return r == 0 ? beside_join(&s->beside, e) : r;
}

int start_reload(struct start *s, struct err *e)
{
    const struct start before = *s;
    _cleanup_create_image_ struct create_image image = {0};
    int r = create_find_image(s->engine, json_str(s->record->document, "Image"), &image, e);
    if (r == 0)
        r = start_prepare(s->engine, s->record, &image, s, e);
    s->existing = before.existing;
    s->ran_before = true;
    return r;
}

void start_release(struct start *s)
{
    beside_undo(&s->beside);
    spec_release(&s->spec);
    free(s->image_name);
    s->image_name = NULL;
    fd_close(&s->root_mount);
    fd_close(&s->userns);
    volume_mounts_release(&s->sources);
    fd_close(&s->cache);
}

/* What the monitor needs no longer, or must not keep from others: the caller's streams. */
void start_leave_caller(void)
{
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (chdir("/") < 0)
        return;
    /* It ends with its container and not before: not with the terminal, not by a stray signal. */
    for (const int *n =
             (const int[]){SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGXFSZ, 0};
         *n; n++)
        signal(*n, SIG_IGN);
}

int start_launch(struct start *s, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, errno, "cannot make a socket pair");
    _cleanup_close_ int mine = pair[0], theirs = pair[1];

    pid_t pid = fork();
    if (pid < 0)
        return err_sys(e, errno, "cannot fork");
    if (pid == 0) {
        if (s->terminal >= 0)
            s->terminal = fcntl(s->terminal, F_DUPFD_CLOEXEC, 3);
        close(mine);
        fd_close(&s->record->restart_fd);
        start_leave_caller();
        monitor_main(s, theirs);
    }
    /* From here on the locks are the monitor's, and so are the root and what was made beside. */
    beside_release(&s->beside);
    fd_close(&s->record->lock_fd);
    fd_close(&s->record->hold_fd);
    fd_close(&s->root_mount);
    volume_mounts_release(&s->sources);
    return TAKE_FD(mine);
}
