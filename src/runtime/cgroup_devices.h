/*
 * Device rules: which device nodes a group may make, read and write.
 *
 * A list is read from the OCI object linux.resources.devices; it begins with "deny all" and ends
 * with the devices that every container has. It is put in force line by line (v1) or as a BPF
 * program (v2). For each kind of access the last rule that matches decides.
 */
#ifndef SKIFF_RUNTIME_CGROUP_DEVICES_H
#define SKIFF_RUNTIME_CGROUP_DEVICES_H

#include "base/err.h"

#include <jansson.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#define DEVICE_ANY (-1)

struct device_rule {
    bool allow;
    char type;       /* 'b', 'c'; 'a' only with any number and all access */
    int32_t major;   /* or DEVICE_ANY */
    int32_t minor;   /* or DEVICE_ANY */
    uint32_t access; /* BPF_DEVCG_ACC_* */
};
struct device_rules {
    struct device_rule *v;
    size_t n;
};

/* Reads @list (NULL: none). What an "all" rule makes void is left out. */
int device_rules_parse(const json_t *list, struct device_rules *ret, struct err *e);
void device_rules_release(struct device_rules *rules);
#define _cleanup_device_rules_ _cleanup_(device_rules_release)

/* v1's own form: "c 1:3 rwm", "a". */
void device_rule_line(const struct device_rule *rule, char *buf, size_t size);

/* v1 keeps a default and exceptions, which can only be taken back as they were given: "all of
 * major 1, but not 1:3" cannot be said. -ENOTSUP for such a list. */
int device_rules_check_v1(const struct device_rules *rules, struct err *e);

/* v2: the program (BPF_PROG_TYPE_CGROUP_DEVICE). *ret is the caller's. */
int device_rules_program(const struct device_rules *rules, struct bpf_insn **ret, size_t *ret_n,
                         struct err *e);

/* v2: loads the program and attaches it to the group, in place of one that is there. */
int device_rules_attach(const struct device_rules *rules, int cgroup_fd, struct err *e);

#endif
