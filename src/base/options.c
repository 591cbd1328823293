#include "base/options.h"

#include <string.h>

static const struct option_def *by_name(const struct option_def *table, const char *name, size_t n)
{
    for (const struct option_def *o = table; o->name; o++)
        if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static const struct option_def *by_letter(const struct option_def *table, char letter)
{
    for (const struct option_def *o = table; o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

const char *nearest_word(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned distance = 3;
    for (size_t i = 0; i < n; i++) {
        unsigned d = str_distance(word, names[i]);
        /* A slip or two; two make another word of a short one. */
        if (d < distance && (d < 2 || strlen(word) > 4 || strlen(names[i]) > 4)) {
            distance = d;
            best = names[i];
        }
    }
    return best;
}

static int unknown_option(const struct option_def *table, const char *word, size_t n, struct err *e)
{
    const char *names[256];
    size_t count = 0;
    names[count++] = "help";
    for (const struct option_def *o = table; o->name && count < ARRAY_LEN(names); o++)
        names[count++] = o->name;

    _cleanup_free_ char *name = strndup(word, n);
    if (!name)
        return err_nomem(e);
    const char *near = nearest_word(name, names, count);
    if (near)
        return err_set(e, EINVAL, "unknown option \"--%s\": did you mean \"--%s\"?", name, near);
    return err_set(e, EINVAL, "unknown option \"--%s\"", name);
}

static int set_flag(const struct option_def *o, bool *field, const char *value, struct err *e)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
    if (!value) {
        *field = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(value, yes[i]) || str_eq(value, no[i])) {
            *field = str_eq(value, yes[i]);
            return 0;
        }
    }
    return err_set(e, EINVAL, "option \"--%s\": \"%s\" is not true or false", o->name, value);
}

static int set_value(const struct option_def *o, void *target, const char *value, struct err *e)
{
    void *field = (char *)target + o->offset;
    switch (o->type) {
    case OPTION_FLAG:
        return set_flag(o, field, value, e);
    case OPTION_STRING:
        *(const char **)field = value;
        return 0;
    case OPTION_INT: {
        int r = str_to_int64(value, -__LONG_LONG_MAX__ - 1, __LONG_LONG_MAX__, field);
        if (r < 0)
            return err_set(e, EINVAL, "option \"--%s\": \"%s\" is not a number", o->name, value);
        return 0;
    }
    case OPTION_LATER:
        return err_set(e, ENOTSUP, "option \"--%s\" is not supported yet", o->name);
    case OPTION_LIST: {
        struct option_list *list = field;
        const char **v = reallocarray(list->v, list->n + 1, sizeof(*v));
        if (!v)
            return err_nomem(e);
        list->v = v;
        list->v[list->n++] = value;
        return 0;
    }
    }
    return -EINVAL;
}

struct parser {
    const struct option_def *table;
    char **argv;
    int argc, at;
    void *target;
    bool help;
};

static int need_value(struct parser *p, const struct option_def *o, const char **ret, struct err *e)
{
    if (p->at + 1 >= p->argc)
        return err_set(e, EINVAL, "option \"--%s\" needs a value: %s", o->name,
                       o->argument ? o->argument : "VALUE");
    *ret = p->argv[++p->at];
    return 0;
}

static int parse_long(struct parser *p, const char *word, struct err *e)
{
    const char *equals = strchrnul(word, '=');
    size_t n = (size_t)(equals - word);
    const struct option_def *o = by_name(p->table, word, n);
    if (!o && n == 4 && strncmp(word, "help", 4) == 0) {
        p->help = true;
        return 0;
    }
    if (!o)
        return unknown_option(p->table, word, n, e);

    const char *value = *equals ? equals + 1 : NULL;
    if (!value && o->type != OPTION_FLAG && o->type != OPTION_LATER) {
        int r = need_value(p, o, &value, e);
        if (r < 0)
            return r;
    }
    return set_value(o, p->target, value, e);
}

static int parse_letters(struct parser *p, const char *letters, struct err *e)
{
    for (const char *c = letters; *c; c++) {
        const struct option_def *o = by_letter(p->table, *c);
        if (!o && *c == 'h') {
            p->help = true;
            continue;
        }
        if (!o)
            return err_set(e, EINVAL, "unknown option \"-%c\" in \"-%s\"", *c, letters);

        const char *value = NULL;
        bool rest = false;
        if (o->type == OPTION_LATER)
            return set_value(o, p->target, NULL, e);
        if (o->type != OPTION_FLAG) {
            rest = c[1] != '\0';
            value = rest ? c + 1 + (c[1] == '=') : NULL;
            int r = rest ? 0 : need_value(p, o, &value, e);
            if (r < 0)
                return r;
        } else if (c[1] == '=') {
            rest = true;
            value = c + 2;
        }
        int r = set_value(o, p->target, value, e);
        if (r < 0 || rest)
            return r;
        if (o->type != OPTION_FLAG)
            return 0;
    }
    return 0;
}

int options_parse(const struct option_def *table, char **argv, int argc, bool stop_at_word,
                  void *target, char ***ret_words, int *ret_n, struct err *e)
{
    struct parser p = {.table = table, .argv = argv, .argc = argc, .target = target};
    int words = 0;

    for (; p.at < argc; p.at++) {
        char *word = argv[p.at];
        bool is_option = word[0] == '-' && word[1] != '\0';
        if (!is_option && stop_at_word)
            break;
        if (!is_option) {
            argv[words++] = word;
            continue;
        }
        if (str_eq(word, "--")) {
            p.at++;
            break;
        }
        int r = word[1] == '-' ? parse_long(&p, word + 2, e) : parse_letters(&p, word + 1, e);
        if (r < 0)
            return r;
    }
    for (; p.at < argc; p.at++)
        argv[words++] = argv[p.at];
    *ret_words = argv;
    *ret_n = words;
    return p.help ? 1 : 0;
}

void options_release(const struct option_def *table, void *target)
{
    for (const struct option_def *o = table; o->name; o++) {
        if (o->type != OPTION_LIST)
            continue;
        struct option_list *list = (void *)((char *)target + o->offset);
        free(list->v);
        *list = (struct option_list){0};
    }
}

/* Help's columns. */
enum { HELP_WIDTH = 80, HELP_LEFT = 28, HELP_INDENT = 35 };

static int columns(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80; /* of UTF-8, first bytes alone */
    return count;
}

/* Words, as many in a line as there is room for; the first line has its indent already. */
static void add_wrapped(struct str *out, const char *text)
{
    int at = HELP_INDENT;
    while (*text) {
        size_t n = strcspn(text, " ");
        int width = columns(text, n);
        bool first = at == HELP_INDENT;
        if (!first && at + 1 + width > HELP_WIDTH) {
            str_addf(out, "\n%*s", HELP_INDENT, "");
            at = HELP_INDENT;
            first = true;
        }
        str_addf(out, "%s%.*s", first ? "" : " ", (int)n, text);
        at += width + !first;
        text += n + strspn(text + n, " ");
    }
    str_add(out, "\n");
}

static void add_option(struct str *out, const struct option_def *o)
{
    _cleanup_free_ char *left =
        o->argument ? str_printf("--%s %s", o->name, o->argument) : str_printf("--%s", o->name);
    if (!left) {
        out->failed = true;
        return;
    }
    if (o->letter)
        str_addf(out, "  -%c, %s", o->letter, left);
    else
        str_addf(out, "      %s", left);
    int room = HELP_LEFT - columns(left, strlen(left));
    if (room < 0)
        str_addf(out, "\n%*s", HELP_INDENT, "");
    else
        str_addf(out, "%*s", room + 1, "");
    add_wrapped(out, o->help);
}

void options_help(const struct option_def *table, struct str *out)
{
    for (const struct option_def *o = table; o->name; o++) {
        if (o->group)
            str_addf(out, "%s%s:\n", out->len ? "\n" : "", o->group);
        if (o->help)
            add_option(out, o);
    }
}
