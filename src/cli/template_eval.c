#include "cli/template_eval.h"

#include <stdarg.h>
#include <string.h>

static int eval_command(struct run *x, json_t *dot, const struct node *command, json_t *final,
                        json_t **ret);

/* --- errors ------------------------------------------------------------------------------------
 */

static const char *node_text(const struct run *x, const struct node *n, int *ret_len)
{
    size_t len = n->to - n->from;
    *ret_len = (int)(len > 200 ? 200 : len);
    return x->t->text + n->from;
}

int run_fail(struct run *x, int code, const char *fmt, ...)
{
    unsigned line = 1;
    size_t column = 0;
    for (size_t i = 0; i < x->at->at; i++) {
        column = x->t->text[i] == '\n' ? 0 : column + 1;
        line += x->t->text[i] == '\n';
    }
    _cleanup_free_ char *what = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0)
        what = NULL;
    va_end(ap);
    if (!what)
        return err_nomem(x->e);
    int n;
    const char *text = node_text(x, x->at, &n);
    return err_set(x->e, code, "template: :%u:%zu: executing \"\" at <%.*s>: %s", line, column, n,
                   text, what);
}

int run_step(struct run *x)
{
    if (++x->steps > TEMPLATE_STEPS_MAX)
        return run_fail(x, EFBIG, "template takes too many steps");
    return 0;
}

/* --- variables ---------------------------------------------------------------------------------
 */

void run_pop(struct run *x, size_t n)
{
    while (x->n > n)
        json_decref(x->variables[--x->n].value);
}

static int push(struct run *x, const char *name, json_t *value)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 8;
        struct variable *v = reallocarray(x->variables, cap, sizeof(*v));
        if (!v)
            return err_nomem(x->e);
        x->variables = v;
        x->cap = cap;
    }
    x->variables[x->n++] = (struct variable){.name = name, .value = json_incref(value)};
    return 0;
}

static struct variable *lookup(struct run *x, const char *name)
{
    for (size_t i = x->n; i > 0; i--) {
        if (strcmp(x->variables[i - 1].name, name) == 0)
            return &x->variables[i - 1];
    }
    return NULL;
}

static void set(struct variable *v, json_t *value)
{
    json_incref(value);
    json_decref(v->value);
    v->value = value;
}

int run_set(struct run *x, const char *name, bool assigns, json_t *value)
{
    if (!assigns)
        return push(x, name, value);
    struct variable *v = lookup(x, name);
    if (!v)
        return run_fail(x, EINVAL, "undefined variable: %s", name);
    set(v, value);
    return 0;
}

/* --- values ------------------------------------------------------------------------------------
 */

static int eval_word(struct run *x, json_t *dot, const struct node *word, json_t **ret)
{
    if (word->kind == NODE_NIL) {
        x->at = word;
        *ret = json_null();
        return 0;
    }
    /* A word among arguments is computed as a command of that one word would be. */
    struct node alone = *word, command = {.kind = NODE_COMMAND,
                                          .at = word->at,
                                          .from = word->from,
                                          .to = word->to,
                                          .child = &alone};
    alone.next = NULL;
    int r = eval_command(x, dot, &command, NULL, ret);
    x->at = word;
    return r;
}

struct args {
    json_t **v; /* owned references */
    size_t n;
};

static void args_release(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        json_decref(a->v[i]);
    free(a->v);
    *a = (struct args){0};
}

/* The title of a column of labels: of "com.example.build-date" it is "build date". */
static json_t *label_title(const char *key)
{
    const char *dot = strrchr(key, '.');
    _cleanup_free_ char *title = strdup(dot ? dot + 1 : key);
    for (char *c = title; c && *c; c++) {
        if (*c == '-' || *c == '_')
            *c = ' ';
    }
    return title ? json_string_nocheck(title) : NULL;
}

/* A member "Label()" called as .Label "key". @map is NULL for a header, which has titles alone. */
static int call_method(struct run *x, json_t *dot, const char *name, json_t *map,
                       const struct node *words, json_t *final, json_t **ret)
{
    _cleanup_json_ json_t *key = json_incref(final);
    size_t got = final != NULL;
    for (const struct node *w = words; w; w = w->next)
        got++;
    if (got != 1)
        return run_fail(x, EINVAL, "wrong number of args for %s: want 1 got %zu", name, got);
    int r = words ? eval_word(x, dot, words, &key) : 0;
    if (r < 0)
        return r;
    if (!json_is_string(key))
        return run_fail(x, EINVAL, "wrong type for value; expected string; got %s",
                        template_type(key));
    json_t *found = json_object_get(map, json_string_value(key));
    if (!map)
        *ret = label_title(json_string_value(key));
    else
        *ret = found ? json_incref(found) : json_string("");
    return *ret ? 0 : err_nomem(x->e);
}

