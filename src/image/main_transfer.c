#include "image/main_transfer.h"

#include "image/fetcher.h"
#include "image/load.h"
#include "image/ping.h"
#include "image/place.h"
#include "image/place_pull.h"
#include "image/pull.h"
#include "image/push.h"
#include "image/save.h"
#include "image/signatures.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum option_id {
    OPT_ROOT_FD = 1,
    OPT_PROGRESS_FD,
    OPT_PREFIX,
    OPT_PLATFORM,
    OPT_ALL_TAGS,
    OPT_QUIET,
    OPT_FORMAT,
    OPT_VERIFY,
    OPT_COMPRESSION,
    OPT_CREDENTIALS_FD,
    OPT_LIMIT,
    OPT_FETCHER,
};

static const struct option options[] = {
    {"root-fd", required_argument, NULL, OPT_ROOT_FD},
    {"progress-fd", required_argument, NULL, OPT_PROGRESS_FD},
    {"prefix", required_argument, NULL, OPT_PREFIX},
    {"platform", required_argument, NULL, OPT_PLATFORM},
    {"all-tags", no_argument, NULL, OPT_ALL_TAGS},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"compression", required_argument, NULL, OPT_COMPRESSION},
    {"credentials-fd", required_argument, NULL, OPT_CREDENTIALS_FD},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"fetcher", required_argument, NULL, OPT_FETCHER},
    {0},
};

/* What all of them may be given. */
struct call {
    int root_fd, progress_fd, credentials_fd;
    const char *prefix, *platform, *compression, *format;
    bool all_tags, verify, quiet;
    long long limit;
    struct limits limits;
    struct fetcher fetcher; /* that our parent has started for us */
    char **words;
    int n_words;
};

static int run_pull(const struct call *c, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    const struct pull p = {
        .root_fd = c->root_fd,
        .reference = c->words[0],
        .platform = c->platform,
        .all_tags = c->all_tags,
        .verify = c->verify,
        .fetcher = c->fetcher,
        .progress = {c->quiet ? -1 : c->progress_fd},
        .limits = c->limits,
    };
    int r = place_is(p.reference) ? place_pull(&p, &ids, e) : pull_run(&p, &ids, e);
    for (size_t i = 0; r == 0 && i < ids.n; i++)
        printf("%s\n", ids.v[i]);
    return r == 0 && fflush(stdout) == EOF ? err_sys(e, errno, "cannot print the image's ID") : r;
}

static int run_push(const struct call *c, struct err *e)
{
    const struct push p = {
        .root_fd = c->root_fd,
        .reference = c->words[0],
        .platform = c->platform,
        .compression = c->compression,
        .all_tags = c->all_tags,
        .progress = {c->quiet ? -1 : c->progress_fd},
    };
    return push_run(&p, e);
}

static int run_ping(const struct call *c, struct err *e)
{
    return ping_run(c->words[0], c->credentials_fd, e);
}

static int run_search(const struct call *c, struct err *e)
{
    return search_run(c->words[0], c->limit, e);
}

/* An archive on standard input. The IDs are for whoever tells others what has happened. */
static int run_load(const struct call *c, struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    const struct load l = {
        .root_fd = c->root_fd,
        .in_fd = STDIN_FILENO,
        .folder_fd = -EBADF,
        .platform = c->platform,
        .progress = {c->quiet ? -1 : c->progress_fd},
        .told = {c->progress_fd},
        .limits = c->limits,
    };
    /* Which form it has is not known yet: it is Docker's command. */
    int r = signatures_admit_unsigned("docker-archive", "", NULL, e);
    if (r == 0)
        r = load_run(&l, &ids, e);
    for (size_t i = 0; i < ids.n; i++)
        printf("%s\n", ids.v[i]);
    return fflush(stdout) == EOF && r == 0 ? err_sys(e, errno, "cannot print the image's ID") : r;
}

static int run_save(const struct call *c, struct err *e)
{
    const struct save s = {
        .root_fd = c->root_fd,
        .out_fd = STDOUT_FILENO,
        .names = (const char *const *)c->words,
        .n_names = (size_t)c->n_words,
        .platform = c->platform,
        .format = c->format,
    };
    return save_run(&s, e);
}

