/*
 * The slow half of seccomp.h: from the OCI object to instructions. System calls get their numbers
 * from libseccomp's tables.
 */
#ifndef SKIFF_RUNTIME_SECCOMP_RULES_H
#define SKIFF_RUNTIME_SECCOMP_RULES_H

#include "runtime/seccomp.h"

#include <stdint.h>

/* Compiles @profile, an object, for a machine of the architecture @native (a token of libseccomp's:
 * seccomp_arch_native()), which is in the program whatever the profile lists. Only @ret's program
 * is set. */
int seccomp_rules_compile(const json_t *profile, uint32_t native, struct seccomp_filter *ret,
                          struct err *e);

#endif
