#include "image/bundle.h"

#include "base/file.h"
#include "image/archive_reader.h"
#include "image/compression.h"
#include "image/layout.h"
#include "image/reference.h"
#include "kernel/mount.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum {
    HEAD = 512,
    PIPE_SIZE = 1 << 20,
    RUNNING_MAX = 3,      /* layers at a time, as a pull has */
    KEPT_MAX = 64 << 20,  /* bytes of documents of one archive */
    LINKS_MAX = 8,        /* one behind the other */
    TELL_EVERY = 4 << 20, /* bytes */
    SHORT_ID = 12,
};

/* ---- the table ---- */

static void file_free(struct bundle_file *f, bool own_fd)
{
    if (!f)
        return;
    layer_worker_release(&f->worker);
    if (f->feeder > 0) {
        kill(f->feeder, SIGKILL);
        process_wait(f->feeder);
    }
    if (own_fd)
        fd_close(&f->fd);
    fresh_layer_release(&f->layer);
    err_release(&f->story);
    free(f->name);
    free(f->target);
    free(f->text);
    free(f);
}

void bundle_release(struct bundle *a)
{
    for (size_t i = 0; i < a->n; i++)
        file_free(a->files[i], a->folder_fd >= 0);
    free(a->files);
    json_decref(a->names);
    json_decref(a->known);
    fd_close(&a->folder_fd);
    *a = BUNDLE_INIT;
}

static struct bundle_file *add(struct bundle *a, const char *name, const char *target,
                               struct err *e)
{
    if (!a->names && !(a->names = json_object())) {
        err_nomem(e);
        return NULL;
    }
    if (json_object_get(a->names, name)) {
        err_set(e, EBADMSG, "the archive has two files with the name \"%s\"", name);
        return NULL;
    }
    struct bundle_file *f = calloc(1, sizeof(*f));
    struct bundle_file **files = realloc(a->files, (a->n + 1) * sizeof(*files));
    if (files)
        a->files = files;
    if (f)
        *f = (struct bundle_file){.name = strdup(name),
                                  .target = target ? strdup(target) : NULL,
                                  .fd = -EBADF,
                                  .layer = FRESH_LAYER_INIT,
                                  .worker = LAYER_WORKER_INIT};
    /* A name that is no text in UTF-8 is no key: nobody can ask for it. */
    json_t *number = json_integer((json_int_t)a->n);
    bool counted = number != NULL;
    (void)json_object_set_new(a->names, name, number);
    if (!f || !files || !f->name || (target && !f->target) || !counted) {
        file_free(f, false);
        err_nomem(e);
        return NULL;
    }
    a->files[a->n++] = f;
    return f;
}

static struct bundle_file *by_name(const struct bundle *a, const char *name)
{
    const json_t *number = json_object_get(a->names, name);
    return number ? a->files[json_integer_value(number)] : NULL;
}

/* Of a folder the files are looked at when they are asked for. */
static struct bundle_file *open_file(struct bundle *a, const char *name)
{
    struct stat st;
    _cleanup_close_ int fd =
        beneath_open(a->folder_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_NO_SYMLINKS);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    struct bundle_file *f = add(a, name, NULL, NULL);
    if (!f)
        return NULL;
    f->fd = TAKE_FD(fd);
    f->size = (long long)st.st_size;
    return f;
}

/* "a/b" and "../c" to "c", by the words alone. */
static char *target_of(const struct bundle_file *f, const json_t *names)
{
    const char *slash = strrchr(f->name, '/');
    int folder = slash ? (int)(slash - f->name) : 0;
    /* That of a hard link counts from the top. */
    if (json_object_get(names, f->target))
        return strdup(f->target);
    _cleanup_free_ char *joined = str_printf("/%.*s/%s", folder, f->name, f->target);
    _cleanup_free_ char *clean = joined ? path_clean(joined) : NULL;
    return clean ? strdup(clean + strspn(clean, "/")) : NULL;
}

struct bundle_file *bundle_find(struct bundle *a, const char *name)
{
    struct bundle_file *f = by_name(a, name);
    if (!f && a->folder_fd >= 0 && *name)
        return open_file(a, name);
    for (int links = 0; f && f->target; links++) {
        _cleanup_free_ char *target = links < LINKS_MAX ? target_of(f, a->names) : NULL;
        f = target ? by_name(a, target) : NULL;
    }
    return f;
}

/* ---- documents ---- */

