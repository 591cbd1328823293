/*
 * Capabilities as sets of bits: bit n is capability n of <linux/capability.h>.
 *
 * Source: capabilities(7). Names are written CAP_NET_RAW.
 */
#ifndef SKIFF_RUNTIME_CAPABILITIES_H
#define SKIFF_RUNTIME_CAPABILITIES_H

#include "base/err.h"

#include <stdint.h>

struct capabilities {
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* The number of @name, with or without "CAP_", in any case; -1 if nobody knows it. */
int capability_by_name(const char *name);

/* "CAP_CHOWN", or NULL beyond the last that this program knows. */
const char *capability_name(int number);

/* What the calling process has (its permitted set), and so could hand on. */
uint64_t capabilities_own(void);

/* Drops from the bounding set what @caps has not. Before the user is changed. */
int capabilities_drop_bounding(const struct capabilities *caps, struct err *e);

/* Sets the other four sets of the calling thread. After the user was changed (with
 * PR_SET_KEEPCAPS), last of all that needs a privilege. */
int capabilities_set(const struct capabilities *caps, struct err *e);

#endif
