#include "runtime/seccomp_program.h"

#include <linux/seccomp.h>
#include <string.h>

/* --- instructions ------------------------------------------------------------------------ */

/* Jumps go forward only, so the program is made from its end: v[0] is its last instruction, and
 * what an instruction jumps to is already there. An address is an index into v. */
#define NOWHERE SIZE_MAX
#define RETURNS 8
#define BUCKETS 512
struct code {
    struct sock_filter v[BPF_MAXINSNS];
    size_t n;
    bool full;       /* something did not fit */
    bool big_endian; /* how the kernel lays out arguments */
    /* The returns made last; what reaches one of them needs none of its own. */
    struct {
        bool used;
        uint32_t action;
        size_t at;
    } returns[RETURNS];
    unsigned turn;
    /* Addresses by what stands there, plus one: lists that begin in `bucket` and go on in `chain`.
     * Two pieces of code that do the same are one, be it for several calls or architectures. */
    uint16_t bucket[BUCKETS], chain[BPF_MAXINSNS];
};

/* A conditional jump reaches 255 instructions; a few less leave room for what near() puts in. */
#define REACH 250

static size_t put(struct code *c, unsigned code, uint32_t k, size_t jt, size_t jf)
{
    if (c->n == BPF_MAXINSNS) {
        c->full = true;
        return 0;
    }
    c->v[c->n] =
        (struct sock_filter){.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
    return c->n++;
}

static uint16_t *bucket_of(struct code *c, unsigned code, uint32_t k, size_t yes, size_t no)
{
    return &c->bucket[(code ^ k ^ k >> 9 ^ yes << 3 ^ no << 6) % BUCKETS];
}

/* The address of an instruction that goes on at @yes or @no, or NOWHERE. */
static size_t find_shared(struct code *c, unsigned code, uint32_t k, size_t yes, size_t no)
{
    for (size_t i = *bucket_of(c, code, k, yes, no); i > 0; i = c->chain[i - 1]) {
        const struct sock_filter *insn = &c->v[i - 1];
        if (insn->code == code && insn->k == k && i == yes + insn->jt + 2 && i == no + insn->jf + 2)
            return i - 1;
    }
    return NOWHERE;
}

/* Such an instruction, a new one if need be, with both in its reach. */
static size_t put_shared(struct code *c, unsigned code, uint32_t k, size_t yes, size_t no)
{
    size_t at = c->full ? 0 : find_shared(c, code, k, yes, no);
    if (at != NOWHERE)
        return at;
    at = put(c, code, k, c->n - yes - 1, c->n - no - 1);
    if (!c->full) {
        uint16_t *bucket = bucket_of(c, code, k, yes, no);
        c->chain[at] = *bucket;
        *bucket = (uint16_t)(at + 1);
    }
    return at;
}

static size_t put_return(struct code *c, uint32_t action)
{
    for (size_t i = 0; i < RETURNS; i++)
        if (c->returns[i].used && c->returns[i].action == action && c->n - c->returns[i].at < REACH)
            return c->returns[i].at;
    size_t at = put(c, BPF_RET | BPF_K, action, 0, 0);
    unsigned slot = c->turn++ % RETURNS;
    c->returns[slot].used = true;
    c->returns[slot].action = action;
    c->returns[slot].at = at;
    return at;
}

/* An address that a conditional jump can reach and from where it goes on as from @target. */
static size_t near(struct code *c, size_t target)
{
    if (c->full || c->n - target < REACH)
        return target;
    if (c->v[target].code == (BPF_RET | BPF_K))
        return put_return(c, c->v[target].k);
    return put(c, BPF_JMP | BPF_JA, (uint32_t)(c->n - target - 1), 0, 0);
}

/* Compares the accumulator: @op is BPF_JEQ, BPF_JGE, BPF_JGT or BPF_JSET. */
static size_t put_jump(struct code *c, unsigned op, uint32_t k, size_t yes, size_t no)
{
    if (yes == no)
        return yes;
    yes = near(c, yes);
    no = near(c, no);
    return put_shared(c, BPF_JMP | op | BPF_K, k, yes, no);
}

/* Works on the accumulator and goes on at @next. */
static size_t put_before(struct code *c, unsigned code, uint32_t k, size_t next)
{
    if (c->full || c->v[next].code == (BPF_RET | BPF_K))
        return next;
    size_t at = find_shared(c, code, k, next, next);
    if (at != NOWHERE)
        return at;
    if (next != c->n - 1)
        next = put(c, BPF_JMP | BPF_JA, (uint32_t)(c->n - next - 1), 0, 0);
    return put_shared(c, code, k, next, next);
}

/* Fills the accumulator with a word of struct seccomp_data. */
static size_t put_load(struct code *c, size_t offset, size_t next)
{
    return put_before(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, next);
}

/* --- intervals --------------------------------------------------------------------------- */

/* From `first` to the next one's: an action, or an address to go on at. */
struct span {
    uint64_t first;
    size_t target;
    uint32_t action; /* when there is no address */
    /* put_search's notes: a region is a span, its exceptions, and what is between them. */
    bool inside; /* a region, but not its first span */
    size_t exceptions;
};

struct spans {
    struct span *v;
    size_t n;
};

static struct span span_of(uint64_t first, uint32_t action)
{
    return (struct span){.first = first, .action = action, .target = NOWHERE};
}

static bool same(const struct span *a, const struct span *b)
{
    return a->target == b->target && (a->target != NOWHERE || a->action == b->action);
}

/* Appends, unless it would go on with what is there. */
static void add_span(struct spans *l, struct span s)
{
    if (l->n == 0 || !same(&l->v[l->n - 1], &s))
        l->v[l->n++] = s;
}

static size_t put_leaf(struct code *c, const struct span *s)
{
    return s->target != NOWHERE ? s->target : put_return(c, s->action);
}

/* Single values with another answer than what is around them: one comparison each, where as spans
 * they would take two. */
#define EXCEPTIONS 4
static size_t count_exceptions(const struct span *s, size_t n)
{
    size_t k = 0;
    for (size_t i = 1; k < EXCEPTIONS && i + 1 < n; i += 2, k++)
        if (s[i + 1].first != s[i].first + 1 || !same(&s[0], &s[i + 1]))
            break;
    return k;
}

static size_t put_region(struct code *c, const struct span *s)
{
    size_t next = put_leaf(c, s);
    for (size_t i = s->exceptions; i-- > 0;) {
        const struct span *exception = &s[2 * i + 1];
        size_t target = put_leaf(c, exception);
        next = put_jump(c, BPF_JEQ, (uint32_t)exception->first, target, next);
    }
    return next;
}

/* Halves the spans, but no region. */
static size_t put_tree(struct code *c, const struct span *s, size_t n)
{
    size_t half = n / 2;
    while (half < n && s[half].inside)
        half++;
    if (half == n)
        for (half = n / 2; half > 0 && s[half].inside;)
            half--;
    if (half == 0 || half == n)
        return put_region(c, s);
    size_t upper = put_tree(c, s + half, n - half);
    size_t lower = put_tree(c, s, half);
    return put_jump(c, BPF_JGE, (uint32_t)s[half].first, upper, lower);
}

/* Finds the accumulator, that is 32 bits, among @n spans. */
static size_t put_search(struct code *c, struct span *s, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        s[i].inside = false;
        s[i].exceptions = count_exceptions(s + i, n - i);
        end = i + 2 * s[i].exceptions + 1;
        for (size_t k = i + 1; k < end; k++)
            s[k].inside = true;
    }
    return put_tree(c, s, n);
}

