/*
 * The command line of skiff: one file a command, which parses, calls the engine, and prints.
 */
#ifndef SKIFF_CLI_CLI_H
#define SKIFF_CLI_CLI_H

#include "base/err.h"
#include "base/options.h"
#include "engine/engine.h"

#include <time.h>

enum cli_level { CLI_DEBUG, CLI_INFO, CLI_WARN, CLI_ERROR, CLI_FATAL };

/* The options before the command, and the ground they lead to. */
struct cli {
    const char *root, *run_dir;
    bool debug;
    const char *log_level;
    enum cli_level level;  /* of both; info unless they say something */
    struct timespec begun; /* for cli_debug; CLOCK_MONOTONIC */
    bool version;
    const char *program;  /* argv[0] */
    const char *libexec;  /* the folder of skiff-image and skiff-init */
    struct engine engine; /* open for commands that need it */
};

/* One command's run: an exit status, or a negative errno with its story (printed by main, 125 for
 * run and 1 for others). @argv is without the command's name, NULL-terminated. */
typedef int cli_run(struct cli *c, int argc, char **argv, struct err *e);

/* What a word of the command line names: for completion. */
enum cli_word {
    WORD_NOTHING, /* or nothing that could be listed */
    WORD_CONTAINER,
    WORD_RUNNING, /* a container that runs */
    WORD_STOPPED, /* one that does not */
    WORD_PAUSED,
    WORD_IMAGE,
    WORD_IMAGE_OR_HOST, /* to make a container of: also the built-in one */
    WORD_VOLUME,
    WORD_NETWORK,
    WORD_OBJECT, /* container, image, volume or network */
    WORD_DONOR,  /* "container:NAME", a running one whose namespace is shared */
    WORD_PATH,   /* "CONTAINER:PATH", or a file of ours */
    WORD_MOUNT,  /* "VOLUME:PATH", or a file of ours */
    WORD_FILE,
    WORD_FOLDER,
    WORD_SHELL, /* one that completion knows */
};

enum cli_flags {
    NEEDS_ENGINE = 1 << 0,
    MAKES_CONTAINER = 1 << 1, /* our own file must be out of its reach */
    STATUS_125 = 1 << 2,      /* the engine's own failures, told from the container's */
};

/* All that is known of a command without running it: parsing, help, completion and man page come
 * from here. */
struct cli_command {
    const char *line;    /* "run [OPTIONS] IMAGE [COMMAND] [ARG...]" */
    const char *summary; /* one line for lists of commands, without a full stop */
    const char *more;    /* what its help says besides, with line ends, at most 80 columns; NULL */
    const struct option_def *options; /* NULL: none */
    int min, max;              /* how many words are left beside the options; -1: any number */
    bool stop_at_word;         /* options end at the first word: what follows is the container's */
    enum cli_word first, rest; /* of those words */
    unsigned flags;            /* enum cli_flags */
    cli_run *run;
};

/* Every command, each defined in its own file, in the order of the alphabet; commands.h tells how
 * to add one. */
extern const struct cli_command cmd_attach;
extern const struct cli_command cmd_boot;
extern const struct cli_command cmd_check;
extern const struct cli_command cmd_commit;
extern const struct cli_command cmd_completion;
extern const struct cli_command cmd_container_inspect;
extern const struct cli_command cmd_container_prune;
extern const struct cli_command cmd_cp;
extern const struct cli_command cmd_create;
extern const struct cli_command cmd_diff;
extern const struct cli_command cmd_events;
extern const struct cli_command cmd_exec;
extern const struct cli_command cmd_export;
extern const struct cli_command cmd_generate_systemd;
extern const struct cli_command cmd_history;
extern const struct cli_command cmd_image_inspect;
extern const struct cli_command cmd_image_prune;
extern const struct cli_command cmd_images;
extern const struct cli_command cmd_import;
extern const struct cli_command cmd_info;
extern const struct cli_command cmd_inspect;
extern const struct cli_command cmd_kill;
extern const struct cli_command cmd_load;
extern const struct cli_command cmd_login;
extern const struct cli_command cmd_logout;
extern const struct cli_command cmd_logs;
extern const struct cli_command cmd_network_connect;
extern const struct cli_command cmd_network_create;
extern const struct cli_command cmd_network_disconnect;
extern const struct cli_command cmd_network_graph;
extern const struct cli_command cmd_network_inspect;
extern const struct cli_command cmd_network_ls;
extern const struct cli_command cmd_network_prune;
extern const struct cli_command cmd_network_rm;
extern const struct cli_command cmd_ns;
extern const struct cli_command cmd_pause;
extern const struct cli_command cmd_port;
extern const struct cli_command cmd_ps;
extern const struct cli_command cmd_pull;
extern const struct cli_command cmd_push;
extern const struct cli_command cmd_rename;
extern const struct cli_command cmd_restart;
extern const struct cli_command cmd_rm;
extern const struct cli_command cmd_rmi;
extern const struct cli_command cmd_run;
extern const struct cli_command cmd_save;
extern const struct cli_command cmd_search;
extern const struct cli_command cmd_start;
extern const struct cli_command cmd_stats;
extern const struct cli_command cmd_stop;
extern const struct cli_command cmd_system_check;
extern const struct cli_command cmd_tag;
extern const struct cli_command cmd_system_df;
extern const struct cli_command cmd_system_prune;
extern const struct cli_command cmd_top;
extern const struct cli_command cmd_unpause;
extern const struct cli_command cmd_update;
extern const struct cli_command cmd_version;
extern const struct cli_command cmd_volume_create;
extern const struct cli_command cmd_volume_inspect;
extern const struct cli_command cmd_volume_ls;
extern const struct cli_command cmd_volume_prune;
extern const struct cli_command cmd_volume_rm;
extern const struct cli_command cmd_wait;

/* The code of too few or too many words: for that Docker's client has status 1, run's too. */
#define ERR_USAGE EBADR

/* Parses what follows @command's name into @target: 0; 1 when help was asked for and printed, and
 * the command is done. A bad option is told here, and the command is done with status 125, Docker's
 * for it; too few or too many words are an error that shows the usage. */
int cli_parse(const struct cli_command *command, int argc, char **argv, void *target,
              char ***ret_words, int *ret_n, struct err *e);

/* Prints one error line: "skiff: …". */
void cli_error(const char *text);

/* The level of a name; -EINVAL when it is none. */
int cli_log_level(const char *name, enum cli_level *ret, struct err *e);

/* One line on standard error, if the level asks for it: what is wrong though the command goes on,
 * and what is done, with the time since the program began. */
void cli_warn(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_debug(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The folders that were asked for, by option or environment, or their defaults. */
const char *cli_root(const struct cli *c);
const char *cli_run_dir(const struct cli *c);

/* Prints @text; 0, or -EIO with the story when standard output cannot take it. */
int cli_print(const char *text, struct err *e);

/* Removes what containers left whose monitor was killed (engine/reap.h), and says so. */
void cli_reap(struct cli *c);

#endif
