#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/man.h"

#include "base/file.h"
#include "runtime/capabilities.h"
#include "runtime/exe.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
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

void cli_error(const char *text)
{
    _cleanup_str_ struct str line = {0};
    str_add_visible(&line, text, "");
    fprintf(stderr, "%sskiff:%s %s\n", colour_begin(STDERR_FILENO, COLOUR_BAD),
            colour_end(STDERR_FILENO, COLOUR_BAD),
            line.s && !line.failed ? line.s : "out of memory");
}

int cli_print(const char *text, struct err *e)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        return err_sys(e, errno, "cannot write to standard output");
    return 0;
}

static int wrong_number(const struct cli_command *c, int n, struct err *e)
{
    int wanted = n < c->min ? c->min : c->max;
    const char *about = c->min == c->max ? "" : n < c->min ? "at least " : "at most ";
    return err_set(e, ERR_USAGE, "\"skiff %.*s\" requires %s%d argument%s: skiff %.*s",
                   command_name_length(c), c->line, about, wanted, wanted == 1 ? "" : "s",
                   (int)strcspn(c->line, "\n"), c->line);
}

int cli_parse(const struct cli_command *command, int argc, char **argv, void *target,
              char ***ret_words, int *ret_n, struct err *e)
{
    static const struct option_def none[] = {{0}};
    int r = options_parse(command->options ? command->options : none, argv, argc,
                          command->stop_at_word, target, ret_words, ret_n, e);
    if (r == 1) {
        r = help_print_command(command, e);
        return r < 0 ? r : 1;
    }
    if (r < 0) {
        _cleanup_free_ char *story = strdup(err_text(e));
        err_set(e, -r, "%s: see 'skiff %.*s --help'", story ? story : "out of memory",
                command_name_length(command), command->line);
        cli_error(err_text(e));
        return 125;
    }
    if (*ret_n < command->min || (command->max >= 0 && *ret_n > command->max))
        return wrong_number(command, *ret_n, e);
    return 0;
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

static const char *folder(const char *option, const char *variable, const char *otherwise)
{
    const char *chosen = option ? option : getenv(variable);
    return chosen && *chosen ? chosen : otherwise;
}

const char *cli_root(const struct cli *c)
{
    return folder(c->root, "SKIFF_ROOT", "/var/lib/skiff");
}

const char *cli_run_dir(const struct cli *c)
{
    return folder(c->run_dir, "SKIFF_RUN_DIR", "/run/skiff");
}

static int open_ground(struct cli *c, struct err *e)
{
    int r = engine_open(cli_root(c), cli_run_dir(c), &c->engine, e);
    c->engine.libexec = c->libexec;
    if (r == 0)
        cli_debug(c, "root %s, run folder %s, helpers %s", c->engine.root, c->engine.run,
                  c->libexec);
    return r;
}

static int run_command(struct cli *c, const struct cli_command *command, bool on_ground, int argc,
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
    cli_debug(c, "failed with %s", strerrorname_np(-r) ?: "?");
    return r != -ERR_USAGE && (command->flags & STATUS_125) ? 125 : 1;
}

/* Which right is missing, and where it is to be had. */
static int explain_rights(struct err *e)
{
    static const struct {
        int number;
        const char *what;
    } needed[] = {
        {CAP_SYS_ADMIN, "namespaces and mounts"}, {CAP_NET_ADMIN, "the container's network"},
        {CAP_SETUID, "the container's user"},     {CAP_SETGID, "the container's groups"},
        {CAP_SYS_CHROOT, "its root folder"},      {CAP_SETPCAP, "dropping rights"},
    };
    if (geteuid() != 0)
        return err_set(e, EPERM, "root's rights are needed to make a container: run it with sudo");
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!(capabilities_own() >> needed[i].number & 1))
            return err_set(e, EPERM,
                           "the right %s is missing (for %s): this root was given fewer "
                           "rights, as in a container (there --privileged gives all of them) or by "
                           "a service's CapabilityBoundingSet=",
                           capability_name(needed[i].number), needed[i].what);
    return -EPERM;
}

static int protect(char **whole, struct err *e)
{
    int r = exe_protect(whole, e);
    return r == -EPERM ? explain_rights(e) : r;
}

static int dispatch(struct cli *c, int argc, char **argv, char **whole, struct err *e)
{
    char **words;
    int n;
    if (argc > 0 && str_eq(argv[0], "__complete"))
        return complete(c, argc - 1, argv + 1, global_options, e);
    if (argc > 0 && str_eq(argv[0], "__man"))
        return man_print(argc - 1, argv + 1, global_options, e);
    int r = options_parse(global_options, argv, argc, true, c, &words, &n, e);
    if (r < 0)
        return r;
    int level = c->log_level ? cli_log_level(c->log_level, &c->level, e) : 0;
    if (level < 0)
        return level;
    if (c->debug)
        c->level = CLI_DEBUG;
    if (c->version)
        return cmd_version.run(c, 0, words, e);
    bool wants_help = r == 0 && n > 0 && str_eq(words[0], "help");
    if (wants_help) {
        words++;
        n--;
    }
    if (r == 1 || n == 0)
        return help_print(global_options, e);

    const char *group = command_is_group(words[0]) ? words[0] : NULL;
    int used = group ? 2 : 1;
    if (n < used || (group && str_eq(words[1], "--help")))
        return help_print_group(group, e);
    const struct command_entry *entry = command_find(group, words[used - 1]);
    if (!entry) {
        command_unknown(group, words[used - 1], e);
        cli_error(err_text(e));
        return 1;
    }
    const struct cli_command *command = entry->command;
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
