#include "cli/template_node.h"

#include <string.h>

struct parser {
    struct template *t;
    const struct token *tokens;
    size_t i;
    struct strv variables; /* that are in scope, "$" first */
    unsigned depth;
    unsigned loops;
    struct err *e;
};

/* How a list of nodes ended. */
enum list_end { LIST_END, LIST_ELSE, LIST_EOF };

static int parse_pipe(struct parser *p, const char *context, enum token_kind end,
                      struct node **ret);
static int parse_list(struct parser *p, struct node **ret, enum list_end *ret_end);

static const struct token *now(const struct parser *p)
{
    return &p->tokens[p->i];
}

static const char *token_text(const struct parser *p, const struct token *t)
{
    return p->t->text + t->at;
}

static bool token_is(const struct parser *p, const struct token *t, const char *word)
{
    return t->kind == TOKEN_NAME && t->len == strlen(word) &&
           memcmp(token_text(p, t), word, t->len) == 0;
}

static void skip_space(struct parser *p)
{
    while (now(p)->kind == TOKEN_SPACE)
        p->i++;
}

static const struct token *after_space(const struct parser *p, size_t i)
{
    while (p->tokens[i].kind == TOKEN_SPACE)
        i++;
    return &p->tokens[i];
}

static int unexpected(struct parser *p, const struct token *t, const char *context)
{
    if (t->kind == TOKEN_END)
        return template_syntax(p->t->text, t->at, p->e, "unexpected EOF");
    if (t->kind == TOKEN_CLOSE)
        return template_syntax(p->t->text, t->at, p->e, "unexpected \"}}\" in %s", context);
    return template_syntax(p->t->text, t->at, p->e, "unexpected \"%.*s\" in %s",
                           (int)(t->len > 40 ? 40 : t->len), token_text(p, t), context);
}

static struct node *make(struct parser *p, enum node_kind kind, size_t at)
{
    struct node *n = calloc(1, sizeof(*n));
    if (!n) {
        err_nomem(p->e);
        return NULL;
    }
    *n = (struct node){.kind = kind, .at = at, .from = at, .to = at};
    n->made_before = p->t->nodes;
    p->t->nodes = n;
    return n;
}

static int enter(struct parser *p, size_t at)
{
    if (++p->depth > TEMPLATE_DEPTH_MAX)
        return template_syntax(p->t->text, at, p->e, "nested more than %d deep",
                               TEMPLATE_DEPTH_MAX);
    return 0;
}

static void forget_variables(struct parser *p, size_t n)
{
    while (p->variables.n > n)
        free(p->variables.v[--p->variables.n]);
    if (p->variables.v)
        p->variables.v[n] = NULL;
}

static bool knows_variable(const struct parser *p, const char *name)
{
    for (size_t i = 0; i < p->variables.n; i++) {
        if (str_eq(p->variables.v[i], name))
            return true;
    }
    return false;
}

/* --- words -------------------------------------------------------------------------------------
 */

static int constant(struct parser *p, const struct token *t, json_t *value, struct node **ret)
{
    if (!value)
        return err_nomem(p->e);
    struct node *n = make(p, NODE_CONSTANT, t->at);
    if (!n) {
        json_decref(value);
        return -ENOMEM;
    }
    n->to = t->at + t->len;
    n->value = value;
    *ret = n;
    return 0;
}

static int parse_literal(struct parser *p, const struct token *t, struct node **ret)
{
    json_t *value = NULL;
    int r = template_literal(p->t->text, t, &value, p->e);
    return r < 0 ? r : constant(p, t, value, ret);
}

static int parse_name(struct parser *p, const struct token *t, struct node **ret)
{
    if (token_is(p, t, "true") || token_is(p, t, "false"))
        return constant(p, t, json_boolean(token_is(p, t, "true")), ret);

    bool nil = token_is(p, t, "nil");
    const struct function *f = template_function(token_text(p, t), t->len);
    if (!nil && !f)
        return template_syntax(p->t->text, t->at, p->e, "function \"%.*s\" not defined",
                               (int)(t->len > 60 ? 60 : t->len), token_text(p, t));
    struct node *n = make(p, nil ? NODE_NIL : NODE_FUNCTION, t->at);
    if (!n)
        return -ENOMEM;
    n->to = t->at + t->len;
    n->function = f;
    *ret = n;
    return 0;
}

static int parse_variable(struct parser *p, const struct token *t, struct node **ret)
{
    struct node *n = make(p, NODE_VARIABLE, t->at);
    if (!n)
        return -ENOMEM;
    n->to = t->at + t->len;
    n->name = strndup(token_text(p, t), t->len);
    if (!n->name)
        return err_nomem(p->e);
    if (!knows_variable(p, n->name))
        return template_syntax(p->t->text, t->at, p->e, "undefined variable \"%s\"", n->name);
    *ret = n;
    return 0;
}

