#include "image/words.h"

#include <string.h>

struct lexer {
    const char *p;
    const json_t *env;
    struct str word;
    bool in_word; /* a word may be empty: "" */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t name_len(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return *s >= '0' && *s <= '9' ? 0 : n;
}

static const char *look_up(const json_t *env, const char *name, size_t n)
{
    size_t i;
    json_t *value;
    json_array_foreach (env, i, value) {
        const char *s = json_string_value(value);
        if (s && strncmp(s, name, n) == 0 && s[n] == '=')
            return s + n + 1;
    }
    return NULL;
}

/* Behind "${". The words behind :- and :+ are literal. */
static int braced(struct lexer *l, struct err *e)
{
    size_t n = name_len(l->p);
    const char *value = look_up(l->env, l->p, n);
    const char *rest = l->p + n;
    const char *end = strchr(rest, '}');
    bool has_value = value && *value;
    if (n == 0 || !end)
        return err_set(e, EINVAL, "a ${variable} is not closed, or has no name");
    l->p = end + 1;
    if (rest == end) {
        str_add(&l->word, value ? value : "");
    } else if (rest[0] == ':' && rest[1] == '-') {
        if (has_value)
            str_add(&l->word, value);
        else
            str_addn(&l->word, rest + 2, (size_t)(end - rest) - 2);
    } else if (rest[0] == ':' && rest[1] == '+') {
        if (has_value)
            str_addn(&l->word, rest + 2, (size_t)(end - rest) - 2);
    } else {
        return err_set(e, EINVAL, "unsupported modifier in \"${%.*s}\"", (int)(end - rest + (int)n),
                       rest - n);
    }
    return 0;
}

/* Behind "$". */
static int variable(struct lexer *l, struct err *e)
{
    if (*l->p == '{') {
        l->p++;
        return braced(l, e);
    }
    size_t n = name_len(l->p);
    if (n == 0) {
        str_add(&l->word, "$");
        return 0;
    }
    const char *value = look_up(l->env, l->p, n);
    str_add(&l->word, value ? value : "");
    l->p += n;
    return 0;
}

static int single_quoted(struct lexer *l, struct err *e)
{
    const char *end = strchr(l->p, '\'');
    if (!end)
        return err_set(e, EINVAL, "a quote (') is not closed");
    str_addn(&l->word, l->p, (size_t)(end - l->p));
    l->p = end + 1;
    return 0;
}

static int double_quoted(struct lexer *l, struct err *e)
{
    while (*l->p != '"') {
        char c = *l->p;
        if (!c)
            return err_set(e, EINVAL, "a quote (\") is not closed");
        l->p++;
        if (c == '$') {
            int r = variable(l, e);
            if (r < 0)
                return r;
            continue;
        }
        /* As in a shell: "\n" stays two characters. */
        if (c == '\\' && *l->p && strchr("\"$\\", *l->p))
            c = *l->p++;
        str_addn(&l->word, &c, 1);
    }
    l->p++;
    return 0;
}

/* Takes one piece of a word: a quoted text, a variable, a character. */
static int piece(struct lexer *l, struct err *e)
{
    char c = *l->p++;
    l->in_word = true;
    switch (c) {
    case '\'':
        return single_quoted(l, e);
    case '"':
        return double_quoted(l, e);
    case '$':
        return variable(l, e);
    case '\\':
        if (*l->p)
            c = *l->p++;
        break;
    default:
        break;
    }
    str_addn(&l->word, &c, 1);
    return 0;
}

static int end_word(struct lexer *l, struct strv *words)
{
    if (!l->in_word)
        return 0;
    _cleanup_free_ char *word = str_steal(&l->word);
    l->in_word = false;
    if (!word)
        return -ENOMEM;
    strv_add(words, word);
    return words->failed ? -ENOMEM : 0;
}

int words_split(const char *text, const json_t *env, struct strv *ret, struct err *e)
{
    struct lexer l = {.p = text, .env = env};
    _cleanup_strv_ struct strv words = {0};
    int r = 0;
    while (r == 0 && *l.p) {
        if (!is_blank(*l.p)) {
            r = piece(&l, e);
            continue;
        }
        l.p++;
        if (end_word(&l, &words) < 0)
            r = err_nomem(e);
    }
    if (r == 0 && end_word(&l, &words) < 0)
        r = err_nomem(e);
    str_release(&l.word);
    if (r < 0)
        return r;
    *ret = TAKE(words, (struct strv){0});
    return 0;
}

int words_join(const char *text, const json_t *env, char **ret, struct err *e)
{
    struct lexer l = {.p = text, .env = env};
    int r = 0;
    while (r == 0 && *l.p)
        r = piece(&l, e);
    if (r < 0) {
        str_release(&l.word);
        return r;
    }
    *ret = str_steal(&l.word);
    return *ret ? 0 : err_nomem(e);
}
