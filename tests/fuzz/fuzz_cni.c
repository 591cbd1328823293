/*
 * libFuzzer target: any bytes as a list of CNI plugins, and as what a plugin says that it has made.
 * What is taken is what it should be.
 */
#include "base/str.h"
#include "network/cni.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_list(const json_t *list)
{
    size_t i;
    json_t *plugin;
    if (cni_list_check(list, NULL) < 0)
        abort(); /* it was taken, and is not */
    json_array_foreach (json_object_get(list, "plugins"), i, plugin)
        if (!cni_is_type(json_str(plugin, "type")) || strchr(json_str(plugin, "type"), '/'))
            abort();
    (void)cni_can(list, "portMappings");
}

static void look_at_result(const json_t *result)
{
    struct network_endpoint end;
    char text[IP_ADDRESS_TEXT];
    struct ip_address again;
    if (cni_result_read(result, "eth0", &end, NULL) < 0)
        return;
    const struct ip_address *address = network_endpoint_address(&end);
    if (address->family == 0 || ip_address_parse(ip_address_format(address, text), &again) < 0 ||
        !ip_equal(address, &again) || end.prefix4 > 32 || end.prefix6 > 128 || (end.mac[0] & 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *list = NULL, *result = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (cni_list_parse((const char *)data, size, "list", &list, &e) == 0)
        look_at_list(list);
    if (json_parse((const char *)data, size, "result", &result, NULL) == 0)
        look_at_result(result);
    return 0;
}
