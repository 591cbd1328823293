#include "cli/complete.h"

#include "cli/commands.h"

#include <string.h>

void candidate_order(struct candidates *to, const char *order)
{
    str_addf(&to->out, ":%s\n", order);
}

void candidate_add(struct candidates *to, const char *word, const char *about)
{
    if (!str_after(word, to->begun) || strpbrk(word, "\t\n"))
        return;
    str_addf(&to->out, "%s%s%s%s\n", to->before, word, about ? "\t" : "", about ? about : "");
    to->n++;
}

/* A command line on its way from left to right. */
struct line {
    struct cli *c;
    char **words;
    int n, at; /* the last word is the one to complete */
    struct candidates to;
};

static bool is_last(const struct line *l)
{
    return l->at == l->n - 1;
}

static const struct option_def *by_name(const struct option_def *table, const char *name, size_t n)
{
    for (const struct option_def *o = table; o && o->name; o++)
        if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static const struct option_def *by_letter(const struct option_def *table, char letter)
{
    for (const struct option_def *o = table; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static bool has_value(const struct option_def *o)
{
    return o && (o->type == OPTION_STRING || o->type == OPTION_LIST || o->type == OPTION_INT);
}

/* The option of @word that takes the word after it as its value; NULL: none does. "-itv" is as good
 * as "-v", and "-vx" has its value already. */
static const struct option_def *waiting_option(const struct option_def *table, const char *word)
{
    if (word[1] == '-') {
        const struct option_def *o = by_name(table, word + 2, strlen(word + 2));
        return has_value(o) ? o : NULL;
    }
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_def *o = by_letter(table, *letter);
        if (has_value(o))
            return letter[1] == '\0' ? o : NULL;
    }
    return NULL;
}

static void complete_value(struct line *l, const struct option_def *o, const char *before,
                           const char *begun)
{
    l->to.before = before;
    l->to.begun = begun;
    candidates_of_option(&l->to, o);
}

static void complete_option(struct line *l, const struct option_def *table)
{
    const char *word = l->words[l->at], *equals = strchr(word, '=');
    if (equals && word[1] == '-') {
        const struct option_def *o = by_name(table, word + 2, (size_t)(equals - word - 2));
        _cleanup_free_ char *before = strndup(word, (size_t)(equals + 1 - word));
        if (before && o && o->type == OPTION_FLAG) {
            l->to.before = before;
            l->to.begun = equals + 1;
            candidate_add(&l->to, "true", NULL);
            candidate_add(&l->to, "false", NULL);
        } else if (before && has_value(o)) {
            complete_value(l, o, before, equals + 1);
        }
        return;
    }
    l->to.begun = word;
    for (const struct option_def *o = table; o && o->name; o++) {
        _cleanup_free_ char *name = str_printf("--%s", o->name);
        char letter[] = {'-', o->letter, '\0'};
        if (!name || !o->help)
            continue;
        candidate_add(&l->to, name, o->help);
        if (o->letter && word[1] != '-' && word[1] != '\0')
            candidate_add(&l->to, letter, o->help);
    }
    candidate_add(&l->to, "--help", "Show what it takes");
}

/* Passes over options from where the line is. True when the last word was one, or an option's
 * value, and is done; *ret_words counts other words passed over, all of which @stop_at_word ends.
 */
static bool walk(struct line *l, const struct option_def *table, bool stop_at_word, int *ret_words)
{
    bool options = true;
    int words = 0;
    for (; l->at < l->n; l->at++) {
        const char *word = l->words[l->at];
        bool is_option = options && word[0] == '-';
        if (is_last(l) && is_option) {
            complete_option(l, table);
            return true;
        }
        if (is_last(l) || (!is_option && stop_at_word))
            break;
        if (!is_option) {
            words++;
            continue;
        }
        options = !str_eq(word, "--");
        const struct option_def *o = options ? waiting_option(table, word) : NULL;
        if (!o)
            continue;
        l->at++;
        if (is_last(l)) {
            complete_value(l, o, "", l->words[l->at]);
            return true;
        }
    }
    *ret_words = words;
    return false;
}

static void complete_command(struct line *l, const struct cli_command *command)
{
    int words = 0;
    if (walk(l, command->options, command->stop_at_word, &words))
        return;
    if (command->stop_at_word)
        words = l->n - 1 - l->at;
    l->to.begun = l->words[l->n - 1];
    if (command->max < 0 || words < command->max)
        candidates_of_word(&l->to, words == 0 ? command->first : command->rest);
}

static void complete_name(struct line *l, const char *group)
{
    l->to.begun = l->words[l->at];
    for (const struct command_entry *entry = command_entries; entry->name; entry++) {
        bool is_here = group ? str_eq(entry->group, group) : !entry->group;
        if (is_here && entry->place != PLACE_NONE)
            candidate_add(&l->to, entry->name, entry->command->summary);
    }
    for (const struct command_group *g = command_groups; !group && g->name; g++)
        candidate_add(&l->to, g->name, g->summary);
    if (!group)
        candidate_add(&l->to, "help", "Show what a command takes");
}

/* --root and --run-dir as they were typed before the command. */
static void take_ground(struct line *l)
{
    for (int i = 0; i < l->at; i++) {
        const struct {
            const char *name;
            const char **field;
        } folders[] = {{"--root", &l->c->root}, {"--run-dir", &l->c->run_dir}};
        for (size_t k = 0; k < ARRAY_LEN(folders); k++) {
            const char *rest = str_after(l->words[i], folders[k].name);
            if (rest && *rest == '=')
                *folders[k].field = rest + 1;
            else if (rest && *rest == '\0' && i + 1 < l->at)
                *folders[k].field = l->words[i + 1];
        }
    }
}

static void complete_line(struct line *l, const struct option_def *global_options)
{
    int words = 0;
    if (walk(l, global_options, true, &words))
        return;
    take_ground(l);
    if (!is_last(l) && str_eq(l->words[l->at], "help"))
        l->at++;
    if (is_last(l)) {
        complete_name(l, NULL);
        return;
    }
    const char *group = command_is_group(l->words[l->at]) ? l->words[l->at++] : NULL;
    if (is_last(l) && group) {
        complete_name(l, group);
        return;
    }
    const struct command_entry *entry = command_find(group, l->words[l->at++]);
    if (entry)
        complete_command(l, entry->command);
}

int complete(struct cli *c, int argc, char **argv, const struct option_def *global_options,
             struct err *e)
{
    char nothing[] = "", *empty[] = {nothing};
    struct line l = {
        .c = c,
        .words = argc > 0 ? argv : empty,
        .n = argc > 0 ? argc : 1,
        .to = {.c = c, .begun = "", .before = ""},
    };
    complete_line(&l, global_options);
    _cleanup_free_ char *text = str_steal(&l.to.out);
    engine_release(&c->engine);
    return text ? cli_print(text, e) : err_nomem(e);
}
