/*
 * A container's control group: one folder in every hierarchy of the machine (v1) or one in the
 * unified tree (v2). Which layout the machine has is detected, never configured.
 *
 * Order of calls for a new container, in the parent: cgroup_create, cgroup_apply, cgroup_mounts;
 * then clone3 with cgroup_clone_fd; in the child, while it has one thread: cgroup_enter (v1), and
 * only then unshare(CLONE_NEWCGROUP): a cgroup namespace is rooted where its maker stands, and with
 * clone3(CLONE_NEWCGROUP | CLONE_INTO_CGROUP) that is the parent's group, not the new one.
 * At the end: cgroup_remove. Other processes come by cgroup_open.
 */
#ifndef SKIFF_RUNTIME_CGROUP_H
#define SKIFF_RUNTIME_CGROUP_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct cgroup;

/* Makes the group @path (OCI config-linux "Cgroups Path"): absolute is below the mount points of
 * the hierarchies, relative is below the caller's own group. "..", an empty path and the root
 * itself are refused (-EINVAL). Missing parents are made and stay. A group that exists already is
 * taken over if no process is in it, else -EBUSY. On failure nothing new is left but parents. */
int cgroup_create(const char *path, struct cgroup **ret, struct err *e);

/* The group @path that exists (in at least one hierarchy), for state, kill and delete.
 * -ENOENT when it is in none. */
int cgroup_open(const char *path, struct cgroup **ret, struct err *e);

/* The groups that the process @pid is in, to be entered by one that joins it. Not always the
 * container's own: one that is given its tree moves its processes into groups below, and on v2
 * nobody can then enter the group above them. */
int cgroup_open_process(pid_t pid, struct cgroup **ret, struct err *e);

/* Lets go of the descriptors; the group itself stays. */
void cgroup_free(struct cgroup *cg);

/* For who made a group and has nothing to do with it for a while: closes its descriptors, two for
 * each hierarchy; and opens the folders again, as many as can be. In between cgroup_remove alone
 * works, on a group without processes. Nobody can be put into it by cgroup_enter any more. */
void cgroup_rest(struct cgroup *cg);
void cgroup_wake(struct cgroup *cg);

static inline void cgroup_freep(struct cgroup **cg)
{
    cgroup_free(*cg);
}
#define _cleanup_cgroup_ _cleanup_(cgroup_freep)

/* Sets what the OCI object linux.resources asks for; NULL sets the device rules alone. What this
 * machine cannot do is refused (-ENOTSUP) by the option's name, its controller and the layout.
 *
 * Device rules: everything is denied at first, @resources' list follows, the last match wins; then
 * come the devices that every container has (null, zero, full, random, urandom, tty, console, ptmx,
 * pts/N, and mknod of any). A list that v1's allow and deny files cannot express is refused.
 *
 * Zero counts as "not set" for memory and cpu values, as the other runtimes have it; pids.limit
 * is "max" at zero and below. memory.kernel is ignored: the kernel dropped it in 5.16. */
int cgroup_apply(struct cgroup *cg, const json_t *resources, struct err *e);

/* Changes a group that is in use: what @resources names and nothing else, device rules not at all.
 * When a part of it fails, what was changed before is put back as it was, and the failure told:
 * -EBUSY for less memory than what is in use and cannot be reclaimed, where nothing is killed for
 * it. cgroup_undo takes back a change that succeeded, as long as @cg is open; what cannot be put
 * back stays. */
int cgroup_change(struct cgroup *cg, const json_t *resources, struct err *e);
void cgroup_undo(struct cgroup *cg);

/* v2: the group's folder for clone3(CLONE_INTO_CGROUP), which stays @cg's. v1: -1. */
int cgroup_clone_fd(const struct cgroup *cg);

/* Moves the calling process, which must have only one thread, into the group. In the child: on v1
 * a thread that writes 0 into `tasks` moves itself without the kernel's global lock, for which
 * anyone who moves another waits 10 ms and more. Works in whatever namespaces the child is: the
 * files are open since cgroup_create. On v2 only needed where CLONE_INTO_CGROUP was not used. */
int cgroup_enter(struct cgroup *cg, struct err *e);

/* What a container's /sys/fs/cgroup consists of. */
struct cgroup_mount {
    char *name;   /* a folder to make below /sys/fs/cgroup; "" on v2: /sys/fs/cgroup itself */
    char *target; /* NULL; else @name is a symbolic link to this ("cpu" -> "cpu,cpuacct") */
    int fd;       /* detached mount (nosuid, nodev, noexec) for mount_attach; -EBADF for a link */
};
struct cgroup_mounts {
    struct cgroup_mount *v;
    size_t n;
};

/* Clones a detached mount of the group's folder in each hierarchy, read-only when asked. On v1 the
 * caller puts them on a tmpfs and then makes that read-only; on v2, with a cgroup namespace of its
 * own, it mounts a fresh "cgroup2" from inside instead. Call it in the parent. */
int cgroup_mounts(const struct cgroup *cg, bool read_only, struct cgroup_mounts *ret,
                  struct err *e);
void cgroup_mounts_release(struct cgroup_mounts *m);
#define _cleanup_cgroup_mounts_ _cleanup_(cgroup_mounts_release)

/* The processes in the group and in the groups below it. *ret is the caller's to free; returns
 * their number. */
ssize_t cgroup_pids(const struct cgroup *cg, pid_t **ret, struct err *e);

/* The names of the groups directly below it, in whichever hierarchies, each once. */
int cgroup_children(const struct cgroup *cg, struct strv *ret, struct err *e);

/* Sends @signal to all of them. SIGKILL leaves no gap: v2's cgroup.kill, or frozen meanwhile; so
 * that what forks faster than we read is caught too. Does not wait for their end. */
int cgroup_kill(struct cgroup *cg, int signal, struct err *e);

/* Freezes or thaws all of them, and waits until the kernel says so (10 s, then -ETIMEDOUT and
 * thawed again). */
int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e);
bool cgroup_is_frozen(const struct cgroup *cg);

enum cgroup_remove_flags {
    CGROUP_REMOVE_KILL = 1 << 0, /* processes that are left are killed first */
};

/* Removes the group and the groups below it in every hierarchy; gone already is success. Waits up
 * to 2 s for processes that are ending, then -EBUSY. */
int cgroup_remove(struct cgroup *cg, unsigned flags, struct err *e);

/* How many processes of the group the kernel killed for want of memory; 0 also where it does not
 * count them. */
unsigned long long cgroup_oom_kills(const struct cgroup *cg);

/* "cgroup v1" or "cgroup v2", for messages; and whether it is v2. */
const char *cgroup_layout(const struct cgroup *cg);
bool cgroup_is_v2(const struct cgroup *cg);

#endif
