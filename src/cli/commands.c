#include "cli/commands.h"

#include <string.h>

const struct command_group command_groups[] = {
    {"container", "Manage containers"},
    {"generate", "Write units that run containers"},
    {"image", "Manage images"},
    {"system", "Manage skiff itself"},
    {"network", "Manage networks"},
    {"volume", "Manage volumes"},
    {0},
};

const struct command_entry command_entries[] = {
    {NULL, "run", &cmd_run, PLACE_COMMON},
    {NULL, "ps", &cmd_ps, PLACE_COMMON},
    {NULL, "start", &cmd_start, PLACE_COMMON},
    {NULL, "stop", &cmd_stop, PLACE_COMMON},
    {NULL, "exec", &cmd_exec, PLACE_COMMON},
    {NULL, "pull", &cmd_pull, PLACE_COMMON},
    {NULL, "push", &cmd_push, PLACE_COMMON},
    {NULL, "images", &cmd_images, PLACE_COMMON},
    {NULL, "ns", &cmd_ns, PLACE_COMMON},
    {NULL, "info", &cmd_info, PLACE_COMMON},
    {NULL, "version", &cmd_version, PLACE_COMMON},

    {NULL, "attach", &cmd_attach, PLACE_COMMAND},
    {NULL, "boot", &cmd_boot, PLACE_COMMAND},
    {NULL, "check", &cmd_check, PLACE_COMMAND},
    {NULL, "commit", &cmd_commit, PLACE_COMMAND},
    {NULL, "completion", &cmd_completion, PLACE_COMMAND},
    {NULL, "cp", &cmd_cp, PLACE_COMMAND},
    {NULL, "create", &cmd_create, PLACE_COMMAND},
    {NULL, "diff", &cmd_diff, PLACE_COMMAND},
    {NULL, "events", &cmd_events, PLACE_COMMAND},
    {NULL, "export", &cmd_export, PLACE_COMMAND},
    {NULL, "history", &cmd_history, PLACE_COMMAND},
    {NULL, "import", &cmd_import, PLACE_COMMAND},
    {NULL, "inspect", &cmd_inspect, PLACE_COMMAND},
    {NULL, "kill", &cmd_kill, PLACE_COMMAND},
    {NULL, "load", &cmd_load, PLACE_COMMAND},
    {NULL, "login", &cmd_login, PLACE_COMMAND},
    {NULL, "logout", &cmd_logout, PLACE_COMMAND},
    {NULL, "logs", &cmd_logs, PLACE_COMMAND},
    {NULL, "pause", &cmd_pause, PLACE_COMMAND},
    {NULL, "port", &cmd_port, PLACE_COMMAND},
    {NULL, "rename", &cmd_rename, PLACE_COMMAND},
    {NULL, "restart", &cmd_restart, PLACE_COMMAND},
    {NULL, "rm", &cmd_rm, PLACE_COMMAND},
    {NULL, "rmi", &cmd_rmi, PLACE_COMMAND},
    {NULL, "save", &cmd_save, PLACE_COMMAND},
    {NULL, "search", &cmd_search, PLACE_COMMAND},
    {NULL, "stats", &cmd_stats, PLACE_COMMAND},
    {NULL, "tag", &cmd_tag, PLACE_COMMAND},
    {NULL, "top", &cmd_top, PLACE_COMMAND},
    {NULL, "unpause", &cmd_unpause, PLACE_COMMAND},
    {NULL, "update", &cmd_update, PLACE_COMMAND},
    {NULL, "wait", &cmd_wait, PLACE_COMMAND},

    {"container", "attach", &cmd_attach, PLACE_GROUP},
    {"container", "commit", &cmd_commit, PLACE_GROUP},
    {"container", "cp", &cmd_cp, PLACE_GROUP},
    {"container", "create", &cmd_create, PLACE_GROUP},
    {"container", "diff", &cmd_diff, PLACE_GROUP},
    {"container", "exec", &cmd_exec, PLACE_GROUP},
    {"container", "export", &cmd_export, PLACE_GROUP},
    {"container", "inspect", &cmd_container_inspect, PLACE_GROUP},
    {"container", "kill", &cmd_kill, PLACE_GROUP},
    {"container", "list", &cmd_ps, PLACE_NONE},
    {"container", "logs", &cmd_logs, PLACE_GROUP},
    {"container", "ls", &cmd_ps, PLACE_GROUP},
    {"container", "pause", &cmd_pause, PLACE_GROUP},
    {"container", "port", &cmd_port, PLACE_GROUP},
    {"container", "prune", &cmd_container_prune, PLACE_GROUP},
    {"container", "ps", &cmd_ps, PLACE_NONE},
    {"container", "remove", &cmd_rm, PLACE_NONE},
    {"container", "rename", &cmd_rename, PLACE_GROUP},
    {"container", "restart", &cmd_restart, PLACE_GROUP},
    {"container", "rm", &cmd_rm, PLACE_GROUP},
    {"container", "run", &cmd_run, PLACE_GROUP},
    {"container", "start", &cmd_start, PLACE_GROUP},
    {"container", "stats", &cmd_stats, PLACE_GROUP},
    {"container", "stop", &cmd_stop, PLACE_GROUP},
    {"container", "top", &cmd_top, PLACE_GROUP},
    {"container", "unpause", &cmd_unpause, PLACE_GROUP},
    {"container", "update", &cmd_update, PLACE_GROUP},
    {"container", "wait", &cmd_wait, PLACE_GROUP},

    {"generate", "systemd", &cmd_generate_systemd, PLACE_GROUP},

    {"image", "history", &cmd_history, PLACE_GROUP},
    {"image", "import", &cmd_import, PLACE_GROUP},
    {"image", "inspect", &cmd_image_inspect, PLACE_GROUP},
    {"image", "list", &cmd_images, PLACE_NONE},
    {"image", "load", &cmd_load, PLACE_GROUP},
    {"image", "ls", &cmd_images, PLACE_GROUP},
    {"image", "prune", &cmd_image_prune, PLACE_GROUP},
    {"image", "pull", &cmd_pull, PLACE_GROUP},
    {"image", "push", &cmd_push, PLACE_GROUP},
    {"image", "remove", &cmd_rmi, PLACE_NONE},
    {"image", "rm", &cmd_rmi, PLACE_GROUP},
    {"image", "save", &cmd_save, PLACE_GROUP},
    {"image", "tag", &cmd_tag, PLACE_GROUP},

    {"network", "connect", &cmd_network_connect, PLACE_GROUP},
    {"network", "create", &cmd_network_create, PLACE_GROUP},
    {"network", "disconnect", &cmd_network_disconnect, PLACE_GROUP},
    {"network", "graph", &cmd_network_graph, PLACE_GROUP},
    {"network", "inspect", &cmd_network_inspect, PLACE_GROUP},
    {"network", "list", &cmd_network_ls, PLACE_NONE},
    {"network", "ls", &cmd_network_ls, PLACE_GROUP},
    {"network", "prune", &cmd_network_prune, PLACE_GROUP},
    {"network", "remove", &cmd_network_rm, PLACE_NONE},
    {"network", "rm", &cmd_network_rm, PLACE_GROUP},

    {"system", "check", &cmd_system_check, PLACE_GROUP},
    {"system", "df", &cmd_system_df, PLACE_GROUP},
    {"system", "events", &cmd_events, PLACE_GROUP},
    {"system", "info", &cmd_info, PLACE_GROUP},
    {"system", "prune", &cmd_system_prune, PLACE_GROUP},

    {"volume", "create", &cmd_volume_create, PLACE_GROUP},
    {"volume", "inspect", &cmd_volume_inspect, PLACE_GROUP},
    {"volume", "list", &cmd_volume_ls, PLACE_NONE},
    {"volume", "ls", &cmd_volume_ls, PLACE_GROUP},
    {"volume", "prune", &cmd_volume_prune, PLACE_GROUP},
    {"volume", "remove", &cmd_volume_rm, PLACE_NONE},
    {"volume", "rm", &cmd_volume_rm, PLACE_GROUP},
    {0},
};