/* A member "Status()" that is no map: a method without arguments. NULL: there is none. */
static json_t *plain_method(const json_t *v, const char *name)
{
    _cleanup_free_ char *method = str_printf("%s()", name);
    json_t *found = method ? json_object_get(v, method) : NULL;
    return json_is_object(found) ? NULL : found;
}

/* A key that @v has not. */
static int missing(struct run *x, const json_t *v, const char *name, json_t **ret)
{
    if (!x->header && (v == x->root || !template_is_string_map(v)))
        return run_fail(x, EINVAL, "map has no entry for key \"%s\"", name);
    *ret = json_null();
    return 0;
}

static int eval_field(struct run *x, json_t *v, const char *name, json_t **ret)
{
    if (json_is_null(v))
        return run_fail(x, EINVAL, "nil pointer evaluating interface {}.%s", name);
    if (!json_is_object(v))
        return run_fail(x, EINVAL, "can't evaluate field %s in type %s", name,
                        v == x->root ? template_type(v) : "interface {}");
    json_t *found = json_object_get(v, name);
    if (!found)
        found = plain_method(v, name);
    if (!found)
        return missing(x, v, name, ret);
    *ret = json_incref(found);
    return 0;
}

/* The fields @names of @v, the last with arguments when it has any: @words and @final. */
static int eval_fields(struct run *x, json_t *dot, json_t *v, const struct strv *names,
                       const struct node *words, json_t *final, json_t **ret)
{
    _cleanup_json_ json_t *at = json_incref(v);
    const struct node *node = x->at;
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->v[i];
        json_t *part = NULL;
        int r;
        if (i + 1 == names->n && (words || final)) {
            _cleanup_free_ char *method = str_printf("%s()", name);
            if (!method)
                return err_nomem(x->e);
            json_t *map = json_object_get(at, method);
            if (!map && !x->header)
                return run_fail(x, EINVAL, "%s is not a method but has arguments", name);
            r = call_method(x, dot, name, map, words, final, &part);
            x->at = node;
        } else {
            r = eval_field(x, at, name, &part);
        }
        if (r < 0)
            return r;
        json_decref(at);
        at = part;
    }
    *ret = TAKE_PTR(at);
    return 0;
}

/* --- functions ---------------------------------------------------------------------------------
 */

static int wrong_number(struct run *x, const struct function *f, size_t least, bool more,
                        size_t got)
{
    return run_fail(x, EINVAL, "wrong number of args for %s: want %s%zu got %zu", f->name,
                    more ? "at least " : "", least, got);
}

static int check_type(struct run *x, char letter, const json_t *v)
{
    int n;
    const char *text = node_text(x, x->at, &n);
    const char *wanted = NULL;
    if (letter == 's' && !json_is_string(v))
        wanted = "string";
    else if (letter == 'i' && !json_is_integer(v))
        wanted = "int";
    else if (letter == 'l' && !json_is_array(v))
        wanted = "[]string";
    if (!wanted)
        return 0;
    if (x->at->kind == NODE_CONSTANT)
        return run_fail(x, EINVAL, "expected %s; found %.*s", wanted, n, text);
    return run_fail(x, EINVAL, "wrong type for value; expected %s; got %s", wanted,
                    template_type(v));
}

/* Whether `and` or `or` knows its result from @v. */
static bool decides(const struct function *f, const json_t *v)
{
    return f->lazy && template_truth(v) == (f->name[0] == 'o');
}

static int eval_args(struct run *x, json_t *dot, const struct function *f, const struct node *words,
                     json_t *final, struct args *args)
{
    const char *takes = f->takes;
    bool decided = false;
    for (const struct node *w = words; !decided && (w || final); w = w ? w->next : NULL) {
        json_t *v = NULL;
        int r = 0;
        if (w)
            r = eval_word(x, dot, w, &v);
        else
            v = json_incref(TAKE_PTR(final));
        if (r < 0)
            return r;
        args->v[args->n++] = v;
        char letter = takes[0] == '*' ? takes[-1] : takes[0];
        takes += takes[0] != '*';
        /* A table's header is made of titles, whatever the rows' values are. */
        r = x->header ? 0 : check_type(x, letter, v);
        if (r < 0)
            return r;
        decided = decides(f, v);
    }
    return 0;
}

