/*
 * The default profile as data: groups of system calls, each with the condition under which it is
 * allowed. What no row allows gives EPERM.
 */
#ifndef SKIFF_ENGINE_SECCOMP_TABLE_H
#define SKIFF_ENGINE_SECCOMP_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum seccomp_row_arch {
    SECCOMP_ROW_ANY,
    SECCOMP_ROW_X86, /* x86_64 with its two 32-bit faces */
    SECCOMP_ROW_ARM, /* aarch64 with arm */
    SECCOMP_ROW_PPC,
    SECCOMP_ROW_S390,
    SECCOMP_ROW_NOT_S390,
    SECCOMP_ROW_RISCV,
};

struct seccomp_row {
    const char *names;    /* separated by single spaces */
    uint64_t caps;        /* any of these capabilities (bits); 0: no condition */
    uint64_t unless_caps; /* none of these */
    enum seccomp_row_arch arch;
    int errno_ret;          /* 0: allowed; else this is the answer */
    const char *op;         /* SCMP_CMP_*, or NULL: whatever the arguments */
    unsigned arg;           /* the argument's index */
    const uint32_t *values; /* one rule for each */
    size_t n_values;
};

extern const struct seccomp_row seccomp_rows[];
extern const size_t seccomp_rows_n;

/* The architectures of the filter: the machine's own first; NULL-terminated. Empty where only the
 * native one is wanted. And the machine's name in Docker's profiles ("amd64"). */
extern const char *const seccomp_native_arches[];
extern const char *const seccomp_native_name;
enum seccomp_row_arch seccomp_native_row(void);

#endif
