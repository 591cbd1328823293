/* Filters as programs, run by an interpreter: against what the profile says, read off the JSON by
 * the most simple way there is, and against the programs that libseccomp makes. */
#include "runtime/seccomp_rules.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/seccomp_profile.h"
#include "runtime/seccomp_words.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()
#define __lsan_enable()
#endif

#define X32_BIT       0x40000000u
#define ENOSYS_ACTION (SECCOMP_RET_ERRNO | ENOSYS)

/* --- interpreter ------------------------------------------------------------------------- */

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    assert_true(offset % 4 == 0 && offset < sizeof(*data));
    bool foreign_order =
        (data->arch & __AUDIT_ARCH_LE) != (seccomp_arch_native() & __AUDIT_ARCH_LE);
    if (foreign_order && offset >= offsetof(struct seccomp_data, args))
        offset ^= 4; /* there the upper half of an argument comes first */
    uint32_t word;
    memcpy(&word, (const char *)data + offset, sizeof(word));
    return word;
}

/* The verdict. Only what seccomp(2)
 * takes, and only what the kernel's own interpreter for the cache of allowed calls knows. */
static uint32_t run(const struct sock_filter *v, size_t n, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (size_t i = 0; i < n; i++) {
        bool jump = false;
        switch (v[i].code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(data, v[i].k);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= v[i].k;
            continue;
        case BPF_JMP | BPF_JA:
            i += v[i].k;
            continue;
        case BPF_RET | BPF_K:
            return v[i].k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jump = a == v[i].k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jump = a > v[i].k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jump = a >= v[i].k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump = (a & v[i].k) != 0;
            break;
        default:
            fail_msg("instruction %x", v[i].code);
        }
        i += jump ? v[i].jt : v[i].jf;
    }
    fail_msg("ran past the end");
    return 0;
}

/* --- what the profile says --------------------------------------------------------------- */

#define MAX_FACTS 4096
#define MAX_ARGS  6
struct fact {
    uint32_t nr;
    int selector; /* of a call that is packed into another one; -1: of itself */
    bool packed;  /* on some architecture the call has such a form */
    uint32_t action;
    struct scmp_arg_cmp args[MAX_ARGS];
    unsigned n;
};

struct model {
    uint32_t token;
    bool native; /* or x32, if x86_64 is */
    struct fact v[MAX_FACTS];
    size_t n;
    int64_t highest;
    uint32_t otherwise;
};

/* Calls that are packed into socketcall(2) and ipc(2), and have a number of their own. */
static const struct {
    const char *name;
    int x86, ppc;
} unpacked[] = {
    {"socket", 359, 326},      {"socketpair", 360, 333}, {"bind", 361, 327},
    {"connect", 362, 328},     {"listen", 363, 329},     {"accept4", 364, 344},
    {"getsockopt", 365, 340},  {"setsockopt", 366, 339}, {"getsockname", 367, 331},
    {"getpeername", 368, 332}, {"sendto", 369, 335},     {"sendmsg", 370, 341},
    {"recvfrom", 371, 337},    {"recvmsg", 372, 342},    {"shutdown", 373, 338},
    {"recvmmsg", 337, 343},    {"sendmmsg", 345, 349},   {"accept", -1, 330},
    {"send", -1, 334},         {"recv", -1, 336},        {"semget", 393, 393},
    {"semctl", 394, 394},      {"shmget", 395, 395},     {"shmctl", 396, 396},
    {"shmat", 397, 397},       {"shmdt", 398, 398},      {"msgget", 399, 399},
    {"msgsnd", 400, 400},      {"msgrcv", 401, 401},     {"msgctl", 402, 402},
    {"semtimedop", -1, 392},
};

/* -1: none. */
static int own_number(uint32_t token, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(unpacked); i++) {
        if (!str_eq(unpacked[i].name, name))
            continue;
        return token == SCMP_ARCH_X86       ? unpacked[i].x86
               : token == SCMP_ARCH_PPC64LE ? unpacked[i].ppc
                                            : -1;
    }
    return -1;
}

static void add_fact(struct model *m, struct fact f)
{
    assert_true(m->n < MAX_FACTS);
    m->v[m->n++] = f;
}

