#include "runtime/identity.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int set_rlimits(const struct spec_process *p, struct err *e)
{
    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct spec_rlimit *l = &p->rlimits[i];
        if (setrlimit((__rlimit_resource_t)l->resource, &l->limit) < 0)
            return err_sys(e, errno, "cannot set %s to %llu:%llu", l->name,
                           (unsigned long long)l->limit.rlim_cur,
                           (unsigned long long)l->limit.rlim_max);
    }
    return 0;
}

int identity_take(const struct spec_process *p, struct err *e)
{
    int r = set_rlimits(p, e);
    if (r == 0)
        r = capabilities_drop_bounding(&p->caps, e);
    if (r < 0)
        return r;

    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot keep the capabilities");
    if (setgroups(p->n_groups, p->groups) < 0 && !(errno == EPERM && p->n_groups == 0))
        return err_sys(e, errno, "cannot set the supplementary groups");
    if (setresgid(p->gid, p->gid, p->gid) < 0)
        return err_sys(e, errno, "cannot become group %u", p->gid);
    if (setresuid(p->uid, p->uid, p->uid) < 0)
        return err_sys(e, errno, "cannot become user %u", p->uid);
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot stop keeping the capabilities");
    umask(p->has_umask ? p->umask : 022);
    return 0;
}

int identity_drop(const struct spec_process *p, const struct seccomp_filter *filter, struct err *e)
{
    /* A filter needs no_new_privs or CAP_SYS_ADMIN. Where the payload has neither, it goes in while
     * we still have the latter; a change of user has cleared the effective set. */
    if (!p->no_new_privileges && filter->insns) {
        struct capabilities whole = p->caps;
        whole.permitted |= UINT64_C(1) << 21; /* CAP_SYS_ADMIN */
        whole.effective = whole.permitted;
        whole.inheritable = whole.ambient = 0;
        int r = capabilities_set(&whole, e);
        if (r < 0)
            return r;
    }
    if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot set no_new_privs");
    int r = seccomp_install(filter, e);
    return r < 0 ? r : capabilities_set(&p->caps, e);
}
