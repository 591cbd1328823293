#include "runtime/seccomp_rules.h"

#include "base/json.h"
#include "base/str.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A profile of the size of Docker's has 400 names. These are for hostile ones. */
#define MAX_RULES 20000
#define MAX_ERRNO 4095 /* SECCOMP_RET_ERRNO is cut to this by the kernel */

#define X32_BIT 0x40000000u

static void ctx_release(scmp_filter_ctx *ctx)
{
    if (*ctx)
        seccomp_release(*ctx);
}
#define _cleanup_ctx_ _cleanup_(ctx_release)

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

/* -1 when @key is absent. */
static int errno_ret(const json_t *object, const char *key, long long *ret, struct err *e)
{
    const json_t *j = json_object_get(object, key);
    if (j && !json_is_null(j) && !json_is_integer(j))
        return err_set(e, EINVAL, "seccomp errnoRet must be an integer");
    *ret = json_is_integer(j) ? json_integer_value(j) : -1;
    return 0;
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

static int parse_arg(const json_t *j, struct scmp_arg_cmp *ret, struct err *e)
{
    long long index = json_int(j, "index", -1);
    if (index < 0 || index > 5)
        return err_set(e, EINVAL, "seccomp argument index must be 0 to 5");
    /* jansson holds 64 bits with a sign; a value above that is no integer to it. */
    const json_t *value = json_object_get(j, "value");
    const json_t *two = json_object_get(j, "valueTwo");
    if (!json_is_integer(value) || (two && !json_is_integer(two)))
        return err_set(e, EINVAL, "seccomp argument value must be an integer below 2^63");

    const char *op = json_str(j, "op");
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (!str_eq(op, operators[i].name))
            continue;
        *ret = (struct scmp_arg_cmp){
            .arg = (unsigned)index,
            .op = operators[i].op,
            .datum_a = (scmp_datum_t)json_integer_value(value),
            .datum_b = (scmp_datum_t)json_integer_value(two),
        };
        return 0;
    }
    return err_set(e, EINVAL, "unknown seccomp operator \"%s\"", op ? op : "");
}

/* The conditions of one entry. There are six arguments, but nothing forbids two conditions on one:
 * *ret_alternatives tells that. */
#define MAX_ARGS 16
struct conditions {
    struct scmp_arg_cmp v[MAX_ARGS];
    unsigned n;
    bool alternatives;
};

static int parse_args(const json_t *list, struct conditions *ret, struct err *e)
{
    *ret = (struct conditions){0};
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(e, EINVAL, "seccomp args must be a list");
    if (json_array_size(list) > MAX_ARGS)
        return err_set(e, EINVAL, "more than %d seccomp args in one rule", MAX_ARGS);

    unsigned seen = 0;
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        int r = parse_arg(item, &ret->v[i], e);
        if (r < 0)
            return r;
        ret->alternatives |= (seen & (1u << ret->v[i].arg)) != 0;
        seen |= 1u << ret->v[i].arg;
        ret->n++;
    }
    return 0;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, int nr, const struct conditions *c)
{
    /* All conditions of an entry must hold; libseccomp cannot test one argument twice in a rule.
     * The engines' reading of such an entry is "any of them". */
    if (!c->alternatives)
        return seccomp_rule_add_array(ctx, action, nr, c->n, c->v);
    for (unsigned i = 0; i < c->n; i++) {
        int r = seccomp_rule_add_array(ctx, action, nr, 1, &c->v[i]);
        if (r < 0 && r != -EEXIST)
            return r;
    }
    return 0;
}

static int add_entry(scmp_filter_ctx ctx, const json_t *entry, uint32_t default_action,
                     size_t *budget, struct err *e)
{
    uint32_t action;
    struct conditions conditions;
    long long code;
    int r = errno_ret(entry, "errnoRet", &code, e);
    if (r == 0)
        r = seccomp_action(json_str(entry, "action"), code, &action, e);
    if (r == 0)
        r = parse_args(json_object_get(entry, "args"), &conditions, e);
    if (r < 0)
        return r;

    const json_t *names = json_object_get(entry, "names");
    if (!json_is_array(names) || json_array_size(names) == 0)
        return err_set(e, EINVAL, "a seccomp rule has no names");
    size_t i;
    json_t *item;
    json_array_foreach (names, i, item) {
        const char *name = json_string_value(item);
        if (!name)
            return err_set(e, EINVAL, "a system call's name in a seccomp rule must be a string");
        if (*budget == 0)
            return err_set(e, E2BIG, "more than %d seccomp rules", MAX_RULES);
        --*budget;
        int nr = seccomp_syscall_resolve_name(name);
        /* A rule that says the same as the default is refused by libseccomp. */
        if (nr == __NR_SCMP_ERROR || action == default_action)
            continue;
        r = add_rule(ctx, action, nr, &conditions);
        if (r < 0 && r != -EEXIST)
            return err_sys(e, -r, "cannot add seccomp rule for \"%s\"", name);
    }
    return 0;
}

static int add_arches(scmp_filter_ctx ctx, const json_t *list, struct err *e)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        uint32_t token;
        int r = seccomp_arch(json_string_value(item), &token, e);
        if (r < 0)
            return r;
        r = seccomp_arch_add(ctx, token);
        if (r < 0 && r != -EEXIST)
            return err_set(e, EINVAL, "seccomp architecture \"%s\" does not go with this machine's",
                           json_string_value(item));
    }
    return 0;
}

