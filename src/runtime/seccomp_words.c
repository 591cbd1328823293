#include "runtime/seccomp_words.h"

#include "base/json.h"
#include "base/str.h"
#include "runtime/seccomp.h"

#include <linux/seccomp.h>

#define MAX_ERRNO 4095 /* SECCOMP_RET_ERRNO is cut to this by the kernel */

static const struct {
    const char *name;
    uint32_t token;
} arches[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
};

int seccomp_arch(const char *name, uint32_t *ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
        if (str_eq(name, arches[i].name)) {
            *ret = arches[i].token;
            return 0;
        }
    }
    return err_set(e, EINVAL, "unknown seccomp architecture \"%s\"", name ? name : "");
}

static const struct {
    const char *name;
    uint32_t action;
    bool takes_errno;
} actions[] = {
    {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
};

int seccomp_action(const char *name, long long data, uint32_t *ret, struct err *e)
{
    if (str_eq(name, "SCMP_ACT_NOTIFY"))
        return err_set(e, ENOTSUP, "seccomp action \"SCMP_ACT_NOTIFY\" is not supported yet");
    if (data < -1 || data > MAX_ERRNO)
        return err_set(e, EINVAL, "seccomp errnoRet %lld is not an errno (0 to %d)", data,
                       MAX_ERRNO);

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!str_eq(name, actions[i].name))
            continue;
        uint32_t bits = data < 0 ? EPERM : (uint32_t)data;
        *ret = actions[i].action | (actions[i].takes_errno ? bits : 0);
        return 0;
    }
    return err_set(e, EINVAL, "unknown seccomp action \"%s\"", name ? name : "");
}

static const struct {
    const char *name;
    unsigned flag;
} filter_flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
};

int seccomp_flags(const json_t *profile, unsigned *ret, struct err *e)
{
    const json_t *list = json_object_get(profile, "flags");
    if (!list || json_is_null(list)) {
        /* What is not asked for is not paid for: without this flag, kernels before 5.16 turn the
         * speculative store bypass mitigation on for the filtered process. */
        *ret = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        return 0;
    }

    unsigned flags = 0;
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        size_t k = 0;
        while (k < ARRAY_LEN(filter_flags) && !str_eq(name, filter_flags[k].name))
            k++;
        if (k == ARRAY_LEN(filter_flags))
            return err_set(e, EINVAL, "seccomp flag \"%s\" is not supported", name ? name : "");
        flags |= filter_flags[k].flag;
    }
    *ret = flags;
    return 0;
}

static const struct {
    const char *name;
    enum scmp_compare op;
} operators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

int seccomp_operator(const char *name, enum scmp_compare *ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (str_eq(name, operators[i].name)) {
            *ret = operators[i].op;
            return 0;
        }
    }
    return err_set(e, EINVAL, "unknown seccomp operator \"%s\"", name ? name : "");
}

/* The names of a table's rows. */
#define NAMES(table)                                                                               \
    ({                                                                                             \
        json_t *list_ = json_array();                                                              \
        for (size_t i_ = 0; i_ < ARRAY_LEN(table); i_++)                                           \
            json_gather(&list_, json_string((table)[i_].name));                                    \
        list_;                                                                                     \
    })

json_t *seccomp_describe(void)
{
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions", NAMES(actions),
                     "operators", NAMES(operators), "archs", NAMES(arches), "knownFlags",
                     NAMES(filter_flags), "supportedFlags", NAMES(filter_flags));
}
