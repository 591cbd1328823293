#include "image/registries_private.h"

#include <string.h>

static int add_full(struct strv *names, const char *text, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    int r = reference_parse(text, &ref, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *full = reference_full(&ref);
    if (full)
        strv_add(names, full);
    return !full || names->failed ? err_nomem(e) : 0;
}

/* Whether @text, read as @ref, names no registry itself. */
static bool is_short(const char *text, const struct reference *ref)
{
    return str_eq(ref->domain, HUB_DOMAIN) && !str_after(text, HUB_DOMAIN "/") &&
           !str_after(text, "index." HUB_DOMAIN "/");
}

static int add_alias(const json_t *alias, const char *text, const char *suffix, struct strv *names,
                     char **why, struct err *e)
{
    _cleanup_free_ char *full = str_printf("%s%s", json_str(alias, "value"), suffix);
    *why = str_printf("\"%s\" is an alias of \"%s\" in \"%s\"", text, json_str(alias, "value"),
                      json_str(alias, "file"));
    return full && *why ? add_full(names, full, e) : err_nomem(e);
}

static int add_searched(const struct registries *r, const char *text, struct strv *names,
                        char **why, struct err *e)
{
    if (r->enforcing && r->search.n > 1)
        return err_set(
            e, EINVAL,
            "\"%s\" may be one of %zu registries' (\"short-name-mode\" in \"%s\"): write "
            "the whole name, as in \"%s/%s\"",
            text, r->search.n, r->search_file, r->search.v[0], text);
    for (size_t i = 0; i < r->search.n; i++) {
        _cleanup_free_ char *full = str_printf("%s/%s", r->search.v[i], text);
        int res = full ? add_full(names, full, e) : err_nomem(e);
        if (res < 0)
            return res;
    }
    *why = str_printf("\"%s\" is looked for in the registries of \"%s\"", text, r->search_file);
    return *why ? 0 : err_nomem(e);
}

int registries_names(const struct registries *r, const char *text, struct strv *ret, char **ret_why,
                     struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_free_ char *why = NULL;
    int res = reference_parse(text, &ref, e);
    if (res < 0)
        return res;
    size_t n = strcspn(text, ":@");
    _cleanup_free_ char *name = strndup(text, n);
    if (!name)
        return err_nomem(e);
    const json_t *alias = is_short(text, &ref) ? json_object_get(r->aliases, name) : NULL;
    if (alias)
        res = add_alias(alias, name, text + n, &names, &why, e);
    else if (is_short(text, &ref) && r->search.n > 0)
        res = add_searched(r, text, &names, &why, e);
    else
        res = add_full(&names, text, e);
    if (res < 0)
        return res;
    *ret = TAKE(names, (struct strv){0});
    if (ret_why)
        *ret_why = TAKE_PTR(why);
    return 0;
}
