/* Lists of CNI plugins, what plugins say, and a plugin's life. */
#include "network/cni.h"

#include "base/str.h"
#include "network/cni_plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- lists ---- */

static int parse(const char *text, json_t **ret)
{
    return cni_list_parse(text, strlen(text), "list", ret, NULL);
}

static void takes_a_list(void **state)
{
    (void)state;
    _cleanup_json_ json_t *list = NULL;
    assert_int_equal(parse("{\"cniVersion\": \"1.0.0\", \"name\": \"a.b-c_d\", \"plugins\": ["
                           "{\"type\": \"one\", \"capabilities\": {\"mac\": true, \"ips\": false}},"
                           "{\"type\": \"two\", \"ipam\": {}}]}",
                           &list),
                     0);
    assert_true(cni_can(list, "mac"));
    assert_false(cni_can(list, "ips"));
    assert_false(cni_can(list, "portMappings"));
    assert_false(cni_can(NULL, "mac"));
}

static void makes_a_list_of_one(void **state)
{
    (void)state;
    _cleanup_json_ json_t *list = NULL;
    assert_int_equal(
        parse("{\"cniVersion\": \"0.3.1\", \"name\": \"a\", \"type\": \"ptp\", \"mtu\": 1400}",
              &list),
        0);
    assert_string_equal(json_str(list, "name"), "a");
    const json_t *plugin = json_array_get(json_object_get(list, "plugins"), 0);
    assert_string_equal(json_str(plugin, "type"), "ptp");
    assert_int_equal(json_int(plugin, "mtu", 0), 1400);
    assert_null(json_object_get(plugin, "name"));
}

static void refuses_what_is_no_list(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "5",
        "{}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\"}",
        "{\"cniVersion\": \"0.2.0\", \"name\": \"a\", \"plugins\": [{\"type\": \"x\"}]}",
        "{\"cniVersion\": 1, \"name\": \"a\", \"plugins\": [{\"type\": \"x\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"\", \"plugins\": [{\"type\": \"x\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a/b\", \"plugins\": [{\"type\": \"x\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": \"\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": \".x\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": \"x/y\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": \"x\\u0000y\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": \"x\\ny\"}]}",
        "{\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [{\"type\": [\"x\"]}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"ipam\":{\"type\":"
        "5}}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"ipam\":\"y\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"capabilities\":[1]"
        "}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        _cleanup_json_ json_t *list = NULL;
        assert_true(parse(wrong[i], &list) < 0);
        assert_null(list);
    }
    char long_type[CNI_TYPE_MAX + 2];
    memset(long_type, 'x', sizeof(long_type) - 1);
    long_type[CNI_TYPE_MAX + 1] = '\0';
    assert_false(cni_is_type(long_type));
    assert_true(cni_is_type(long_type + 1));
    assert_false(cni_is_type(NULL));
}

static void paths_are_absolute(void **state)
{
    (void)state;
    assert_int_equal(cni_path_check("/a", NULL), 0);
    assert_int_equal(cni_path_check("/a:/b", NULL), 0);
    assert_int_equal(cni_path_check("", NULL), -EINVAL);
    assert_int_equal(cni_path_check("/a:", NULL), -EINVAL);
    assert_int_equal(cni_path_check("/a:b", NULL), -EINVAL);
}

/* ---- results ---- */

static int read_result(const char *text, struct network_endpoint *ret)
{
    _cleanup_json_ json_t *result = NULL;
    assert_int_equal(json_parse(text, strlen(text), "result", &result, NULL), 0);
    return cni_result_read(result, "eth0", ret, NULL);
}

static void reads_the_containers_link(void **state)
{
    (void)state;
    struct network_endpoint end;
    char text[IP_ADDRESS_TEXT];
    assert_int_equal(
        read_result("{\"interfaces\": [{\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:01\"},"
                    "{\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:0A\", \"sandbox\": \"/n\"}],"
                    "\"ips\": [{\"interface\": 0, \"address\": \"10.0.0.1/8\"},"
                    "{\"interface\": 1, \"address\": \"10.0.0.2/24\", \"gateway\": \"10.0.0.1\"},"
                    "{\"interface\": 1, \"address\": \"10.0.0.3/24\"},"
                    "{\"interface\": 1, \"address\": \"fd00::2/64\"}]}",
                    &end),
        0);
    assert_string_equal(ip_address_format(&end.address4, text), "10.0.0.2");
    assert_int_equal(end.prefix4, 24);
    assert_string_equal(ip_address_format(&end.gateway4, text), "10.0.0.1");
    assert_string_equal(ip_address_format(&end.address6, text), "fd00::2");
    assert_int_equal(end.prefix6, 64);
    assert_int_equal(end.gateway6.family, 0);
    assert_memory_equal(end.mac, ((uint8_t[]){2, 0, 0, 0, 0, 10}), 6);
    assert_string_equal(end.inside, "eth0");
    assert_string_equal(end.link, "");
}

