#include "cli/template_node.h"

#include <stdarg.h>
#include <string.h>

struct lexer {
    const char *text;
    size_t len;
    size_t pos;
    bool trim; /* the text that follows loses its leading white space */
    unsigned parens;
    struct token *tokens;
    size_t n, cap;
    struct err *e;
};

int template_syntax(const char *text, size_t at, struct err *e, const char *fmt, ...)
{
    unsigned line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';

    _cleanup_free_ char *what = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0)
        what = NULL;
    va_end(ap);
    if (!what)
        return err_nomem(e);
    return err_set(e, EINVAL, "template: :%u: %s", line, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of other alphabets count as letters, as they do in Go's identifiers. */
static bool is_word(char c)
{
    return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static char peek(const struct lexer *lx, size_t ahead)
{
    return lx->pos + ahead < lx->len ? lx->text[lx->pos + ahead] : '\0';
}

static bool looking_at(const struct lexer *lx, const char *s)
{
    size_t n = strlen(s);
    return lx->len - lx->pos >= n && memcmp(lx->text + lx->pos, s, n) == 0;
}

static int emit(struct lexer *lx, enum token_kind kind, size_t at, size_t len)
{
    if (lx->n == lx->cap) {
        size_t cap = lx->cap ? lx->cap * 2 : 32;
        struct token *tokens = reallocarray(lx->tokens, cap, sizeof(*tokens));
        if (!tokens)
            return err_nomem(lx->e);
        lx->tokens = tokens;
        lx->cap = cap;
    }
    lx->tokens[lx->n++] = (struct token){.kind = kind, .at = at, .len = len};
    return 0;
}

/* Emits the next @len bytes and steps over them. */
static int take(struct lexer *lx, enum token_kind kind, size_t len)
{
    int r = emit(lx, kind, lx->pos, len);
    lx->pos += len;
    return r;
}

/* Where a word could begin. */
static int unexpected_character(struct lexer *lx)
{
    long rune;
    size_t n = template_rune(lx->text + lx->pos, lx->len - lx->pos, &rune);
    return template_syntax(lx->text, lx->pos, lx->e, "unexpected \"%.*s\" in operand", (int)n,
                           lx->text + lx->pos);
}

/* Behind a word that it does not belong to. */
static int bad_character(struct lexer *lx)
{
    long rune;
    size_t n = template_rune(lx->text + lx->pos, lx->len - lx->pos, &rune);
    return template_syntax(lx->text, lx->pos, lx->e, "bad character U+%04lX '%.*s'",
                           rune < 0 ? 0xfffdL : rune, (int)n, lx->text + lx->pos);
}

/* At an action's end, with or without trimming. */
static bool at_close(const struct lexer *lx)
{
    return looking_at(lx, "}}") || (is_space(peek(lx, 0)) && peek(lx, 1) == '-' &&
                                    peek(lx, 2) == '}' && peek(lx, 3) == '}');
}

static void step_over_close(struct lexer *lx)
{
    lx->trim = peek(lx, 0) != '}';
    lx->pos += lx->trim ? 4 : 2;
}

/* A comment stands alone in its action. */
static int lex_comment(struct lexer *lx)
{
    const char *end = memmem(lx->text + lx->pos, lx->len - lx->pos, "*/", 2);
    if (!end)
        return template_syntax(lx->text, lx->pos, lx->e, "unclosed comment");
    lx->pos = (size_t)(end - lx->text) + 2;
    if (!at_close(lx))
        return template_syntax(lx->text, lx->pos, lx->e, "comment ends before closing delimiter");
    step_over_close(lx);
    return 0;
}

static int lex_quoted(struct lexer *lx, char quote, enum token_kind kind, const char *unclosed)
{
    size_t i = 1;
    for (;; i++) {
        char c = peek(lx, i);
        if (lx->pos + i >= lx->len || (c == '\n' && kind != TOKEN_RAW))
            return template_syntax(lx->text, lx->pos, lx->e, "%s", unclosed);
        if (c == '\\' && kind != TOKEN_RAW)
            i++;
        else if (c == quote)
            return take(lx, kind, i + 1);
    }
}

static int lex_number(struct lexer *lx)
{
    size_t i = peek(lx, 0) == '+' || peek(lx, 0) == '-';
    bool hex = peek(lx, i) == '0' && (peek(lx, i + 1) | 0x20) == 'x';
    for (;; i++) {
        char c = peek(lx, i);
        bool exponent = i > 0 && !hex && (peek(lx, i - 1) | 0x20) == 'e';
        if (!is_word(c) && c != '.' && !((c == '+' || c == '-') && exponent))
            break;
    }
    return take(lx, TOKEN_NUMBER, i);
}

/* A word of letters with a dot or a dollar before it or not, which must end at something that can
 * end it: "a-b" is not a word and a number. */
static int lex_word(struct lexer *lx, enum token_kind kind, size_t prefix)
{
    size_t i = prefix;
    while (is_word(peek(lx, i)))
        i++;
    int r = take(lx, kind, i);
    if (r < 0)
        return r;
    char c = peek(lx, 0);
    if (lx->pos == lx->len || is_space(c) || (c != '\0' && strchr(".,|:()=", c)) ||
        looking_at(lx, "}}"))
        return 0;
    return bad_character(lx);
}

static int lex_symbol(struct lexer *lx)
{
    switch (peek(lx, 0)) {
    case '=':
        return take(lx, TOKEN_ASSIGN, 1);
    case ':':
        if (peek(lx, 1) != '=')
            return template_syntax(lx->text, lx->pos, lx->e, "expected :=");
        return take(lx, TOKEN_DECLARE, 2);
    case '|':
        return take(lx, TOKEN_PIPE, 1);
    case ',':
        return take(lx, TOKEN_COMMA, 1);
    case '(':
        lx->parens++;
        return take(lx, TOKEN_LEFT, 1);
    case ')':
        if (lx->parens == 0)
            return template_syntax(lx->text, lx->pos, lx->e, "unexpected \")\" in command");
        lx->parens--;
        return take(lx, TOKEN_RIGHT, 1);
    case '.':
        return take(lx, TOKEN_DOT, 1);
    default:
        return unexpected_character(lx);
    }
}

static int lex_space(struct lexer *lx)
{
    size_t i = 0;
    while (is_space(peek(lx, i)) &&
           !(i > 0 && peek(lx, i + 1) == '-' && peek(lx, i + 2) == '}' && peek(lx, i + 3) == '}'))
        i++;
    return take(lx, TOKEN_SPACE, i);
}

static int lex_token(struct lexer *lx)
{
    char c = peek(lx, 0), next = peek(lx, 1);
    if (is_space(c))
        return lex_space(lx);
    if (c == '"')
        return lex_quoted(lx, '"', TOKEN_STRING, "unterminated quoted string");
    if (c == '`')
        return lex_quoted(lx, '`', TOKEN_RAW, "unterminated raw quoted string");
    if (c == '\'')
        return lex_quoted(lx, '\'', TOKEN_RUNE, "unterminated character constant");
    if (c == '.' && is_word(next) && !is_digit(next))
        return lex_word(lx, TOKEN_FIELD, 1);
    if (c == '$')
        return lex_word(lx, TOKEN_VARIABLE, 1);
    if (is_digit(c) || ((c == '+' || c == '-' || c == '.') && is_digit(next)))
        return lex_number(lx);
    if (is_word(c))
        return lex_word(lx, TOKEN_NAME, 0);
    return lex_symbol(lx);
}

/* From behind "{{" to behind "}}". */
static int lex_action(struct lexer *lx)
{
    if (peek(lx, 0) == '-' && is_space(peek(lx, 1)))
        lx->pos += 2;
    if (looking_at(lx, "/*"))
        return lex_comment(lx);

    size_t opened = lx->pos;
    int r = emit(lx, TOKEN_OPEN, opened, 0);
    while (r == 0 && !at_close(lx)) {
        if (lx->pos == lx->len)
            return template_syntax(lx->text, opened, lx->e, "unclosed action");
        r = lex_token(lx);
    }
    if (r < 0)
        return r;
    if (lx->parens > 0)
        return template_syntax(lx->text, lx->pos, lx->e, "unclosed left paren");
    r = emit(lx, TOKEN_CLOSE, lx->pos, 0);
    step_over_close(lx);
    return r;
}

/* Text up to the next action, its ends trimmed as the actions around it wish. */
static int lex_text(struct lexer *lx)
{
    const char *open = memmem(lx->text + lx->pos, lx->len - lx->pos, "{{", 2);
    size_t end = open ? (size_t)(open - lx->text) : lx->len;
    size_t from = lx->pos, to = end;
    if (lx->trim) {
        while (from < to && is_space(lx->text[from]))
            from++;
    }
    lx->trim = false;
    lx->pos = open ? end + 2 : end;
    if (open && peek(lx, 0) == '-' && is_space(peek(lx, 1))) {
        while (to > from && is_space(lx->text[to - 1]))
            to--;
    }
    int r = to > from ? emit(lx, TOKEN_TEXT, from, to - from) : 0;
    if (r < 0 || !open)
        return r;
    return lex_action(lx);
}

int template_lex(const char *text, size_t n, struct token **ret, struct err *e)
{
    struct lexer lx = {.text = text, .len = n, .e = e};
    int r = 0;
    while (r == 0 && lx.pos < lx.len)
        r = lex_text(&lx);
    if (r == 0)
        r = emit(&lx, TOKEN_END, n, 0);
    if (r < 0) {
        free(lx.tokens);
        return r;
    }
    *ret = lx.tokens;
    return 0;
}
