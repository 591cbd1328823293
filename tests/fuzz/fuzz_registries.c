/*
 * libFuzzer target: any text as registries.conf. What is accepted answers any question about names,
 * and never sends anybody to a place that is none.
 */
#include "image/registries_private.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoints(const struct endpoint_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!registry_host_is_valid(l->v[i].host) || !reference_path_is_valid(l->v[i].path) ||
            !(l->v[i].flags & (ENDPOINT_HTTPS | ENDPOINT_HTTP)) || strchr(l->v[i].host, '/'))
            abort();
    if (l->n == 0 || (l->v[l->n - 1].flags & ENDPOINT_MIRROR))
        abort();
}

static void ask(const struct registries *r, const char *text)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (registries_names(r, text, &names, NULL, &e) < 0)
        return;
    if (names.n == 0)
        abort();
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_reference_ struct reference ref = {0};
        _cleanup_endpoints_ struct endpoint_list from = {0}, to = {0};
        if (reference_parse(names.v[i], &ref, &e) < 0)
            abort();
        if (registries_pull_from(r, &ref, &from, &e) == 0)
            check_endpoints(&from);
        if (registries_push_to(r, &ref, &to, &e) == 0)
            check_endpoints(&to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"rust", "a/b:1", "example.com/a/b/c:1",
                                        "b.example.com:80/a", "localhost:5000/x"};
    _cleanup_registries_ struct registries *r = registries_new();
    _cleanup_err_ struct err e = ERR_INIT;
    if (!r || registries_parse_conf(r, (const char *)data, size, "fuzz", &e) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ask(r, names[i]);
    return 0;
}
