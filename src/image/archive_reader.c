#include "image/archive_reader.h"

#include "image/compression.h"
#include "image/sandbox.h"

#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (1LL << 50)

/* What there is to read, and what of it has been read. */
struct source {
    int fd;
    const struct compression *compression;
    const struct limits *limits;
    unsigned char head[COMPRESSION_HEAD];
    size_t head_len; /* 0: none was taken away */
    bool again;
    off_t at;
};

void archive_item_release(struct archive_item *i)
{
    free(i->name);
    free(i->target);
    *i = (struct archive_item){0};
}

static int inflate(const void *data, struct str *report, struct err *e)
{
    const struct source *s = data;
    (void)report;
    int r = sandbox_enter_pure(e);
    return r < 0 ? r
                 : compression_remove_after(s->compression, s->head, s->head_len, STAGE_IN,
                                            STAGE_OUT, s->limits, e);
}

static int scan(const void *data, struct str *report, struct err *e)
{
    const struct source *s = data;
    bool whole = !s->compression;
    struct archive_scan scan = {
        .in_fd = STAGE_IN,
        .out_fd = STAGE_OUT,
        .again = whole && s->again,
        .at = whole ? s->at : 0,
        .head = s->head,
        .head_len = whole ? s->head_len : 0,
        .size_max = s->limits->bytes < FILE_MAX ? s->limits->bytes : FILE_MAX,
    };
    (void)report;
    int r = sandbox_enter_mover(e);
    return r < 0 ? r : archive_scan(&scan, e);
}

/* Starts one that reads @in_fd; what it passes on comes from *ret_from. */
static int start(const struct source *s, const char *name, int in_fd, stage_work *work,
                 struct stage *ret, int *ret_from, struct err *e)
{
    _cleanup_close_ int from = -EBADF;
    _cleanup_close_ int to = -EBADF;
    int r = stage_pipe(&from, &to, e);
    const struct stage_plan plan = {
        .name = name, .in = in_fd, .out = to, .more = -EBADF, .work = work, .data = s};
    if (r == 0)
        r = stage_start(&plan, ret, e);
    if (r == 0)
        *ret_from = TAKE_FD(from);
    return r;
}

/* Its first bytes tell what it is. A file still has them. */
static int look(struct source *s, struct err *e)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return err_sys(e, errno, "cannot read the archive");
    if (S_ISDIR(st.st_mode))
        return err_sys(e, EISDIR, "cannot read the archive");
    s->at = S_ISREG(st.st_mode) ? lseek(s->fd, 0, SEEK_CUR) : 0;
    s->again = S_ISREG(st.st_mode) && s->at >= 0;
    while (s->head_len < sizeof(s->head)) {
        size_t left = sizeof(s->head) - s->head_len;
        ssize_t n = s->again ? pread(s->fd, s->head + s->head_len, left, s->at + (off_t)s->head_len)
                             : read(s->fd, s->head + s->head_len, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, errno, "cannot read the archive");
        if (n == 0)
            break;
        s->head_len += (size_t)n;
    }
    if (s->head_len == 0)
        return err_set(e, EBADMSG, "the archive is empty");
    s->compression = compression_detect(s->head, s->head_len);
    if (s->again)
        s->head_len = 0;
    return 0;
}

int archive_reader_start(int in_fd, const struct limits *limits, struct archive_reader *ret,
                         struct err *e)
{
    struct source s = {.fd = in_fd, .limits = limits};
    _cleanup_archive_reader_ struct archive_reader reader = ARCHIVE_READER_INIT;
    _cleanup_close_ int plain = -EBADF;
    int r = look(&s, e);
    if (r == 0 && s.compression)
        r = start(&s, "decompressor", in_fd, inflate, &reader.inflater, &plain, e);
    if (r == 0)
        r = start(&s, "reader of the archive", s.compression ? plain : in_fd, scan, &reader.scanner,
                  &reader.from, e);
    if (r < 0)
        return r;
    reader.again = s.again && !s.compression;
    *ret = TAKE(reader, ARCHIVE_READER_INIT);
    return 0;
}

/* All @n bytes; 1: not even one came. */
static int take(struct archive_reader *r, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t some = read(r->from, (char *)to + got, n - got);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return some < 0 ? -errno : got == 0 ? 1 : -EPROTO;
        got += (size_t)some;
    }
    return 0;
}

/* Both end here. A decompressor that was left alone has not failed. */
static int finish(struct archive_reader *r, struct err *e)
{
    _cleanup_err_ struct err story = ERR_INIT;
    fd_close(&r->from);
    int scanned = stage_finish(&r->scanner, NULL, NULL, e);
    int inflated = stage_finish(&r->inflater, NULL, NULL, &story);
    if (inflated < 0 && inflated != -EPIPE) {
        err_release(e);
        *e = TAKE(story, ERR_INIT);
        return inflated;
    }
    return scanned;
}

int archive_reader_story(struct archive_reader *r, struct err *e)
{
    _cleanup_err_ struct err story = ERR_INIT;
    int failed = finish(r, &story);
    if (failed == 0 || failed == -EPIPE)
        return err_set(e, EPROTO, "the reader of the archive has told nonsense");
    err_release(e);
    *e = TAKE(story, ERR_INIT);
    return failed;
}

int archive_reader_next(struct archive_reader *r, struct archive_item *ret, struct err *e)
{
    struct archive_head head;
    struct archive_item item = {0};
    int got = take(r, &head, sizeof(head));
    if (got == 1)
        return finish(r, e);
    if (got < 0 || head.name == 0 || head.name > ARCHIVE_NAME_MAX ||
        head.target > ARCHIVE_NAME_MAX || head.size > FILE_MAX || head.at > INT64_MAX)
        return archive_reader_story(r, e);
    item.name = calloc(1, head.name + 1);
    item.target = head.target ? calloc(1, head.target + 1) : NULL;
    item.size = (long long)head.size;
    item.at = (long long)head.at;
    if (!item.name || (head.target && !item.target)) {
        archive_item_release(&item);
        return err_nomem(e);
    }
    got = take(r, item.name, head.name);
    if (got == 0 && head.target)
        got = take(r, item.target, head.target);
    if (got != 0 || strlen(item.name) != head.name) {
        archive_item_release(&item);
        return archive_reader_story(r, e);
    }
    *ret = item;
    return 1;
}

void archive_reader_release(struct archive_reader *r)
{
    fd_close(&r->from);
    stage_release(&r->scanner);
    stage_release(&r->inflater);
}