/* --- conditions on arguments ------------------------------------------------------------- */

enum word { LOW, HIGH };

static size_t put_load_arg(struct code *c, unsigned arg, enum word word, size_t next)
{
    size_t second = (word == HIGH) != c->big_endian ? sizeof(uint32_t) : 0;
    return put_load(c, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + second, next);
}

static uint32_t word_of(uint64_t value, enum word word)
{
    return (uint32_t)(word == HIGH ? value >> 32 : value);
}

/* A rule's conditions with its selector, and with what is not looked at cleared. */
struct conditions {
    unsigned n;
    struct scmp_arg_cmp v[SECCOMP_ARGS + 1];
};

static struct conditions conditions_of(const struct seccomp_rule *rule, bool wide)
{
    struct conditions c = {0};
    if (rule->selector >= 0)
        c.v[c.n++] = (struct scmp_arg_cmp){
            .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)rule->selector};
    uint64_t seen = wide ? UINT64_MAX : UINT32_MAX;
    for (unsigned i = 0; rule->when && i < rule->when->n; i++) {
        struct scmp_arg_cmp a = rule->when->v[i];
        if (a.arg == 0 && rule->selector >= 0)
            continue;
        a.datum_a &= seen;
        a.datum_b &= a.datum_a; /* of MASKED_EQ, where the first is the mask */
        if (a.op == SCMP_CMP_MASKED_EQ && a.datum_a == 0)
            continue;
        c.v[c.n++] = a;
    }
    return c;
}

