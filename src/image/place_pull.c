#include "image/place_pull.h"

#include "base/file.h"
#include "image/load.h"
#include "image/place.h"
#include "image/reference.h"
#include "image/signatures.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DAEMON_SOCKET "/var/run/docker.sock"

enum { HEAD_MAX = 16 << 10, MESSAGE_MAX = 64 << 10 };

/* ---- Docker's daemon ---- */

static int connect_to_daemon(int *ret, struct err *e)
{
    const char *host = getenv("DOCKER_HOST");
    const char *path = host && *host ? str_after(host, "unix://") : DAEMON_SOCKET;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path)
        return err_set(e, EINVAL,
                       "docker-daemon: DOCKER_HOST is \"%s\", and only a socket (unix://PATH) can "
                       "be asked",
                       host);
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(e, ENAMETOOLONG, "docker-daemon: the path \"%s\" is too long", path);
    memcpy(address.sun_path, path, strlen(path));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return err_sys(e, errno, "docker-daemon: cannot connect to \"%s\"", path);
    *ret = TAKE_FD(fd);
    return 0;
}

/* The head of an answer, up to its empty line, and no byte more. */
static int read_head(int fd, char *head, struct err *e)
{
    for (size_t n = 0; n < HEAD_MAX - 1;) {
        ssize_t got = read(fd, head + n, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_sys(e, got < 0 ? errno : EPROTO, "docker-daemon: cannot read the answer");
        head[++n] = '\0';
        if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
            return 0;
    }
    return err_set(e, EPROTO, "docker-daemon: the answer has a head of more than %d bytes",
                   HEAD_MAX);
}

/* {"message": "…"} */
static int refused(int fd, const char *head, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *value = NULL;
    size_t n = 0;
    bool missing = strstr(head, " 404 ") != NULL;
    if (fd_read_all(fd, MESSAGE_MAX, &text, &n) == 0)
        (void)json_parse(text, n, "answer", &value, NULL);
    const char *message = json_str(value, "message");
    return err_set(e, missing ? ENOENT : EPROTO, "docker-daemon: %.*s",
                   message ? 4096 : (int)strcspn(head, "\r\n"), message ? message : head);
}

/* In HTTP 1.0 the body is what comes until the end: no chunks to take apart. */
static int ask_daemon(const char *name, int *ret, struct err *e)
{
    _cleanup_close_ int fd = -EBADF;
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_free_ char *full = NULL;
    char head[HEAD_MAX] = "";
    int r = digest_is_valid(name) ? 0 : reference_parse(name, &ref, e);
    if (r == 0 && ref.path && !(full = reference_full(&ref)))
        return err_nomem(e);
    if (r == 0)
        r = connect_to_daemon(&fd, e);
    if (r < 0)
        return r;
    /* Neither of both can hold anything that has a meaning in a request. */
    _cleanup_free_ char *request =
        str_printf("GET /images/%s/get HTTP/1.0\r\nHost: docker\r\n\r\n", full ? full : name);
    if (!request)
        return err_nomem(e);
    r = fd_write_all(fd, request, strlen(request));
    if (r < 0)
        return err_sys(e, -r, "docker-daemon: cannot ask");
    r = read_head(fd, head, e);
    if (r < 0)
        return r;
    if (strncmp(head, "HTTP/1.", 7) != 0 || strncmp(head + 8, " 200 ", 5) != 0)
        return refused(fd, head, e);
    if (strcasestr(head, "\r\ntransfer-encoding:"))
        return err_set(e, EPROTO, "docker-daemon: the answer is in a form that was not asked for");
    *ret = TAKE_FD(fd);
    return 0;
}

/* ---- skopeo ---- */

static int spawn(char *const argv[], int to, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &pipes);
    int r = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static int run_skopeo(const char *name, pid_t *ret_pid, int *ret, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    int fds[2];
    bool named = reference_parse(name, &ref, NULL) == 0 && !ref.digest;
    _cleanup_free_ char *full = named ? reference_full(&ref) : NULL;
    _cleanup_free_ char *from = str_printf("containers-storage:%s", name);
    _cleanup_free_ char *to =
        str_printf("docker-archive:/dev/stdout%s%s", full ? ":" : "", full ? full : "");
    if (!from || !to)
        return err_nomem(e);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int ours = fds[0];
    _cleanup_close_ int theirs = fds[1];
    char program[] = "skopeo", copy[] = "copy", quiet[] = "-q";
    char *const argv[] = {program, copy, quiet, from, to, NULL};
    int r = spawn(argv, theirs, ret_pid);
    if (r == -ENOENT)
        return err_set(e, ENOENT,
                       "containers-storage: \"skopeo\", which can read that, is not "
                       "installed");
    if (r < 0)
        return err_sys(e, -r, "cannot run \"skopeo\"");
    *ret = TAKE_FD(ours);
    return 0;
}

/* ---- all of them ---- */

struct opened {
    int in_fd, folder_fd;
    pid_t helper; /* who writes the archive; 0: nobody */
};

static int open_place(const struct place *p, struct opened *ret, struct err *e)
{
    switch (p->kind) {
    case PLACE_OCI_FOLDER:
    case PLACE_FOLDER_OF_ONE:
        ret->folder_fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return ret->folder_fd < 0 ? err_sys(e, errno, "cannot open the folder \"%s\"", p->path) : 0;
    case PLACE_OCI_ARCHIVE:
    case PLACE_DOCKER_ARCHIVE:
        ret->in_fd = open(p->path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        return ret->in_fd < 0 ? err_sys(e, errno, "cannot open \"%s\"", p->path) : 0;
    case PLACE_DOCKER_DAEMON:
        return ask_daemon(p->name, &ret->in_fd, e);
    case PLACE_CONTAINERS_STORAGE:
        return run_skopeo(p->name, &ret->helper, &ret->in_fd, e);
    }
    return err_set(e, EINVAL, "\"%s\" is no place", p->transport);
}

/* A folder's or file's, whatever links lead there; with the image's name where scopes have it. */
static int path_identity(const struct place *p, bool with_name, char **ret, struct err *e)
{
    _cleanup_free_ char *path = realpath(p->path, NULL);
    if (!path)
        return err_sys(e, errno, "cannot open \"%s\"", p->path);
    if (with_name && strchr(path, ':'))
        return err_set(e, EINVAL,
                       "the path \"%s\" has a colon in it: what is behind it would be a "
                       "name",
                       path);
    *ret = with_name && p->name ? str_printf("%s:%s", path, p->name) : TAKE_PTR(path);
    return *ret ? 0 : err_nomem(e);
}

/* An image's full name; of one that is named by its ID nothing. */
static int daemon_identity(const char *name, char **ret, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    int r = digest_is_valid(name) ? 0 : reference_parse(name, &ref, e);
    if (r < 0)
        return r;
    if (ref.digest) {
        free(ref.tag);
        ref.tag = NULL;
    }
    *ret = ref.path ? reference_full(&ref) : strdup("");
    return *ret ? 0 : err_nomem(e);
}

/* What the policy calls it: containers-policy.json(5). */
static int identity(const struct place *p, char **ret, struct err *e)
{
    switch (p->kind) {
    case PLACE_OCI_FOLDER:
    case PLACE_OCI_ARCHIVE:
    case PLACE_FOLDER_OF_ONE:
        return path_identity(p, p->kind == PLACE_OCI_FOLDER, ret, e);
    case PLACE_DOCKER_DAEMON:
        return daemon_identity(p->name, ret, e);
    default:
        *ret = strdup("");
        return *ret ? 0 : err_nomem(e);
    }
}

static int load_from(const struct pull *p, const struct place *place, const struct opened *o,
                     struct strv *ret_ids, struct err *e)
{
    bool by_path = place->path != NULL;
    const struct load l = {
        .root_fd = p->root_fd,
        .in_fd = o->in_fd,
        .folder_fd = o->folder_fd,
        .form = place->kind == PLACE_FOLDER_OF_ONE ? ARCHIVE_FOLDER_OF_ONE : ARCHIVE_TARRED,
        .only = by_path ? place->name : NULL,
        .single = true,
        .platform = p->platform,
        .progress = p->progress,
        .told = p->progress,
        .limits = p->limits,
    };
    return load_run(&l, ret_ids, e);
}

int place_pull(const struct pull *p, struct strv *ret_ids, struct err *e)
{
    _cleanup_place_ struct place place = {0};
    _cleanup_free_ char *called = NULL;
    struct opened o = {.in_fd = -EBADF, .folder_fd = -EBADF};
    int r = p->all_tags ? err_set(e, EINVAL, "--all-tags has no meaning for \"%s\"", p->reference)
                        : place_parse(p->reference, &place, e);
    if (r == 0)
        r = identity(&place, &called, e);
    if (r == 0)
        r = signatures_admit_unsigned(place.transport, called, p->verify ? &p->progress : NULL, e);
    if (r == 0)
        r = open_place(&place, &o, e);
    if (r == 0)
        r = load_from(p, &place, &o, ret_ids, e);
    fd_close(&o.in_fd);
    fd_close(&o.folder_fd);
    int status = o.helper > 0 ? process_wait(o.helper) : 0;
    /* Its own words stand above ours. */
    if (r < 0 && status > 0 && status < 128)
        r = err_set(e, EIO, "containers-storage: skopeo could not copy \"%s\"", place.name);
    return r < 0 ? err_wrap(e, "cannot pull \"%s\"", p->reference) : 0;
}
