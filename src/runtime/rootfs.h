/*
 * The container's root file system, in two halves. What lies on the host (the root itself, the
 * sources of bind mounts, the cgroup folders) is opened by the parent as detached mounts, before
 * the container's first process exists; that process, in its own mount namespace, only attaches
 * them, makes what belongs to its namespaces (proc, sysfs, tmpfs, …), and makes it its root. No
 * path that an image or a container controls is followed on the host's side.
 *
 * Sources: OCI runtime-spec config.md "Mounts", config-linux.md; pivot_root(2); mount_setattr(2).
 */
#ifndef SKIFF_RUNTIME_ROOTFS_H
#define SKIFF_RUNTIME_ROOTFS_H

#include "runtime/cgroup.h"
#include "runtime/spec.h"

struct container_options; /* container.h */

struct rootfs {
    int mount_fd;  /* the root, detached until rootfs_build attaches it */
    int target_fd; /* the host's folder that it goes over: see rootfs_build */
    int *sources;  /* one a mount of the spec: a detached bind, else -EBADF until it is made */
    size_t n_sources;
    int *devices; /* likewise for linux.devices and the default ones, where nodes cannot be made */
    size_t n_devices;
    struct cgroup_mounts cgroup;
    bool nodes; /* device nodes can be made (no user namespace) */
};
#define ROOTFS_INIT ((struct rootfs){.mount_fd = -EBADF, .target_fd = -EBADF})

/* The parent's half. Of @o it uses the bundle's folder, the root's mount and the sources
 * (duplicated, all of them). @userns_fd >= 0 is the container's user namespace, for idmapped binds.
 */
int rootfs_open(const struct spec *s, const struct container_options *o, int userns_fd,
                const struct cgroup *cg, struct rootfs *ret, struct err *e);
void rootfs_release(struct rootfs *r);
#define _cleanup_rootfs_ _cleanup_(rootfs_release)

/* The child's half, in its namespaces: builds the tree over its working directory, which must be
 * @r->target_fd's folder. (A descriptor that the parent opened belongs to the parent's mount
 * namespace, and nothing can be attached there; the working directory is carried over into the new
 * one by clone.) @proc_fd is a procfs of the container's PID
 * namespace, for sysctls. The calling process still has its old root afterwards. */
int rootfs_build(const struct spec *s, struct rootfs *r, int proc_fd, struct err *e);

/* Binds the terminal @tty_fd on /dev/console of the built tree. */
int rootfs_set_console(struct rootfs *r, int tty_fd, struct err *e);

/* Read-only paths, masked paths, read-only root: the last of what needs the old rights. */
int rootfs_seal(const struct spec *s, struct rootfs *r, struct err *e);

/* Makes the built tree the root of the calling process and drops the old one from its namespace.
 * With @no_pivot, for a root on a ramfs, the old one stays underneath (insecure). */
int rootfs_enter(const struct spec *s, struct rootfs *r, bool no_pivot, struct err *e);

/* devices.c: /dev of the built tree: nodes, links, or binds of the host's where nodes cannot be
 * made. */
int rootfs_open_devices(const struct spec *s, struct rootfs *r, struct err *e);
int rootfs_build_devices(const struct spec *s, struct rootfs *r, struct err *e);

/* paths.c: the masked and the read-only paths. */
int rootfs_mask_paths(const struct spec *s, struct rootfs *r, struct err *e);

#endif