static size_t put_masked(struct code *c, const struct scmp_arg_cmp *a, enum word word, size_t yes,
                         size_t no)
{
    uint32_t mask = word_of(a->datum_a, word), value = word_of(a->datum_b, word);
    if (mask == 0)
        return yes;
    size_t at;
    if (value == 0) {
        at = put_jump(c, BPF_JSET, mask, no, yes);
    } else {
        at = put_jump(c, BPF_JEQ, value, yes, no);
        if (mask != UINT32_MAX)
            at = put_before(c, BPF_ALU | BPF_AND | BPF_K, mask, at);
    }
    return put_load_arg(c, a->arg, word, at);
}

/* The two halves of a number compare as digits do: the lower one counts when the higher are
 * equal. */
static size_t put_ordered(struct code *c, const struct scmp_arg_cmp *a, unsigned op, bool wide,
                          size_t yes, size_t no)
{
    size_t low = put_jump(c, op, word_of(a->datum_a, LOW), yes, no);
    low = put_load_arg(c, a->arg, LOW, low);
    if (!wide)
        return low;
    uint32_t word = word_of(a->datum_a, HIGH);
    size_t unequal = op == BPF_JEQ ? no : put_jump(c, BPF_JGT, word, yes, no);
    return put_load_arg(c, a->arg, HIGH, put_jump(c, BPF_JEQ, word, low, unequal));
}

static size_t put_condition(struct code *c, const struct scmp_arg_cmp *a, bool wide, size_t yes,
                            size_t no)
{
    if (yes == no)
        return yes;
    switch (a->op) {
    case SCMP_CMP_EQ:
        return put_ordered(c, a, BPF_JEQ, wide, yes, no);
    case SCMP_CMP_NE:
        return put_ordered(c, a, BPF_JEQ, wide, no, yes);
    case SCMP_CMP_GE:
        return put_ordered(c, a, BPF_JGE, wide, yes, no);
    case SCMP_CMP_LT:
        return put_ordered(c, a, BPF_JGE, wide, no, yes);
    case SCMP_CMP_GT:
        return put_ordered(c, a, BPF_JGT, wide, yes, no);
    case SCMP_CMP_LE:
        return put_ordered(c, a, BPF_JGT, wide, no, yes);
    default: /* MASKED_EQ */
        return put_masked(c, a, HIGH, put_masked(c, a, LOW, yes, no), no);
    }
}

/* --- several values of one argument ------------------------------------------------------ */

/* Rules that follow each other, each with one condition, all on the same argument: the values of
 * this argument fall into intervals, too. */
#define RUN_MAX 64 /* rules; what is more goes into another run */
#define EDGES   (2 * RUN_MAX + 1)
struct run {
    const struct seccomp_rule *rules;
    struct scmp_arg_cmp conditions[RUN_MAX]; /* the last of them at the end */
    size_t n;
};

/* The run that the last of @n rules ends; n is 0 when this rule is of another kind. */
static void find_run(const struct seccomp_rule *rules, size_t n, bool wide, struct run *ret)
{
    ret->n = 0;
    while (ret->n < n && ret->n < RUN_MAX) {
        struct conditions c = conditions_of(&rules[n - ret->n - 1], wide);
        if (c.n != 1 || c.v[0].op == SCMP_CMP_MASKED_EQ ||
            (ret->n > 0 && c.v[0].arg != ret->conditions[RUN_MAX - 1].arg))
            break;
        ret->n++;
        ret->conditions[RUN_MAX - ret->n] = c.v[0];
    }
    ret->rules = rules + (n - ret->n);
}

