#include "engine/sharing.h"

#include "engine/exec_record.h"
#include "engine/state.h"
#include "kernel/process.h"

#include <string.h>

static int add_row(struct sharing *s, const char *id, const char *name, const char *exec, pid_t pid)
{
    struct sharing_row *more = reallocarray(s->rows, s->n + 1, sizeof(*more));
    char *copy = strdup(name), *program = exec ? strdup(exec) : NULL;
    if (more)
        s->rows = more;
    if (!more || !copy || (exec && !program)) {
        free(copy);
        free(program);
        return -ENOMEM;
    }
    struct sharing_row *row = &s->rows[s->n++];
    *row = (struct sharing_row){.name = copy, .exec = program, .pid = pid};
    snprintf(row->id, sizeof(row->id), "%s", id);
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        row->inode[kind] = namespace_inode(pid, kind);
    return 0;
}

/* One container that runs, with the time it was started, by which rows are ordered. */
struct running {
    char id[ID_LEN + 1], started[40];
    char *name;
    bool paused;
    pid_t pid;
};

static int by_start(const void *a, const void *b)
{
    const struct running *x = a, *y = b;
    return strcmp(x->started, y->started);
}

/* Negative for one that does not run or cannot be read; -ENOMEM when that cannot be known. */
static int find_running(const struct engine *en, const char *id, struct running *ret)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    _cleanup_err_ struct err e = ERR_INIT; /* the code is its */
    int r = record_open(en, id, &c, &e);
    if (r == 0)
        r = state_read(en, &c, &state, NULL, &e);
    if (r < 0)
        return r;
    const char *started = json_str(state, "State.StartedAt");
    *ret = (struct running){.pid = state_pid(state), .name = strdup(record_name(&c))};
    ret->paused = str_eq(json_str(state, "State.Status"), "paused");
    snprintf(ret->id, sizeof(ret->id), "%s", id);
    snprintf(ret->started, sizeof(ret->started), "%s", started ? started : "");
    if (ret->pid != 0 && ret->name)
        return 0;
    r = ret->name ? -ESRCH : -ENOMEM;
    free(ret->name);
    return r;
}

/* Those that have ended meanwhile are left out. */
static int add_execs(const struct engine *en, struct sharing *s, const struct running *container)
{
    _cleanup_json_ json_t *list = NULL;
    int r = exec_records_read(en, container->id, &list, NULL);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        pid_t pid = (pid_t)json_int(item, "Pid", 0);
        const char *program = json_string_value(json_array_get(json_at(item, "Command"), 0));
        if (r == 0 && process_is(pid, (uint64_t)json_int(item, "StartTime", 0)))
            r = add_row(s, container->id, container->name, program ? program : "?", pid);
    }
    return r == -ENOMEM ? r : 0;
}

int sharing_read(const struct engine *en, struct sharing *ret, struct err *e)
{
    _cleanup_sharing_ struct sharing s = {0};
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(en, &ids, e);
    if (r < 0)
        return r;
    struct running *all = calloc(ids.n + 1, sizeof(*all));
    if (!all || add_row(&s, "", "host", NULL, getpid()) < 0) {
        free(all);
        return err_nomem(e);
    }
    size_t n = 0;
    for (size_t i = 0; i < ids.n && r == 0; i++) {
        int found = find_running(en, ids.v[i], &all[n]);
        n += found == 0;
        r = found == -ENOMEM ? found : 0;
    }
    qsort(all, n, sizeof(*all), by_start);
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            r = add_row(&s, all[i].id, all[i].name, NULL, all[i].pid);
        if (r == 0)
            s.rows[s.n - 1].paused = all[i].paused;
        if (r == 0)
            r = add_execs(en, &s, &all[i]);
        free(all[i].name);
    }
    free(all);
    if (r < 0)
        return err_nomem(e);
    *ret = s;
    s = (struct sharing){0};
    return 0;
}

static void free_row(struct sharing_row *row)
{
    free(row->name);
    free(row->exec);
}

void sharing_release(struct sharing *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_row(&s->rows[i]);
    free(s->rows);
    *s = (struct sharing){0};
}

size_t sharing_owner(const struct sharing *s, size_t row, enum namespace_kind kind)
{
    size_t i = 0;
    while (i < row && s->rows[i].inode[kind] != s->rows[row].inode[kind])
        i++;
    return i;
}
