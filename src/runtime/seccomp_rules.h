/*
 * The slow half of seccomp.h: from the OCI object to instructions, by libseccomp.
 */
#ifndef SKIFF_RUNTIME_SECCOMP_RULES_H
#define SKIFF_RUNTIME_SECCOMP_RULES_H

#include "runtime/seccomp.h"

#include <stdbool.h>
#include <stdint.h>

/* An action by its name in the specification, for seccomp_rule_add(3). @data is the errno of
 * SCMP_ACT_ERRNO and the message of SCMP_ACT_TRACE, -1 for the default (EPERM). */
int seccomp_action(const char *name, long long data, uint32_t *ret, struct err *e);

/* The token of an architecture by its name in the specification. */
int seccomp_arch(const char *name, uint32_t *ret, struct err *e);

/* The SECCOMP_FILTER_FLAG_* that @profile asks for. */
int seccomp_flags(const json_t *profile, unsigned *ret, struct err *e);

/* Compiles; only @ret's program is set. */
int seccomp_rules_compile(const json_t *profile, struct seccomp_filter *ret, struct err *e);

#endif
