#include "runtime/cgroup_devices.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

/*
 * The program, from the last rule to the first. Registers:
 *   r2  the access asked for that no rule has allowed yet
 *   r3  type   r4  major   r5  minor   r6  scratch
 */
struct program {
    struct bpf_insn *v;
    size_t n;
};

static void put(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    p->v[p->n++] = (struct bpf_insn){
        .code = code, .dst_reg = dst & 15u, .src_reg = src & 15u, .off = off, .imm = imm};
}

#define LOAD_FIELD(p, reg, field)                                                                  \
    put(p, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, field), 0)

static void put_return(struct program *p, int32_t value)
{
    put(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* A jump over the rest of a rule; where to, put_rule fills in. */
static void put_skip(struct program *p, uint8_t op, uint8_t reg, int32_t value)
{
    put(p, (uint8_t)(BPF_JMP | op | BPF_K), reg, 0, 0, value);
}

static void put_rule(struct program *p, const struct device_rule *rule)
{
    size_t start = p->n;
    if (rule->type != 'a')
        put_skip(p, BPF_JNE, BPF_REG_3,
                 rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule->major != DEVICE_ANY)
        put_skip(p, BPF_JNE, BPF_REG_4, rule->major);
    if (rule->minor != DEVICE_ANY)
        put_skip(p, BPF_JNE, BPF_REG_5, rule->minor);
    if (rule->allow) {
        put(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, (int32_t)~rule->access);
        put_skip(p, BPF_JNE, BPF_REG_2, 0);
    } else {
        put(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_2, 0, 0);
        put(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_6, 0, 0, (int32_t)rule->access);
        put_skip(p, BPF_JEQ, BPF_REG_6, 0);
    }
    put_return(p, rule->allow);
    for (size_t i = start; i < p->n; i++) {
        uint8_t op = BPF_OP(p->v[i].code);
        if (BPF_CLASS(p->v[i].code) == BPF_JMP && op != BPF_EXIT)
            p->v[i].off = (int16_t)(p->n - i - 1);
    }
}

int device_rules_program(const struct device_rules *rules, struct bpf_insn **ret, size_t *ret_n,
                         struct err *e)
{
    struct program p = {.v = calloc(rules->n * 8 + 8, sizeof(struct bpf_insn))};
    if (!p.v)
        return err_nomem(e);
    LOAD_FIELD(&p, BPF_REG_2, access_type);
    LOAD_FIELD(&p, BPF_REG_4, major);
    LOAD_FIELD(&p, BPF_REG_5, minor);
    put(&p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
    put(&p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, 0, 0xffff);
    put(&p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 16);
    for (size_t i = rules->n; i-- > 0;)
        put_rule(&p, &rules->v[i]);
    put_return(&p, 0);
    *ret = p.v;
    *ret_n = p.n;
    return 0;
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load(const struct bpf_insn *insns, size_t n)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
    attr.insns = (uint64_t)(uintptr_t)insns;
    attr.insn_cnt = (uint32_t)n;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    memcpy(attr.prog_name, "skiff_devices", sizeof("skiff_devices"));
    int fd = sys_bpf(BPF_PROG_LOAD, &attr);
    return fd < 0 ? -errno : fd;
}

/* A program attached here before (by an update of the same container), or -ENOENT. */
static int attached(int cgroup_fd)
{
    uint32_t ids[2] = {0};
    union bpf_attr query = {0};
    query.query.target_fd = (uint32_t)cgroup_fd;
    query.query.attach_type = BPF_CGROUP_DEVICE;
    query.query.prog_ids = (uint64_t)(uintptr_t)ids;
    query.query.prog_cnt = ARRAY_LEN(ids);
    if (sys_bpf(BPF_PROG_QUERY, &query) < 0 || query.query.prog_cnt != 1)
        return -ENOENT;
    union bpf_attr attr = {.prog_id = ids[0]};
    int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    return fd < 0 ? -errno : fd;
}

int device_rules_attach(const struct device_rules *rules, int cgroup_fd, struct err *e)
{
    _cleanup_free_ struct bpf_insn *insns = NULL;
    size_t n;
    int r = device_rules_program(rules, &insns, &n, e);
    if (r < 0)
        return r;
    _cleanup_close_ int program = load(insns, n);
    if (program < 0)
        return err_sys(
            e, -program,
            "cannot set \"linux.resources.devices\": the kernel does not take the BPF program "
            "(cgroup v2)");
    _cleanup_close_ int old = attached(cgroup_fd);
    union bpf_attr attr = {0};
    attr.target_fd = (uint32_t)cgroup_fd;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    /* Those of the groups above hold as well: all programs must say yes. */
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (old >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)old;
    }
    if (sys_bpf(BPF_PROG_ATTACH, &attr) < 0)
        return err_sys(
            e, errno,
            "cannot set \"linux.resources.devices\": cannot attach the BPF program (cgroup v2)");
    return 0;
}
