/*
 * libFuzzer target: any text as daemon.json. Mirrors that were accepted are hosts, and only what is
 * named insecure is asked without certificates.
 */
#include "image/registries_private.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct registries *r, const char *name)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_endpoints_ struct endpoint_list l = {0};
    if (reference_parse(name, &ref, NULL) < 0 || registries_pull_from(r, &ref, &l, NULL) < 0)
        abort();
    for (size_t i = 0; i < l.n; i++) {
        if (!registry_host_is_valid(l.v[i].host) || strchr(l.v[i].host, '/'))
            abort();
        if (r->insecure.n == 0 && (l.v[i].flags & ENDPOINT_ANY_CERTIFICATE) &&
            strncmp(l.v[i].host, "localhost", 9) != 0 && strncmp(l.v[i].host, "127.", 4) != 0 &&
            l.v[i].host[0] != '[')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_registries_ struct registries *r = registries_new();
    _cleanup_err_ struct err e = ERR_INIT;
    if (!r || registries_parse_daemon(r, (const char *)data, size, "fuzz", &e) < 0)
        return 0;
    ask(r, "rust");
    ask(r, "10.1.2.3:5000/a");
    ask(r, "[fd00::1]:5000/a");
    ask(r, "example.com/a");
    return 0;
}
