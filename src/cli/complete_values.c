/*
 * What options can be given: by the option's name, else by what help calls its value.
 */
#include "cli/complete.h"

#include "runtime/capabilities.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

/* Words between blanks; one that ends in a colon or an equals sign is to be gone on with. */
static void add_list(struct candidates *to, const char *list, const char *separators)
{
    _cleanup_free_ char *copy = strdup(list);
    char *rest = copy;
    for (char *word; rest && (word = strsep(&rest, separators));) {
        size_t n = strlen(word);
        if (n == 0)
            continue;
        size_t before = to->n;
        candidate_add(to, word, NULL);
        if (to->n > before && (word[n - 1] == '=' || word[n - 1] == ':'))
            candidate_order(to, "nospace");
    }
}

static void add_signals(struct candidates *to)
{
    for (int i = 1; i < SIGRTMIN; i++)
        if (sigabbrev_np(i))
            candidate_add(to, sigabbrev_np(i), sigdescr_np(i));
}

static void add_capabilities(struct candidates *to)
{
    candidate_add(to, "ALL", NULL);
    for (int i = 0; capability_name(i); i++)
        candidate_add(to, str_after(capability_name(i), "CAP_"), NULL);
}

static void add_environment(struct candidates *to)
{
    for (char **variable = environ; *variable; variable++) {
        _cleanup_free_ char *name = strndup(*variable, strcspn(*variable, "="));
        if (name)
            candidate_add(to, name, "with its value here");
    }
}

static void add_network_modes(struct candidates *to)
{
    candidates_of_word(to, WORD_NETWORK);
}

static const struct {
    const char *option;
    const char *words;
    void (*add)(struct candidates *to);
    enum cli_word kind;
} known[] = {
    {"attach", "stdin stdout stderr", NULL, WORD_NOTHING},
    {"cap-add", NULL, add_capabilities, WORD_NOTHING},
    {"cap-drop", NULL, add_capabilities, WORD_NOTHING},
    {"cgroupns", "private host path:", NULL, WORD_DONOR},
    {"device", NULL, NULL, WORD_FILE},
    {"env", NULL, add_environment, WORD_NOTHING},
    {"health-on-failure", "none kill restart stop", NULL, WORD_NOTHING},
    {"ipc", "private shareable none host path:", NULL, WORD_DONOR},
    {"log-driver", "file json-file none journald syslog", NULL, WORD_NOTHING},
    {"log-level", "debug info warn error fatal", NULL, WORD_NOTHING},
    {"log-opt", "max-size= max-file=", NULL, WORD_NOTHING},
    {"mount", "type=bind, type=volume, type=tmpfs,", NULL, WORD_NOTHING},
    {"net", "private path:", add_network_modes, WORD_DONOR},
    {"network", "private path:", add_network_modes, WORD_DONOR},
    {"pid", "private host path:", NULL, WORD_DONOR},
    {"platform",
     "linux/amd64 linux/arm64 linux/arm/v7 linux/386 linux/ppc64le linux/riscv64 linux/s390x", NULL,
     WORD_NOTHING},
    {"pull", "missing always never", NULL, WORD_NOTHING},
    {"restart", "no on-failure always unless-stopped", NULL, WORD_NOTHING},
    {"security-opt", "no-new-privileges seccomp=unconfined seccomp= systempaths=unconfined", NULL,
     WORD_NOTHING},
    {"signal", NULL, add_signals, WORD_NOTHING},
    {"stop-signal", NULL, add_signals, WORD_NOTHING},
    {"time", "private host path:", NULL, WORD_DONOR},
    {"time-offset", "monotonic= boottime=", NULL, WORD_NOTHING},
    {"type", "container image network volume", NULL, WORD_NOTHING},
    {"ulimit",
     "core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= "
     "sigpending= stack=",
     NULL, WORD_NOTHING},
    {"userns", "private host path:", NULL, WORD_DONOR},
    {"uts", "private host path:", NULL, WORD_DONOR},
    {"volume", NULL, NULL, WORD_MOUNT},
    {"volumes-from", NULL, NULL, WORD_CONTAINER},
    {"workdir", NULL, NULL, WORD_NOTHING}, /* the container's */
};

/* "name, id, status": help that is nothing but a list of keys. */
static bool is_key_list(const char *text)
{
    for (const char *c = text; *c; c++)
        if (!islower((unsigned char)*c) && !strchr("-!, ", *c))
            return false;
    return strchr(text, ',') != NULL;
}

static void add_filter_keys(struct candidates *to, const char *help)
{
    _cleanup_free_ char *copy = strdup(help);
    char *rest = copy;
    for (char *key; rest && (key = strsep(&rest, ", "));) {
        _cleanup_free_ char *word = *key ? str_printf("%s=", key) : NULL;
        if (word)
            candidate_add(to, word, NULL);
    }
    candidate_order(to, "nospace");
}

void candidates_of_option(struct candidates *to, const struct option_def *o)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!str_eq(o->name, known[i].option))
            continue;
        if (known[i].words)
            add_list(to, known[i].words, " ");
        if (known[i].add)
            known[i].add(to);
        candidates_of_word(to, known[i].kind);
        return;
    }
    const char *argument = o->argument ? o->argument : "";
    if (str_eq(argument, "KEY=VALUE") && o->help && is_key_list(o->help))
        add_filter_keys(to, o->help);
    else if (strchr(argument, '|'))
        add_list(to, argument, "|");
    else if (str_eq(argument, "TEMPLATE"))
        add_list(to,
                 !o->help || !strstr(o->help, "table") ? "json"
                 : strstr(o->help, "dot:")             ? "json table dot"
                                                       : "json table",
                 " ");
    else if (str_eq(argument, "FILE"))
        candidates_of_word(to, WORD_FILE);
    else if (str_eq(argument, "DIR"))
        candidates_of_word(to, WORD_FOLDER);
}