static void reads_what_says_little(void **state)
{
    (void)state;
    struct network_endpoint end;
    char text[IP_ADDRESS_TEXT];
    assert_int_equal(
        read_result("{\"ips\": [{\"version\": \"6\", \"address\": \"fd00::2/64\"}]}", &end), 0);
    assert_int_equal(end.address4.family, 0);
    assert_string_equal(ip_address_format(network_endpoint_address(&end), text), "fd00::2");
}

static void refuses_lies(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"ips\": {}}",
        "{\"ips\": []}",
        "{\"ips\": [5]}",
        "{\"ips\": [{}]}",
        "{\"ips\": [{\"address\": \"10.0.0.2\"}]}",
        "{\"ips\": [{\"address\": \"10.0.0.2/33\"}]}",
        "{\"ips\": [{\"address\": \"0.0.0.0/0\"}]}",
        "{\"ips\": [{\"address\": \"fe80::1/64\"}]}",
        "{\"ips\": [{\"address\": \"10.0.0.2/24\", \"gateway\": \"x\"}]}",
        "{\"interfaces\": {}, \"ips\": [{\"address\": \"10.0.0.2/24\"}]}",
        "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/\",\"mac\":1}],\"ips\":[{}]}",
        "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/\",\"mac\":\"1\"}]}",
    };
    struct network_endpoint end;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(read_result(wrong[i], &end), -EBADMSG);
}

/* ---- a plugin ---- */

static int write_plugin(const char *folder, const char *text, char **ret)
{
    *ret = str_printf("%s/plugin", folder);
    FILE *f = fopen(*ret, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return chmod(*ret, 0700);
}

static int run(const char *text, char **ret, struct err *e)
{
    char folder[] = "/tmp/skiff-cni-XXXXXX";
    _cleanup_free_ char *file = NULL;
    char *environment[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(write_plugin(folder, text, &file), 0);
    const struct cni_call call = {.file = file,
                                  .type = "plugin",
                                  .command = "ADD",
                                  .environment = environment,
                                  .input = "read me",
                                  .seconds = 1};
    int r = cni_plugin_run(&call, ret, e);
    unlink(file);
    rmdir(folder);
    return r;
}

static void runs_a_plugin(void **state)
{
    (void)state;
    _cleanup_free_ char *answer = NULL;
    assert_int_equal(run("#!/bin/sh\necho noise >&2\ncat; pwd\n", &answer, NULL), 0);
    assert_string_equal(answer, "read me/\n");
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
    (void)state;
    _cleanup_free_ char *answer = NULL;
    assert_int_equal(run("#!/bin/sh\necho done\nsleep 20 &\n", &answer, NULL), 0);
    assert_string_equal(answer, "done\n");
}

static void tells_why_it_fails(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pattern;
        int code;
    } cases[] = {
        {"#!/bin/sh\nexit 7\n", "with status 7", -EREMOTEIO},
        {"#!/bin/sh\necho '{\"msg\": \"no\", \"details\": \"more\"}'; exit 1\n", "ADD: no: more",
         -EREMOTEIO},
        {"#!/bin/sh\necho why >&2; exit 1\n", "ADD: why", -EREMOTEIO},
        {"#!/bin/sh\nprintf 'a\\033[31m\\nb\\n' >&2; exit 1\n", "ADD: a\\x1b[31m b", -EREMOTEIO},
        {"#!/bin/sh\nkill -9 $$\n", "with status 137", -EREMOTEIO},
        {"#!/bin/sh\nexec yes\n", "with more than", -EFBIG},
        {"#!/bin/sh\nexec yes >&2\n", "in 1 seconds", -ETIMEDOUT},
        {"#!/bin/sh\nsleep 20\n", "in 1 seconds", -ETIMEDOUT},
        {"#!/nowhere/sh\n", "cannot execute", -ENOEXEC},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_err_ struct err e = ERR_INIT;
        _cleanup_free_ char *answer = NULL;
        assert_int_equal(run(cases[i].text, &answer, &e), cases[i].code);
        assert_null(answer);
        if (!strstr(err_text(&e), cases[i].pattern))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].pattern, err_text(&e));
    }
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_list),
        cmocka_unit_test(makes_a_list_of_one),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(paths_are_absolute),
        cmocka_unit_test(reads_the_containers_link),
        cmocka_unit_test(reads_what_says_little),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(runs_a_plugin),
        cmocka_unit_test(what_it_leaves_behind_is_not_waited_for),
        cmocka_unit_test(tells_why_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