static int read_text(struct bundle *a, struct bundle_file *f, struct err *e)
{
    if (f->size > LAYOUT_BLOB_MAX)
        return err_set(e, E2BIG, "\"%s\" in the archive has %lld bytes: more than %d are refused",
                       f->name, f->size, LAYOUT_BLOB_MAX);
    if (f->fd < 0)
        return err_set(e, EBADMSG, "\"%s\" in the archive is no document", f->name);
    a->kept += f->size;
    if (a->kept > KEPT_MAX)
        return err_set(e, E2BIG, "the archive has more than %d bytes of documents", KEPT_MAX);
    _cleanup_free_ char *text = calloc(1, (size_t)f->size + 1);
    if (!text)
        return err_nomem(e);
    for (long long got = 0; got < f->size;) {
        ssize_t n = pread(f->fd, text + got, (size_t)(f->size - got), (off_t)(f->at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(e, n < 0 ? errno : EIO, "cannot read \"%s\" of the archive", f->name);
        got += n;
    }
    f->text = TAKE_PTR(text);
    return 0;
}

const char *bundle_document(void *data, const char *name, ssize_t *ret_n_or_error, struct err *e)
{
    struct bundle *a = data;
    struct bundle_file *f = bundle_find(a, name);
    int r = !f ? -ENOENT : f->text ? 0 : read_text(a, f, e);
    *ret_n_or_error = r < 0 ? r : (ssize_t)f->size;
    return r < 0 ? NULL : f->text;
}

/* ---- layers ---- */

static void short_id(const struct bundle_file *f, char *id)
{
    const char *name = f->name;
    const char *hex = str_after(name, "blobs/sha256/");
    snprintf(id, SHORT_ID + 1, "%s", hex ? hex : name);
}

static void show(const struct bundle *a, const struct bundle_file *f, long long done)
{
    char id[SHORT_ID + 1];
    short_id(f, id);
    progress_bytes(a->progress, id, "Loading layer", done, f->size);
}

/* The failure of a file nobody may ask for: told when somebody does. */
static void keep_failure(struct bundle_file *f, int r, struct err *story)
{
    if (f->failed < 0)
        return;
    f->failed = r;
    f->story = TAKE(*story, ERR_INIT);
}

static void collect(struct bundle *a, struct bundle_file *f)
{
    _cleanup_err_ struct err story = ERR_INIT;
    if (f->worker.pid <= 0)
        return;
    int r = layer_worker_finish(&f->worker, &f->layer, &story);
    a->running--;
    if (f->feeder > 0)
        process_wait(TAKE(f->feeder, 0));
    if (r < 0)
        keep_failure(f, r, &story);
}

/* Waits for the first that ends, if there are as many as there may be. */
static void make_room(struct bundle *a)
{
    struct pollfd fds[RUNNING_MAX];
    struct bundle_file *files[RUNNING_MAX];
    nfds_t n = 0;
    if (a->running < RUNNING_MAX)
        return;
    for (size_t i = 0; n < RUNNING_MAX && i < a->n; i++)
        if (a->files[i]->worker.pid > 0) {
            fds[n] = (struct pollfd){a->files[i]->worker.report, POLLIN, 0};
            files[n++] = a->files[i];
        }
    while (poll(fds, n, -1) < 0 && errno == EINTR)
        ;
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents)
            collect(a, files[i]);
}

/* *ret_to: the end of the pipe that the layer's bytes are to be written to. */
static int start_worker(struct bundle *a, struct bundle_file *f, int *ret_to, struct err *e)
{
    int fds[2];
    make_room(a);
    int r = fresh_layer_begin(a->root_fd, &f->layer, e);
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    (void)fcntl(from, F_SETPIPE_SZ, PIPE_SIZE);
    r = layer_worker_start(&f->layer, from, a->limits, &f->worker, e);
    if (r < 0)
        return r;
    f->is_layer = true;
    a->running++;
    show(a, f, 0);
    *ret_to = TAKE_FD(to);
    return 0;
}

/* In a process of its own, so that several layers can be read at a time. */
static _Noreturn void feed(const struct bundle_file *f, int to)
{
    off_t at = (off_t)f->at;
    long long left = f->size;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (left > 0) {
        ssize_t n = sendfile(to, f->fd, &at, left < PIPE_SIZE ? (size_t)left : PIPE_SIZE);
        if (n <= 0 && errno != EINTR)
            _exit(1);
        left -= n > 0 ? n : 0;
    }
    _exit(0);
}

int bundle_unpack(struct bundle *a, struct bundle_file *f, struct err *e)
{
    _cleanup_close_ int to = -EBADF;
    if (f->is_layer)
        return 0;
    if (f->fd < 0)
        return err_set(e, EBADMSG, "\"%s\" in the archive is no layer", f->name);
    int r = start_worker(a, f, &to, e);
    if (r < 0)
        return r;
    pid_t pid = process_clone(0, -1, NULL);
    if (pid == 0)
        feed(f, to);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start a helper");
    f->feeder = pid;
    return 0;
}

void bundle_forget(struct bundle_file *f)
{
    if (!f->is_layer || f->worker.pid > 0 || f->failed < 0 || f->layer.blob_path || f->fd < 0)
        return;
    fresh_layer_release(&f->layer);
    f->is_layer = false;
}

int bundle_wait(struct bundle *a, struct bundle_file *f, struct err *e)
{
    collect(a, f);
    if (f->failed < 0)
        return err_set(e, -f->failed, "cannot unpack \"%s\" of the archive: %s", f->name,
                       err_text(&f->story));
    if (!f->layer.result.diff_id)
        return err_set(e, EBADMSG, "\"%s\" in the archive is no layer", f->name);
    show(a, f, f->size);
    return 0;
}

/* ---- what comes once ---- */

/* Reads exactly @n bytes. */
static int take(struct archive_reader *r, void *to, size_t n, struct err *e)
{
    for (size_t got = 0; got < n;) {
        ssize_t some = read(r->from, (char *)to + got, n - got);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return archive_reader_story(r, e);
        got += (size_t)some;
    }
    return 0;
}

static int throw_away(struct archive_reader *r, long long n, struct err *e)
{
    _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return err_sys(e, errno, "cannot open \"/dev/null\"");
    while (n > 0) {
        ssize_t some = splice(r->from, NULL, null, NULL, n < PIPE_SIZE ? (size_t)n : PIPE_SIZE, 0);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return archive_reader_story(r, e);
        n -= some;
    }
    return 0;
}

/* From pipe to pipe, without a copy. A worker that has ended takes no more: *ret_left. */
static int pass(struct bundle *a, struct archive_reader *r, struct bundle_file *f, int to,
                long long *ret_left, struct err *e)
{
    long long left = *ret_left, told = left;
    while (left > 0) {
        ssize_t n = splice(r->from, NULL, to, NULL, left < PIPE_SIZE ? (size_t)left : PIPE_SIZE, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE)
            break;
        if (n < 0)
            return err_sys(e, errno, "cannot pass the archive on");
        if (n == 0)
            return archive_reader_story(r, e);
        left -= n;
        if (told - left >= TELL_EVERY) {
            told = left;
            show(a, f, f->size - left);
        }
    }
    *ret_left = left;
    return 0;
}

/* Whether the head is a tar archive's, plain or compressed. */
static bool is_archive(const unsigned char *head, size_t n)
{
    long long sum = 0, zeros = 0;
    char digits[9] = {0};
    if (compression_detect(head, n))
        return true;
    if (n < HEAD)
        return false;
    for (size_t i = 0; i < HEAD; i++) {
        sum += i >= 148 && i < 156 ? ' ' : head[i];
        zeros += head[i] == 0;
    }
    memcpy(digits, head + 148, 8);
    return zeros == HEAD || strtoll(digits, NULL, 8) == sum;
}

static bool is_document(const unsigned char *head, size_t n, long long size)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", head[i]) && head[i])
        i++;
    return i < n && (head[i] == '{' || head[i] == '[') && size <= LAYOUT_BLOB_MAX;
}