static int add_name(struct parser *p, struct strv *names, const struct token *t)
{
    strv_addf(names, "%.*s", (int)t->len - 1, token_text(p, t) + 1);
    return names->failed ? err_nomem(p->e) : 0;
}

/* One word without the fields that may follow it. Gives NULL when there is no word. */
static int parse_term(struct parser *p, struct node **ret)
{
    const struct token *t = now(p);
    struct node *n = NULL;
    int r = 0;
    *ret = NULL;
    switch (t->kind) {
    case TOKEN_NAME:
        r = parse_name(p, t, &n);
        break;
    case TOKEN_DOT:
    case TOKEN_FIELD:
        n = make(p, t->kind == TOKEN_DOT ? NODE_DOT : NODE_FIELD, t->at);
        if (!n)
            return -ENOMEM;
        n->to = t->at + t->len;
        r = t->kind == TOKEN_FIELD ? add_name(p, &n->names, t) : 0;
        break;
    case TOKEN_VARIABLE:
        r = parse_variable(p, t, &n);
        break;
    case TOKEN_NUMBER:
    case TOKEN_STRING:
    case TOKEN_RAW:
    case TOKEN_RUNE:
        r = parse_literal(p, t, &n);
        break;
    case TOKEN_LEFT:
        p->i++;
        r = parse_pipe(p, "parenthesized pipeline", TOKEN_RIGHT, &n);
        if (r < 0)
            return r;
        n->from = t->at;
        n->to = p->tokens[p->i - 1].at + 1;
        *ret = n;
        return 0;
    default:
        return 0;
    }
    p->i++;
    *ret = n;
    return r;
}

/* A word and the fields behind it: (index .A 0).B.C */
static int parse_operand(struct parser *p, struct node **ret)
{
    struct node *n = NULL;
    int r = parse_term(p, &n);
    *ret = n;
    if (r < 0 || !n || now(p)->kind != TOKEN_FIELD)
        return r;

    if (n->kind == NODE_CONSTANT || n->kind == NODE_NIL || n->kind == NODE_DOT)
        return template_syntax(p->t->text, now(p)->at, p->e, "unexpected . after term \"%.*s\"",
                               (int)(n->to - n->from > 60 ? 60 : n->to - n->from),
                               p->t->text + n->from);
    if (n->kind != NODE_FIELD && n->kind != NODE_VARIABLE) {
        struct node *chain = make(p, NODE_CHAIN, now(p)->at);
        if (!chain)
            return -ENOMEM;
        chain->child = n;
        chain->from = n->from;
        n = chain;
    }
    n->at = now(p)->at;
    while (r == 0 && now(p)->kind == TOKEN_FIELD) {
        r = add_name(p, &n->names, now(p));
        n->to = now(p)->at + now(p)->len;
        p->i++;
    }
    *ret = n;
    return r;
}

/* --- pipelines ---------------------------------------------------------------------------------
 */

/* Words up to a pipe sign, which is stepped over, or to @end, which is not. */
static int parse_command(struct parser *p, enum token_kind end, struct node **ret)
{
    skip_space(p);
    struct node *command = make(p, NODE_COMMAND, now(p)->at);
    if (!command)
        return -ENOMEM;
    struct node **last = &command->child;
    for (;;) {
        skip_space(p);
        struct node *word = NULL;
        int r = parse_operand(p, &word);
        if (r < 0)
            return r;
        if (word) {
            *last = word;
            last = &word->next;
            command->to = word->to;
        }
        const struct token *t = now(p);
        if (t->kind == TOKEN_SPACE && word)
            continue;
        if (t->kind == TOKEN_PIPE && command->child)
            p->i++;
        else if (t->kind != end)
            return unexpected(p, t, command->child ? "operand" : "command");
        break;
    }
    if (!command->child)
        return template_syntax(p->t->text, command->at, p->e, "empty command");
    *ret = command;
    return 0;
}

