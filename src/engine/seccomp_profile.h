/*
 * Which system calls a container may use: Docker's default profile, from a table of our own, and
 * profiles in Docker's file format. Both come out as the OCI object linux.seccomp.
 */
#ifndef SKIFF_ENGINE_SECCOMP_PROFILE_H
#define SKIFF_ENGINE_SECCOMP_PROFILE_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

/* The default profile for a container with the bounding set @caps (bit n is capability n), on this
 * machine's architecture. *ret is the caller's. */
int seccomp_profile_default(uint64_t caps, json_t **ret, struct err *e);

/* The profile in the file @path: Docker's format (archMap; includes and excludes with caps, arches,
 * minKernel; name or names) or plain OCI. What the conditions leave out is left out. */
int seccomp_profile_load(const char *path, uint64_t caps, json_t **ret, struct err *e);

#endif