static void add_name(struct model *m, const char *name, struct fact f)
{
    int nr = seccomp_syscall_resolve_name_arch(m->token, name);
    int packed = seccomp_syscall_resolve_name_rewrite(m->token, name);
    int x86 = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name);
    f.packed = x86 < 0 && x86 > -300 && x86 != __NR_SCMP_ERROR;
    f.selector = -1;
    if (nr == __NR_SCMP_ERROR || (nr < 0 && packed < 0))
        return;
    if (nr < 0) {
        f.nr = (uint32_t)packed;
        f.selector = nr <= -200 ? -nr - 200 : -nr - 100;
        if (f.action != m->otherwise)
            add_fact(m, f);
        f.selector = -1;
        nr = own_number(m->token, name);
        if (nr < 0)
            return;
    }
    f.nr = (uint32_t)nr;
    if (nr > m->highest)
        m->highest = nr;
    if (f.action != m->otherwise)
        add_fact(m, f);
}

static struct scmp_arg_cmp read_arg(const json_t *j)
{
    struct scmp_arg_cmp a = {.arg = (unsigned)json_int(j, "index", -1),
                             .datum_a = (scmp_datum_t)json_int(j, "value", 0),
                             .datum_b = (scmp_datum_t)json_int(j, "valueTwo", 0)};
    assert_int_equal(seccomp_operator(json_str(j, "op"), &a.op, NULL), 0);
    return a;
}

static uint32_t action_of(const json_t *j, const char *action, const char *code)
{
    uint32_t ret;
    assert_int_equal(seccomp_action(json_str(j, action), json_int(j, code, -1), &ret, NULL), 0);
    return ret;
}

/* The bits of an argument that conditions are on. */
static uint64_t seen_of(const struct model *m)
{
    bool n32 = m->token == SCMP_ARCH_MIPSEL64N32;
    return (m->token & __AUDIT_ARCH_64BIT) && !n32 ? UINT64_MAX : UINT32_MAX;
}

static struct model *new_model(const json_t *profile, uint32_t token, uint32_t native)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->token = token;
    m->native = token == native || (token == SCMP_ARCH_X32 && native == SCMP_ARCH_X86_64);
    m->highest = -1;
    m->otherwise = action_of(profile, "defaultAction", "defaultErrnoRet");
    uint64_t seen = seen_of(m);
    size_t i, k;
    json_t *entry, *item;
    json_array_foreach (json_object_get(profile, "syscalls"), i, entry) {
        struct fact f = {.action = action_of(entry, "action", "errnoRet")};
        json_array_foreach (json_object_get(entry, "args"), k, item) {
            struct scmp_arg_cmp a = read_arg(item);
            /* A mask of nothing asks nothing: as if it were not there. */
            if (a.op != SCMP_CMP_MASKED_EQ || (a.datum_a & seen) != 0)
                f.args[f.n++] = a;
        }
        json_array_foreach (json_object_get(entry, "names"), k, item)
            add_name(m, json_string_value(item), f);
    }
    return m;
}

static bool compare(uint64_t x, const struct scmp_arg_cmp *a, uint64_t seen)
{
    uint64_t value = a->datum_a & seen;
    x &= seen;
    switch (a->op) {
    case SCMP_CMP_NE:
        return x != value;
    case SCMP_CMP_LT:
        return x < value;
    case SCMP_CMP_LE:
        return x <= value;
    case SCMP_CMP_EQ:
        return x == value;
    case SCMP_CMP_GE:
        return x >= value;
    case SCMP_CMP_GT:
        return x > value;
    default:
        return (x & value) == (a->datum_b & value);
    }
}

static bool fits(const struct fact *f, const struct seccomp_data *data, uint64_t seen)
{
    if (f->selector >= 0 && (data->args[0] & seen) != (uint64_t)f->selector)
        return false;
    for (unsigned i = 0; i < f->n; i++)
        if (!(f->selector >= 0 && f->args[i].arg == 0) &&
            !compare(data->args[f->args[i].arg], &f->args[i], seen))
            return false;
    return true;
}

static uint32_t model_verdict(const struct model *m, const struct seccomp_data *data)
{
    uint32_t nr = (uint32_t)data->nr;
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].nr == nr && m->v[i].n == 0 && m->v[i].selector < 0)
            return m->v[i].action;
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].nr == nr && fits(&m->v[i], data, seen_of(m)))
            return m->v[i].action;
    uint32_t kind = m->otherwise & SECCOMP_RET_ACTION_FULL;
    bool closed = kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
    return m->native && closed && m->highest >= 0 && nr > m->highest ? ENOSYS_ACTION : m->otherwise;
}

/* Two rules on one number that libseccomp puts together rightly: one action, one argument, and the
 * upper halves of what it is compared with are one. */