/* "$x :=", "$x =", and in a range "$k, $v :=", at the beginning of a pipeline. */
static int parse_declaration(struct parser *p, const char *context, struct node *pipe)
{
    skip_space(p);
    bool range = strcmp(context, "range") == 0;
    size_t start = p->i;
    size_t declared = 0;
    for (;;) {
        const struct token *variable = after_space(p, p->i);
        if (variable->kind != TOKEN_VARIABLE)
            break;
        const struct token *sign = after_space(p, (size_t)(variable - p->tokens) + 1);
        bool comma = sign->kind == TOKEN_COMMA;
        if (!comma && sign->kind != TOKEN_ASSIGN && sign->kind != TOKEN_DECLARE)
            break;
        if (comma && (!range || declared == 1))
            return template_syntax(p->t->text, sign->at, p->e, "too many declarations in %s",
                                   context);
        strv_addf(&pipe->names, "%.*s", (int)variable->len, token_text(p, variable));
        if (pipe->names.failed)
            return err_nomem(p->e);
        declared++;
        p->i = (size_t)(sign - p->tokens) + 1;
        if (comma)
            continue;
        pipe->assigns = sign->kind == TOKEN_ASSIGN;
        return 0;
    }
    if (declared > 0)
        return template_syntax(p->t->text, now(p)->at, p->e, "range can only initialize variables");
    p->i = start;
    return 0;
}

static int use_variables(struct parser *p, const struct node *pipe)
{
    for (size_t i = 0; i < pipe->names.n; i++) {
        const char *name = pipe->names.v[i];
        if (pipe->assigns && !knows_variable(p, name))
            return template_syntax(p->t->text, pipe->at, p->e, "undefined variable \"%s\"", name);
        if (!pipe->assigns)
            strv_add(&p->variables, name);
    }
    return p->variables.failed ? err_nomem(p->e) : 0;
}

/* Only a function or a method can take what comes through a pipe. */
static int check_stages(struct parser *p, const struct node *pipe)
{
    unsigned stage = 2;
    for (const struct node *c = pipe->child->next; c; c = c->next, stage++) {
        enum node_kind kind = c->child->kind;
        if (kind == NODE_CONSTANT || kind == NODE_DOT || kind == NODE_NIL)
            return template_syntax(p->t->text, c->at, p->e,
                                   "non executable command in pipeline stage %u", stage);
    }
    return 0;
}

/* Commands up to @end, which is stepped over. */
static int parse_pipe(struct parser *p, const char *context, enum token_kind end, struct node **ret)
{
    int r = enter(p, now(p)->at);
    skip_space(p);
    struct node *pipe = r == 0 ? make(p, NODE_PIPE, now(p)->at) : NULL;
    if (!pipe)
        return r < 0 ? r : -ENOMEM;
    r = parse_declaration(p, context, pipe);
    struct node **last = &pipe->child;
    bool more = true;
    while (r == 0 && more) {
        if (after_space(p, p->i)->kind == end && !pipe->child)
            return template_syntax(p->t->text, now(p)->at, p->e, "missing value for %s", context);
        struct node *command = NULL;
        r = parse_command(p, end, &command);
        if (r < 0 || !command)
            return r;
        *last = command;
        last = &command->next;
        pipe->to = command->to;
        more = p->tokens[p->i - 1].kind == TOKEN_PIPE;
        if (more && after_space(p, p->i)->kind == end)
            return template_syntax(p->t->text, now(p)->at, p->e, "missing value for %s", context);
    }
    if (r == 0)
        r = check_stages(p, pipe);
    if (r == 0)
        r = use_variables(p, pipe);
    if (r < 0)
        return r;
    p->i++;
    p->depth--;
    *ret = pipe;
    return 0;
}

/* --- actions -----------------------------------------------------------------------------------
 */

static int parse_block(struct parser *p, struct node *block, const char *word);

/* What stands between {{else}} and {{end}}; {{else if}} is an if of its own there, which shares the
 * end. */
static int parse_else(struct parser *p, struct node *block)
{
    skip_space(p);
    const struct token *t = now(p);
    const char *word = token_is(p, t, "if") ? "if" : token_is(p, t, "with") ? "with" : NULL;
    if (word && block->kind == (word[0] == 'i' ? NODE_IF : NODE_WITH)) {
        block->otherwise = make(p, NODE_LIST, t->at);
        struct node *inner = block->otherwise ? make(p, block->kind, t->at) : NULL;
        if (!inner)
            return -ENOMEM;
        block->otherwise->child = inner;
        p->i++;
        return parse_block(p, inner, word);
    }
    if (t->kind != TOKEN_CLOSE)
        return unexpected(p, t, "else");
    p->i++;
    enum list_end ended;
    int r = parse_list(p, &block->otherwise, &ended);
    if (r == 0 && ended == LIST_ELSE)
        return template_syntax(p->t->text, now(p)->at, p->e, "expected end; found {{else}}");
    return r;
}

