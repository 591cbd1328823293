#include "engine/exec.h"

#include "cli/containers.h"
#include "cli/request.h"
#include "engine/client.h"

#include <stddef.h>
#include <sys/ioctl.h>

struct exec_command {
    bool detach, interactive, privileged, tty;
    const char *detach_keys, *user, *workdir;
    struct option_list env, env_file;
};

static const struct option_def table[] = {
    {"detach", 'd', OPTION_FLAG, offsetof(struct exec_command, detach), NULL,
     "Do not wait for it, and drop its output", "Options"},
    {"detach-keys", 0, OPTION_STRING, offsetof(struct exec_command, detach_keys), "KEYS",
     "What to type to leave it (ctrl-p,ctrl-q)", NULL},
    {"env", 'e', OPTION_LIST, offsetof(struct exec_command, env), "NAME[=VALUE]",
     "Set an environment variable; its value here when none is given", NULL},
    {"env-file", 0, OPTION_LIST, offsetof(struct exec_command, env_file), "FILE",
     "Read environment variables from a file", NULL},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct exec_command, interactive), NULL,
     "Pass standard input on", NULL},
    {"privileged", 0, OPTION_FLAG, offsetof(struct exec_command, privileged), NULL,
     "Give it all capabilities", NULL},
    {"tty", 't', OPTION_FLAG, offsetof(struct exec_command, tty), NULL, "Give it a terminal", NULL},
    {"user", 'u', OPTION_STRING, offsetof(struct exec_command, user), "USER[:GROUP]",
     "Whom it runs as, by name or number (the container's user)", NULL},
    {"workdir", 'w', OPTION_STRING, offsetof(struct exec_command, workdir), "DIR",
     "Working directory in the container", NULL},
    {0},
};

static int read_env(const struct exec_command *o, json_t *env, struct err *e)
{
    int r = env ? 0 : err_nomem(e);
    for (size_t i = 0; r == 0 && i < o->env_file.n; i++)
        r = add_env_file(env, o->env_file.v[i], e);
    for (size_t i = 0; r == 0 && i < o->env.n; i++)
        r = add_env(env, o->env.v[i], e);
    return r;
}

/* Until the process ends: its exit status. */
static int follow(struct cli *c, const struct exec_command *o, const struct detach_keys *keys,
                  int tender, struct err *e)
{
    int status = client_wait_started(tender, e);
    if (status != 0) {
        cli_error(err_text(e));
        return status;
    }
    cli_debug(c, "started");
    if (o->detach)
        return 0;
    const struct client client = {
        .monitor = tender,
        .with_stdin = o->interactive,
        .tty = o->tty,
        .terminal = o->tty && o->interactive && isatty(STDIN_FILENO),
        .detach_keys = keys->v,
        .n_detach_keys = keys->n,
    };
    status = client_carry(&client, e);
    if (status == CLIENT_DETACHED) {
        fprintf(stderr, "read escape sequence\n");
        return 0;
    }
    if (status == -ECONNRESET)
        return err_set(e, ECONNRESET,
                       "the process that looked after this exec was killed, and the exec with it");
    return status;
}

static int exec(struct cli *c, const struct exec_command *o, char **words, struct err *e)
{
    struct detach_keys keys;
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *env = json_array();
    if (o->interactive && o->tty && !o->detach && !isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "the input device is not a TTY");
    int r = parse_detach_keys(o->detach_keys, &keys, e);
    if (r == 0)
        r = read_env(o, env, e);
    if (r == 0)
        r = record_find(&c->engine, words[0], &record, e);
    if (r < 0)
        return r;

    struct winsize size = {0};
    if (o->tty && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const struct exec_request request = {
        .args = words + 1,
        .env = env,
        .user = o->user,
        .workdir = o->workdir,
        .privileged = o->privileged,
        .tty = o->tty,
        .open_stdin = o->interactive && !o->detach,
        .detach = o->detach,
        .rows = size.ws_row,
        .columns = size.ws_col,
        .terminal = o->tty && o->interactive && !o->detach ? STDIN_FILENO : -1,
    };
    _cleanup_close_ int tender = exec_launch(&c->engine, &record, &request, e);
    if (tender == -EINVAL ||
        tender == -ERANGE) { /* a user or group that is none: Docker's status */
        cli_error(err_text(e));
        return 126;
    }
    return tender < 0 ? tender : follow(c, o, &keys, tender, e);
}

static int run_exec(struct cli *c, int argc, char **argv, struct err *e)
{
    struct exec_command o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_exec, argc, argv, &o, &words, &n, e);
    if (r == 0) {
        words[n] = NULL; /* what stood here was moved to the front */
        r = exec(c, &o, words, e);
    } else if (r == 1) {
        r = 0;
    }
    options_release(table, &o);
    return r;
}

const struct cli_command cmd_exec = {
    .line = "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Execute a program in a running container",
    .options = table,
    .min = 2,
    .max = -1,
    .stop_at_word = true,
    .first = WORD_RUNNING,
    .flags = NEEDS_ENGINE | MAKES_CONTAINER,
    .run = run_exec,
};