static bool go_together(const struct fact *a, const struct fact *b)
{
    return a->selector < 0 && b->selector < 0 && a->n == 1 && b->n == 1 && a->action == b->action &&
           a->args[0].arg == b->args[0].arg && a->args[0].datum_a >> 32 == b->args[0].datum_a >> 32;
}

/* Whether libseccomp's program is right about a number. Of several rules with conditions it takes
 * the first of an order of its own; what one of them refuses after its first comparison is not
 * looked for in the others; and a rule without conditions for a call that is packed on one of the
 * architectures it may drop on all of them. */
static bool is_simple(const struct model *m, uint32_t nr)
{
    const struct fact *first = NULL;
    bool simple = true, plain = false, packed = false, conditional = false;
    for (size_t i = 0; i < m->n; i++) {
        const struct fact *f = &m->v[i];
        if (f->nr != nr)
            continue;
        plain |= f->n == 0 && f->selector < 0;
        conditional |= f->n > 0 || f->selector >= 0;
        packed |= f->packed;
        simple &= !first || go_together(first, f);
        first = first ? first : f;
    }
    return plain ? !(packed && conditional) : simple;
}

/* --- libseccomp's program ---------------------------------------------------------------- */

static void add_library_rules(scmp_filter_ctx ctx, const json_t *entry, uint32_t otherwise)
{
    uint32_t action = action_of(entry, "action", "errnoRet");
    struct scmp_arg_cmp args[MAX_ARGS];
    unsigned n = 0;
    size_t k;
    json_t *item;
    json_array_foreach (json_object_get(entry, "args"), k, item)
        args[n++] = read_arg(item);
    json_array_foreach (json_object_get(entry, "names"), k, item) {
        int nr = seccomp_syscall_resolve_name(json_string_value(item));
        if (nr == __NR_SCMP_ERROR || action == otherwise)
            continue;
        __lsan_disable(); /* libseccomp loses what it takes back after -EEXIST */
        int r = seccomp_rule_add_array(ctx, action, nr, n, args);
        __lsan_enable();
        assert_true(r == 0 || r == -EEXIST);
    }
}

static struct seccomp_filter library_program(const json_t *profile, const uint32_t *tokens,
                                             size_t n)
{
    uint32_t otherwise = action_of(profile, "defaultAction", "defaultErrnoRet");
    scmp_filter_ctx ctx = seccomp_init(otherwise);
    assert_non_null(ctx);
    bool has_native = false;
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_arch_add(ctx, tokens[i]);
        assert_true(r == 0 || r == -EEXIST);
        has_native |= tokens[i] == seccomp_arch_native();
    }
    if (!has_native)
        assert_int_equal(seccomp_arch_remove(ctx, seccomp_arch_native()), 0);
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(profile, "syscalls"), i, entry)
        add_library_rules(ctx, entry, otherwise);

    int fd = memfd_create("program", MFD_CLOEXEC);
    struct stat st;
    assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    struct seccomp_filter f = {.insns = malloc((size_t)st.st_size),
                               .n = (unsigned short)((size_t)st.st_size / sizeof(*f.insns))};
    assert_int_equal(pread(fd, f.insns, (size_t)st.st_size, 0), st.st_size);
    close(fd);
    seccomp_release(ctx);
    return f;
}

/* --- arguments at the edges -------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

#define MAX_VALUES 2048
struct values {
    uint64_t v[MAX_VALUES];
    size_t n;
};

static void add_value(struct values *l, uint64_t value)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == value)
            return;
    assert_true(l->n < MAX_VALUES);
    l->v[l->n++] = value;
}

static void add_around(struct values *l, uint64_t value)
{
    static const uint64_t distances[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32, -(UINT64_C(1) << 32)};
    for (size_t i = 0; i < ARRAY_LEN(distances); i++)
        add_value(l, value + distances[i]);
}

/* What the rules on @nr compare with, and what lies around it. */
static void find_values(const struct model *m, uint32_t nr, struct values l[MAX_ARGS])
{
    for (unsigned arg = 0; arg < MAX_ARGS; arg++) {
        l[arg].n = 0;
        add_value(&l[arg], 0);
        add_value(&l[arg], random_next());
    }
    for (size_t i = 0; i < m->n; i++) {
        const struct fact *f = &m->v[i];
        if (f->nr != nr)
            continue;
        if (f->selector >= 0)
            add_around(&l[0], (uint64_t)f->selector);
        for (unsigned k = 0; k < f->n; k++) {
            struct values *to = &l[f->args[k].arg];
            add_around(to, f->args[k].datum_a);
            add_around(to, f->args[k].datum_b);
            add_around(to, f->args[k].datum_a & f->args[k].datum_b);
            add_value(to, ~f->args[k].datum_a);
            add_value(to, UINT64_MAX);
        }
    }
}

