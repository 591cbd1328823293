#include "cli/containers.h"

#include "engine/endpoints.h"
#include "engine/reap.h"
#include "kernel/process.h"

#include <ctype.h>
#include <string.h>

void cli_reap(struct cli *c)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (reap_orphans(&c->engine, &e) < 0 || endpoints_repair(&c->engine, NULL, &e) < 0)
        cli_error(err_text(&e));
}

/* 1: there is none, and that is as good. */
static int do_one(struct cli *c, const char *name, container_act *act, const void *data,
                  unsigned flags, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    bool forced = flags & FOR_EACH_FORCED;
    int r = record_find(&c->engine, name, &record, e);
    if (r == -ENOENT && forced)
        return 1;
    if (r < 0 && forced) { /* what nobody can read can still be removed */
        err_release(e);
        r = record_find_broken(&c->engine, name, &record, e);
    }
    if (r == 0)
        r = act(c, &record, data, e);
    if (r == 0 && !(flags & FOR_EACH_QUIET))
        puts(name);
    return r;
}

enum { AT_ONCE = 64, DONE = 0, FAILED = 1, NOT_THERE = 2 };

static pid_t begin_one(struct cli *c, const char *name, container_act *act, const void *data,
                       unsigned flags)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    _cleanup_err_ struct err e = ERR_INIT;
    int r = do_one(c, name, act, data, flags | FOR_EACH_QUIET, &e);
    if (r < 0)
        cli_error(err_text(&e));
    fflush(stdout);
    _exit(r < 0 ? FAILED : r > 0 ? NOT_THERE : DONE);
}

/* A process for each of them, AT_ONCE at a time; their names are told in order. */
static int do_at_once(struct cli *c, int n, char **names, container_act *act, const void *data,
                      unsigned flags)
{
    pid_t children[AT_ONCE];
    int status = 0;
    for (int i = 0; i < n + AT_ONCE; i++) {
        pid_t *child = &children[i % AT_ONCE];
        int before = i - AT_ONCE;
        if (before >= 0 && before < n) {
            int end = *child > 0 ? process_wait(*child) : FAILED;
            if (end == DONE && !(flags & FOR_EACH_QUIET))
                puts(names[before]);
            status |= end != DONE && end != NOT_THERE;
        }
        if (i < n && (*child = begin_one(c, names[i], act, data, flags)) < 0)
            cli_error("cannot fork");
    }
    return status;
}

int cli_for_each_container(struct cli *c, int n, char **names, container_act *act, const void *data,
                           unsigned flags)
{
    if (n > 1 && (flags & FOR_EACH_AT_ONCE))
        return do_at_once(c, n, names, act, data, flags);
    int status = 0;
    for (int i = 0; i < n; i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        int r = do_one(c, names[i], act, data, flags, &e);
        fflush(stdout); /* each when it is done, however long the next one takes */
        if (r >= 0)
            continue;
        cli_error(err_text(&e));
        status = 1;
    }
    return status;
}

/* One key of @n characters. */
static int parse_key(const char *text, size_t n)
{
    static const char others[] = "@[\\]^_";
    if (n == 1 && isalpha((unsigned char)text[0]))
        return (unsigned char)text[0];
    if (n != 6 || strncmp(text, "ctrl-", 5) != 0)
        return -EINVAL;
    char c = text[5];
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 1;
    return c && strchr(others, c) ? c & 31 : -EINVAL;
}

int parse_detach_keys(const char *text, struct detach_keys *ret, struct err *e)
{
    struct detach_keys keys = {.n = 0};
    for (const char *at = text ? text : "ctrl-p,ctrl-q"; *at;) {
        size_t n = strcspn(at, ",");
        int key = parse_key(at, n);
        if (key < 0 || keys.n == sizeof(keys.v) || (at[n] == ',' && at[n + 1] == '\0'))
            return err_set(
                e, EINVAL,
                "invalid detach keys (%s) provided: letters, or ctrl- and one of a-z @ [ "
                "\\ ] ^ _, with commas between them",
                text);
        keys.v[keys.n++] = (uint8_t)key;
        at += n + (at[n] == ',');
    }
    *ret = keys;
    return 0;
}
