#include "runtime/seccomp_rules.h"

#include "base/json.h"
#include "base/str.h"
#include "runtime/seccomp_program.h"
#include "runtime/seccomp_words.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

/* A profile of the size of Docker's has 400 names. These are for hostile ones. */
#define MAX_RULES 20000

/* x32 has the architecture word of x86_64 and this bit in its numbers. */
#define X32_BIT 0x40000000u

/* --- architectures ----------------------------------------------------------------------- */

#define MAX_ARCHES 32
#define NUMBERS    512 /* system calls have been numbered in step on all architectures since 403 */
struct arch {
    uint32_t token;
    struct seccomp_part part;
    size_t cap;
    char **names; /* of its first NUMBERS numbers; NULL until they are asked for */
};

struct rules {
    struct arch arches[MAX_ARCHES]; /* the native one first */
    size_t n_arches;
    uint32_t otherwise;
    struct seccomp_when **whens; /* all that the rules point to */
    size_t n_whens, cap_whens;
    uint32_t n; /* rules that were added, however many architectures have the call */
};

static void rules_release(struct rules *l)
{
    for (size_t i = 0; i < l->n_arches; i++) {
        for (size_t k = 0; l->arches[i].names && k < NUMBERS; k++)
            free(l->arches[i].names[k]);
        free(l->arches[i].names);
        free(l->arches[i].part.rules);
    }
    for (size_t i = 0; i < l->n_whens; i++)
        free(l->whens[i]);
    free(l->whens);
}
#define _cleanup_rules_ _cleanup_(rules_release)

/* Makes room for one more: 0 or -ENOMEM. */
static int reserve(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *v;
    memcpy(&v, array, sizeof(v));
    v = reallocarray(v, more, size);
    if (!v)
        return -ENOMEM;
    memcpy(array, &v, sizeof(v));
    *cap = more;
    return 0;
}

/* Registers of these have 64 bits, but only half of a condition's value is looked at, as the
 * profiles' authors know it from libseccomp. */
static bool is_wide(uint32_t token)
{
    return (token & __AUDIT_ARCH_64BIT) != 0 && token != SCMP_ARCH_MIPS64N32 &&
           token != SCMP_ARCH_MIPSEL64N32;
}

static void add_arch(struct rules *l, uint32_t token)
{
    for (size_t i = 0; i < l->n_arches; i++)
        if (l->arches[i].token == token)
            return;
    l->arches[l->n_arches++] = (struct arch){
        .token = token,
        .part = {.arch = token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token,
                 .first = token == SCMP_ARCH_X32 ? X32_BIT : 0,
                 .last = token == SCMP_ARCH_X86_64 ? X32_BIT - 1 : UINT32_MAX,
                 .wide = is_wide(token),
                 .otherwise = l->otherwise,
                 .highest = -1,
                 .beyond = SECCOMP_RET_ERRNO | ENOSYS},
    };
}

static int add_arches(struct rules *l, uint32_t native, const json_t *list, struct err *e)
{
    add_arch(l, native);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *name = json_string_value(item);
        uint32_t token;
        int r = seccomp_arch(name, &token, e);
        if (r < 0)
            return r;
        if (((token ^ native) & __AUDIT_ARCH_LE) != 0)
            return err_set(e, EINVAL, "seccomp architecture \"%s\" does not go with this machine's",
                           name);
        if (seccomp_syscall_resolve_name_arch(token, "exit") == __NR_SCMP_ERROR)
            return err_set(e, EINVAL, "seccomp architecture \"%s\" is newer than this libseccomp",
                           name);
        add_arch(l, token);
    }
    return 0;
}

/* --- numbers ----------------------------------------------------------------------------- */

/* What a name is on an architecture. Some have one call in which many are packed: the first
 * argument of socketcall(2) and of ipc(2) selects. Newer kernels have some of them by their own
 * number as well. */
struct numbers {
    int64_t own; /* negative: none */
    int64_t packed;
    int selector;
};

