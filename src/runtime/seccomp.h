/*
 * System call filters: from the OCI object linux.seccomp to a BPF program, and into the kernel.
 *
 * Compiling a profile of Docker's size costs half a millisecond, so programs are kept in a folder,
 * named by a digest of all that they depend on, which they hold, too. Only root can have put them
 * there, or they are not used.
 */
#ifndef SKIFF_RUNTIME_SECCOMP_H
#define SKIFF_RUNTIME_SECCOMP_H

#include "base/err.h"

#include <jansson.h>
#include <linux/filter.h>

struct seccomp_filter {
    struct sock_filter *insns; /* owned; NULL: no filter, seccomp_install does nothing */
    unsigned short n;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* */
};

/* Compiles @profile (OCI config-linux "Seccomp") for this machine, or takes the program from
 * @cache_dirfd (-1: no cache), where a new one is put. A cache that cannot be read or written is
 * as none. NULL or null as @profile gives an empty filter.
 *
 * Names that libseccomp does not know are passed over (older libraries meet newer profiles);
 * unknown actions, operators, architectures and flags are refused (-EINVAL), and what needs a
 * listener (SCMP_ACT_NOTIFY, listenerPath) is not supported yet (-ENOTSUP).
 *
 * Unless the default action lets calls through (allow, log, trace), a system call of the native
 * architecture with a higher number than any in the profile gives ENOSYS: it is newer than the
 * profile, and programs know how to do without it. */
int seccomp_compile(const json_t *profile, int cache_dirfd, struct seccomp_filter *ret,
                    struct err *e);

/* Whether the file @name of a cache is a program that could be used, by this version or another: 0,
 * -EBADMSG for a damaged one, or another negative errno. */
int seccomp_check_cached(int dir_fd, const char *name);

/* What seccomp_compile knows, as OCI features-linux "seccomp": the caller's; NULL when memory ran
 * out. */
json_t *seccomp_describe(void);

/* Puts the filter on the calling thread, and on what it forks and executes. Needs no_new_privs or
 * CAP_SYS_ADMIN in the thread's user namespace (seccomp(2)). */
int seccomp_install(const struct seccomp_filter *filter, struct err *e);

void seccomp_filter_release(struct seccomp_filter *filter);
#define _cleanup_seccomp_filter_ _cleanup_(seccomp_filter_release)

#endif
