#include "cli/man.h"

#include "cli/commands.h"

#include <ctype.h>
#include <string.h>

/* As roff takes it for what it is: no orders, and no hyphens where a minus is to be typed. */
static void add_text(struct str *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 ? out->len == 0 || out->s[out->len - 1] == '\n' : text[i - 1] == '\n';
        if (begins && (text[i] == '.' || text[i] == '\''))
            str_add(out, "\\&");
        if (text[i] == '\\')
            str_add(out, "\\e");
        else if (text[i] == '-')
            str_add(out, "\\-");
        else
            str_addn(out, text + i, 1);
    }
}

static void add(struct str *out, const char *text)
{
    add_text(out, text, strlen(text));
}

/* "skiff-container-ls" of "container ls", in the case of @change. */
static void add_page_name(struct str *out, const char *name, size_t n, int (*change)(int))
{
    const char *word = "skiff-";
    for (const char *c = word; *c; c++)
        str_addf(out, "%c", change ? change(*c) : *c);
    for (size_t i = 0; i < n; i++) {
        int c = name[i] == ' ' ? '-' : name[i];
        str_addf(out, "%c", change ? change(c) : c);
    }
}

static int keep(int c)
{
    return c;
}

/* The words of a usage line behind the name: what is to be typed is bold, what stands for something
 * else is in italics. */
static void add_synopsis(struct str *out, const struct cli_command *command)
{
    int name = command_name_length(command);
    str_add(out, ".SH SYNOPSIS\n.nf\n\\fBskiff ");
    add_text(out, command->line, (size_t)name);
    str_add(out, "\\fR");
    const char *font = "R";
    for (const char *c = command->line + name; *c; c++) {
        const char *wanted = isupper((unsigned char)*c)   ? "I"
                             : islower((unsigned char)*c) ? "B"
                                                          : "R";
        if (!str_eq(font, wanted))
            str_addf(out, "\\f%s", wanted);
        font = wanted;
        add_text(out, c, 1);
    }
    str_add(out, str_eq(font, "R") ? "\n.fi\n" : "\\fR\n.fi\n");
}

/* Text that may stand in columns keeps its lines. */
static void add_description(struct str *out, const struct cli_command *command)
{
    str_add(out, ".SH DESCRIPTION\n");
    add(out, command->summary);
    str_add(out, ".\n");
    const char *text = command->more ? command->more : "";
    bool columns = strstr(text, "\n ") != NULL;
    if (*text)
        str_add(out, columns ? ".PP\n.nf\n" : ".PP\n");
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n == 0 && !columns)
            str_add(out, ".PP");
        add_text(out, text, n);
        str_add(out, "\n");
        text += n + (text[n] == '\n');
    }
    if (columns)
        str_add(out, ".fi\n");
}

static void add_option(struct str *out, const struct option_def *o)
{
    str_add(out, ".TP\n");
    if (o->letter)
        str_addf(out, "\\fB\\-%c\\fR, ", o->letter);
    str_add(out, "\\fB\\-\\-");
    add(out, o->name);
    str_add(out, "\\fR");
    if (o->argument) {
        str_add(out, " \\fI");
        add(out, o->argument);
        str_add(out, "\\fR");
    }
    str_add(out, "\n");
    add(out, o->help);
    str_add(out, ".\n");
}

static void add_options(struct str *out, const struct option_def *table)
{
    for (const struct option_def *o = table; o && o->name; o++) {
        if (o->group && !str_eq(o->group, "Options")) {
            str_add(out, ".SS ");
            add(out, o->group);
            str_add(out, "\n");
        }
        if (o->help)
            add_option(out, o);
    }
}

