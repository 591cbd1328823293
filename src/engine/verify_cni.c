/* Networks that CNI plugins make: what they have made is there, and what they owe is not forgotten.
 */
#include "engine/endpoints_cni.h"
#include "engine/verify_private.h"

#include <fcntl.h>

static int repair_debt(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                       struct err *e)
{
    int r = endpoints_cni_retry(v->en, f->subject, e);
    if (r < 0)
        return r;
    *ret_done = strdup("they have let it go now");
    return *ret_done ? 0 : err_nomem(e);
}

static void see_debt(void *data, const char *id, const char *network, const char *network_id,
                     const char *why)
{
    verify_add(data, "cni", network_id, repair_debt,
               "the plugins of network %s have not let container %.12s go: %s", network, id, why);
}

void verify_cni(struct verify *v)
{
    if (faccessat(v->en->run_fd, "cni", F_OK, 0) < 0)
        return;
    endpoints_cni_debts(v->en, see_debt, v);
    for (size_t i = 0; i < v->n_containers; i++) {
        const struct verify_container *c = &v->containers[i];
        _cleanup_err_ struct err e = ERR_INIT;
        if (c->running && endpoints_cni_probe(v->en, c->id, &e) < 0)
            verify_add(v, "cni", c->id, NULL, "%s; 'skiff restart' makes it anew", err_text(&e));
    }
}
