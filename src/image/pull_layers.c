#include "image/pull_layers.h"

#include "base/file.h"
#include "image/chain.h"
#include "image/inventory.h"
#include "image/layer_worker.h"
#include "image/layout.h"
#include "image/partial.h"
#include "image/store.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum {
    SLOTS = 3,     /* layers at a time: Docker's number; memory and processors set the bound */
    WAIT_MS = 200, /* how often somebody else's blob is looked at */
    SHORT_ID = 12,
};

enum job_state { JOB_NEEDED, JOB_RUNNING, JOB_DONE };

/* One layer, once, however often the image has it. */
struct job {
    const char *blob, *diff_id; /* borrowed of the manifest and config */
    const char *chain_id;       /* borrowed of the list of them */
    bool lowest;
    long long size;
    char id[SHORT_ID + 1];
    enum job_state state;
    bool waits; /* and said so */
    struct fresh_layer layer;
};

/* What works on one: a fetcher that fills a pipe, and a worker at its other end. */
struct slot {
    struct fetcher fetcher; /* of the first one it is borrowed */
    struct job *job;        /* NULL: idle */
    struct layer_worker worker;
    struct fetcher replay; /* pid alone: who puts what is there already into the pipe */
    int pipe;              /* the end to write to, until the fetcher has it */
    off_t have;
    bool fetching;
};

struct pulling {
    const struct layers_wanted *w;
    struct strv chains;
    struct job *jobs;
    size_t n_jobs;
    struct slot slots[SLOTS];
    size_t n_slots;
};

static const char *hex_of(const char *digest)
{
    return digest + sizeof("sha256:") - 1;
}

/* ---- jobs ---- */

static bool is_in_store(int root_fd, const struct job *j)
{
    _cleanup_free_ char *blob = layout_blob_path(j->blob);
    return blob && faccessat(root_fd, blob, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
           chain_find(root_fd, j->diff_id, j->chain_id, j->lowest);
}

static const struct job *job_of(const struct pulling *p, const char *blob)
{
    for (size_t i = 0; i < p->n_jobs; i++)
        if (strcmp(p->jobs[i].blob, blob) == 0)
            return &p->jobs[i];
    return NULL;
}

/* Claims are kept until the image is put in place, so they are made in one order by everybody: else
 * two pulls could each have what the other one waits for. */
static int compare_jobs(const void *a, const void *b)
{
    return strcmp(((const struct job *)a)->blob, ((const struct job *)b)->blob);
}

/* Docker's and OCI's, in any of the forms that are taken apart. Whether one is packed as it says is
 * not asked: its first bytes tell. */
static bool is_layer_type(const char *type)
{
    static const char *const prefixes[] = {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    };
    static const char *const suffixes[] = {"", "+gzip", "+zstd", ".gzip", ".zstd"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        const char *rest = str_after(type, prefixes[i]);
        for (size_t k = 0; rest && k < ARRAY_LEN(suffixes); k++)
            if (strcmp(rest, suffixes[k]) == 0)
                return true;
    }
    return false;
}

static int check_digests(const json_t *layers, const json_t *ids, struct err *e)
{
    size_t i;
    json_t *layer;
    json_array_foreach (layers, i, layer) {
        const char *blob = json_str(layer, "digest");
        const char *id = json_string_value(json_array_get(ids, i));
        if (!blob || !digest_is_valid(blob) || !id || !digest_is_valid(id) ||
            json_int(layer, "size", -1) < 0)
            return err_set(e, EBADMSG, "layer %zu of the image has no valid digest or size", i + 1);
        const char *type = json_str(layer, "mediaType");
        if (!type || !is_layer_type(type))
            return err_set(e, EBADMSG,
                           "layer %zu of the image is of a type that is not known here: \"%.100s\"",
                           i + 1, type ? type : "");
    }
    return 0;
}

static int list_jobs(struct pulling *p, struct err *e)
{
    const struct remote_image *image = p->w->image;
    const json_t *layers = json_object_get(image->manifest_value, "layers");
    const json_t *ids = json_at(image->config_value, "rootfs.diff_ids");
    size_t i;
    json_t *layer;
    p->jobs = calloc(json_array_size(layers) + 1, sizeof(*p->jobs));
    if (!p->jobs)
        return err_nomem(e);
    int r = check_digests(layers, ids, e);
    if (r == 0)
        r = chain_ids(ids, &p->chains, e);
    if (r < 0)
        return r;
    if (!p->chains.v || p->chains.n < json_array_size(layers))
        return json_array_size(layers) == 0
                   ? 0
                   : err_set(e, EBADMSG, "the image has not as many diff IDs as layers");
    json_array_foreach (layers, i, layer) {
        const char *blob = json_str(layer, "digest");
        const char *id = json_string_value(json_array_get(ids, i));
        long long size = json_int(layer, "size", -1);
        const struct job *same = job_of(p, blob);
        if (same && (strcmp(same->diff_id, id) != 0 || same->size != size))
            return err_set(e, EBADMSG, "layer %zu of the image is another's blob with another %s",
                           i + 1, same->size != size ? "size" : "diff ID");
        if (same)
            continue;
        struct job *j = &p->jobs[p->n_jobs++];
        *j = (struct job){.blob = blob,
                          .diff_id = id,
                          .chain_id = p->chains.v[i],
                          .lowest = i == 0,
                          .size = size,
                          .layer = FRESH_LAYER_INIT};
        snprintf(j->id, sizeof(j->id), "%.*s", SHORT_ID, hex_of(blob));
        bool there = is_in_store(p->w->root_fd, j);
        j->state = there ? JOB_DONE : JOB_NEEDED;
        progress_layer(p->w->progress, j->id, there ? "Already exists" : "Pulling fs layer");
    }
    qsort(p->jobs, p->n_jobs, sizeof(*p->jobs), compare_jobs);
    return 0;
}

static size_t count(const struct pulling *p, enum job_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_jobs; i++)
        n += p->jobs[i].state == state;
    return n;
}

