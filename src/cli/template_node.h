/*
 * The inside of a template: tokens, the tree they are parsed into, functions, and how values print.
 * Shared by template_*.c and by nobody else.
 */
#ifndef SKIFF_CLI_TEMPLATE_NODE_H
#define SKIFF_CLI_TEMPLATE_NODE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TEMPLATE_TEXT_MAX = 256 * 1024,         /* bytes of a template */
    TEMPLATE_DEPTH_MAX = 200,               /* of parentheses and of blocks within blocks */
    TEMPLATE_OUTPUT_MAX = 16 * 1024 * 1024, /* bytes of output, and of any one string made */
    TEMPLATE_STEPS_MAX = 2 * 1000 * 1000,   /* nodes visited in one run */
    TEMPLATE_WIDTH_MAX = 1000 * 1000,       /* of printf's width and precision, as Go's */
};

enum token_kind {
    TOKEN_END, /* of the template */
    TOKEN_TEXT,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_SPACE,
    TOKEN_FIELD,    /* .Name */
    TOKEN_VARIABLE, /* $ or $name */
    TOKEN_DOT,
    TOKEN_NAME, /* function or keyword */
    TOKEN_NUMBER,
    TOKEN_RUNE,   /* 'a' */
    TOKEN_STRING, /* "a" */
    TOKEN_RAW,    /* `a` */
    TOKEN_ASSIGN,
    TOKEN_DECLARE,
    TOKEN_PIPE,
    TOKEN_LEFT,
    TOKEN_RIGHT,
    TOKEN_COMMA,
};

struct token {
    enum token_kind kind;
    size_t at;
    size_t len;
};

/* All tokens of @text (@n bytes) with a TOKEN_END behind; the caller frees *ret. */
int template_lex(const char *text, size_t n, struct token **ret, struct err *e);

/* The value of a TOKEN_NUMBER, STRING, RAW or RUNE. */
int template_literal(const char *text, const struct token *t, json_t **ret, struct err *e);

/* Tells a mistake in a template's text: "template: :LINE: @fmt". Returns -EINVAL. */
int template_syntax(const char *text, size_t at, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

enum node_kind {
    NODE_LIST, /* child: what is printed one after the other */
    NODE_TEXT,
    NODE_ACTION, /* pipe */
    NODE_IF,     /* pipe, body, otherwise; so have the next two */
    NODE_WITH,
    NODE_RANGE,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_PIPE,     /* child: commands; names: variables it sets */
    NODE_COMMAND,  /* child: words */
    NODE_FIELD,    /* names: .A.B */
    NODE_VARIABLE, /* name: $x, names: fields behind it */
    NODE_CHAIN,    /* child: (pipe), names: fields behind it */
    NODE_DOT,
    NODE_NIL,
    NODE_FUNCTION,
    NODE_CONSTANT,
};

struct node {
    enum node_kind kind;
    bool assigns;    /* a pipe's: to variables that exist */
    size_t at;       /* where an error is said to be */
    size_t from, to; /* its text */
    struct node *next;
    struct node *child;
    struct node *pipe, *body, *otherwise;
    struct strv names;
    char *name;
    const struct function *function;
    json_t *value;
    struct node *made_before; /* all nodes of a template, for freeing */
};

struct template
{
    char *text;
    size_t len;
    struct node *root;
    struct node *nodes;
};

/* Parses t->text into t->root. */
int template_parse_tree(struct template *t, struct err *e);

/* Runs it; @header as template_run_header says. */
int template_execute(const struct template *t, json_t *value, bool header, struct str *out,
                     struct err *e);

/* What a function takes: one letter an argument: s string, i integer, l list, v any value; a star
 * repeats the last letter for any further number, none included. */
struct function {
    const char *name;
    const char *takes;
    bool lazy;         /* `and`, `or`: arguments are computed until the result is known */
    bool keeps_header; /* gives its first argument back when a table's header is made */
    int (*call)(json_t *const *args, size_t n, json_t **ret, struct err *e);
};

/* Calls of template_compare.c; those of `and` and `or` give their last argument. */
int template_call_last(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_not(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_eq(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_ne(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_lt(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_le(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_gt(json_t *const *args, size_t n, json_t **ret, struct err *e);
int template_call_ge(json_t *const *args, size_t n, json_t **ret, struct err *e);

/* By name; NULL when there is none. */
const struct function *template_function(const char *name, size_t n);

/* Whether `if` takes it for true: not null, false, 0, "", [] or {}. */
bool template_truth(const json_t *v);

/* Go's name of a value's type: string, int, float64, bool, map[string]interface {} … */
const char *template_type(const json_t *v);

/* Whether a member is a method ("Label()"), which no one sees who looks at the whole object. */
bool template_is_method(const char *key);

/* Whether an object can be taken for a map of strings. */
bool template_is_string_map(const json_t *object);

/* An object's keys, sorted, without methods; the caller frees the array, not the keys. NULL when
 * memory ran out. */
const char **template_keys(json_t *object, size_t *ret_n);

/* Prints @v as Go's fmt does with %v; null as <nil>. */
void template_print(struct str *out, json_t *v);

/* Appends @s as a Go string literal, quotes included. */
void template_quote(struct str *out, const char *s, size_t n);

/* Go's Sprintf over @args. Never fails: mistakes are printed as Go prints them, %!d(string=a). */
void template_printf(struct str *out, const char *format, size_t len, json_t *const *args,
                     size_t n);

/* The length of the UTF-8 sequence at @s (@n > 0 bytes are there), with its code point; 1 and -1
 * for a byte that begins none. */
size_t template_rune(const char *s, size_t n, long *ret);

#endif