static bool holds(const struct scmp_arg_cmp *a, uint64_t value)
{
    switch (a->op) {
    case SCMP_CMP_EQ:
        return value == a->datum_a;
    case SCMP_CMP_NE:
        return value != a->datum_a;
    case SCMP_CMP_GE:
        return value >= a->datum_a;
    case SCMP_CMP_LT:
        return value < a->datum_a;
    case SCMP_CMP_GT:
        return value > a->datum_a;
    default: /* LE */
        return value <= a->datum_a;
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* What is to be done with each value: the first rule that holds for it says so; values of no rule
 * go on at @miss. */
static void run_spans(const struct run *run, uint64_t last, size_t miss, struct spans *ret)
{
    const struct scmp_arg_cmp *conditions = run->conditions + (RUN_MAX - run->n);
    uint64_t edges[EDGES] = {0};
    size_t n = 1;
    for (size_t i = 0; i < run->n; i++) {
        edges[n++] = conditions[i].datum_a;
        if (conditions[i].datum_a < last)
            edges[n++] = conditions[i].datum_a + 1;
    }
    qsort(edges, n, sizeof(edges[0]), by_value);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && edges[i] == edges[i - 1])
            continue;
        struct span s = {.first = edges[i], .target = miss};
        for (size_t k = 0; k < run->n && s.target == miss; k++)
            if (holds(&conditions[k], edges[i]))
                s = span_of(edges[i], run->rules[k].action);
        add_span(ret, s);
    }
}

/* Finds the lower half of the argument among @n spans that have one higher half in common; the
 * first of them may begin before it. */
static size_t put_low_search(struct code *c, unsigned arg, const struct span *s, size_t n)
{
    struct span low[EDGES];
    for (size_t i = 0; i < n; i++) {
        low[i] = s[i];
        low[i].first = i == 0 ? 0 : word_of(s[i].first, LOW);
    }
    return put_load_arg(c, arg, LOW, put_search(c, low, n));
}

/* Higher halves under which all the lower ones have the same answer need no look at these. */
static size_t put_wide_search(struct code *c, unsigned arg, const struct span *s, size_t n)
{
    struct span v[2 * EDGES];
    struct spans high = {v, 0};
    for (size_t i = 0, end; i < n; i = end) {
        uint64_t word = s[i].first >> 32;
        for (end = i + 1; end < n && s[end].first >> 32 == word;)
            end++;
        size_t begin = word_of(s[i].first, LOW) == 0 ? i : i - 1;
        struct span rest = s[end - 1];
        rest.first = word;
        if (end - begin > 1) {
            size_t target = put_low_search(c, arg, s + begin, end - begin);
            add_span(&high, (struct span){.first = word, .target = target});
            rest.first++;
        }
        if (rest.first < (end < n ? s[end].first >> 32 : UINT64_C(1) << 32))
            add_span(&high, rest);
    }
    return put_load_arg(c, arg, HIGH, put_search(c, high.v, high.n));
}

static size_t put_run(struct code *c, const struct run *run, bool wide, size_t miss)
{
    struct span v[EDGES];
    struct spans spans = {v, 0};
    unsigned arg = run->conditions[RUN_MAX - 1].arg;
    run_spans(run, wide ? UINT64_MAX : UINT32_MAX, miss, &spans);
    return wide ? put_wide_search(c, arg, spans.v, spans.n)
                : put_low_search(c, arg, spans.v, spans.n);
}

/* --- the whole --------------------------------------------------------------------------- */

/* The rules of one number, none of them without conditions, from the last to the first. */
static size_t put_rules(struct code *c, const struct seccomp_rule *rules, size_t n,
                        const struct seccomp_part *part)
{
    size_t next = put_return(c, part->otherwise);
    while (n > 0 && !c->full) {
        struct run run;
        find_run(rules, n, part->wide, &run);
        if (run.n > 0) {
            next = put_run(c, &run, part->wide, next);
            n -= run.n;
            continue;
        }
        const struct seccomp_rule *rule = &rules[--n];
        struct conditions when = conditions_of(rule, part->wide);
        size_t miss = next;
        next = put_return(c, rule->action);
        for (unsigned i = when.n; i-- > 0;)
            next = put_condition(c, &when.v[i], part->wide, next, miss);
    }
    return next;
}

