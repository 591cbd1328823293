#include "oci/creation.h"
#include "oci/late_hooks.h"
#include "oci/oci.h"
#include "oci/state.h"

int oci_create(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    static const struct option_def table[] = {CREATE_OPTIONS, {0}};
    struct create_options o = {.detach = true};
    char **words;
    int r = oci_parse("create [OPTIONS] ID", table, argc, argv, 1, &o, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_creation_ struct creation c = CREATION_INIT;
    c.options = &o;
    c.global = g;
    return creation_make(&c, words[0], true, e);
}

int oci_start(const struct oci_global *g, int argc, char **argv, struct err *e)
{
    static const struct option_def none[] = {{0}};
    char **words;
    int r = oci_parse("start ID", none, argc, argv, 1, NULL, &words, e);
    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_state_ struct state s = STATE_INIT;
    r = state_open(g->root, words[0], &s, e);
    if (r < 0)
        return r;
    const char *status = state_status(&s);
    if (!str_eq(status, "created"))
        return err_set(e, EINVAL, "cannot start container \"%s\": it is %s, not created", s.id,
                       status);
    r = state_open_gate(&s, e);
    if (r == 0)
        oci_run_hooks(g, &s, HOOK_POSTSTART);
    return r;
}