/* The highest system call number that the profile's rules name on the architecture @arch; negative
 * when they name none. */
static int highest_nr(const json_t *profile, uint32_t arch)
{
    int highest = -1;
    size_t i, k;
    json_t *entry, *item;
    json_array_foreach (json_object_get(profile, "syscalls"), i, entry) {
        json_array_foreach (json_object_get(entry, "names"), k, item) {
            int nr = seccomp_syscall_resolve_name_arch(arch, json_string_value(item));
            highest = nr > highest ? nr : highest;
        }
    }
    return highest;
}

static bool lets_through(uint32_t action)
{
    uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
    return kind == SCMP_ACT_ALLOW || kind == SCMP_ACT_LOG ||
           kind == (SCMP_ACT_TRACE(0) & SECCOMP_RET_ACTION_FULL);
}

/* A short program to go before libseccomp's: ENOSYS for numbers above the highest one. A tracer
 * sees every call under SCMP_ACT_TRACE, so there it is left out, as with those that allow. */
struct prologue {
    struct sock_filter v[16];
    unsigned n;
};

static void put(struct prologue *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    p->v[p->n++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

static void put_limit(struct prologue *p, int highest)
{
    if (highest < 0)
        return;
    put(p, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)highest, 0, 1);
    put(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

static struct prologue make_prologue(const json_t *profile, scmp_filter_ctx ctx)
{
    struct prologue p = {0};
    uint32_t native = seccomp_arch_native();
    int highest = highest_nr(profile, native);
    if (highest < 0)
        return p;

    struct prologue body = {0};
    put(&body, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    if (native == SCMP_ARCH_X86_64) {
        /* x32 has the same architecture word and bit 30 in its numbers. Without x32 in the profile
         * such numbers are libseccomp's to refuse. */
        bool x32 = seccomp_arch_exist(ctx, SCMP_ARCH_X32) == 0;
        struct prologue wide = {0};
        if (x32)
            put_limit(&wide, highest_nr(profile, SCMP_ARCH_X32));
        put(&body, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, (uint8_t)(wide.n + 1));
        for (unsigned i = 0; i < wide.n; i++)
            body.v[body.n++] = wide.v[i];
        put(&body, BPF_JMP | BPF_JA, 2, 0, 0);
    }
    put_limit(&body, highest);

    put(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    put(&p, BPF_JMP | BPF_JEQ | BPF_K, native, 0, (uint8_t)body.n);
    for (unsigned i = 0; i < body.n; i++)
        p.v[p.n++] = body.v[i];
    return p;
}

/* libseccomp 2.5 exports into a descriptor only. */
static int export(scmp_filter_ctx ctx, const struct prologue *prologue, struct seccomp_filter *ret,
                  struct err *e)
{
    _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "cannot create memory file");
    int r = seccomp_export_bpf(ctx, fd);
    if (r < 0)
        return err_sys(e, -r, "cannot compile the seccomp profile");
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(e, errno, "cannot stat memory file");

    size_t size = (size_t)st.st_size, head = prologue->n * sizeof(struct sock_filter);
    size_t n = prologue->n + size / sizeof(struct sock_filter);
    if (n > BPF_MAXINSNS)
        return err_set(e, E2BIG, "the seccomp profile compiles to %zu instructions, %d are allowed",
                       n, BPF_MAXINSNS);
    _cleanup_free_ struct sock_filter *insns = malloc(head + size);
    if (!insns)
        return err_nomem(e);
    memcpy(insns, prologue->v, head);
    if (pread(fd, insns + prologue->n, size, 0) != (ssize_t)size)
        return err_sys(e, EIO, "cannot read memory file");
    ret->insns = TAKE_PTR(insns);
    ret->n = (unsigned short)n;
    return 0;
}

int seccomp_rules_compile(const json_t *profile, struct seccomp_filter *ret, struct err *e)
{
    uint32_t action;
    long long code;
    int r = errno_ret(profile, "defaultErrnoRet", &code, e);
    if (r == 0)
        r = seccomp_action(json_str(profile, "defaultAction"), code, &action, e);
    if (r < 0)
        return err_wrap(e, "seccomp defaultAction");

    _cleanup_ctx_ scmp_filter_ctx ctx = seccomp_init(action);
    if (!ctx)
        return err_nomem(e);
    /* A binary tree: the kernel runs the filter once per system call number when it is installed,
     * to find those that are always allowed. */
    r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r < 0)
        return err_sys(e, -r, "cannot set up libseccomp");

    r = add_arches(ctx, json_object_get(profile, "architectures"), e);
    size_t budget = MAX_RULES;
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(profile, "syscalls"), i, entry) {
        if (r == 0)
            r = add_entry(ctx, entry, action, &budget, e);
    }
    if (r < 0)
        return r;

    struct prologue prologue = {0};
    if (!lets_through(action))
        prologue = make_prologue(profile, ctx);
    return export(ctx, &prologue, ret, e);
}

/* The names of a table's rows; @size of a row, whose first member is the name. */
static json_t *list_names(const void *rows, size_t n, size_t size)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++)
        json_gather(&list, json_string(*(const char *const *)((const char *)rows + i * size)));
    return list;
}
#define NAMES(table) list_names(table, ARRAY_LEN(table), sizeof((table)[0]))

json_t *seccomp_describe(void)
{
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions", NAMES(actions),
                     "operators", NAMES(operators), "archs", NAMES(arches), "knownFlags",
                     NAMES(filter_flags), "supportedFlags", NAMES(filter_flags));
}
