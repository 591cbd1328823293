#include "cli/help.h"

#include "cli/commands.h"

#include <string.h>

static int print(struct str *text, struct err *e)
{
    _cleanup_free_ char *whole = str_steal(text);
    return whole ? cli_print(whole, e) : err_nomem(e);
}

static void add_line(struct str *text, const char *name, const char *summary)
{
    str_addf(text, "  %-10s %s\n", name, summary);
}

static void add_place(struct str *text, const char *title, enum place place, const char *group)
{
    str_addf(text, "\n%s:\n", title);
    for (const struct command_entry *entry = command_entries; entry->name; entry++)
        if (entry->place == place && (!group || str_eq(group, entry->group)))
            add_line(text, entry->name, entry->command->summary);
}

int help_print(const struct option_def *global_options, struct err *e)
{
    _cleanup_str_ struct str text = {0}, options = {0};
    options_help(global_options, &options);
    str_add(&text, "Usage: skiff [OPTIONS] COMMAND\n\n"
                   "A container is a process on this machine's kernel; skiff puts walls around "
                   "it.\n");
    add_place(&text, "Common Commands", PLACE_COMMON, NULL);
    str_add(&text, "\nManagement Commands:\n");
    for (const struct command_group *g = command_groups; g->name; g++)
        add_line(&text, g->name, g->summary);
    add_place(&text, "Commands", PLACE_COMMAND, NULL);
    str_addf(&text,
             "\n%s\nSee 'skiff COMMAND --help' for its options. The image \"host\" is "
             "built in:\nthis machine's own files, read-only, under a fresh layer.\n",
             options.s ? options.s : "");
    return print(&text, e);
}

int help_print_group(const char *group, struct err *e)
{
    _cleanup_str_ struct str text = {0};
    str_addf(&text, "Usage: skiff %s COMMAND\n", group);
    for (const struct command_group *g = command_groups; g->name; g++)
        if (str_eq(group, g->name))
            str_addf(&text, "\n%s\n", g->summary);
    add_place(&text, "Commands", PLACE_GROUP, group);
    str_addf(&text, "\nSee 'skiff %s COMMAND --help' for its options.\n", group);
    return print(&text, e);
}

/* "skiff container rm, skiff rm": all ways to call it, if there are several. */
static void add_aliases(struct str *text, const struct cli_command *command)
{
    enum { WIDTH = 80 };
    size_t ways = 0, column = 0;
    for (const struct command_entry *entry = command_entries; entry->name; entry++)
        ways += entry->command == command;
    if (ways < 2)
        return;
    str_add(text, "\nAliases:\n");
    for (const struct command_entry *entry = command_entries; entry->name; entry++) {
        if (entry->command != command)
            continue;
        _cleanup_free_ char *way = str_printf("skiff %s%s%s", entry->group ? entry->group : "",
                                              entry->group ? " " : "", entry->name);
        bool fits = way && column > 0 && column + 2 + strlen(way) < WIDTH;
        str_addf(text, "%s%s", column == 0 ? "  " : fits ? ", " : ",\n  ", way ? way : "");
        column = (fits ? column : 0) + 2 + (way ? strlen(way) : 0);
    }
    str_add(text, "\n");
}

int help_print_command(const struct cli_command *command, struct err *e)
{
    _cleanup_str_ struct str text = {0}, options = {0};
    str_addf(&text, "Usage: skiff %s\n\n%s\n", command->line, command->summary);
    if (command->more)
        str_addf(&text, "\n%s\n", command->more);
    add_aliases(&text, command);
    if (command->options)
        options_help(command->options, &options);
    if (options.len > 0)
        str_addf(&text, "\n%s", options.s);
    text.failed |= options.failed;
    return print(&text, e);
}
