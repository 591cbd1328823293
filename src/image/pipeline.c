#include "image/pipeline.h"

#include "base/file.h"
#include "image/compression.h"
#include "image/hash.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/sandbox.h"
#include "image/stage.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { BLOCK_SIZE = 256 << 10, WRITE_AHEAD = 8 << 20 };

/* STAGE_OUT is the mount of the layer's folder for the last one. */
enum { STAGE_BLOB = STAGE_MORE };

enum stage_kind { STAGE_INFLATE, STAGE_DIGEST, STAGE_UNPACK, N_STAGES };

struct run {
    const struct pipeline *p;
    const struct compression *compression;
    struct stage stages[N_STAGES];
    int root_mount;
    int next; /* the pipe into the first stage that is there */
    unsigned char head[COMPRESSION_HEAD];
    size_t head_len;
};

static const char *const stage_names[N_STAGES] = {
    [STAGE_INFLATE] = "decompressor",
    [STAGE_DIGEST] = "digester",
    [STAGE_UNPACK] = "unpacker",
};

void pipeline_result_release(struct pipeline_result *r)
{
    free(r->media_type);
    free(r->blob_digest);
    free(r->diff_id);
    unpacked_release(&r->unpacked);
    *r = (struct pipeline_result){0};
}

/* A child that is still there after a failure has nothing more to do. */
static void run_release(struct run *run)
{
    fd_close(&run->root_mount);
    fd_close(&run->next);
    for (size_t i = 0; i < N_STAGES; i++)
        stage_release(&run->stages[i]);
}

