/* Containers: their folders, what stands in them, and what is said of those that run. */
#include "base/file.h"
#include "engine/beside.h"
#include "engine/log_entry.h"
#include "engine/mark.h"
#include "engine/verify_private.h"
#include "kernel/process.h"
#include "runtime/cgroup.h"
#include "runtime/spec.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define KIND "container"

enum { STATE_LIMIT = 1 << 20 };

static bool has_file(const struct verify_container *c, const char *name)
{
    return faccessat(c->record.dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- its folder ---- */

static void look_at_entry(struct verify *v, int dir_fd, const char *name)
{
    (void)dir_fd;
    if (!verify_is_id(name))
        verify_add(v, "folder", name, NULL,
                   "lies among the containers and is none: move it away, or remove it");
}

/* One without a document was being made when its maker was killed. */
static void look_at_unreadable(struct verify *v, const struct verify_container *c)
{
    struct stat st;
    _cleanup_free_ char *path = str_printf("%s/container.json", c->id);
    if (!path) {
        v->failed = true;
        return;
    }
    bool missing = fstatat(v->en->containers_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0;
    if (missing && !c->in_flux)
        verify_add(v, KIND, c->id, verify_reap, "has no document: it was never made whole");
    else if (!missing)
        verify_add(v, KIND, c->id, NULL, "%s: 'skiff rm -f %.12s' removes it", err_text(&c->unread),
                   c->id);
}

/* ---- what it was started with ---- */

static void look_at_config(struct verify *v, const struct verify_container *c)
{
    _cleanup_json_ json_t *config = NULL;
    _cleanup_spec_ struct spec spec = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (!has_file(c, "config.json"))
        return;
    int r = spec_read(c->record.dir_fd, "config.json", &config, &e);
    if (r == 0)
        r = spec_parse(config, &spec, &e);
    if (r < 0) {
        verify_add(v, KIND, c->id, NULL,
                   "\"config.json\" cannot be used: %s: its next start writes "
                   "it anew",
                   err_text(&e));
        return;
    }
    _cleanup_free_ char *group = container_cgroup_path(c->record.document);
    const char *told = json_str(config, "linux.cgroupsPath");
    if (!str_eq(group, told))
        verify_add(v, KIND, c->id, NULL,
                   "\"config.json\" has the control group \"%s\" and the "
                   "document \"%s\": its next start writes it anew",
                   told ? told : "", group);
}

/* ---- how it ended ---- */

static int repair_settle(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *kept = NULL;
    int r = record_open(v->en, f->subject, &c, e);
    if (r < 0)
        return r;
    state_settle(v->en, &c);
    if (state_published(v->en, f->subject, &kept, NULL) == 0)
        return err_set(e, ENOSPC, "there is no room for it yet");
    *ret_done = strdup("moved where it belongs");
    return *ret_done ? 0 : err_nomem(e);
}

static void look_at_end(struct verify *v, const struct verify_container *c)
{
    _cleanup_json_ json_t *state = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    const char *status = json_str(c->published, "State.Status");
    bool kept = status && !json_bool(c->published, "State.Running", false);
    if (kept)
        verify_add(v, KIND, c->id, repair_settle,
                   "how it ended stands in the run folder alone, which a reboot empties");
    if (!has_file(c, "state.json")) {
        if (has_file(c, "config.json") && !kept && !c->published)
            verify_add(v, KIND, c->id, verify_reap,
                       "it ran when the machine stopped, and nobody has said so yet");
        return;
    }
    int r = json_read(c->record.dir_fd, "state.json", STATE_LIMIT, &state, &e);
    status = json_str(state, "State.Status");
    bool ended = str_eq(status, "exited"), created = str_eq(status, "created");
    if (r < 0 || !status)
        verify_add(v, KIND, c->id, NULL,
                   "\"state.json\" cannot be used: %s: it counts as ended with "
                   "255 until it is started again",
                   r < 0 ? err_text(&e) : "it is no state");
    else if ((!ended && !created) || json_bool(state, "State.Running", false))
        verify_add(v, KIND, c->id, NULL,
                   "\"state.json\" says \"%s\", and nobody watches it: it counts as ended with 255 "
                   "until it is started again",
                   status);
    else if (ended && !has_file(c, "config.json"))
        verify_add(
            v, KIND, c->id, NULL,
            "\"state.json\" says that it has run, and there is no \"config.json\" that it ran "
            "with: its next start writes it");
}

/* ---- what runs ---- */

static int repair_mark(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                       struct err *e)
{
    int r = mark_set(v->en, f->subject, MARK_PAUSED, e);
    if (r < 0)
        return r;
    *ret_done = str_printf("counts as paused: 'skiff unpause %.12s' lets it go on", f->subject);
    return *ret_done ? 0 : err_nomem(e);
}

static void look_at_group(struct verify *v, const struct verify_container *c, pid_t pid)
{
    _cleanup_free_ char *path = container_cgroup_path(c->record.document);
    _cleanup_cgroup_ struct cgroup *cg = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    if (!path || cgroup_open(path, &cg, NULL) < 0) {
        verify_add(v, KIND, c->id, NULL,
                   "its control group \"%s\" is gone: limits and pause do not work: restart it",
                   path ? path : "?");
        return;
    }
    ssize_t n = cgroup_pids(cg, &pids, NULL);
    bool inside = false;
    for (ssize_t i = 0; i < n; i++)
        inside |= pids[i] == pid;
    if (n >= 0 && !inside)
        verify_add(v, KIND, c->id, NULL,
                   "process %d is not in its control group \"%s\": restart it", pid, path);
    if (cgroup_is_frozen(cg) && mark_is_set(v->en, c->id, MARK_PAUSED) == 0)
        verify_add(v, KIND, c->id, repair_mark, "it is frozen, and nobody paused it");
}

static void look_at_running(struct verify *v, const struct verify_container *c)
{
    if (str_eq(json_str(c->published, "State.Status"), "restarting"))
        return;
    pid_t pid = state_pid(c->published);
    if (pid == 0) {
        verify_add(v, KIND, c->id, NULL,
                   "it counts as running, and its process %lld is gone: 'skiff rm -f %.12s' "
                   "removes it",
                   json_int(c->published, "State.Pid", 0), c->id);
        return;
    }
    _cleanup_free_ char *socket = str_printf("containers/%s/monitor.sock", c->id);
    if (socket && faccessat(v->en->run_fd, socket, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        verify_add(v, KIND, c->id, NULL,
                   "nobody can reach its monitor (\"%s/%s\" is missing): 'skiff kill' ends it",
                   v->en->run, socket);
    look_at_group(v, c, pid);
}

/* ---- its log ---- */

/* The first entry of each file: reading all would take as long as there is much. */
static void look_at_log(struct verify *v, const struct verify_container *c)
{
    char start[LOG_HEADER_LEN];
    struct log_entry entry;
    struct stat st;
    for (unsigned i = 0; i < 1000; i++) {
        char name[16] = "log";
        if (i > 0)
            snprintf(name, sizeof(name), "log.%u", i);
        if (fstatat(c->record.dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (i > 0)
                return;
            continue;
        }
        _cleanup_close_ int fd =
            openat(c->record.dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        ssize_t n = fd < 0 || !S_ISREG(st.st_mode) ? -1 : read(fd, start, sizeof(start));
        bool bad = n < 0 || (n == sizeof(start) && !log_entry_parse(start, sizeof(start), &entry));
        if (bad)
            verify_add(v, KIND, c->id, NULL,
                       "its \"%s\" does not begin with an entry of a log: move it away", name);
    }
}

void verify_containers(struct verify *v)
{
    verify_each(v, v->en->root_fd, "containers", "folder", look_at_entry);
    for (size_t i = 0; i < v->n_containers; i++) {
        const struct verify_container *c = &v->containers[i];
        if (!c->record.document) {
            look_at_unreadable(v, c);
            continue;
        }
        if (c->in_flux)
            continue;
        look_at_config(v, c);
        look_at_log(v, c);
        if (c->running)
            look_at_running(v, c);
        else if (c->holder == HOLDER_NONE)
            look_at_end(v, c);
    }
}
