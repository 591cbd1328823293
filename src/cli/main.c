#include "cli/cli.h"

#include "base/file.h"
#include "runtime/exe.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

static const struct option_def global_options[] = {
    {"root", 0, OPTION_STRING, offsetof(struct cli, root), "DIR",
     "Images and containers (SKIFF_ROOT, else /var/lib/skiff)", "Global options"},
    {"run-dir", 0, OPTION_STRING, offsetof(struct cli, run_dir), "DIR",
     "State of what runs (SKIFF_RUN_DIR, else /run/skiff)", NULL},
    {"debug", 'D', OPTION_FLAG, offsetof(struct cli, debug), NULL,
     "Tell what is done, and when (same as --log-level debug)", NULL},
    {"log-level", 'l', OPTION_STRING, offsetof(struct cli, log_level), "LEVEL",
     "debug, info, warn, error or fatal", NULL},
    {"version", 'v', OPTION_FLAG, offsetof(struct cli, version), NULL, "Print the version", NULL},
    {0},
};

enum command_flags {
    NEEDS_ENGINE = 1 << 0,
    MAKES_CONTAINER = 1 << 1, /* our own file must be out of its reach */
    STATUS_125 = 1 << 2,      /* the engine's own failures, told from the container's */
};

static const struct command {
    const char *group; /* "image" of "image ls"; NULL: none */
    const char *name;
    cli_command *run;
    unsigned flags;
    const char *help; /* NULL: another name for one that is listed */
} commands[] = {
    {NULL, "run", cmd_run, NEEDS_ENGINE | MAKES_CONTAINER | STATUS_125,
     "Create and run a container from an image"},
    {NULL, "ps", cmd_ps, NEEDS_ENGINE, "List containers"},
    {NULL, "rm", cmd_rm, NEEDS_ENGINE, "Remove containers"},
    {NULL, "kill", cmd_kill, NEEDS_ENGINE, "Send a signal to running containers"},
    {NULL, "inspect", cmd_inspect, NEEDS_ENGINE, "Show all about containers and images as JSON"},
    {NULL, "import", cmd_import, NEEDS_ENGINE, "Make an image of a root file system's tar archive"},
    {NULL, "images", cmd_images, NEEDS_ENGINE, "List images"},
    {NULL, "rmi", cmd_rmi, NEEDS_ENGINE, "Remove images"},
    {NULL, "ns", cmd_ns, NEEDS_ENGINE, "Show which namespaces are shared by whom"},
    {NULL, "info", cmd_info, NEEDS_ENGINE, "Show facts about this installation"},
    {NULL, "check", cmd_check, 0, "Show what this kernel offers, and what is lost without it"},
    {NULL, "version", cmd_version, 0, "Show the version"},
    {"container", "run", cmd_run, NEEDS_ENGINE | MAKES_CONTAINER | STATUS_125, NULL},
    {"container", "ls", cmd_ps, NEEDS_ENGINE, NULL},
    {"container", "ps", cmd_ps, NEEDS_ENGINE, NULL},
    {"container", "list", cmd_ps, NEEDS_ENGINE, NULL},
    {"container", "rm", cmd_rm, NEEDS_ENGINE, NULL},
    {"container", "kill", cmd_kill, NEEDS_ENGINE, NULL},
    {"container", "inspect", cmd_container_inspect, NEEDS_ENGINE, NULL},
    {"image", "ls", cmd_images, NEEDS_ENGINE, NULL},
    {"image", "list", cmd_images, NEEDS_ENGINE, NULL},
    {"image", "import", cmd_import, NEEDS_ENGINE, NULL},
    {"image", "rm", cmd_rmi, NEEDS_ENGINE, NULL},
    {"image", "inspect", cmd_image_inspect, NEEDS_ENGINE, NULL},
    {"system", "info", cmd_info, NEEDS_ENGINE, NULL},
    {"system", "check", cmd_check, 0, NULL},
};

/* Docker's commands that are not there yet: so that nobody is told to look for a slip. */
static const char *const later[] = {
    "attach",  "build",   "builder", "buildx", "commit", "compose", "config", "context", "cp",
    "create",  "diff",    "events",  "exec",   "export", "history", "load",   "login",   "logout",
    "logs",    "network", "pause",   "plugin", "port",   "prune",   "pull",   "push",    "rename",
    "restart", "save",    "search",  "start",  "stats",  "stop",    "swarm",  "tag",     "top",
    "trust",   "unpause", "update",  "volume", "wait",   "df",
};

void cli_error(const char *text)
{
    _cleanup_str_ struct str line = {0};
    str_add_visible(&line, text, "");
    fprintf(stderr, "skiff: %s\n", line.s && !line.failed ? line.s : "out of memory");
}