/* --- comparison -------------------------------------------------------------------------- */

struct candidates {
    struct seccomp_filter ours, theirs;
    size_t compared, equal_to_library; /* requests */
};

static void check_one(const struct model *m, struct candidates *c, const struct seccomp_data *data,
                      bool simple)
{
    uint32_t want = model_verdict(m, data);
    uint32_t got = run(c->ours.insns, c->ours.n, data);
    if (got != want)
        fail_msg("arch %x call %#x (%#llx %#llx %#llx ...): %#x instead of %#x", data->arch,
                 (unsigned)data->nr, data->args[0], data->args[1], data->args[2], got, want);
    c->compared++;
    if (c->theirs.n == 0)
        return;
    uint32_t theirs = run(c->theirs.insns, c->theirs.n, data);
    bool newer = m->native && (uint32_t)data->nr > m->highest && want == ENOSYS_ACTION;
    if (simple && !newer && theirs != got)
        fail_msg("arch %x call %#x (%#llx %#llx %#llx ...): %#x, libseccomp says %#x", data->arch,
                 (unsigned)data->nr, data->args[0], data->args[1], data->args[2], got, theirs);
    c->equal_to_library += theirs == got;
}

static void check_number(const struct model *m, struct candidates *c, uint32_t nr)
{
    static struct values values[MAX_ARGS];
    find_values(m, nr, values);
    bool simple = is_simple(m, nr);
    struct seccomp_data data = {.nr = (int)nr,
                                .arch = m->token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : m->token};
    for (unsigned arg = 0; arg < MAX_ARGS; arg++) {
        for (size_t i = 0; i < values[arg].n; i++) {
            for (unsigned k = 0; k < MAX_ARGS; k++)
                data.args[k] = values[k].v[random_next() % values[k].n];
            data.args[arg] = values[arg].v[i];
            check_one(m, c, &data, simple);
        }
    }
}

static void check_arch(const json_t *profile, uint32_t token, uint32_t native, struct candidates *c)
{
    struct model *m = new_model(profile, token, native);
    uint32_t base = token == SCMP_ARCH_X32           ? X32_BIT
                    : token == SCMP_ARCH_MIPSEL64    ? 5000
                    : token == SCMP_ARCH_MIPSEL64N32 ? 6000
                                                     : 0;
    for (uint32_t nr = 0; nr <= 600; nr++)
        check_number(m, c, base + nr);
    static const uint32_t far[] = {0xf0000, 0xf0001, 0xf0005, 0xf0006, X32_BIT - 1};
    for (size_t i = 0; i < ARRAY_LEN(far); i++)
        check_number(m, c, base + far[i]);
    if (token != SCMP_ARCH_X86_64)
        check_number(m, c, UINT32_MAX);
    free(m);
}

/* Architectures that are not in the filter: libseccomp's answer, all of it. */
static void check_foreign(const struct candidates *c, uint32_t arch, uint32_t base)
{
    for (uint32_t nr = 0; nr <= 600; nr++) {
        struct seccomp_data data = {.nr = (int)(base + nr), .arch = arch};
        assert_int_equal(run(c->ours.insns, c->ours.n, &data), SECCOMP_RET_KILL_THREAD);
        if (c->theirs.n > 0)
            assert_int_equal(run(c->theirs.insns, c->theirs.n, &data), SECCOMP_RET_KILL_THREAD);
    }
}

