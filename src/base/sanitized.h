/*
 * Whether this build has a sanitizer, whose runtime does not survive a system call filter or a
 * limit of memory.
 */
#ifndef SKIFF_BASE_SANITIZED_H
#define SKIFF_BASE_SANITIZED_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#endif