/* Docker's commands: nobody who types one of them is told to look for a slip. Those that are there
 * are found first, so nothing is to be taken out of this list. */
static const char dockers[] =
    " attach build builder buildx checkpoint commit compose config context cp create df diff "
    "events exec export history image import load login logout logs manifest network node pause "
    "plugin port prune pull push rename restart save search secret service stack start stats stop "
    "swarm tag top trust unpause update volume wait ";

static bool is_dockers(const char *word)
{
    _cleanup_free_ char *spaced = str_printf(" %s ", word);
    return spaced && !strchr(word, ' ') && strstr(dockers, spaced);
}

bool command_is_group(const char *word)
{
    for (const struct command_group *g = command_groups; g->name; g++)
        if (str_eq(word, g->name))
            return true;
    return false;
}

static bool is_in(const struct command_entry *entry, const char *group)
{
    return group ? str_eq(group, entry->group) : !entry->group;
}

const struct command_entry *command_find(const char *group, const char *name)
{
    for (const struct command_entry *entry = command_entries; entry->name; entry++)
        if (str_eq(name, entry->name) && is_in(entry, group))
            return entry;
    return NULL;
}

int command_name_length(const struct cli_command *command)
{
    const char *line = command->line;
    size_t n = strcspn(line, " ");
    for (const struct command_group *g = command_groups; g->name; g++)
        if (strlen(g->name) == n && strncmp(line, g->name, n) == 0)
            return (int)(n + 1 + strcspn(line + n + 1, " "));
    return (int)n;
}

int command_unknown(const char *group, const char *word, struct err *e)
{
    const char *names[256];
    size_t n = 0;
    _cleanup_free_ char *whole = str_printf("%s%s%s", group ? group : "", group ? " " : "", word);
    if (!whole)
        return err_nomem(e);
    if (is_dockers(word))
        return err_set(e, ENOTSUP, "\"%s\" is not supported yet: 'skiff --help' lists what is",
                       whole);
    for (const struct command_entry *entry = command_entries; entry->name; entry++)
        if (n < ARRAY_LEN(names) && is_in(entry, group))
            names[n++] = entry->name;
    for (const struct command_group *g = command_groups; !group && g->name; g++)
        if (n < ARRAY_LEN(names))
            names[n++] = g->name;
    const char *near = nearest_word(word, names, n);
    if (near)
        return err_set(e, EINVAL, "\"%s\" is not a skiff command: did you mean \"%s%s%s\"?", whole,
                       group ? group : "", group ? " " : "", near);
    return err_set(e, EINVAL, "\"%s\" is not a skiff command: see 'skiff --help'", whole);
}