/* The profile's list of architectures is replaced by @names, the native one first. */
static void check(json_t *profile, const char *const *names, bool library)
{
    uint32_t tokens[8];
    size_t n = 0;
    bool x64 = false, x32 = false;
    json_t *list = json_array();
    for (; names[n]; n++) {
        assert_int_equal(seccomp_arch(names[n], &tokens[n], NULL), 0);
        x64 |= tokens[n] == SCMP_ARCH_X86_64;
        x32 |= tokens[n] == SCMP_ARCH_X32;
        json_array_append_new(list, json_string(names[n]));
    }
    json_object_set_new(profile, "architectures", list);

    struct candidates c = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (seccomp_rules_compile(profile, tokens[0], &c.ours, &e) < 0)
        fail_msg("%s", err_text(&e));
    if (library)
        c.theirs = library_program(profile, tokens, n);
    for (size_t i = 0; i < n; i++)
        check_arch(profile, tokens[i], tokens[0], &c);
    check_foreign(&c, SCMP_ARCH_PPC64, 0);
    check_foreign(&c, SCMP_ARCH_PARISC64, 0);
    if (x64 && !x32) {
        check_foreign(&c, SCMP_ARCH_X86_64, X32_BIT);
        /* What a tracer sets to have a call skipped is not x32's. */
        struct seccomp_data skipped = {.nr = -1, .arch = SCMP_ARCH_X86_64};
        uint32_t otherwise = action_of(profile, "defaultAction", "defaultErrnoRet");
        assert_int_equal(run(c.ours.insns, c.ours.n, &skipped), otherwise);
        if (library)
            assert_int_equal(run(c.theirs.insns, c.theirs.n, &skipped), otherwise);
    }
    print_message("%zu requests, %zu answered as by libseccomp; %u instructions, libseccomp %u\n",
                  c.compared, c.equal_to_library, c.ours.n, c.theirs.n);
    seccomp_filter_release(&c.ours);
    seccomp_filter_release(&c.theirs);
}