int cli_print(const char *text, struct err *e)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        return err_sys(e, errno, "cannot write to standard output");
    return 0;
}

static int print_help(struct err *e)
{
    _cleanup_str_ struct str text = {0}, options = {0};
    options_help(global_options, &options);
    str_add(&text, "Usage: skiff [OPTIONS] COMMAND\n\n"
                   "A container is a process on this machine's kernel; skiff puts walls around "
                   "it.\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].help)
            str_addf(&text, "  %-10s %s\n", commands[i].name, commands[i].help);
    str_addf(&text,
             "\n%s\nSee 'skiff COMMAND --help' for its options. The image \"host\" is "
             "built in:\nthis machine's own files, read-only, under a fresh layer.\n",
             options.s ? options.s : "");
    _cleanup_free_ char *whole = str_steal(&text);
    return whole ? cli_print(whole, e) : err_nomem(e);
}

static int wrong_number(const struct cli_usage *u, int n, struct err *e)
{
    int wanted = n < u->min ? u->min : u->max;
    const char *about = u->min == u->max ? "" : n < u->min ? "at least " : "at most ";
    return err_set(e, EINVAL, "\"skiff %.*s\" takes %s%d argument%s: skiff %s",
                   (int)strcspn(u->line, " "), u->line, about, wanted, wanted == 1 ? "" : "s",
                   u->line);
}

int cli_parse(const struct cli_usage *usage, const struct option_def *table, int argc, char **argv,
              void *target, char ***ret_words, int *ret_n, struct err *e)
{
    int r = options_parse(table, argv, argc, usage->stop_at_word, target, ret_words, ret_n, e);
    if (r == 1) {
        _cleanup_str_ struct str options = {0};
        options_help(table, &options);
        printf("Usage: skiff %s\n\n%s\n%s%s", usage->line, usage->what, options.s ? "\n" : "",
               options.s ? options.s : "");
        return 1;
    }
    if (r < 0) {
        _cleanup_free_ char *story = strdup(err_text(e));
        err_set(e, -r, "%s: see 'skiff %.*s --help'", story ? story : "out of memory",
                (int)strcspn(usage->line, " "), usage->line);
        cli_error(err_text(e));
        return 125;
    }
    if (*ret_n < usage->min || (usage->max >= 0 && *ret_n > usage->max))
        return wrong_number(usage, *ret_n, e);
    return 0;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(word, commands[i].group))
            return true;
    return false;
}

static const struct command *find_command(const char *group, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(name, commands[i].name) &&
            (group ? str_eq(group, commands[i].group) : !commands[i].group))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *group, const char *word, struct err *e)
{
    const char *names[ARRAY_LEN(commands)];
    size_t n = 0;
    _cleanup_free_ char *whole = str_printf("%s%s%s", group ? group : "", group ? " " : "", word);
    if (!whole)
        return err_nomem(e);
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (str_eq(word, later[i]))
            return err_set(e, ENOTSUP, "\"%s\" is not supported yet: 'skiff --help' lists what is",
                           whole);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (group ? str_eq(group, commands[i].group) : !commands[i].group)
            names[n++] = commands[i].name;
    const char *near = nearest_word(word, names, n);
    if (near)
        return err_set(e, EINVAL, "\"%s\" is not a skiff command: did you mean \"%s%s%s\"?", whole,
                       group ? group : "", group ? " " : "", near);
    return err_set(e, EINVAL, "\"%s\" is not a skiff command: see 'skiff --help'", whole);
}

/* "skiff image": what can come after it. */
static int print_group(const char *group, struct err *e)
{
    _cleanup_str_ struct str text = {0};
    str_addf(&text, "Usage: skiff %s COMMAND\n\nCommands:\n", group);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!str_eq(group, commands[i].group))
            continue;
        const char *help = str_eq(commands[i].name, "inspect") ? "Show all about one as JSON" : "";
        for (size_t k = 0; k < ARRAY_LEN(commands); k++)
            if (commands[k].help && commands[k].run == commands[i].run)
                help = commands[k].help;
        str_addf(&text, "  %-10s %s\n", commands[i].name, help);
    }
    _cleanup_free_ char *whole = str_steal(&text);
    return whole ? cli_print(whole, e) : err_nomem(e);
}

/* Where our helpers are: beside this program when it runs from a build folder, in the libexec
 * folder of the tree it was installed in wherever that stands now, else where it was to be
 * installed. Kept in the environment, for after exe_protect this program's file has no path any
 * more. */
