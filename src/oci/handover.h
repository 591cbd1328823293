/*
 * What the callers of create, run and exec have in common: descriptors that they hand on, the file
 * in which they want the process ID, the folder of compiled filters.
 */
#ifndef SKIFF_OCI_HANDOVER_H
#define SKIFF_OCI_HANDOVER_H

#include "oci/oci.h"

#include <sys/types.h>

/* Whether descriptors 3 to 2+@n are the caller's own: --preserve-fds. */
int handover_check_fds(long long n, struct err *e);

/* Writes @pid into the file @path; NULL: nowhere. */
int handover_write_pid(const char *path, pid_t pid, struct err *e);

/* Where compiled filters are kept: beside the containers, under a name that is no ID. -EBADF where
 * it cannot be had: then they are compiled each time. */
int handover_open_cache(const struct oci_global *g);

#endif