static ssize_t read_block(int fd, void *buffer, size_t n)
{
    ssize_t got;
    do
        got = read(fd, buffer, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool keeps_input(const struct run *run)
{
    return !run->compression || compression_suffix(run->compression);
}

static int inflate_stage(const void *data, struct str *report, struct err *e)
{
    const struct run *run = data;
    (void)report;
    int r = sandbox_enter_pure(e);
    return r < 0 ? r : compression_remove(run->compression, STAGE_IN, STAGE_OUT, run->p->limits, e);
}

/* Passes on what is in the pipe without copying it: it stays there to be read, and nobody can
 * change it any more. Returns how much. */
static ssize_t pass_on(struct err *e)
{
    ssize_t n;
    do
        n = tee(STAGE_IN, STAGE_OUT, BLOCK_SIZE, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? err_sys(e, errno, "cannot pass the archive on") : n;
}

static int digest_stream(struct hash *h, bool to_blob, char *block, long long *ret_size,
                         struct err *e)
{
    ssize_t n;
    long long size = 0;
    while ((n = pass_on(e)) > 0) {
        for (ssize_t left = n, got; left > 0; left -= got) {
            got = read_block(STAGE_IN, block, (size_t)left);
            if (got <= 0)
                return err_sys(e, got < 0 ? errno : EIO, "cannot read the archive");
            int r = hash_add(h, block, (size_t)got, e);
            if (r < 0)
                return r;
            r = to_blob ? fd_write_all(STAGE_BLOB, block, (size_t)got) : 0;
            if (r < 0)
                return err_sys(e, -r, "cannot write the archive to the store");
        }
        size += n;
    }
    *ret_size = size;
    return (int)n;
}

static int digest_stage(const void *data, struct str *report, struct err *e)
{
    const struct run *run = data;
    _cleanup_hash_ struct hash *h = NULL;
    _cleanup_free_ char *digest = NULL;
    _cleanup_free_ char *block = malloc(BLOCK_SIZE);
    long long size = 0;
    int r = block ? hash_new(&h, e) : err_nomem(e);
    if (r == 0)
        r = sandbox_enter_pure(e);
    if (r == 0)
        r = digest_stream(h, !keeps_input(run), block, &size, e);
    if (r == 0)
        r = hash_finish(h, &digest, e);
    if (r == 0)
        str_addf(report, "%s %lld", digest, size);
    return r;
}

static void names_to_text(const struct strv *names, char kind, struct str *text)
{
    for (size_t i = 0; i < names->n; i++) {
        str_addn(text, &kind, 1);
        str_addn(text, names->v[i], strlen(names->v[i]) + 1);
    }
}

/* "SIZE ENTRIES" and a line's end, then a letter for the list, a name and a NUL for each name. */
void unpacked_to_text(const struct unpacked *u, struct str *text)
{
    str_addf(text, "%lld %lld\n", u->size, u->entries);
    names_to_text(&u->opaque, 'o', text);
    names_to_text(&u->made_up, 'm', text);
    names_to_text(&u->leaning, 'l', text);
}

/* What is made on a mount with shifted owners must be made by somebody who is mapped there. */
static int become_owner(const struct placing *p, struct err *e)
{
    uint32_t uid = 0, gid = 0;
    (void)owner_map_outside(&p->uids, 0, &uid);
    (void)owner_map_outside(&p->gids, 0, &gid);
    return process_set_file_owner(uid, gid) < 0
               ? err_sys(e, errno, "cannot keep the rights of root")
               : 0;
}

static int unpack_stage(const void *data, struct str *report, struct err *e)
{
    const struct run *run = data;
    _cleanup_close_ int root = -EBADF;
    struct unpacked u = {0};
    /* Names are bytes in UTF-8; and without a conversion no library is looked for later. */
    int r = setlocale(LC_CTYPE, "C.UTF-8")
                ? 0
                : err_set(e, ENOTSUP, "the locale C.UTF-8 is missing on this machine");
    umask(0);
    if (r == 0)
        r = sandbox_move_root(STAGE_OUT, e);
    close(STAGE_OUT);
    if (r == 0 && run->p->placing)
        r = become_owner(run->p->placing, e);
    if (r == 0)
        r = sandbox_enter_unpack(e);
    if (r == 0) {
        root = dir_open(AT_FDCWD, "/", false, e);
        r = root < 0 ? root : 0;
    }
    if (r == 0)
        r = unpack(STAGE_IN, root, run->p->placing, run->p->may_lean, run->p->limits, &u, e);
    if (r == 0)
        unpacked_to_text(&u, report);
    return r;
}

/* Takes the number before @end off the text. Negative when there is none. */
static long long take_number(char **text, char end)
{
    char *stop = strchr(*text, end);
    long long n;
    if (!stop)
        return -1;
    *stop = '\0';
    if (str_to_int64(*text, 0, LLONG_MAX, &n) < 0)
        return -1;
    *text = stop + 1;
    return n;
}

int unpacked_from_text(char *text, size_t n, struct unpacked *ret, struct err *e)
{
    struct unpacked u = {0};
    const char *end = text + n;
    char *name = text;
    u.size = take_number(&name, ' ');
    u.entries = take_number(&name, '\n');
    if (u.size < 0 || u.entries < 0)
        return err_set(e, EPROTO, "the unpacker's report cannot be read");
    for (; name < end; name += strlen(name) + 1)
        strv_add(*name == 'o'   ? &u.opaque
                 : *name == 'm' ? &u.made_up
                                : &u.leaning,
                 *name ? name + 1 : name);
    if (u.opaque.failed || u.made_up.failed || u.leaning.failed || u.leaning.n % 2 != 0) {
        unpacked_release(&u);
        return err_set(e, EPROTO, "the unpacker's report cannot be kept");
    }
    *ret = u;
    return 0;
}

/* Starts a stage before the ones that are there: it writes to run->next, and reads a pipe that
 * becomes run->next. */
static int start_before(struct run *run, enum stage_kind kind, struct err *e)
{
    static stage_work *const works[N_STAGES] = {inflate_stage, digest_stage, unpack_stage};
    _cleanup_close_ int in = -EBADF;
    _cleanup_close_ int to = -EBADF;
    int r = stage_pipe(&in, &to, e);
    const struct stage_plan plan = {
        .name = stage_names[kind],
        .namespaces = kind == STAGE_UNPACK ? sandbox_namespaces : 0,
        .in = in,
        .out = kind == STAGE_UNPACK ? run->root_mount : run->next,
        .more = kind == STAGE_DIGEST && !keeps_input(run) ? run->p->blob_fd : -EBADF,
        .work = works[kind],
        .data = run,
    };
    if (r == 0)
        r = stage_start(&plan, &run->stages[kind], e);
    if (r < 0)
        return r;
    fd_close(&run->next);
    run->next = TAKE_FD(to);
    return 0;
}

/* A group and access lists that the store's folders may pass on are not the image's. */
static int disown_folder(int fd, struct err *e)
{
    struct stat st;
    (void)fremovexattr(fd, "system.posix_acl_default");
    (void)fremovexattr(fd, "system.posix_acl_access");
    if (fstat(fd, &st) < 0 || fchown(fd, 0, 0) < 0 || fchmod(fd, st.st_mode & 0777) < 0)
        return err_sys(e, errno, "cannot prepare the layer's folder");
    return 0;
}

static int take_root(struct run *run, struct err *e)
{
    if (!run->p->placing) {
        int r = disown_folder(run->p->folder_fd, e);
        return r < 0 ? r : sandbox_make_root(run->p->folder_fd, &run->root_mount, e);
    }
    run->root_mount = fcntl(run->p->folder_fd, F_DUPFD_CLOEXEC, 3);
    return run->root_mount < 0 ? err_sys(e, errno, "cannot keep the root's descriptor") : 0;
}

static int start(struct run *run, struct err *e)
{
    int r = take_root(run, e);
    if (r == 0)
        r = start_before(run, STAGE_UNPACK, e);
    if (r == 0 && run->compression && run->p->blob_fd >= 0)
        r = start_before(run, STAGE_DIGEST, e);
    if (r == 0 && run->compression)
        r = start_before(run, STAGE_INFLATE, e);
    return r;
}

static int read_head(struct run *run, struct err *e)
{
    while (run->head_len < sizeof(run->head)) {
        ssize_t n =
            read_block(run->p->in_fd, run->head + run->head_len, sizeof(run->head) - run->head_len);
        if (n < 0)
            return err_sys(e, errno, "cannot read the archive");
        if (n == 0)
            break;
        run->head_len += (size_t)n;
    }
    if (run->head_len == 0)
        return err_set(e, EBADMSG, "the archive is empty");
    run->compression = compression_detect(run->head, run->head_len);
    return 0;
}

/* Has the disk begin with what was written of the blob, a piece at a time: the syncfs that comes
 * last then finds little left to wait for. Only for speed. */
static void begin_writing(const struct run *run, long long before, long long now)
{
    long long from = before / WRITE_AHEAD * WRITE_AHEAD, to = now / WRITE_AHEAD * WRITE_AHEAD;
    if (keeps_input(run) && run->p->blob_fd >= 0 && to > from)
        (void)sync_file_range(run->p->blob_fd, from, to - from, SYNC_FILE_RANGE_WRITE);
}

static int feed(struct run *run, struct hash *h, const void *bytes, size_t n, struct err *e)
{
    bool wanted = run->p->blob_fd >= 0;
    int r = wanted ? hash_add(h, bytes, n, e) : 0;
    if (r < 0)
        return r;
    r = wanted && keeps_input(run) ? fd_write_all(run->p->blob_fd, bytes, n) : 0;
    if (r < 0)
        return err_sys(e, -r, "cannot write the archive to the store");
    r = fd_write_all(run->next, bytes, n);
    return r < 0 ? err_sys(e, -r, "cannot pass the archive on") : 0;
}

static int feed_all(struct run *run, struct hash *h, long long *ret_size, struct err *e)
{
    _cleanup_free_ char *block = malloc(BLOCK_SIZE);
    if (!block)
        return err_nomem(e);
    long long size = (long long)run->head_len;
    int r = feed(run, h, run->head, run->head_len, e);
    while (r == 0) {
        ssize_t n = read_block(run->p->in_fd, block, BLOCK_SIZE);
        if (n < 0)
            return err_sys(e, errno, "cannot read the archive");
        if (n == 0)
            break;
        size += n;
        r = feed(run, h, block, (size_t)n, e);
        begin_writing(run, size - n, size);
    }
    *ret_size = size;
    return r;
}

/* "sha256:… SIZE" */
static int take_digest(char *text, struct pipeline_result *ret, long long *ret_size, struct err *e)
{
    char *space = strchr(text, ' ');
    if (space)
        *space = '\0';
    if (!space || !digest_is_valid(text) || str_to_int64(space + 1, 0, LLONG_MAX, ret_size) < 0)
        return err_set(e, EPROTO, "the digester's report cannot be read");
    ret->diff_id = strdup(text);
    return ret->diff_id ? 0 : err_nomem(e);
}

/* Whose failure it is: of the first in the row that failed, unless it was only left alone by the
 * one behind it. */
static int collect(struct run *run, int first_failure, struct pipeline_result *ret,
                   long long *ret_plain_size, struct err *e)
{
    int failure = first_failure;
    for (size_t i = 0; i < N_STAGES; i++) {
        struct stage *s = &run->stages[i];
        _cleanup_err_ struct err story = ERR_INIT;
        _cleanup_free_ char *text = NULL;
        size_t n;
        if (s->pid <= 0)
            continue;
        int r = stage_finish(s, &text, &n, &story);
        if (r == 0 && i == STAGE_DIGEST)
            r = take_digest(text, ret, ret_plain_size, &story);
        if (r == 0 && i == STAGE_UNPACK)
            r = unpacked_from_text(text, n, &ret->unpacked, &story);
        if (r < 0 && (failure == 0 || failure == -EPIPE)) {
            failure = r;
            err_release(e);
            *e = TAKE(story, ERR_INIT);
        }
    }
    return failure;
}

static int finish(const struct run *run, char *input_digest, long long input_size,
                  long long plain_size, struct pipeline_result *ret, struct err *e)
{
    const char *suffix = run->compression ? compression_suffix(run->compression) : "";
    ret->media_type = str_printf(LAYOUT_LAYER_TYPE "%s", suffix ? suffix : "");
    if (!ret->diff_id)
        ret->diff_id = strdup(input_digest);
    ret->blob_digest = strdup(keeps_input(run) ? input_digest : ret->diff_id);
    ret->blob_size = keeps_input(run) ? input_size : plain_size;
    return ret->media_type && ret->diff_id && ret->blob_digest ? 0 : err_nomem(e);
}

int pipeline_run(const struct pipeline *p, struct pipeline_result *ret, struct err *e)
{
    _cleanup_(run_release) struct run run = {.p = p, .root_mount = -EBADF, .next = -EBADF};
    _cleanup_(pipeline_result_release) struct pipeline_result result = {0};
    _cleanup_hash_ struct hash *h = NULL;
    _cleanup_free_ char *digest = NULL;
    _cleanup_err_ struct err story = ERR_INIT;
    long long input_size = 0, plain_size = 0;

    for (size_t i = 0; i < N_STAGES; i++)
        run.stages[i] = STAGE_INIT;
    int r = read_head(&run, &story);
    if (r == 0)
        r = start(&run, &story);
    if (r == 0)
        r = hash_new(&h, &story);
    if (r == 0) {
        r = feed_all(&run, h, &input_size, &story);
        fd_close(&run.next); /* the end of what the next stage reads */
        r = collect(&run, r, &result, &plain_size, &story);
    }
    if (r == 0 && p->blob_fd >= 0)
        r = hash_finish(h, &digest, &story);
    if (r == 0 && p->blob_fd >= 0)
        r = finish(&run, digest, input_size, plain_size, &result, &story);
    if (r < 0) {
        if (e) {
            err_release(e);
            *e = TAKE(story, ERR_INIT);
        }
        return r;
    }
    *ret = TAKE(result, (struct pipeline_result){0});
    return 0;
}