static const char *find_libexec(void)
{
    static const char *const places[] = {"", "/../libexec/skiff"};
    const char *known = getenv("SKIFF_LIBEXEC");
    if (known && *known)
        return known;
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = n > 0 ? (self[n] = '\0', strrchr(self, '/')) : NULL;
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        _cleanup_free_ char *folder = str_printf("%s%s", self, places[i]);
        _cleanup_free_ char *helper = str_printf("%s%s/skiff-init", self, places[i]);
        if (!folder || !helper || access(helper, X_OK) != 0)
            continue;
        setenv("SKIFF_LIBEXEC", folder, 1);
        break;
    }
    known = getenv("SKIFF_LIBEXEC");
    return known && *known ? known : SKIFF_LIBEXECDIR;
}

static int open_ground(struct cli *c, struct err *e)
{
    if (!c->root)
        c->root = getenv("SKIFF_ROOT");
    if (!c->run_dir)
        c->run_dir = getenv("SKIFF_RUN_DIR");
    int r = engine_open(c->root && *c->root ? c->root : "/var/lib/skiff",
                        c->run_dir && *c->run_dir ? c->run_dir : "/run/skiff", &c->engine, e);
    c->engine.libexec = c->libexec;
    if (r == 0)
        cli_debug(c, "root %s, run folder %s, helpers %s", c->engine.root, c->engine.run,
                  c->libexec);
    return r;
}

static int run_command(struct cli *c, const struct command *command, bool on_ground, int argc,
                       char **argv, struct err *e)
{
    int r = 0;
    if ((command->flags & NEEDS_ENGINE) && on_ground)
        r = open_ground(c, e);
    if (r == 0)
        r = command->run(c, argc, argv, e);
    engine_release(&c->engine);
    if (r >= 0)
        return r;
    cli_error(err_text(e));
    cli_debug(c, "%s failed with %s", command->name, strerrorname_np(-r) ?: "?");
    return command->flags & STATUS_125 ? 125 : 1;
}

static int protect(char **whole, struct err *e)
{
    int r = exe_protect(whole, e);
    if (r == -EPERM && geteuid() != 0)
        return err_set(e, EPERM, "root's rights are needed to make a container: run it with sudo");
    return r;
}

static int dispatch(struct cli *c, int argc, char **argv, char **whole, struct err *e)
{
    char **words;
    int n;
    int r = options_parse(global_options, argv, argc, true, c, &words, &n, e);
    if (r < 0)
        return r;
    int level = c->log_level ? cli_log_level(c->log_level, &c->level, e) : 0;
    if (level < 0)
        return level;
    if (c->debug)
        c->level = CLI_DEBUG;
    if (c->version)
        return cmd_version(c, 0, words, e);
    bool wants_help = r == 0 && n > 0 && str_eq(words[0], "help");
    if (wants_help) {
        words++;
        n--;
    }
    if (r == 1 || n == 0)
        return print_help(e);

    const char *group = is_group(words[0]) ? words[0] : NULL;
    int used = group ? 2 : 1;
    if (n < used || (group && str_eq(words[1], "--help")))
        return print_group(group, e);
    const struct command *command = find_command(group, words[used - 1]);
    if (!command) {
        unknown_command(group, words[used - 1], e);
        cli_error(err_text(e));
        return 1;
    }
    if (wants_help) {
        char word[] = "--help", *help[] = {word, NULL};
        return run_command(c, command, false, 1, help, e);
    }
    wants_help = n > used && str_eq(words[used], "--help");
    if ((command->flags & MAKES_CONTAINER) && !wants_help) {
        r = protect(whole, e);
        if (r < 0)
            return r;
    }
    return run_command(c, command, !wants_help, n - used, words + used, e);
}

int main(int argc, char **argv)
{
    /* What our caller leaked to us is nobody's business in a container (CVE-2024-21626). */
    syscall(SYS_close_range, 3U, ~0U, 0U);

    fd_open_standard();
    signal(SIGCHLD, SIG_DFL); /* a caller who ignores it would leave us no child's status */
    json_setup();
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char **words = calloc((size_t)argc + 1, sizeof(*words));
    struct cli c = {
        .program = argv[0], .libexec = find_libexec(), .level = CLI_INFO, .engine = ENGINE_INIT};
    clock_gettime(CLOCK_MONOTONIC, &c.begun);
    if (!words) {
        cli_error("out of memory");
        return 125;
    }
    for (int i = 1; i < argc; i++)
        words[i - 1] = argv[i];
    int r = dispatch(&c, argc - 1, words, argv, &e);
    bool told = r != 0 || (cli_print("", &e) == 0 && !ferror(stdout));
    if (r >= 0 && told)
        return r;
    cli_error(err_text(&e));
    return told ? 125 : 1;
}
