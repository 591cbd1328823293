/*
 * Who the payload is and what it may: limits, user, capabilities, system call filter.
 *
 * Sources: OCI runtime-spec config.md "Process"; credentials(7); capabilities(7).
 */
#ifndef SKIFF_RUNTIME_IDENTITY_H
#define SKIFF_RUNTIME_IDENTITY_H

#include "runtime/seccomp.h"
#include "runtime/spec.h"

/* Everything that still needs privileges: limits, bounding set, groups, user. The capabilities are
 * kept across the change of user. */
int identity_take(const struct spec_process *p, struct err *e);

/* The last step before the payload: the filter and the capabilities, in the order that lets both
 * succeed. Hardly anything may be called after it. */
int identity_drop(const struct spec_process *p, const struct seccomp_filter *filter, struct err *e);

#endif
