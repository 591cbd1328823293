/*
 * The words of the OCI object linux.seccomp (config-linux, "Seccomp") and what they are to
 * seccomp(2). All of them refuse a word they do not know with -EINVAL; NULL is such a word.
 */
#ifndef SKIFF_RUNTIME_SECCOMP_WORDS_H
#define SKIFF_RUNTIME_SECCOMP_WORDS_H

#include "base/err.h"

#include <jansson.h>
#include <seccomp.h>
#include <stdint.h>

/* An action, SECCOMP_RET_* with its data. @data is the errno of SCMP_ACT_ERRNO and the message of
 * SCMP_ACT_TRACE, -1 for the default (EPERM). */
int seccomp_action(const char *name, long long data, uint32_t *ret, struct err *e);

/* An architecture's token, as libseccomp takes it. */
int seccomp_arch(const char *name, uint32_t *ret, struct err *e);

/* The SECCOMP_FILTER_FLAG_* that @profile asks for. */
int seccomp_flags(const json_t *profile, unsigned *ret, struct err *e);

/* A comparison. */
int seccomp_operator(const char *name, enum scmp_compare *ret, struct err *e);

#endif