/* if, with and range: a pipeline, a body, perhaps an else. */
static int parse_block(struct parser *p, struct node *block, const char *word)
{
    size_t scope = p->variables.n;
    int r = enter(p, block->at);
    if (r == 0)
        r = parse_pipe(p, word, TOKEN_CLOSE, &block->pipe);
    enum list_end ended = LIST_END;
    bool loop = block->kind == NODE_RANGE;
    size_t body_scope = p->variables.n;
    p->loops += loop;
    if (r == 0)
        r = parse_list(p, &block->body, &ended);
    p->loops -= loop;
    forget_variables(p, body_scope);
    if (r == 0 && ended == LIST_ELSE)
        r = parse_else(p, block);
    if (r < 0)
        return r;
    block->to = now(p)->at;
    forget_variables(p, scope);
    p->depth--;
    return 0;
}

/* {{break}} and {{continue}}, {{else}} and {{end}}: words that stand alone. */
static int expect_close(struct parser *p, const char *word)
{
    skip_space(p);
    if (now(p)->kind != TOKEN_CLOSE)
        return unexpected(p, now(p), word);
    p->i++;
    return 0;
}

static int parse_jump(struct parser *p, enum node_kind kind, const char *word, struct node **ret)
{
    const struct token *t = now(p);
    if (p->loops == 0)
        return template_syntax(p->t->text, t->at, p->e, "{{%s}} outside {{range}}", word);
    p->i++;
    *ret = make(p, kind, t->at);
    return *ret ? expect_close(p, word) : -ENOMEM;
}

static int refuse_keyword(struct parser *p, const struct token *t)
{
    static const char *const words[] = {"define", "template", "block"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (token_is(p, t, words[i]))
            return template_syntax(p->t->text, t->at, p->e, "{{%s}} is not supported", words[i]);
    }
    return 0;
}

/* Behind "{{". Leaves *ret NULL and sets *ret_end at {{else}} and {{end}}. */
static int parse_action(struct parser *p, struct node **ret, bool *ret_ended,
                        enum list_end *ret_end)
{
    static const struct {
        const char *word;
        enum node_kind kind;
    } blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};

    skip_space(p);
    const struct token *t = now(p);
    bool end = token_is(p, t, "end");
    if (end || token_is(p, t, "else")) {
        *ret_ended = true;
        *ret_end = end ? LIST_END : LIST_ELSE;
        p->i++;
        return end ? expect_close(p, "end") : 0;
    }
    if (token_is(p, t, "break"))
        return parse_jump(p, NODE_BREAK, "break", ret);
    if (token_is(p, t, "continue"))
        return parse_jump(p, NODE_CONTINUE, "continue", ret);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (!token_is(p, t, blocks[i].word))
            continue;
        p->i++;
        *ret = make(p, blocks[i].kind, t->at);
        return *ret ? parse_block(p, *ret, blocks[i].word) : -ENOMEM;
    }
    int r = refuse_keyword(p, t);
    if (r < 0)
        return r;
    struct node *action = make(p, NODE_ACTION, t->at);
    *ret = action;
    return action ? parse_pipe(p, "command", TOKEN_CLOSE, &action->pipe) : -ENOMEM;
}

static int parse_list(struct parser *p, struct node **ret, enum list_end *ret_end)
{
    struct node *list = make(p, NODE_LIST, now(p)->at);
    if (!list)
        return -ENOMEM;
    *ret = list;
    struct node **last = &list->child;
    bool ended = false;
    while (now(p)->kind != TOKEN_END) {
        const struct token *t = now(p);
        struct node *n = NULL;
        p->i++;
        if (t->kind == TOKEN_TEXT) {
            n = make(p, NODE_TEXT, t->at);
            if (!n)
                return -ENOMEM;
            n->to = t->at + t->len;
        } else {
            int r = parse_action(p, &n, &ended, ret_end);
            if (r < 0 || ended)
                return r;
        }
        *last = n;
        last = &n->next;
    }
    *ret_end = LIST_EOF;
    if (p->depth > 0)
        return template_syntax(p->t->text, now(p)->at, p->e, "unexpected EOF");
    return 0;
}

int template_parse_tree(struct template *t, struct err *e)
{
    _cleanup_free_ struct token *tokens = NULL;
    int r = template_lex(t->text, t->len, &tokens, e);
    if (r < 0)
        return r;

    struct parser p = {.t = t, .tokens = tokens, .e = e};
    strv_add(&p.variables, "$");
    enum list_end ended = LIST_EOF;
    r = p.variables.failed ? err_nomem(e) : parse_list(&p, &t->root, &ended);
    if (r == 0 && ended != LIST_EOF)
        r = template_syntax(t->text, p.tokens[p.i > 0 ? p.i - 1 : 0].at, e, "unexpected {{%s}}",
                            ended == LIST_END ? "end" : "else");
    strv_release(&p.variables);
    return r;
}