static int call_function(struct run *x, json_t *dot, const struct node *command,
                         const struct function *f, json_t *final, json_t **ret)
{
    size_t got = final != NULL;
    const struct node *words = command->child->next;
    for (const struct node *w = words; w; w = w->next)
        got++;
    size_t letters = strcspn(f->takes, "*");
    bool more = f->takes[letters] == '*';
    size_t least = more ? letters - 1 : letters;
    x->at = command->child;
    if (got < least || (got > least && !more))
        return wrong_number(x, f, least, more, got);

    __attribute__((cleanup(args_release))) struct args args = {0};
    args.v = calloc(got + 1, sizeof(*args.v));
    if (!args.v)
        return err_nomem(x->e);
    int r = eval_args(x, dot, f, words, final, &args);
    if (r < 0)
        return r;
    x->at = command;
    if (x->header && f->keeps_header) {
        *ret = json_incref(args.v[0]);
        return 0;
    }
    if (x->header && !f->lazy && args.n > 0 && f->takes[0] == 's' && !json_is_string(args.v[0]))
        return check_type(x, 's', args.v[0]);

    _cleanup_err_ struct err why = ERR_INIT;
    r = f->call(args.v, args.n, ret, &why);
    if (r == -ENOMEM)
        return err_nomem(x->e);
    return r < 0 ? run_fail(x, -r, "error calling %s: %s", f->name, err_text(&why)) : 0;
}

/* --- commands and pipelines --------------------------------------------------------------------
 */

static int eval_chain(struct run *x, json_t *dot, const struct node *chain,
                      const struct node *words, json_t *final, json_t **ret)
{
    _cleanup_json_ json_t *base = NULL;
    int r = eval_word(x, dot, chain->child, &base);
    if (r < 0)
        return r;
    x->at = chain;
    return eval_fields(x, dot, base, &chain->names, words, final, ret);
}

static int eval_variable(struct run *x, json_t *dot, const struct node *variable,
                         const struct node *words, json_t *final, json_t **ret)
{
    struct variable *v = lookup(x, variable->name);
    if (!v)
        return run_fail(x, EINVAL, "undefined variable: %s", variable->name);
    if (variable->names.n == 0 && (words || final))
        return run_fail(x, EINVAL, "can't give argument to non-function %s", variable->name);
    return eval_fields(x, dot, v->value, &variable->names, words, final, ret);
}

static int eval_plain(struct run *x, json_t *dot, const struct node *word, const struct node *words,
                      json_t *final, json_t **ret)
{
    if (words || final) {
        int n;
        const char *text = node_text(x, word, &n);
        return run_fail(x, EINVAL, "can't give argument to non-function %.*s", n, text);
    }
    switch (word->kind) {
    case NODE_PIPE:
        return run_pipe(x, dot, word, ret);
    case NODE_DOT:
        *ret = json_incref(dot);
        return 0;
    case NODE_NIL:
        return run_fail(x, EINVAL, "nil is not a command");
    default:
        *ret = json_incref(word->value);
        return 0;
    }
}

/* @final is what came through the pipe, or NULL. */
static int eval_command(struct run *x, json_t *dot, const struct node *command, json_t *final,
                        json_t **ret)
{
    const struct node *first = command->child, *words = first->next;
    int r = run_step(x);
    if (r < 0)
        return r;
    x->at = first;
    switch (first->kind) {
    case NODE_FIELD:
        return eval_fields(x, dot, dot, &first->names, words, final, ret);
    case NODE_CHAIN:
        return eval_chain(x, dot, first, words, final, ret);
    case NODE_VARIABLE:
        return eval_variable(x, dot, first, words, final, ret);
    case NODE_FUNCTION:
        return call_function(x, dot, command, first->function, final, ret);
    default:
        return eval_plain(x, dot, first, words, final, ret);
    }
}

/* The value of the last command, without setting the pipeline's variables. */
int run_commands(struct run *x, json_t *dot, const struct node *pipe, json_t **ret)
{
    _cleanup_json_ json_t *value = NULL;
    x->at = pipe;
    for (const struct node *c = pipe->child; c; c = c->next) {
        json_t *next = NULL;
        int r = eval_command(x, dot, c, value, &next);
        if (r < 0)
            return r;
        json_decref(value);
        value = next;
    }
    *ret = TAKE_PTR(value);
    return 0;
}

int run_pipe(struct run *x, json_t *dot, const struct node *pipe, json_t **ret)
{
    _cleanup_json_ json_t *value = NULL;
    int r = run_commands(x, dot, pipe, &value);
    for (size_t i = 0; r == 0 && i < pipe->names.n; i++)
        r = run_set(x, pipe->names.v[i], pipe->assigns, value);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(value);
    return 0;
}
