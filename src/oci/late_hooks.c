#include "oci/late_hooks.h"

void oci_run_hooks(const struct oci_global *g, const struct state *s, enum hook which)
{
    const json_t *hooks = json_at(s->document, "hooks");
    if (!hooks_have(hooks, which))
        return;
    _cleanup_err_ struct err e = ERR_INIT;
    const struct hook_state state = {
        .base = s->document,
        .status = which == HOOK_POSTSTOP ? "stopped" : "running",
        .pid = which == HOOK_POSTSTOP ? 0 : s->pid,
    };
    if (hooks_run(hooks, which, &state, &e) < 0)
        oci_warn(g, err_text(&e));
}
