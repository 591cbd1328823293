/*
 * From rules on system call numbers to the instructions of a filter (seccomp(2), classic BPF).
 *
 * The kernel translates and compiles a filter at every start of a container, and runs it once per
 * number: a short program is a fast start. Numbers with the same answer are one interval, which is
 * found by binary search; conditions on arguments follow at its leaves.
 */
#ifndef SKIFF_RUNTIME_SECCOMP_PROGRAM_H
#define SKIFF_RUNTIME_SECCOMP_PROGRAM_H

#include "runtime/seccomp.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_ARGS 6

/* Conditions on arguments, all of which must hold; no argument is in two of them. */
struct seccomp_when {
    unsigned n;
    struct scmp_arg_cmp v[SECCOMP_ARGS];
};

/* What to do on one system call. A rule without conditions decides, the first such one if there
 * are several; else the first rule whose conditions hold; else the part's `otherwise`. A mask of
 * zero, in the bits that are looked at, is no condition. */
struct seccomp_rule {
    uint32_t nr;
    uint32_t action; /* SECCOMP_RET_* with its data */
    uint32_t order;  /* the place among the rules: a lower one comes first */
    int selector; /* what argument 0 must be, whatever @when says of it; negative: no such test */
    const struct seccomp_when *when; /* not owned; NULL: no conditions */
};

/* A range of the numbers of one architecture. The parts of an architecture follow each other, in
 * the order of their numbers, and leave no number out. */
struct seccomp_part {
    uint32_t arch; /* seccomp_data.arch */
    uint32_t first, last;
    uint32_t otherwise;         /* the action on a number that no rule names */
    uint32_t beyond;            /* the action on a number above `highest` */
    bool wide;                  /* conditions are on 64 bits of an argument, not on 32 */
    int64_t highest;            /* negative: none */
    struct seccomp_rule *rules; /* of these numbers; they get sorted and simplified */
    size_t n;
};

/* The program for these parts; other architectures get @foreign. @big_endian is how the kernel lays
 * out its arguments. @ret's program is the caller's (seccomp_filter_release); the rest of @ret is
 * left alone. -E2BIG when the kernel would refuse the length. */
int seccomp_program_make(struct seccomp_part *parts, size_t n, uint32_t foreign, bool big_endian,
                         struct seccomp_filter *ret, struct err *e);

#endif
