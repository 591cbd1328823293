#include "engine/commit.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "cli/image_helper.h"
#include "engine/events.h"
#include "engine/lifecycle.h"
#include "engine/state.h"
#include "image/reference.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

struct commit_options {
    const char *author, *message;
    struct option_list change;
    bool pause;
};

static const struct option_def commit_table[] = {
    {"author", 'a', OPTION_STRING, offsetof(struct commit_options, author), "TEXT",
     "Who made it (\"Ada Lovelace <ada@example.org>\")", "Options"},
    {"change", 'c', OPTION_LIST, offsetof(struct commit_options, change), "INSTRUCTION",
     "Apply a Dockerfile instruction: CMD, ENTRYPOINT, ENV, …", NULL},
    {"message", 'm', OPTION_STRING, offsetof(struct commit_options, message), "TEXT",
     "What was changed", NULL},
    {"pause", 'p', OPTION_FLAG, offsetof(struct commit_options, pause), NULL,
     "Pause the container meanwhile (default true)", NULL},
    {0},
};

/* One that runs is held meanwhile, and let go whatever happens: so nothing may end us before. */
struct pause {
    struct cli *c;
    struct container_record *record;
    bool paused;
    sigset_t before;
};

static int pause_begin(struct pause *p, struct err *e)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    _cleanup_json_ json_t *state = NULL;
    int r = state_read(&p->c->engine, p->record, &state, NULL, e);
    if (r < 0 || !str_eq(json_str(state, "State.Status"), "running"))
        return r;
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, &p->before);
    r = lifecycle_pause(&p->c->engine, p->record, e);
    p->paused = r == 0;
    if (r < 0)
        sigprocmask(SIG_SETMASK, &p->before, NULL);
    return r;
}

static void pause_end(struct pause *p)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (!p->paused)
        return;
    p->paused = false;
    /* Twice: one allocation that failed must not leave it paused. */
    int r = -1;
    for (int i = 0; r < 0 && i < 2; i++)
        r = lifecycle_unpause(&p->c->engine, p->record, &e);
    if (r < 0)
        cli_error(err_text(&e));
    sigprocmask(SIG_SETMASK, &p->before, NULL);
}

/* The settings as the helper reads them: too long for an argument. */
static int open_settings(const struct container_record *record, struct err *e)
{
    _cleanup_json_ json_t *settings = commit_settings(record);
    _cleanup_free_ char *text = settings ? json_text(settings, JSON_COMPACT) : NULL;
    if (!text)
        return err_nomem(e);
    _cleanup_close_ int fd = memfd_create("settings", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    return r < 0 ? err_sys(e, -r, "cannot pass on the settings") : TAKE_FD(fd);
}

static int make_arguments(struct cli *c, const struct container_record *record,
                          const struct commit_options *o, const char *name, int settings,
                          struct strv *args)
{
    _cleanup_free_ char *created_by = commit_created_by(record);
    image_helper_arguments(c, "import", c->engine.root_fd, args);
    strv_addf(args, "--parent=%s", json_str(record->document, "Image"));
    strv_addf(args, "--settings-fd=%d", settings);
    strv_addf(args, "--created-by=%s", created_by ? created_by : "");
    for (size_t i = 0; i < o->change.n; i++)
        strv_addf(args, "--change=%s", o->change.v[i]);
    if (o->message)
        strv_addf(args, "--message=%s", o->message);
    if (o->author)
        strv_addf(args, "--author=%s", o->author);
    if (name)
        strv_addf(args, "--name=%s", name);
    strv_add(args, "-");
    return args->failed || !created_by ? -ENOMEM : 0;
}

static int feed(struct cli *c, struct container_record *record, char **args, int settings,
                char **ret_id, struct err *e)
{
    _cleanup_image_helper_ struct image_helper helper = IMAGE_HELPER_INIT;
    _cleanup_err_ struct err mine = ERR_INIT;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    struct image_helper_files files = IMAGE_HELPER_FILES;
    files.root_fd = c->engine.root_fd;
    files.input = from;
    files.kept = settings;
    int r = image_helper_start(args, &files, &helper, e);
    fd_close(&from);
    if (r < 0)
        return r;
    struct counting line;
    const struct archive_progress progress = {counting_show, &line};
    counting_begin(&line, "Committing");
    int written =
        commit_layer(&c->engine, record, to, isatty(STDERR_FILENO) ? &progress : NULL, &mine);
    counting_end(&line);
    if (written < 0 && written != -EPIPE) {
        *e = TAKE(mine, ERR_INIT);
        return written; /* and the helper, which has not got all of it, is killed */
    }
    fd_close(&to);
    return image_helper_finish(&helper, ret_id, NULL, e); /* who stops reading says why */
}

static void tell(struct cli *c, const struct container_record *record, const char *id,
                 const char *name, const char *comment)
{
    _cleanup_reference_ struct reference reference = {0};
    _cleanup_free_ char *full = NULL;
    char text[DIGEST_LEN + 1];
    snprintf(text, sizeof(text), "%s", id);
    event_emit_container(
        &c->engine, record, "commit",
        (struct event_attribute[]){
            {"comment", comment ? comment : ""}, {"imageID", text}, {"imageRef", name}, {0}});
    if (name && reference_parse(name, &reference, NULL) == 0 && (full = reference_full(&reference)))
        event_emit(&c->engine, "image", "tag", text,
                   (struct event_attribute[]){{"name", reference_short(full)}, {0}});
}

static int commit(struct cli *c, const struct commit_options *o, const char *container,
                  const char *name, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_strv_ struct strv args = {0};
    _cleanup_free_ char *id = NULL;
    if (str_eq(name, IMAGE_HOST))
        return err_set(e, EINVAL, "the image name \"%s\" is the built-in image's", IMAGE_HOST);
    int r = record_find(&c->engine, container, &record, e);
    if (r < 0)
        return r;
    _cleanup_close_ int settings = open_settings(&record, e);
    if (settings < 0)
        return settings;
    if (make_arguments(c, &record, o, name, settings, &args) < 0)
        return err_nomem(e);
    struct pause pause = {.c = c, .record = &record};
    r = o->pause ? pause_begin(&pause, e) : 0;
    if (r == 0)
        r = feed(c, &record, args.v, settings, &id, e);
    pause_end(&pause);
    if (r != 0)
        return r;
    tell(c, &record, id, name, o->message);
    return cli_print(id, e);
}

static int run_commit(struct cli *c, int argc, char **argv, struct err *e)
{
    struct commit_options o = {.pause = true};
    char **words;
    int n;
    int r = cli_parse(&cmd_commit, argc, argv, &o, &words, &n, e);
    if (r == 0) {
        signal(SIGPIPE, SIG_IGN); /* a helper that ends early says why */
        cli_reap(c);
        fd_raise_limit();
        r = commit(c, &o, words[0], n == 2 ? words[1] : NULL, e);
    } else if (r == 1) {
        r = 0;
    }
    options_release(commit_table, &o);
    return r;
}

const struct cli_command cmd_commit = {
    .line = "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Make an image of what a container has changed",
    .more = "What is in its volumes is not part of it.",
    .options = commit_table,
    .min = 1,
    .max = 2,
    .first = WORD_CONTAINER,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_commit,
};