static int read_names(struct arch *a)
{
    if (a->names)
        return 0;
    a->names = calloc(NUMBERS, sizeof(*a->names));
    if (!a->names)
        return -ENOMEM;
    for (int nr = 0; nr < NUMBERS; nr++) {
        errno = 0;
        a->names[nr] = seccomp_syscall_resolve_num_arch(a->token, nr);
        if (!a->names[nr] && errno == ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

/* For a packed call libseccomp gives a negative number; its own one, if it has one, is found the
 * way back, from the numbers to the names. 0 or -ENOMEM. */
static int resolve(struct arch *a, const char *name, struct numbers *ret)
{
    *ret = (struct numbers){.own = -1, .packed = -1, .selector = -1};
    int nr = seccomp_syscall_resolve_name_arch(a->token, name);
    if (nr >= 0)
        ret->own = nr;
    if (nr >= 0 || nr == __NR_SCMP_ERROR)
        return 0;
    ret->packed = seccomp_syscall_resolve_name_rewrite(a->token, name);
    if (ret->packed < 0)
        return 0;
    /* -101 to -120 are socketcall's 1 to 20, -201 to -224 ipc's 1 to 24. */
    ret->selector = -nr % 100;
    int r = read_names(a);
    for (int i = 0; r == 0 && i < NUMBERS; i++)
        if (str_eq(a->names[i], name))
            ret->own = i;
    return r;
}

/* --- rules ------------------------------------------------------------------------------- */

static int add_number(struct rules *l, struct arch *a, int64_t nr, uint32_t action, int selector,
                      const struct seccomp_when *when)
{
    struct seccomp_part *p = &a->part;
    if (nr < 0)
        return 0;
    if (reserve(&p->rules, p->n, &a->cap, sizeof(*p->rules)) < 0)
        return -ENOMEM;
    p->rules[p->n++] = (struct seccomp_rule){
        .nr = (uint32_t)nr, .action = action, .order = l->n, .selector = selector, .when = when};
    return 0;
}

/* One name, under each of the alternative conditions. */
static int add_name(struct rules *l, const char *name, uint32_t action, struct seccomp_when **whens,
                    uint32_t n_whens)
{
    uint32_t first = l->n;
    for (size_t i = 0; i < l->n_arches; i++) {
        struct arch *a = &l->arches[i];
        struct numbers numbers;
        if (resolve(a, name, &numbers) < 0)
            return -ENOMEM;
        if (numbers.own > a->part.highest)
            a->part.highest = numbers.own;
        /* What says the same as the default does not even keep later rules from having a say. */
        for (l->n = first; action != l->otherwise && l->n < first + n_whens; l->n++) {
            struct seccomp_when *when = whens[l->n - first];
            if (add_number(l, a, numbers.own, action, -1, when) < 0 ||
                add_number(l, a, numbers.packed, action, numbers.selector, when) < 0)
                return -ENOMEM;
        }
    }
    l->n = first + n_whens;
    return 0;
}

/* --- reading ----------------------------------------------------------------------------- */

/* -1 when @key is absent. */
static int errno_ret(const json_t *object, const char *key, long long *ret, struct err *e)
{
    const json_t *j = json_object_get(object, key);
    if (j && !json_is_null(j) && !json_is_integer(j))
        return err_set(e, EINVAL, "seccomp errnoRet must be an integer");
    *ret = json_is_integer(j) ? json_integer_value(j) : -1;
    return 0;
}

static int parse_arg(const json_t *j, struct scmp_arg_cmp *ret, struct err *e)
{
    long long index = json_int(j, "index", -1);
    if (index < 0 || index >= SECCOMP_ARGS)
        return err_set(e, EINVAL, "seccomp argument index must be 0 to 5");
    /* jansson holds 64 bits with a sign; a value above that is no integer to it. */
    const json_t *value = json_object_get(j, "value");
    const json_t *two = json_object_get(j, "valueTwo");
    if (!json_is_integer(value) || (two && !json_is_integer(two)))
        return err_set(e, EINVAL, "seccomp argument value must be an integer below 2^63");
    *ret = (struct scmp_arg_cmp){
        .arg = (unsigned)index,
        .datum_a = (scmp_datum_t)json_integer_value(value),
        .datum_b = (scmp_datum_t)json_integer_value(two),
    };
    return seccomp_operator(json_str(j, "op"), &ret->op, e);
}

/* The conditions of one entry. All of them must hold, in which case there is one alternative. But
 * when two are on the same argument, the engines read them all as "any of these". */
#define MAX_ARGS 16
struct alternatives {
    struct seccomp_when *v[MAX_ARGS]; /* not owned; NULL: no conditions */
    uint32_t n;
};

static struct seccomp_when *add_when(struct rules *l, struct alternatives *alternatives)
{
    if (reserve(&l->whens, l->n_whens, &l->cap_whens, sizeof(*l->whens)) < 0)
        return NULL;
    struct seccomp_when *when = calloc(1, sizeof(*when));
    if (when)
        l->whens[l->n_whens++] = alternatives->v[alternatives->n++] = when;
    return when;
}

static int parse_args(struct rules *l, const json_t *list, struct alternatives *ret, struct err *e)
{
    struct scmp_arg_cmp args[MAX_ARGS] = {0};
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(e, EINVAL, "seccomp args must be a list");
    if (json_array_size(list) > MAX_ARGS)
        return err_set(e, EINVAL, "more than %d seccomp args in one rule", MAX_ARGS);

    unsigned seen = 0;
    bool any = false;
    size_t n;
    json_t *item;
    json_array_foreach (list, n, item) {
        int r = parse_arg(item, &args[n], e);
        if (r < 0)
            return r;
        any |= (seen & (1u << args[n].arg)) != 0;
        seen |= 1u << args[n].arg;
    }

    *ret = (struct alternatives){.n = n == 0}; /* without conditions there is one, too */
    for (size_t i = 0; i < n; i++) {
        struct seccomp_when *when = ret->n > 0 && !any ? ret->v[0] : add_when(l, ret);
        if (!when)
            return err_nomem(e);
        when->v[when->n++] = args[i];
    }
    return 0;
}

static int add_entry(struct rules *l, const json_t *entry, struct err *e)
{
    uint32_t action;
    struct alternatives whens = {0};
    long long code;
    int r = errno_ret(entry, "errnoRet", &code, e);
    if (r == 0)
        r = seccomp_action(json_str(entry, "action"), code, &action, e);
    if (r == 0)
        r = parse_args(l, json_object_get(entry, "args"), &whens, e);
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
        if (l->n + whens.n > MAX_RULES)
            return err_set(e, E2BIG, "more than %d seccomp rules", MAX_RULES);
        if (add_name(l, name, action, whens.v, whens.n) < 0)
            return err_nomem(e);
    }
    return 0;
}

static int read_profile(struct rules *l, const json_t *profile, uint32_t native, struct err *e)
{
    long long code;
    int r = errno_ret(profile, "defaultErrnoRet", &code, e);
    if (r == 0)
        r = seccomp_action(json_str(profile, "defaultAction"), code, &l->otherwise, e);
    if (r < 0)
        return err_wrap(e, "seccomp defaultAction");
    r = add_arches(l, native, json_object_get(profile, "architectures"), e);
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(profile, "syscalls"), i, entry) {
        if (r == 0)
            r = add_entry(l, entry, e);
    }
    return r;
}

/* --- program ----------------------------------------------------------------------------- */

static bool lets_through(uint32_t action)
{
    uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
    return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE;
}

static const struct arch *find(const struct rules *l, uint32_t token)
{
    for (size_t i = 0; i < l->n_arches; i++)
        if (l->arches[i].token == token)
            return &l->arches[i];
    return NULL;
}

/* Appends @a's numbers, or if there is no @a, refuses those from @first to @last as a foreign
 * architecture's. */
static void add_part(struct seccomp_part *parts, size_t *n, const struct arch *a, uint32_t first,
                     uint32_t last)
{
    parts[(*n)++] = a ? a->part
                      : (struct seccomp_part){.arch = SCMP_ARCH_X86_64,
                                              .first = first,
                                              .last = last,
                                              .otherwise = SECCOMP_RET_KILL_THREAD,
                                              .highest = -1};
}

/* The parts in seccomp_program_make's order: what shares an architecture word stands together. */
static size_t arrange(struct rules *l, struct seccomp_part *parts)
{
    const struct arch *wide = find(l, SCMP_ARCH_X86_64), *x32 = find(l, SCMP_ARCH_X32);
    size_t n = 0;
    bool done = false;
    for (size_t i = 0; i < l->n_arches; i++) {
        struct arch *a = &l->arches[i];
        /* Only the native calls are known to be newer than the profile. */
        if (lets_through(l->otherwise) || (i > 0 && (a != x32 || wide != &l->arches[0])))
            a->part.highest = -1;
    }
    for (size_t i = 0; i < l->n_arches; i++) {
        const struct arch *a = &l->arches[i];
        if (a != wide && a != x32) {
            parts[n++] = a->part;
        } else if (!done) {
            add_part(parts, &n, wide, 0, X32_BIT - 1);
            add_part(parts, &n, x32, X32_BIT, UINT32_MAX - 1);
            done = true;
            if (!x32) /* what a tracer sets to skip a call is not x32's */
                parts[n++] = (struct seccomp_part){.arch = SCMP_ARCH_X86_64,
                                                   .first = UINT32_MAX,
                                                   .last = UINT32_MAX,
                                                   .otherwise = l->otherwise,
                                                   .highest = -1};
        }
    }
    return n;
}

int seccomp_rules_compile(const json_t *profile, uint32_t native, struct seccomp_filter *ret,
                          struct err *e)
{
    _cleanup_rules_ struct rules rules = {0};
    int r = read_profile(&rules, profile, native, e);
    if (r < 0)
        return r;
    struct seccomp_part parts[MAX_ARCHES + 2];
    size_t n = arrange(&rules, parts);
    bool big_endian = (native & __AUDIT_ARCH_LE) == 0;
    return seccomp_program_make(parts, n, SECCOMP_RET_KILL_THREAD, big_endian, ret, e);
}