static int keep_text(struct bundle *a, struct archive_reader *r, struct bundle_file *f,
                     const void *head, size_t n, struct err *e)
{
    a->kept += f->size;
    if (a->kept > KEPT_MAX)
        return err_set(e, E2BIG, "the archive has more than %d bytes of documents", KEPT_MAX);
    f->text = calloc(1, (size_t)f->size + 1);
    if (!f->text)
        return err_nomem(e);
    memcpy(f->text, head, n);
    return take(r, f->text + n, (size_t)f->size - n, e);
}

static int unpack_now(struct bundle *a, struct archive_reader *r, struct bundle_file *f,
                      const void *head, size_t n, struct err *e)
{
    _cleanup_close_ int to = -EBADF;
    long long left = f->size - (long long)n;
    int got = start_worker(a, f, &to, e);
    if (got < 0)
        return got;
    if (fd_write_all(to, head, n) == 0)
        got = pass(a, r, f, to, &left, e);
    return got < 0 ? got : throw_away(r, left, e);
}

/* Whether the name says that the store has it. If it lies, what is wanted will be missing. */
static bool is_known(const struct bundle *a, const char *name)
{
    char hex[DIGEST_HEX_LEN + 1];
    const char *blob = str_after(name, "blobs/sha256/");
    snprintf(hex, sizeof(hex), "%s", blob ? blob : name);
    return json_object_get(a->known, hex) != NULL;
}

static int take_content(struct bundle *a, struct archive_reader *r, struct bundle_file *f,
                        struct err *e)
{
    unsigned char head[HEAD];
    size_t n = f->size < HEAD ? (size_t)f->size : HEAD;
    int got = take(r, head, n, e);
    if (got < 0)
        return got;
    bool archive = is_archive(head, n);
    if (!archive && is_document(head, n, f->size))
        return keep_text(a, r, f, head, n, e);
    if (!archive || is_known(a, f->name))
        return throw_away(r, f->size - (long long)n, e);
    return unpack_now(a, r, f, head, n, e);
}

int bundle_read(struct bundle *a, int in_fd, struct err *e)
{
    _cleanup_archive_reader_ struct archive_reader reader = ARCHIVE_READER_INIT;
    int r = archive_reader_start(in_fd, a->limits, &reader, e);
    while (r == 0) {
        struct archive_item item = {0};
        r = archive_reader_next(&reader, &item, e);
        if (r != 1)
            break;
        struct bundle_file *f = add(a, item.name, item.target, e);
        if (f) {
            f->size = item.size;
            f->at = item.at;
            f->fd = reader.again ? in_fd : -EBADF;
        }
        archive_item_release(&item);
        r = !f                          ? (e && e->code ? -e->code : -ENOMEM)
            : f->target || reader.again ? 0
                                        : take_content(a, &reader, f, e);
    }
    return r;
}
