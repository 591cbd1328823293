#include "image/layer_worker.h"

#include "base/json.h"
#include "image/reference.h"
#include "image/report.h"
#include "image/sandbox.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Its descriptors. */
enum { FD_IN, FD_REPORT, FD_NULL, FD_ROOT, FD_BLOB, FD_FOLDER, N_FDS };

/* A line of JSON, and behind it what the unpacker found: its names need not be text. */
static int result_text(const struct pipeline_result *r, struct str *text)
{
    _cleanup_json_ json_t *value =
        json_pack("{s:s, s:s, s:s, s:I}", "type", r->media_type, "blob", r->blob_digest, "diff_id",
                  r->diff_id, "blob_size", (json_int_t)r->blob_size);
    _cleanup_free_ char *line = value ? json_text(value, JSON_COMPACT) : NULL;
    if (!line)
        return -ENOMEM;
    str_addf(text, "%s\n", line);
    unpacked_to_text(&r->unpacked, text);
    return text->failed ? -ENOMEM : 0;
}

static _Noreturn void work(const int *fds, const struct limits *limits)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct fresh_layer layer = FRESH_LAYER_INIT;
    int r = sandbox_keep(fds, N_FDS, &e);
    if (r < 0)
        report_and_exit(fds[FD_REPORT], r, &e, "", 0);
    layer.root_fd = FD_ROOT;
    layer.blob_fd = FD_BLOB;
    layer.folder_fd = FD_FOLDER;
    r = fresh_layer_unpack(&layer, FD_IN, limits, &e);
    _cleanup_str_ struct str text = {0};
    if (r == 0 && result_text(&layer.result, &text) < 0)
        r = err_nomem(&e);
    report_and_exit(FD_REPORT, r, &e, text.s ? text.s : "", text.len);
}

int layer_worker_start(const struct fresh_layer *layer, int in_fd, const struct limits *limits,
                       struct layer_worker *ret, struct err *e)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int ours = report[0];
    _cleanup_close_ int theirs = report[1];
    pid_t pid = process_clone(0, -1, NULL);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start a worker for a layer");
    if (pid == 0) {
        const int fds[N_FDS] = {
            [FD_IN] = in_fd,
            [FD_REPORT] = theirs,
            [FD_NULL] = -EBADF,
            [FD_ROOT] = layer->root_fd,
            [FD_BLOB] = layer->blob_fd,
            [FD_FOLDER] = layer->folder_fd,
        };
        work(fds, limits);
    }
    *ret = (struct layer_worker){pid, TAKE_FD(ours)};
    return 0;
}

int layer_worker_finish(struct layer_worker *w, struct fresh_layer *layer, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *value = NULL;
    size_t n;
    struct pipeline_result *result = &layer->result;
    int r = report_read(w->report, TAKE(w->pid, 0), "layer worker", &text, &n, e);
    fd_close(&w->report);
    if (r < 0)
        return r;
    char *rest = memchr(text, '\n', n);
    if (!rest)
        return err_set(e, EPROTO, "the report of a layer worker cannot be read");
    r = json_parse(text, (size_t)(rest - text), "layer", &value, e);
    if (r < 0)
        return r;
    const char *type = json_str(value, "type"), *blob = json_str(value, "blob");
    const char *diff_id = json_str(value, "diff_id");
    if (!type || !blob || !diff_id || !digest_is_valid(blob) || !digest_is_valid(diff_id))
        return err_set(e, EPROTO, "the report of a layer worker cannot be read");
    pipeline_result_release(result);
    r = unpacked_from_text(rest + 1, n - (size_t)(rest + 1 - text), &result->unpacked, e);
    if (r < 0)
        return r;
    result->media_type = strdup(type);
    result->blob_digest = strdup(blob);
    result->diff_id = strdup(diff_id);
    result->blob_size = json_int(value, "blob_size", 0);
    return result->media_type && result->blob_digest && result->diff_id ? 0 : err_nomem(e);
}

void layer_worker_release(struct layer_worker *w)
{
    fd_close(&w->report);
    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        process_wait(w->pid);
    }
    *w = LAYER_WORKER_INIT;
}