static const struct {
    const char *name;
    bool needs_root;
    int min, max; /* words */
    int (*run)(const struct call *c, struct err *e);
} commands[] = {
    {"pull", true, 1, 1, run_pull},  {"push", true, 1, 1, run_push},
    {"load", true, 0, 0, run_load},  {"save", true, 1, INT_MAX, run_save},
    {"ping", false, 1, 1, run_ping}, {"search", false, 1, 1, run_search},
};

bool transfer_is_command(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, word) == 0)
            return true;
    return false;
}

static int take_fd(const char *text, int *ret, struct err *e)
{
    long long fd;
    struct stat st;
    if (str_to_int64(text, 0, INT_MAX, &fd) < 0 || fstat((int)fd, &st) < 0)
        return err_set(e, EINVAL, "\"%s\" is not a descriptor", text);
    *ret = (int)fd;
    return 0;
}

static int take_limit(const char *text, long long max, long long *ret, struct err *e)
{
    return str_to_int64(text, 1, max, ret) < 0
               ? err_set(e, EINVAL, "invalid value \"%s\" for a limit", text)
               : 0;
}

/* "PID:DESCRIPTOR". It is our child: who started it has become us. */
static int take_fetcher(const char *text, struct fetcher *ret, struct err *e)
{
    long long pid;
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *number = colon ? strndup(text, (size_t)(colon - text)) : NULL;
    if (!number || str_to_int64(number, 1, INT_MAX, &pid) < 0)
        return err_set(e, EINVAL, "\"%s\" is not a fetcher", text);
    int r = take_fd(colon + 1, &ret->fd, e);
    if (r == 0 && fcntl(ret->fd, F_SETFD, FD_CLOEXEC) < 0)
        r = err_sys(e, errno, "cannot keep the fetcher");
    if (r == 0)
        ret->pid = (pid_t)pid;
    return r;
}

static int take_option(int id, const char *value, struct call *c, struct err *e)
{
    switch (id) {
    case OPT_ROOT_FD:
        return take_fd(value, &c->root_fd, e);
    case OPT_PROGRESS_FD:
        return take_fd(value, &c->progress_fd, e);
    case OPT_PREFIX:
        c->prefix = value;
        return 0;
    case OPT_PLATFORM:
        c->platform = value;
        return 0;
    case OPT_ALL_TAGS:
        c->all_tags = true;
        return 0;
    case OPT_VERIFY:
        c->verify = true;
        return 0;
    case OPT_FORMAT:
        c->format = value;
        return 0;
    case OPT_QUIET:
        c->quiet = true;
        return 0;
    case OPT_COMPRESSION:
        c->compression = value;
        return 0;
    case OPT_CREDENTIALS_FD:
        return take_fd(value, &c->credentials_fd, e);
    case OPT_FETCHER:
        return take_fetcher(value, &c->fetcher, e);
    case OPT_LIMIT:
        return take_limit(value, 100, &c->limit, e);
    default:
        return err_set(e, EINVAL, "an option that is not known, or has no value");
    }
}

static int parse(int argc, char **argv, struct call *c, struct err *e)
{
    int id, r = 0;
    opterr = 0;
    while (r == 0 && (id = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
        r = take_option(id, optarg, c, e);
    if (r < 0)
        return r;
    c->words = argv + 1 + optind;
    c->n_words = argc - 1 - optind;
    return 0;
}

int transfer_main(int argc, char **argv, const struct limits *limits, const char **ret_prefix,
                  bool *ret_badly, struct err *e)
{
    struct call c = {
        .root_fd = -EBADF,
        .progress_fd = -1,
        .credentials_fd = -1,
        .prefix = "skiff",
        .limit = 25,
        .fetcher = FETCHER_INIT,
        .limits = *limits,
    };
    int r = parse(argc, argv, &c, e);
    *ret_prefix = c.prefix;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) != 0)
            continue;
        if (commands[i].needs_root && c.root_fd < 0) {
            r = err_set(e, EINVAL, "--root-fd is missing");
            break;
        }
        if (c.n_words >= commands[i].min && c.n_words <= commands[i].max)
            return commands[i].run(&c, e);
        r = err_set(e, EINVAL, "\"%s\" has too few or too many arguments", argv[1]);
    }
    *ret_badly = true;
    return r;
}