/* ---- a slot's work ---- */

static void slot_release(struct slot *s, bool borrowed)
{
    layer_worker_release(&s->worker);
    fetcher_release(&s->replay);
    fd_close(&s->pipe);
    if (!borrowed)
        fetcher_release(&s->fetcher);
}

static void pulling_release(struct pulling *p)
{
    for (size_t i = 0; i < p->n_slots; i++)
        slot_release(&p->slots[i], i == 0);
    for (size_t i = 0; i < p->n_jobs; i++)
        fresh_layer_release(&p->jobs[i].layer);
    free(p->jobs);
    strv_release(&p->chains);
}

/* A place for the layer. 1: somebody else is at it. */
static int claim(struct pulling *p, struct job *j, off_t *ret_have, struct err *e)
{
    int root = p->w->root_fd;
    _cleanup_close_ int lock = -EBADF;
    struct fresh_layer l = FRESH_LAYER_INIT;
    l.root_fd = root;
    l.keep_blob = true;
    int r = partial_claim(root, j->blob, &l.blob_path, &l.blob_fd, ret_have, e);
    if (r == -EAGAIN)
        return 1;
    if (r == 0 && *ret_have > j->size) {
        *ret_have = 0;
        r = ftruncate(l.blob_fd, 0) < 0 ? err_sys(e, errno, "cannot empty \"%s\"", l.blob_path) : 0;
    }
    if (r == 0)
        r = store_lock(root, &lock, e);
    if (r == 0)
        r = store_new_layer(root, &l.folder_path, &l.folder_fd, e);
    fd_close(&lock);
    if (r < 0)
        fresh_layer_release(&l);
    else
        j->layer = l;
    return r;
}

static int ask(struct pulling *p, struct slot *s, struct err *e)
{
    _cleanup_close_ int pipe = TAKE_FD(s->pipe);
    long long left = s->job->size - (long long)s->have;
    if (left == 0)
        return 0;
    s->fetching = true;
    return fetcher_ask(&s->fetcher,
                       json_pack("{s:s, s:s, s:o, s:s, s:I, s:I}", "op", "get", "repository",
                                 p->w->repository, "path", json_sprintf("blobs/%s", s->job->blob),
                                 "accept", "*/*", "offset", (json_int_t)s->have, "limit",
                                 (json_int_t)left),
                       pipe, e);
}

/* In a process of its own: what an earlier pull has fetched goes the same way as what comes now. */
static _Noreturn void replay(int blob_fd, int to, off_t n)
{
    off_t at = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (at < n) {
        ssize_t sent = sendfile(to, blob_fd, &at, (size_t)(n - at));
        if (sent <= 0 && errno != EINTR)
            _exit(1);
    }
    _exit(0);
}

/* Nothing is under way for the slot's layer any more, and it takes the next. */
static void rest(struct slot *s)
{
    fetcher_release(&s->replay);
    fd_close(&s->pipe);
    s->job = NULL;
}

