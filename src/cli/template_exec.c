#include "cli/template_eval.h"

/* How a list ended: by itself, or by {{break}} or {{continue}} on the way to its range. */
enum { RAN_ON = 0, RAN_BREAK = 1, RAN_CONTINUE = 2 };

static int walk(struct run *x, json_t *dot, const struct node *list);

static int check_output(struct run *x)
{
    if (x->out->failed)
        return err_nomem(x->e);
    if (x->out->len - x->out_start > TEMPLATE_OUTPUT_MAX)
        return run_fail(x, EFBIG, "output is longer than %d bytes", TEMPLATE_OUTPUT_MAX);
    return 0;
}

static int walk_action(struct run *x, json_t *dot, const struct node *action)
{
    _cleanup_json_ json_t *value = NULL;
    int r = run_pipe(x, dot, action->pipe, &value);
    if (r < 0 || action->pipe->names.n > 0)
        return r;
    if (json_is_null(value))
        str_add(x->out, "<no value>");
    else
        template_print(x->out, value);
    return check_output(x);
}

static int walk_if(struct run *x, json_t *dot, const struct node *block)
{
    size_t scope = x->n;
    _cleanup_json_ json_t *value = NULL;
    int r = run_pipe(x, dot, block->pipe, &value);
    if (r < 0)
        return r;
    if (template_truth(value))
        r = walk(x, block->kind == NODE_WITH ? value : dot, block->body);
    else if (block->otherwise)
        r = walk(x, dot, block->otherwise);
    run_pop(x, scope);
    return r;
}

/* The body once, with "$v" or "$k, $v" set. */
static int walk_item(struct run *x, const struct node *range, json_t *key, json_t *item)
{
    size_t scope = x->n;
    const struct strv *names = &range->pipe->names;
    bool assigns = range->pipe->assigns;
    int r = 0;
    if (names->n == 2)
        r = run_set(x, names->v[0], assigns, key);
    if (r == 0 && names->n > 0)
        r = run_set(x, names->v[names->n - 1], assigns, item);
    if (r == 0)
        r = walk(x, item, range->body);
    run_pop(x, scope);
    return r;
}

static int walk_list(struct run *x, const struct node *range, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        _cleanup_json_ json_t *key = json_integer((json_int_t)i);
        if (!key)
            return err_nomem(x->e);
        int r = walk_item(x, range, key, json_array_get(list, i));
        if (r < 0 || r == RAN_BREAK)
            return r < 0 ? r : 0;
    }
    return 0;
}

static int walk_map(struct run *x, const struct node *range, json_t *map)
{
    size_t n = 0;
    _cleanup_free_ const char **keys = template_keys(map, &n);
    if (!keys)
        return err_nomem(x->e);
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *key = json_string_nocheck(keys[i]);
        if (!key)
            return err_nomem(x->e);
        int r = walk_item(x, range, key, json_object_get(map, keys[i]));
        if (r < 0 || r == RAN_BREAK)
            return r < 0 ? r : 0;
    }
    return 0;
}

static int walk_range(struct run *x, json_t *dot, const struct node *range)
{
    _cleanup_json_ json_t *value = NULL;
    int r = run_commands(x, dot, range->pipe, &value);
    if (r < 0)
        return r;
    if (!json_is_array(value) && !json_is_object(value) && !json_is_null(value)) {
        _cleanup_str_ struct str text = {0};
        template_print(&text, value);
        return run_fail(x, EINVAL, "range can't iterate over %.200s", text.s ? text.s : "");
    }
    if (!template_truth(value))
        return range->otherwise ? walk(x, dot, range->otherwise) : 0;
    return json_is_array(value) ? walk_list(x, range, value) : walk_map(x, range, value);
}

static int walk_one(struct run *x, json_t *dot, const struct node *n)
{
    switch (n->kind) {
    case NODE_TEXT:
        str_addn(x->out, x->t->text + n->from, n->to - n->from);
        return check_output(x);
    case NODE_ACTION:
        return walk_action(x, dot, n);
    case NODE_RANGE:
        return walk_range(x, dot, n);
    case NODE_BREAK:
        return RAN_BREAK;
    case NODE_CONTINUE:
        return RAN_CONTINUE;
    default:
        return walk_if(x, dot, n);
    }
}

/* RAN_*, or a negative errno. */
static int walk(struct run *x, json_t *dot, const struct node *list)
{
    int r = 0;
    for (const struct node *n = list->child; r == 0 && n; n = n->next) {
        x->at = n;
        r = run_step(x);
        if (r == 0)
            r = walk_one(x, dot, n);
    }
    return r;
}

int template_execute(const struct template *t, json_t *value, bool header, struct str *out,
                     struct err *e)
{
    struct run x = {.t = t,
                    .at = t->root,
                    .root = value,
                    .header = header,
                    .out = out,
                    .out_start = out->len,
                    .e = e};
    int r = run_set(&x, "$", false, value);
    if (r == 0)
        r = walk(&x, value, t->root);
    run_pop(&x, 0);
    free(x.variables);
    return r < 0 ? r : 0;
}