static const char *const x86[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
static const char *const x64_alone[] = {"SCMP_ARCH_X86_64", NULL};
static const char *const x64_and_x86[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", NULL};
static const char *const x64_and_x32[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X32", NULL};
static const char *const arm[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
static const char *const ppc[] = {"SCMP_ARCH_PPC64LE", NULL};
static const char *const mips[] = {"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", NULL};
static const char *const riscv[] = {"SCMP_ARCH_RISCV64", NULL};
static const char *const *const arches[] = {x86, x64_alone, x64_and_x86, x64_and_x32,
                                            arm, ppc,       mips,        riscv};

/* --- tests ------------------------------------------------------------------------------- */

#define CAP(c) (UINT64_C(1) << (c))
static const uint64_t caps[] = {0, 0xa80425fb, 0xa80425fb | CAP(21), 0xa80425fb | CAP(19) | CAP(25),
                                UINT64_MAX};

static void test_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        for (size_t k = 0; k < ARRAY_LEN(arches); k++) {
            _cleanup_json_ json_t *profile = NULL;
            assert_int_equal(seccomp_profile_default(caps[i], &profile, NULL), 0);
            check(profile, arches[k], true);
        }
    }
}

static void test_foreign_profile(void **state)
{
    (void)state;
    const char path[] = "/usr/share/containers/seccomp.json";
    if (access(path, R_OK) < 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        _cleanup_json_ json_t *profile = NULL;
        assert_int_equal(seccomp_profile_load(path, caps[i], &profile, NULL), 0);
        check(profile, x86, true);
    }
}

static json_t *random_args(unsigned most)
{
    static const char *const ops[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                      "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                      "SCMP_CMP_MASKED_EQ"};
    static const uint64_t usual[] = {0,           1,           2,           5,          40,
                                     0x7fffffff,  0x80000000,  0xfffffffe,  UINT32_MAX, 0x100000000,
                                     0x100000001, 0x500000000, 0x5ffffffff, INT64_MAX};
    json_t *list = json_array();
    unsigned n = (unsigned)(random_next() % (most + 1)), arg = (unsigned)(random_next() % 6);
    for (unsigned i = 0; i < n; i++, arg = (arg + 1) % 6) {
        uint64_t value = usual[random_next() % ARRAY_LEN(usual)];
        uint64_t two = random_next() % 2 ? usual[random_next() % ARRAY_LEN(usual)] : 0;
        if (random_next() % 4 == 0)
            value = random_next() >> 1;
        json_array_append_new(list, json_pack("{s:i,s:I,s:I,s:s}", "index", (int)arg, "value",
                                              (json_int_t)value, "valueTwo", (json_int_t)two, "op",
                                              ops[random_next() % ARRAY_LEN(ops)]));
    }
    return list;
}

static json_t *random_names(void)
{
    static const char *const known[] = {"socket",
                                        "socketcall",
                                        "ipc",
                                        "bind",
                                        "shmget",
                                        "semop",
                                        "msgsnd",
                                        "accept",
                                        "recvmmsg",
                                        "clone",
                                        "nothing_of_this_name"};
    json_t *list = json_array();
    for (unsigned n = 1 + (unsigned)(random_next() % 6); n > 0; n--) {
        if (random_next() % 8 == 0) {
            json_array_append_new(list, json_string(known[random_next() % ARRAY_LEN(known)]));
            continue;
        }
        /* Few enough of them that many meet in several rules. */
        int nr = (int)(random_next() % 450);
        if (random_next() % 2)
            nr = nr % 20;
        _cleanup_free_ char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
        json_array_append_new(list, json_string(name ? name : "read"));
    }
    return list;
}

static json_t *random_profile(unsigned seed)
{
    static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW",
                                          "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS",
                                          "SCMP_ACT_LOG",   "SCMP_ACT_TRAP"};
    random_state = 0x9e3779b97f4a7c15u * (seed + 1);
    unsigned kinds = seed % 2 ? ARRAY_LEN(actions) : 2; /* with the default, two answers */
    const char *otherwise = actions[seed % 3 == 0 ? random_next() % ARRAY_LEN(actions) : 2];
    json_t *rules = json_array();
    for (unsigned n = (unsigned)(random_next() % (seed % 5 == 1 ? 4 : 60)); n > 0; n--) {
        json_t *rule = json_pack("{s:o,s:s,s:o}", "names", random_names(), "action",
                                 actions[random_next() % kinds], "args",
                                 random_args(seed % 5 == 0   ? 4
                                             : seed % 5 == 1 ? 2
                                                             : 1));
        if (random_next() % 3 == 0)
            json_object_set_new(rule, "errnoRet", json_integer((json_int_t)(random_next() % 4)));
        json_array_append_new(rules, rule);
    }
    return json_pack("{s:s,s:o}", "defaultAction", otherwise, "syscalls", rules);
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 60; seed++) {
        _cleanup_json_ json_t *profile = random_profile(seed);
        /* With many conditions in many rules libseccomp does not come to an end. */
        check(profile, arches[seed % ARRAY_LEN(arches)], seed % 5 != 0);
    }
}

static const char *const s390[] = {"SCMP_ARCH_S390X", "SCMP_ARCH_S390", NULL};

/* libseccomp does not mix the two orders of bytes in one process; the model does. */
static void test_big_endian(void **state)
{
    (void)state;
    const char text[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
        "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
        "{\"index\":1,\"value\":21474836487,\"op\":\"SCMP_CMP_EQ\"}]},"
        "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
        "{\"index\":1,\"value\":21474836487,\"op\":\"SCMP_CMP_GT\"},"
        "{\"index\":2,\"value\":12884901890,\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}";
    _cleanup_json_ json_t *profile = NULL;
    assert_int_equal(json_parse(text, strlen(text), "profile", &profile, NULL), 0);
    check(profile, s390, false);
}

/* @n_calls calls, each with @n_values values of its own that are allowed. */
static json_t *wide_profile(unsigned n_calls, unsigned n_values)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < n_calls * n_values; i++) {
        _cleanup_free_ char *name =
            seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)(100 + i / n_values));
        json_array_append_new(
            rules, json_pack("{s:[s],s:s,s:[{s:i,s:I,s:s}]}", "names", name, "action",
                             "SCMP_ACT_ALLOW", "args", "index", (int)(i / n_values % 3), "value",
                             (json_int_t)7 * i + ((json_int_t)(i % 5) << 32), "op", "SCMP_CMP_EQ"));
    }
    return json_pack("{s:s,s:o}", "defaultAction", "SCMP_ACT_ERRNO", "syscalls", rules);
}

/* Longer than a conditional jump, and than what is made of one argument's values at once. */
static void test_long(void **state)
{
    (void)state;
    _cleanup_json_ json_t *values = wide_profile(2, 150), *calls = wide_profile(90, 5);
    check(values, x64_and_x86, true);
    check(calls, x64_and_x86, true);
}

static void test_too_long(void **state)
{
    (void)state;
    _cleanup_json_ json_t *profile = wide_profile(50, 200);
    _cleanup_err_ struct err e = ERR_INIT;
    struct seccomp_filter f = {.n = 77};
    assert_int_equal(seccomp_rules_compile(profile, SCMP_ARCH_X86_64, &f, &e), -E2BIG);
    assert_non_null(strstr(err_text(&e), "4096"));
    assert_int_equal(f.n, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default), cmocka_unit_test(test_foreign_profile),
        cmocka_unit_test(test_random),  cmocka_unit_test(test_big_endian),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