static int start_replay(struct slot *s, struct err *e)
{
    int fd = -EBADF;
    pid_t pid = process_clone(0, -1, &fd);
    if (pid == 0)
        replay(s->job->layer.blob_fd, s->pipe, s->have);
    if (pid < 0)
        return err_sys(e, (int)-pid, "cannot start a helper");
    s->replay = (struct fetcher){pid, fd};
    return 0;
}

static int begin(struct pulling *p, struct slot *s, struct job *j, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    s->pipe = fds[1];
    (void)fcntl(from, F_SETPIPE_SZ, 1 << 20);
    s->job = j;
    j->state = JOB_RUNNING;
    int r = layer_worker_start(&j->layer, from, p->w->limits, &s->worker, e);
    if (r < 0)
        return r;
    progress_bytes(p->w->progress, j->id, "Downloading", s->have, j->size);
    return s->have > 0 ? start_replay(s, e) : ask(p, s, e);
}

static int prepare_fetcher(struct pulling *p, struct slot *s, struct err *e)
{
    if (s->fetcher.pid > 0)
        return 0;
    int r = fetcher_start(&s->fetcher, e);
    return r < 0 ? r : fetcher_place(&s->fetcher, p->w->place, p->w->who, e);
}

/* Gives an idle slot the next layer, unless somebody else is at it. */
static int feed(struct pulling *p, struct slot *s, struct err *e)
{
    for (size_t i = 0; i < p->n_jobs; i++) {
        struct job *j = &p->jobs[i];
        if (j->state != JOB_NEEDED)
            continue;
        int r = claim(p, j, &s->have, e);
        if (r < 0)
            return r;
        if (r == 1) {
            if (!j->waits)
                progress_layer(p->w->progress, j->id, "Waiting for another pull of this layer");
            j->waits = true;
            return 0;
        }
        if (is_in_store(p->w->root_fd, j)) { /* by then the other pull had it */
            j->layer.keep_blob = false;
            fresh_layer_release(&j->layer);
            j->state = JOB_DONE;
            progress_layer(p->w->progress, j->id, "Already exists");
            continue;
        }
        r = prepare_fetcher(p, s, e);
        return r < 0 ? r : begin(p, s, j, e);
    }
    return 0;
}

static void on_event(void *data, const json_t *event)
{
    const struct slot *s = ((void **)data)[0];
    const struct progress *progress = ((void **)data)[1];
    const char *kind = json_str(event, "event");
    if (str_eq(kind, "bytes"))
        progress_bytes(progress, s->job->id, "Downloading", json_int(event, "n", 0), s->job->size);
    else if (str_eq(kind, "retry"))
        progress_layer(progress, s->job->id, "Retrying in %lld seconds",
                       json_int(event, "seconds", 0));
}

/* The worker could not make a layer of what came. What is wrong must not be gone on with; and if it
 * was an earlier pull, or a mirror, that left it, all of it is fetched once more. */
static int forget(struct slot *s, int r, struct err *e)
{
    struct job *j = s->job;
    if (r == -EBADMSG || r == -E2BIG || r == -ENOSPC || r == -EDQUOT)
        j->layer.keep_blob = false;
    if (r != -EBADMSG || s->have == 0)
        return err_wrap(e, "cannot unpack layer %s", j->id);
    err_release(e);
    fresh_layer_release(&j->layer);
    j->state = JOB_NEEDED;
    rest(s);
    return 0;
}

/* The fetcher has something to say. */
static int hear_fetcher(struct pulling *p, struct slot *s, struct err *e)
{
    _cleanup_json_ json_t *answer = NULL;
    void *data[] = {s, (void *)(uintptr_t)p->w->progress};
    int r = fetcher_read(&s->fetcher, on_event, data, &answer, e);
    if (r == 1)
        return 0;
    s->fetching = false;
    if (r == -EPIPE && s->worker.pid > 0) {
        /* The worker went first: it has the reason. */
        _cleanup_err_ struct err story = ERR_INIT;
        int w = layer_worker_finish(&s->worker, &s->job->layer, &story);
        if (w < 0 && e) {
            err_release(e);
            *e = TAKE(story, ERR_INIT);
        }
        return w < 0 ? forget(s, w, e) : r;
    }
    if (r < 0)
        return r;
    progress_layer(p->w->progress, s->job->id, "Download complete");
    progress_bytes(p->w->progress, s->job->id, "Extracting", s->job->size, s->job->size);
    return 0;
}

