#include "oci/oci.h"

#include "base/file.h"
#include "kernel/process.h"
#include "kernel/terminal.h"
#include "oci/relay.h"
#include "oci/state.h"
#include "runtime/container.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CONFIG_LIMIT = 16 << 20 };

struct create_options {
    const char *bundle, *console_socket, *pid_file;
    bool no_pivot, detach, keep, no_new_keyring, no_subreaper;
    long long preserve_fds;
};

#define CREATE_OPTIONS                                                                             \
    {"bundle",      'b',                                                                           \
     OPTION_STRING, offsetof(struct create_options, bundle),                                       \
     "DIR",         "The bundle's folder (the current one)",                                       \
     "Options"},                                                                                   \
        {"console-socket",                                                                         \
         0,                                                                                        \
         OPTION_STRING,                                                                            \
         offsetof(struct create_options, console_socket),                                          \
         "SOCKET",                                                                                 \
         "Unix socket that gets the terminal's master end",                                        \
         NULL},                                                                                    \
        {"pid-file",    0,                                                                         \
         OPTION_STRING, offsetof(struct create_options, pid_file),                                 \
         "FILE",        "Write the container's process ID here",                                   \
         NULL},                                                                                    \
        {"no-pivot",  0,                                                                           \
         OPTION_FLAG, offsetof(struct create_options, no_pivot),                                   \
         NULL,        "Do not pivot_root: for a root on a ramfs; insecure",                        \
         NULL},                                                                                    \
        {"preserve-fds",                                                                           \
         0,                                                                                        \
         OPTION_INT,                                                                               \
         offsetof(struct create_options, preserve_fds),                                            \
         "N",                                                                                      \
         "Pass N descriptors from 3 on",                                                           \
         NULL},                                                                                    \
        {"no-new-keyring",                                                                         \
         0,                                                                                        \
         OPTION_FLAG,                                                                              \
         offsetof(struct create_options, no_new_keyring),                                          \
         NULL,                                                                                     \
         NULL,                                                                                     \
         NULL},                                                                                    \
    {                                                                                              \
        "no-subreaper", 0, OPTION_FLAG, offsetof(struct create_options, no_subreaper), NULL, NULL, \
            NULL                                                                                   \
    }

static const struct option_def create_table[] = {CREATE_OPTIONS, {0}};
static const struct option_def run_table[] = {
    CREATE_OPTIONS,
    {"detach", 'd', OPTION_FLAG, offsetof(struct create_options, detach), NULL,
     "Return when it runs", NULL},
    {"keep", 0, OPTION_FLAG, offsetof(struct create_options, keep), NULL,
     "Do not delete it when it ends", NULL},
    {0},
};

/* One container while it is made. */
struct creation {
    const struct create_options *options;
    const char *root;
    char *bundle; /* absolute */
    int bundle_fd;
    struct spec spec;
    struct state state;
    struct container container;
    int fifo; /* held open for reading and writing: never an end of file for init */
};

static void creation_release(struct creation *c)
{
    free(c->bundle);
    fd_close(&c->bundle_fd);
    fd_close(&c->fifo);
    spec_release(&c->spec);
    state_release(&c->state);
    container_release(&c->container);
}

static int load_bundle(struct creation *c, struct err *e)
{
    c->bundle = realpath(c->options->bundle ? c->options->bundle : ".", NULL);
    if (!c->bundle)
        return err_sys(e, errno, "cannot open bundle \"%s\"", c->options->bundle);
    c->bundle_fd = dir_open(AT_FDCWD, c->bundle, false, e);
    if (c->bundle_fd < 0)
        return c->bundle_fd;

    _cleanup_json_ json_t *document = NULL;
    int r = json_read(c->bundle_fd, "config.json", CONFIG_LIMIT, &document, e);
    if (r == 0)
        r = spec_parse(document, &c->spec, e);
    if (r < 0)
        return r;
    const struct create_options *o = c->options;
    if (c->spec.process.terminal && !o->console_socket && (o->detach || !isatty(0)))
        return err_set(e, EINVAL, "the config asks for a terminal: --console-socket is needed");
    if (!c->spec.process.terminal && o->console_socket)
        return err_set(e, EINVAL, "--console-socket is given, but the config asks for no terminal");
    return 0;
}

/* runc's protocol: the master end as SCM_RIGHTS along with one message. */
static int send_console(const char *path, int master, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(e, ENAMETOOLONG, "console socket \"%s\"", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        return err_sys(e, errno, "cannot connect to console socket \"%s\"", path);

    char name[] = "/dev/pts/0";
    struct iovec iov = {.iov_base = name, .iov_len = sizeof(name) - 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &master, sizeof(int));
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        return err_sys(e, errno, "cannot send the terminal to \"%s\"", path);
    return 0;
}

static int write_pid_file(const char *path, pid_t pid, struct err *e)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", pid);
    return file_replace(AT_FDCWD, path, text, (size_t)n, 0644, 0, e);
}

