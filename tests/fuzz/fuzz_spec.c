/*
 * libFuzzer target: any text as a bundle's config.json, as far as it is read before the kernel is
 * asked: the whole of it, its device rules, its filter's names.
 */
#include "kernel/mount.h"
#include "runtime/cgroup_devices.h"
#include "runtime/seccomp_words.h"
#include "runtime/spec.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mounts(const struct spec *s)
{
    for (size_t i = 0; i < s->n_mounts; i++) {
        const struct spec_mount *m = &s->mounts[i];
        /* What the rootfs relies on. */
        if (m->destination[0] != '/' || strstr(m->destination, "//") ||
            strstr(m->destination, "/../") || strstr(m->destination, "/./"))
            abort();
        if (m->bind ? !m->source || !*m->source : !m->type)
            abort();
        for (size_t k = 0; k < m->n_data; k++)
            if (!m->data[k].key || strchr(m->data[k].key, '='))
                abort();
    }
}

static void check_process(const struct spec_process *p)
{
    if (p->uid > INT32_MAX || p->gid > INT32_MAX || p->n_args == 0 || !p->args[0][0] ||
        p->args[p->n_args] || p->env[p->n_env] || p->cwd[0] != '/' || (p->umask & ~0777u))
        abort();
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i] > INT32_MAX)
            abort();
    for (size_t i = 0; i < p->n_env; i++)
        if (strlen(p->env[i]) > SIZE_MAX / 2)
            abort();
}

static void read_further(const struct spec *s)
{
    _cleanup_device_rules_ struct device_rules rules = {0};
    if (device_rules_parse(json_at(s->resources, "devices"), &rules, NULL) == 0)
        for (size_t i = 0; i < rules.n; i++) {
            char line[64];
            device_rule_line(&rules.v[i], line, sizeof(line));
        }
    unsigned flags;
    uint32_t action;
    seccomp_flags(s->seccomp, &flags, NULL);
    const char *name = json_str(s->seccomp, "defaultAction");
    if (name)
        seccomp_action(name, json_int(s->seccomp, "defaultErrnoRet", -1), &action, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *document = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (json_parse((const char *)data, size, "config.json", &document, &e) < 0)
        return 0;
    _cleanup_spec_ struct spec s = {0};
    int r = spec_parse(document, &s, &e);
    if (r < 0 && (e.code != -r || !e.text))
        abort();
    if (r < 0)
        return 0;
    check_mounts(&s);
    check_process(&s.process);
    read_further(&s);
    return 0;
}
