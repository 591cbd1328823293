/* The files that say who has which address. */
#include "network/endpoint_file.h"

#include "base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define OWNER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct folder {
    char path[32];
    int fd;
};

static int open_folder(void **state)
{
    struct folder *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    memcpy(f->path, "/tmp/skiff-endpoint-XXXXXX", 27);
    assert_non_null(mkdtemp(f->path));
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->fd >= 0);
    *state = f;
    return 0;
}

static int close_folder(void **state)
{
    struct folder *f = *state;
    close(f->fd);
    assert_int_equal(dir_remove(AT_FDCWD, f->path, NULL), 0);
    free(f);
    return 0;
}

static struct ip_address ip(const char *text)
{
    struct ip_address a;
    assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static struct endpoint_file example(void)
{
    struct endpoint_file f = {.address = ip("172.18.0.2"),
                              .other = ip("fd00::ac12:2"),
                              .owner = OWNER,
                              .link = "sk-ac120002",
                              .inside = "eth0",
                              .mac = {2, 0x42, 0xac, 0x12, 0, 2}};
    strv_add(&f.names, "web");
    strv_add(&f.names, "0123456789ab");
    const struct endpoint_port port = {IPPROTO_UDP, ip("::"), 8080, 80};
    for (int i = 0; i < 5; i++)
        assert_int_equal(endpoint_file_add_port(&f, &port), 0);
    return f;
}

static const char text[] = "owner " OWNER "\nlink sk-ac120002\ninside eth0\n"
                           "mac 02:42:ac:12:00:02\naddress fd00::ac12:2\n"
                           "name web\nname 0123456789ab\n";

static void test_round_trip(void **state)
{
    struct folder *d = *state;
    _cleanup_endpoint_file_ struct endpoint_file f = example(), back = {0};
    assert_int_equal(endpoint_file_write(d->fd, &f, NULL), 0);
    assert_int_equal(endpoint_file_write(d->fd, &f, NULL), 0);

    _cleanup_free_ char *content = NULL;
    assert_int_equal(file_read(d->fd, "172.18.0.2", 4096, &content, NULL, NULL), 0);
    assert_non_null(str_after(content, text));
    assert_non_null(strstr(content, "\nport udp :: 8080 80\n"));

    assert_int_equal(endpoint_file_read(d->fd, &f.address, &back, NULL), 0);
    assert_true(ip_equal(&back.address, &f.address) && ip_equal(&back.other, &f.other));
    assert_string_equal(back.owner, OWNER);
    assert_string_equal(back.link, "sk-ac120002");
    assert_string_equal(back.inside, "eth0");
    assert_memory_equal(back.mac, f.mac, 6);
    assert_int_equal(back.names.n, 2);
    assert_string_equal(back.names.v[1], "0123456789ab");
    assert_int_equal(back.n_ports, 5);
    assert_int_equal(back.ports[4].protocol, IPPROTO_UDP);
    assert_int_equal(back.ports[4].host_port, 8080);
    assert_int_equal(back.ports[4].port, 80);
    assert_int_equal(back.ports[4].host.family, AF_INET6);

    assert_int_equal(endpoint_file_remove(d->fd, &f.address, NULL), 0);
    assert_int_equal(endpoint_file_remove(d->fd, &f.address, NULL), 0);
    assert_int_equal(endpoint_file_read(d->fd, &f.address, &back, NULL), -ENOENT);
}

static void test_readable_for_nobody(void **state)
{
    struct folder *d = *state;
    _cleanup_endpoint_file_ struct endpoint_file f = example();
    struct stat st;
    mode_t before = umask(077);
    assert_int_equal(endpoint_file_claim(d->fd, &f, NULL), 0);
    assert_int_equal(fstatat(d->fd, "172.18.0.2", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(endpoint_file_write(d->fd, &f, NULL), 0);
    assert_int_equal(fstatat(d->fd, "172.18.0.2", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    umask(before);
}

static void test_former(void **state)
{
    struct folder *d = *state;
    _cleanup_endpoint_file_ struct endpoint_file f = example(), back = {0};
    memcpy(f.former, OWNER, sizeof(f.former));
    f.owner[0] = 'f';
    assert_int_equal(endpoint_file_write(d->fd, &f, NULL), 0);
    assert_int_equal(endpoint_file_read(d->fd, &f.address, &back, NULL), 0);
    assert_string_equal(back.former, OWNER);
    assert_string_equal(back.owner, f.owner);
    f.former[0] = 'x';
    assert_int_equal(endpoint_file_write(d->fd, &f, NULL), -EINVAL);
}

static void test_claim(void **state)
{
    struct folder *d = *state;
    _cleanup_endpoint_file_ struct endpoint_file f = example(), back = {0};
    assert_int_equal(endpoint_file_claim(d->fd, &f, NULL), 0);
    f.owner[0] = 'f';
    assert_int_equal(endpoint_file_claim(d->fd, &f, NULL), -EEXIST);
    assert_int_equal(endpoint_file_read(d->fd, &f.address, &back, NULL), 0);
    assert_string_equal(back.owner, OWNER);
}

static int count(const struct ip_address *address, void *arg)
{
    (void)address;
    return ++*(int *)arg == 3 ? 7 : 0;
}

static void test_list(void **state)
{
    struct folder *d = *state;
    int n = 0;
    assert_int_equal(endpoint_file_list(d->fd, count, &n, NULL), 0);
    assert_int_equal(n, 0);
    _cleanup_endpoint_file_ struct endpoint_file f = example();
    static const char *const addresses[] = {"172.18.0.2", "fd00::1"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        f.address = ip(addresses[i]);
        f.other.family = 0;
        assert_int_equal(endpoint_file_write(d->fd, &f, NULL), 0);
    }
    assert_int_equal(file_replace(d->fd, "172.18.0.2.tmp-1", "", 0, 0644, 0, NULL), 0);
    assert_int_equal(endpoint_file_list(d->fd, count, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(endpoint_file_list(d->fd, count, &n, NULL), 7);
}

static void test_what_cannot_be_told(void **state)
{
    struct folder *d = *state;
    static const char *const bad[] = {"", "a b", "a\nowner x", "a\tb", "\x7f"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_endpoint_file_ struct endpoint_file f = example();
        strv_add(&f.names, bad[i]);
        assert_int_equal(endpoint_file_write(d->fd, &f, NULL), -EINVAL);
    }
    _cleanup_endpoint_file_ struct endpoint_file f = example();
    f.owner[63] = '\0';
    assert_int_equal(endpoint_file_claim(d->fd, &f, NULL), -EINVAL);
}

static int parse(const char *line, bool whole)
{
    _cleanup_free_ char *copy = whole ? strdup(line) : str_printf("%s%s", text, line);
    const struct ip_address a = ip("172.18.0.2");
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    return endpoint_file_parse(copy, &a, &f);
}

static void test_hostile(void **state)
{
    (void)state;
    assert_int_equal(parse("", false), 0);
    assert_int_equal(parse("owner " OWNER "\n", true), 0);
    static const char *const lines[] = {"name",
                                        "name\n",
                                        "name \n",
                                        "name a",
                                        "name a b\n",
                                        "\n",
                                        " \n",
                                        "x y\n",
                                        "owner " OWNER "\n",
                                        "link a\n",
                                        "inside eth1\n",
                                        "mac 02:42:ac:12:00:02\n",
                                        "address fd00::1\n",
                                        "port tcp 0.0.0.0 80\n",
                                        "port tcp 0.0.0.0 0 80\n",
                                        "port tcp 0.0.0.0 80 65536\n",
                                        "port icmp 0.0.0.0 80 80\n",
                                        "port tcp 0.0.0 80 80\n",
                                        "port tcp 0.0.0.0 80 80 80\n",
                                        "port\n",
                                        "port tcp\n",
                                        "Name a\n"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (parse(lines[i], false) != -EBADMSG)
            fail_msg("taken: %s", lines[i]);
    static const char *const files[] = {"",
                                        "name a\n",
                                        "owner " OWNER "0\n",
                                        "owner " OWNER "\nformer x\n",
                                        "owner " OWNER "\nformer " OWNER "\nformer " OWNER "\n",
                                        "owner " OWNER "\naddress 10.0.0.1\n",
                                        "owner " OWNER "\nlink 1234567890123456\n",
                                        "owner " OWNER "\nmac 02:42:ac:12:00:0\n",
                                        "owner " OWNER "\nmac 02:42:ac:12:00:0g\n",
                                        "owner " OWNER "\nmac 02:42:ac:12-00:02\n"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (parse(files[i], true) != -EBADMSG)
            fail_msg("taken: %s", files[i]);
}

static void test_not_a_file_of_ours(void **state)
{
    struct folder *d = *state;
    const struct ip_address a = ip("172.18.0.2");
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    assert_int_equal(mkfifoat(d->fd, "172.18.0.2", 0600), 0);
    assert_true(endpoint_file_read(d->fd, &a, &f, NULL) < 0);
    assert_int_equal(file_replace(d->fd, "172.18.0.2", "owner " OWNER "\n\0", 72, 0644, 0, NULL),
                     0);
    assert_int_equal(endpoint_file_read(d->fd, &a, &f, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_readable_for_nobody, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_former, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_claim, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_list, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_told, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_not_a_file_of_ours, open_folder, close_folder),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