/* What came against what was to come. */
static int check(struct job *j, struct err *e)
{
    const struct pipeline_result *r = &j->layer.result;
    if (r->blob_size == j->size && str_eq(r->blob_digest, j->blob) &&
        str_eq(r->diff_id, j->diff_id))
        return 0;
    if (r->blob_size != j->size)
        return err_set(e, EBADMSG, "layer \"%s\" has %lld bytes instead of %lld", j->blob,
                       r->blob_size, j->size);
    if (!str_eq(r->blob_digest, j->blob))
        return err_set(e, EBADMSG, "layer \"%s\" is not what its digest says: what came has %s",
                       j->blob, r->blob_digest);
    return err_set(e, EBADMSG, "layer \"%s\" unpacks to %s instead of %s", j->blob, r->diff_id,
                   j->diff_id);
}

static int finish(struct pulling *p, struct slot *s, struct err *e)
{
    struct job *j = s->job;
    if (!j)
        return 0;
    int r = layer_worker_finish(&s->worker, &j->layer, e);
    if (r == 0)
        r = check(j, e);
    if (r < 0)
        return forget(s, r, e);
    progress_layer(p->w->progress, j->id, "Pull complete");
    j->state = JOB_DONE;
    rest(s);
    return 0;
}

/* ---- all of them ---- */

enum { WATCH_FETCHER, WATCH_WORKER, WATCH_REPLAY, N_WATCHES };

static void watch(const struct slot *s, struct pollfd *fds)
{
    bool busy = s->job != NULL;
    fds[WATCH_FETCHER] = (struct pollfd){busy && s->fetching ? s->fetcher.fd : -1, POLLIN, 0};
    fds[WATCH_WORKER] = (struct pollfd){
        busy && s->worker.pid > 0 && !s->fetching ? s->worker.report : -1, POLLIN, 0};
    fds[WATCH_REPLAY] = (struct pollfd){busy && s->replay.pid > 0 ? s->replay.fd : -1, POLLIN, 0};
}

static int attend(struct pulling *p, struct slot *s, const struct pollfd *fds, struct err *e)
{
    /* A worker that is watched ends by itself: for one that gave up, nothing more is asked for. */
    if (fds[WATCH_WORKER].revents)
        return finish(p, s, e);
    if (fds[WATCH_REPLAY].revents) {
        fetcher_release(&s->replay);
        return ask(p, s, e);
    }
    return fds[WATCH_FETCHER].revents ? hear_fetcher(p, s, e) : 0;
}

static int go_on(struct pulling *p, struct err *e)
{
    struct pollfd fds[SLOTS * N_WATCHES];
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n_slots; i++)
        if (!p->slots[i].job && count(p, JOB_NEEDED) > 0)
            r = feed(p, &p->slots[i], e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < p->n_slots; i++)
        watch(&p->slots[i], fds + i * N_WATCHES);
    int timeout = count(p, JOB_NEEDED) > 0 ? WAIT_MS : count(p, JOB_RUNNING) > 0 ? -1 : 0;
    if (poll(fds, (nfds_t)(p->n_slots * N_WATCHES), timeout) < 0 && errno != EINTR)
        return err_sys(e, errno, "cannot wait for the layers");
    for (size_t i = 0; r == 0 && i < p->n_slots; i++)
        if (p->slots[i].job)
            r = attend(p, &p->slots[i], fds + i * N_WATCHES, e);
    return r;
}

int pull_layers(const struct layers_wanted *w, struct fresh_layer **ret, size_t *ret_n,
                struct err *e)
{
    _cleanup_(pulling_release) struct pulling p = {.w = w};
    (void)image_sweep(w->root_fd, NULL); /* what killed ones have left is room for this one */
    int r = list_jobs(&p, e);
    if (r < 0)
        return r;
    size_t needed = count(&p, JOB_NEEDED);
    p.n_slots = needed < SLOTS ? needed : SLOTS;
    for (size_t i = 0; i < p.n_slots; i++)
        p.slots[i] = (struct slot){.fetcher = i == 0 ? *w->first : FETCHER_INIT,
                                   .worker = LAYER_WORKER_INIT,
                                   .replay = FETCHER_INIT,
                                   .pipe = -EBADF};
    while (r == 0 && count(&p, JOB_DONE) < p.n_jobs)
        r = go_on(&p, e);
    if (r < 0)
        return r;
    struct fresh_layer *layers = calloc(p.n_jobs + 1, sizeof(*layers));
    if (!layers)
        return err_nomem(e);
    size_t n = 0;
    for (size_t i = 0; i < p.n_jobs; i++)
        if (p.jobs[i].layer.folder_path)
            layers[n++] = TAKE(p.jobs[i].layer, FRESH_LAYER_INIT);
    *ret = layers;
    *ret_n = n;
    return 0;
}