static bool is_plain(const struct seccomp_rule *rule)
{
    return rule->selector < 0 && !rule->when;
}

static int by_number(const void *a, const void *b)
{
    const struct seccomp_rule *x = a, *y = b;
    if (x->nr != y->nr)
        return x->nr < y->nr ? -1 : 1;
    if (is_plain(x) != is_plain(y))
        return is_plain(x) ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Appends the spans of a part's numbers; the conditions they lead to become code. */
static void part_spans(struct code *c, struct seccomp_part *part, struct spans *ret)
{
    uint64_t next = part->first;
    for (size_t i = 0; i < part->n; i++)
        if (conditions_of(&part->rules[i], part->wide).n == 0)
            part->rules[i].when = NULL;
    if (part->n > 0)
        qsort(part->rules, part->n, sizeof(part->rules[0]), by_number);
    for (size_t i = 0, end; i < part->n; i = end) {
        const struct seccomp_rule *rule = &part->rules[i];
        for (end = i + 1; end < part->n && part->rules[end].nr == rule->nr;)
            end++;
        if (rule->nr > next)
            add_span(ret, span_of(next, part->otherwise));
        struct span s = span_of(rule->nr, rule->action);
        if (!is_plain(rule))
            s.target = put_rules(c, rule, end - i, part);
        add_span(ret, s);
        next = (uint64_t)rule->nr + 1;
    }
    uint64_t beyond = part->highest < 0 ? UINT64_MAX : (uint64_t)part->highest + 1;
    if (next <= part->last && next < beyond)
        add_span(ret, span_of(next, part->otherwise));
    if (next <= part->last && beyond <= part->last)
        add_span(ret, span_of(beyond > next ? beyond : next, part->beyond));
}

/* The parts of one architecture. */
static int put_arch(struct code *c, struct seccomp_part *parts, size_t n, size_t *ret)
{
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += 2 * parts[i].n + 2;
    _cleanup_free_ struct span *v = calloc(most, sizeof(*v));
    if (!v)
        return -ENOMEM;
    struct spans spans = {v, 0};
    for (size_t i = 0; i < n; i++)
        part_spans(c, &parts[i], &spans);
    *ret = put_load(c, offsetof(struct seccomp_data, nr), put_search(c, spans.v, spans.n));
    return 0;
}

/* The architectures' code from the last to the first, and before it the question which one it
 * is. */
static int put_program(struct code *c, struct seccomp_part *parts, size_t n, uint32_t foreign)
{
    _cleanup_free_ size_t *starts = calloc(n + 1, sizeof(*starts));
    if (!starts)
        return -ENOMEM;
    for (size_t end = n, begin; end > 0; end = begin) {
        for (begin = end - 1; begin > 0 && parts[begin - 1].arch == parts[end - 1].arch;)
            begin--;
        int r = put_arch(c, parts + begin, end - begin, &starts[begin]);
        if (r < 0)
            return r;
    }
    size_t next = put_return(c, foreign);
    for (size_t i = n; i-- > 0;)
        if (i == 0 || parts[i - 1].arch != parts[i].arch)
            next = put_jump(c, BPF_JEQ, parts[i].arch, starts[i], next);
    next = put_load(c, offsetof(struct seccomp_data, arch), next);
    if (!c->full && next != c->n - 1) /* the program begins with what is made last */
        put(c, BPF_JMP | BPF_JA, (uint32_t)(c->n - next - 1), 0, 0);
    return 0;
}

int seccomp_program_make(struct seccomp_part *parts, size_t n, uint32_t foreign, bool big_endian,
                         struct seccomp_filter *ret, struct err *e)
{
    _cleanup_free_ struct code *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    c->big_endian = big_endian;
    if (put_program(c, parts, n, foreign) < 0)
        return err_nomem(e);
    if (c->full)
        return err_set(e, E2BIG, "the seccomp profile needs more than %d instructions",
                       BPF_MAXINSNS);
    _cleanup_free_ struct sock_filter *insns = malloc(c->n * sizeof(*insns));
    if (!insns)
        return err_nomem(e);
    for (size_t i = 0; i < c->n; i++)
        insns[i] = c->v[c->n - 1 - i];
    ret->insns = TAKE_PTR(insns);
    ret->n = (unsigned short)c->n;
    return 0;
}
