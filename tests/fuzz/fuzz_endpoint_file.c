/*
 * libFuzzer target: any bytes as an endpoint file, and as a resolv.conf. What is taken can be
 * written again, and is then the same.
 */
#include "base/cleanup.h"
#include "base/file.h"
#include "network/endpoint_file.h"
#include "network/upstream.h"

#include <fcntl.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct endpoint_file *a, const struct endpoint_file *b)
{
    if (strcmp(a->owner, b->owner) != 0 || strcmp(a->link, b->link) != 0 ||
        strcmp(a->inside, b->inside) != 0 || memcmp(a->mac, b->mac, 6) != 0 ||
        !ip_equal(&a->other, &b->other) || a->names.n != b->names.n || a->n_ports != b->n_ports)
        return false;
    for (size_t i = 0; i < a->names.n; i++)
        if (strcmp(a->names.v[i], b->names.v[i]) != 0)
            return false;
    for (size_t i = 0; i < a->n_ports; i++)
        if (!ip_equal(&a->ports[i].host, &b->ports[i].host) ||
            a->ports[i].host_port != b->ports[i].host_port)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ip_address address = ip_from_u32(0x0a000002);
    _cleanup_free_ char *text = size < 1 << 16 ? strndup((const char *)data, size) : NULL;
    _cleanup_endpoint_file_ struct endpoint_file f = {0}, again = {0};
    struct upstreams u;
    if (!text)
        return 0;
    upstreams_parse(text, &u);
    if (u.n < 1 || u.n > UPSTREAMS_MAX)
        abort();
    if (endpoint_file_parse(text, &address, &f) < 0)
        return 0;
    const char *folder = getenv("FUZZ_FOLDER");
    _cleanup_close_ int dir = open(folder ? folder : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (endpoint_file_write(dir, &f, NULL) < 0 ||
        endpoint_file_read(dir, &address, &again, NULL) < 0 || !same(&f, &again))
        abort();
    return 0;
}
