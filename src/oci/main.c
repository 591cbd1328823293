#include "oci/oci.h"

#include "base/file.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "runtime/exe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

static const struct option_def global_options[] = {
    {"root", 0, OPTION_STRING, offsetof(struct oci_global, root), "DIR",
     "Where the containers' state is kept (/run/skiff-oci)", "Options"},
    {"log", 0, OPTION_STRING, offsetof(struct oci_global, log), "FILE",
     "Write errors to a file too", NULL},
    {"log-format", 0, OPTION_STRING, offsetof(struct oci_global, log_format), "text|json",
     "Format of the log", NULL},
    {"debug", 0, OPTION_FLAG, offsetof(struct oci_global, debug), NULL, "Taken, without effect",
     NULL},
    {"systemd-cgroup", 0, OPTION_FLAG, offsetof(struct oci_global, systemd_cgroup), NULL,
     "Refused: cgroups are made directly", NULL},
    {"criu", 0, OPTION_STRING, offsetof(struct oci_global, criu), "PATH", NULL, NULL},
    {"rootless", 0, OPTION_STRING, offsetof(struct oci_global, rootless), "VALUE", NULL, NULL},
    {"version", 'v', OPTION_FLAG, offsetof(struct oci_global, version), NULL, "Print the version",
     NULL},
    {0},
};

static const struct {
    const char *name;
    oci_command *run;
    const char *help;
    bool makes_container;
    int failure; /* the exit status for an error of ours; 0: 1 */
} commands[] = {
    {"create", oci_create, "Create a container from a bundle", true, 0},
    {"start", oci_start, "Start a created container", false, 0},
    {"run", oci_run, "Create and start a container", true, 0},
    {"exec", oci_exec, "Execute a program in a running container", true, 255},
    {"state", oci_state, "Print a container's state as JSON", false, 0},
    {"update", oci_update, "Change what a running container may use", false, 0},
    {"kill", oci_kill, "Send a signal to a container", false, 0},
    {"delete", oci_delete, "Delete what a stopped container left", false, 0},
    {"list", oci_list, "List the containers", false, 0},
    {"spec", oci_spec, "Write a config.json to start from", false, 0},
    {"features", oci_features, "Print what this runtime can do as JSON", false, 0},
};

static void print_help(void)
{
    _cleanup_str_ struct str text = {0};
    options_help(global_options, &text);
    printf("Usage: skiff-oci [OPTIONS] COMMAND [ARGUMENTS]\n\n"
           "An OCI runtime with runc's command line.\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    printf("\n%s", text.s ? text.s : "");
}

int oci_parse(const char *usage, const struct option_def *table, int argc, char **argv, int want,
              void *target, char ***ret_words, struct err *e)
{
    int n;
    int r = options_parse(table, argv, argc, false, target, ret_words, &n, e);
    if (r == 1) {
        _cleanup_str_ struct str text = {0};
        options_help(table, &text);
        printf("Usage: skiff-oci %s\n%s%s", usage, text.s ? "\n" : "", text.s ? text.s : "");
        return 1;
    }
    if (r == 0 && n != want)
        return err_set(e, EINVAL, "%d arguments were given, not %d: skiff-oci %s", n, want, usage);
    return r;
}

static void write_log(const struct oci_global *g, const char *level, const char *text)
{
    if (!g->log)
        return;
    char when[40];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(now, when);

    _cleanup_free_ char *line = NULL;
    if (str_eq(g->log_format, "json")) {
        _cleanup_json_ json_t *j =
            json_pack("{s:s, s:s+, s:s}", "level", level, "msg", "", text, "time", when);
        line = j ? json_text(j, JSON_COMPACT) : NULL;
    } else {
        _cleanup_str_ struct str words = {0};
        str_add_visible(&words, text, "\"\\");
        line = words.failed ? NULL
                            : str_printf("time=\"%s\" level=%s msg=\"%s\"", when, level, words.s);
    }
    _cleanup_close_ int fd = open(g->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && line) {
        fd_write_all(fd, line, strlen(line));
        fd_write_all(fd, "\n", 1);
    }
}

void oci_warn(const struct oci_global *g, const char *text)
{
    fprintf(stderr, "skiff-oci: warning: %s\n", text);
    write_log(g, "warning", text);
}

static int dispatch(struct oci_global *g, char **argv, int argc, char **whole, int *ret_failure,
                    struct err *e)
{
    char **words;
    int n;
    int r = options_parse(global_options, argv, argc, true, g, &words, &n, e);
    if (r < 0)
        return r;
    if (g->version) {
        printf("skiff-oci version %s\nspec: 1.2.0\n", SKIFF_VERSION);
        return 0;
    }
    if (r == 1 || n == 0) {
        print_help();
        return 0;
    }
    if (!str_eq(g->log_format, "text") && !str_eq(g->log_format, "json"))
        return err_set(e, EINVAL, "unknown log format \"%s\": must be text or json", g->log_format);
    if (g->systemd_cgroup)
        return err_set(e, ENOTSUP, "--systemd-cgroup is not supported");

    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        names[i] = commands[i].name;
        if (!str_eq(words[0], commands[i].name))
            continue;
        *ret_failure = commands[i].failure ?: 1;
        if (commands[i].makes_container) {
            r = exe_protect(whole, e);
            if (r == -EPERM && geteuid() != 0)
                return err_set(e, EPERM, "root's rights are needed to make a container");
            if (r < 0)
                return r;
        }
        return commands[i].run(g, n - 1, words + 1, e);
    }
    const char *near = nearest_word(words[0], names, ARRAY_LEN(names));
    if (near)
        return err_set(e, EINVAL, "unknown command \"%s\": did you mean \"%s\"?", words[0], near);
    return err_set(e, EINVAL, "unknown command \"%s\": see skiff-oci --help", words[0]);
}

int main(int argc, char **argv)
{
    fd_open_standard();
    signal(SIGCHLD, SIG_DFL); /* a caller who ignores it would leave us no child's status */
    json_setup();
    struct oci_global g = {.root = "/run/skiff-oci", .log_format = "text"};
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char **words = calloc((size_t)argc + 1, sizeof(*words));
    if (!words)
        return 1;
    for (int i = 1; i < argc; i++)
        words[i - 1] = argv[i];

    int failure = 1;
    int r = dispatch(&g, words, argc - 1, argv, &failure, &e);
    if (r >= 0)
        return r;
    _cleanup_str_ struct str line = {0};
    str_add_visible(&line, err_text(&e), "");
    fprintf(stderr, "skiff-oci: %s\n", line.s && !line.failed ? line.s : "out of memory");
    write_log(&g, "error", err_text(&e));
    return failure;
}