static int make_container(struct creation *c, struct err *e)
{
    c->fifo = openat(c->state.dir_fd, "exec.fifo", O_RDWR | O_CLOEXEC);
    if (c->fifo < 0)
        return err_sys(e, errno, "cannot open exec.fifo");

    /* The runtime's default group when the config names none: below our own. */
    _cleanup_free_ char *own = NULL;
    if (!c->spec.cgroup_path) {
        own = str_printf("/skiff-oci/%s", c->state.id);
        if (!own)
            return err_nomem(e);
        json_t *linux_ = json_at(c->spec.document, "linux");
        if (json_object_set_new(linux_, "cgroupsPath", json_string(own)) < 0)
            return err_nomem(e);
        c->spec.cgroup_path = json_str(linux_, "cgroupsPath");
    }
    const struct container_options options = {
        .bundle_fd = c->bundle_fd,
        .root_mount_fd = -1,
        .userns_fd = -1,
        .cache_fd = -1,
        .stdio = {0, 1, 2},
        .go_fd = c->fifo,
        .keep_fds = (unsigned)c->options->preserve_fds,
        .no_pivot = c->options->no_pivot,
    };
    enum control_step step = STEP_SETUP;
    int r = container_create(&c->spec, &options, &c->container, e);
    if (r == 0)
        r = container_wait(&c->container, &step, e);
    if (r < 0 && step == STEP_EXEC)
        err_wrap(e, "cannot start \"%s\"", c->spec.process.args[0]);
    if (r == 0 && c->options->console_socket)
        r = send_console(c->options->console_socket, c->container.console, e);
    if (r == 0)
        r = state_write(&c->state, c->container.pid, c->bundle, c->spec.cgroup_path,
                        json_at(c->spec.document, "annotations"), e);
    if (r == 0 && c->options->pid_file)
        r = write_pid_file(c->options->pid_file, c->container.pid, e);
    return r;
}

static int create(struct creation *c, const char *id, struct err *e)
{
    if (c->options->preserve_fds < 0 || c->options->preserve_fds > 1024)
        return err_set(e, EINVAL, "--preserve-fds %lld: must be 0 to 1024",
                       c->options->preserve_fds);
    int r = load_bundle(c, e);
    if (r == 0)
        r = state_claim(c->root, id, &c->state, e);
    if (r < 0)
        return r;
    r = make_container(c, e);
    if (r < 0) {
        container_destroy(&c->container, NULL);
        state_remove(c->root, &c->state, NULL);
    }
    return r;
}

/* Opens the gate. The FIFO goes first: from then on the container counts as running. */
static int open_gate(const struct state *s, struct err *e)
{
    _cleanup_close_ int fd = openat(s->dir_fd, "exec.fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? err_set(e, ESRCH, "container \"%s\" has ended", s->id)
                              : err_sys(e, errno, "cannot start container \"%s\"", s->id);
    if (unlinkat(s->dir_fd, "exec.fifo", 0) < 0)
        return err_sys(e, errno, "cannot start container \"%s\"", s->id);
    if (write(fd, "", 1) != 1)
        return err_sys(e, errno, "cannot start container \"%s\"", s->id);
    return 0;
}

int oci_create(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct create_options o = {0};
    char **words;
    int r = oci_parse("create [OPTIONS] ID", create_table, argc, argv, 1, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    o.detach = true;
    _cleanup_(creation_release) struct creation c = {.options = &o,
                                                     .root = g->root,
                                                     .bundle_fd = -EBADF,
                                                     .fifo = -EBADF,
                                                     .state = STATE_INIT,
                                                     .container = CONTAINER_INIT};
    return create(&c, words[0], e);
}

int oci_start(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    static const struct option_def none[] = {{0}};
    char **words;
    int r = oci_parse("start ID", none, argc, argv, 1, NULL, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_state_ struct state s = STATE_INIT;
    r = state_open(g->root, words[0], &s, e);
    if (r < 0)
        return r;
    const char *status = state_status(&s);
    if (!str_eq(status, "created"))
        return err_set(e, EINVAL, "cannot start container \"%s\": it is %s, not created", s.id,
                       status);
    return open_gate(&s, e);
}

static int run_in_foreground(struct creation *c, struct err *e)
{
    struct terminal terminal = {0};
    if (c->container.console >= 0 && !c->options->console_socket) {
        terminal_copy_size(0, c->container.console);
        terminal_make_raw(0, &terminal);
    }
    int status = relay_until_end(c->container.pid, c->container.pidfd,
                                 terminal.raw ? c->container.console : -1, e);
    terminal_restore(&terminal);
    if (status < 0)
        return status;

    c->container.pid = 0; /* reaped */
    if (!c->options->keep) {
        int r = container_destroy(&c->container, e);
        if (r == 0)
            r = state_remove(c->root, &c->state, e);
        if (r < 0)
            return r;
    }
    return status;
}

int oci_run(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    struct create_options o = {0};
    char **words;
    int r = oci_parse("run [OPTIONS] ID", run_table, argc, argv, 1, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_(creation_release) struct creation c = {.options = &o,
                                                     .root = g->root,
                                                     .bundle_fd = -EBADF,
                                                     .fifo = -EBADF,
                                                     .state = STATE_INIT,
                                                     .container = CONTAINER_INIT};
    r = create(&c, words[0], e);
    if (r < 0)
        return r;
    r = open_gate(&c.state, e);
    if (r < 0) {
        container_destroy(&c.container, NULL);
        state_remove(g->root, &c.state, NULL);
        return r;
    }
    return o.detach ? 0 : run_in_foreground(&c, e);
}