static void add_other_names(struct str *out, const struct cli_command *command)
{
    bool first = true;
    for (const struct command_entry *entry = command_entries; entry->name; entry++) {
        _cleanup_free_ char *way = str_printf("%s%s%s", entry->group ? entry->group : "",
                                              entry->group ? " " : "", entry->name);
        int n = command_name_length(command);
        if (entry->command != command || !way ||
            (strlen(way) == (size_t)n && strncmp(way, command->line, (size_t)n) == 0))
            continue;
        str_add(out, first ? ".SH \"OTHER NAMES\"\nskiff " : ".br\nskiff ");
        add(out, way);
        str_add(out, "\n");
        first = false;
    }
}

static void add_page(struct str *out, const struct cli_command *command)
{
    size_t n = (size_t)command_name_length(command);
    str_add(out, ".TH ");
    add_page_name(out, command->line, n, toupper);
    str_addf(out, " 1 %s \"skiff %s\" \"skiff manual\"\n.SH NAME\n", SKIFF_DATE, SKIFF_VERSION);
    _cleanup_str_ struct str name = {0};
    add_page_name(&name, command->line, n, keep);
    add(out, name.s ? name.s : "");
    str_addf(out, " \\- %c", tolower(command->summary[0]));
    add(out, command->summary + 1);
    str_add(out, "\n");
    add_synopsis(out, command);
    add_description(out, command);
    if (command->options && command->options->name) {
        str_add(out, ".SH OPTIONS\n");
        add_options(out, command->options);
    }
    str_add(out, ".SH \"EXIT STATUS\"\n");
    str_add(out,
            command->flags & STATUS_125
                ? "That of the command in the container, 128 and a signal's number if one ended "
                  "it;\n125 when skiff itself failed, 126 when the command cannot be executed, "
                  "127 when there is\nno such command.\n"
                : "0, or 1 when something failed; 125 for a wrong option.\n");
    add_other_names(out, command);
    str_add(out, ".SH \"SEE ALSO\"\n.BR skiff (1)\n");
}

static bool is_own_name(const struct command_entry *entry)
{
    int n = command_name_length(entry->command);
    _cleanup_free_ char *way = str_printf("%s%s%s", entry->group ? entry->group : "",
                                          entry->group ? " " : "", entry->name);
    return way && strlen(way) == (size_t)n && strncmp(way, entry->command->line, (size_t)n) == 0;
}

static void add_page_list(struct str *out)
{
    for (const struct command_entry *entry = command_entries; entry->name; entry++) {
        const struct cli_command *command = entry->command;
        str_addf(out, "%s%s%s", entry->group ? entry->group : "", entry->group ? "-" : "",
                 entry->name);
        if (!is_own_name(entry)) {
            str_add(out, " ");
            for (int i = 0; i < command_name_length(command); i++)
                str_addf(out, "%c", command->line[i] == ' ' ? '-' : command->line[i]);
        }
        str_add(out, "\n");
    }
}

static void add_command_list(struct str *out)
{
    for (const struct command_entry *entry = command_entries; entry->name; entry++) {
        _cleanup_str_ struct str name = {0};
        if (!is_own_name(entry))
            continue;
        add_page_name(&name, entry->command->line, (size_t)command_name_length(entry->command),
                      keep);
        str_add(out, ".TP\n.BR ");
        add(out, name.s ? name.s : "");
        str_add(out, " (1)\n");
        add(out, entry->command->summary);
        str_add(out, ".\n");
    }
}

int man_print(int argc, char **argv, const struct option_def *global_options, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    if (argc == 0) {
        add_page_list(&out);
    } else if (str_eq(argv[0], "--commands")) {
        add_command_list(&out);
    } else if (str_eq(argv[0], "--options")) {
        add_options(&out, global_options);
    } else {
        const struct command_entry *entry =
            argc > 1 ? command_find(argv[0], argv[1]) : command_find(NULL, argv[0]);
        if (!entry)
            return command_unknown(argc > 1 ? argv[0] : NULL, argv[argc > 1], e);
        add_page(&out, entry->command);
    }
    _cleanup_free_ char *text = str_steal(&out);
    return text ? cli_print(text, e) : err_nomem(e);
}
