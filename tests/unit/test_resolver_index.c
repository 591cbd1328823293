/* Names in memory, made of endpoint files; and which servers a resolv.conf names. */
#include "network/resolver_index.h"

#include "base/file.h"
#include "network/endpoint_file.h"
#include "network/upstream.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char owner[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct folders {
    char path[2][32];
    struct index_network networks[2];
    struct resolver_index *index;
};

static int begin(void **state)
{
    struct folders *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    static const char *const names[] = {"Lan", "wan"};
    for (size_t i = 0; i < 2; i++) {
        memcpy(f->path[i], "/tmp/skiff-index-XXXXXX", 24);
        assert_non_null(mkdtemp(f->path[i]));
        f->networks[i].name = names[i];
        f->networks[i].folder_fd = open(f->path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    f->index = index_new(f->networks, 2);
    assert_non_null(f->index);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct folders *f = *state;
    index_free(f->index);
    for (size_t i = 0; i < 2; i++) {
        close(f->networks[i].folder_fd);
        assert_int_equal(dir_remove(AT_FDCWD, f->path[i], NULL), 0);
    }
    free(f);
    return 0;
}

static struct ip_address ip(const char *text)
{
    struct ip_address a;
    assert_int_equal(ip_address_parse(text, &a), 0);
    return a;
}

static void put(struct folders *f, size_t network, const char *address, const char *const *names)
{
    struct endpoint_file e = {.address = ip(address)};
    memcpy(e.owner, owner, sizeof(owner));
    for (; *names; names++)
        strv_add(&e.names, *names);
    assert_int_equal(endpoint_file_write(f->networks[network].folder_fd, &e, NULL), 0);
    endpoint_file_release(&e);
}

#define PUT(f, network, address, ...) put(f, network, address, (const char *[]){__VA_ARGS__, NULL})

/* The last bytes of the addresses, in order. */
static const char *find(const struct folders *f, const char *name)
{
    static char text[256];
    struct index_found found;
    text[0] = '\0';
    if (!index_find(f->index, name, &found))
        return NULL;
    for (size_t i = 0; i < found.n; i++) {
        char one[IP_ADDRESS_TEXT];
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
                 ip_address_format(&index_host(&found, i)->address, one));
    }
    return text;
}

static void test_names(void **state)
{
    struct folders *f = *state;
    PUT(f, 0, "10.0.0.2", "Web", "web", "WEB", "web.1");
    PUT(f, 1, "10.1.0.2", "web", "far");
    PUT(f, 1, "fd00::5", "six");
    index_refresh(f->index);
    assert_string_equal(find(f, "web"), "10.0.0.2");
    assert_string_equal(find(f, "web.1"), "10.0.0.2");
    assert_string_equal(find(f, "web.lan"), "10.0.0.2");
    assert_string_equal(find(f, "web.1.lan"), "10.0.0.2");
    assert_string_equal(find(f, "web.wan"), "10.1.0.2");
    assert_string_equal(find(f, "far"), "10.1.0.2");
    assert_string_equal(find(f, "six"), "fd00::5");
    static const char *const none[] = {"we",  "web1", "webx",   "far.lan", ".lan",
                                       "lan", "web.", "web.wa", "x"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(find(f, none[i]));
}

static void test_reverse(void **state)
{
    struct folders *f = *state;
    PUT(f, 1, "10.1.0.2", "Web", "alias");
    put(f, 1, "10.1.0.3", (const char *[]){NULL});
    index_refresh(f->index);
    char name[32];
    struct ip_address a = ip("10.1.0.2");
    assert_true(index_reverse(f->index, &a, name, sizeof(name)));
    assert_string_equal(name, "web.wan");
    assert_false(index_reverse(f->index, &a, name, 7));
    a = ip("10.1.0.3");
    assert_false(index_reverse(f->index, &a, name, sizeof(name)));
    a = ip("10.1.0.4");
    assert_false(index_reverse(f->index, &a, name, sizeof(name)));
}

static void test_changes_are_seen(void **state)
{
    struct folders *f = *state;
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "web%d", i);
        PUT(f, 0, "10.0.0.2", name);
        index_refresh(f->index);
        assert_string_equal(find(f, name), "10.0.0.2");
        if (i % 3 == 0) {
            const struct ip_address a = ip("10.0.0.2");
            assert_int_equal(endpoint_file_remove(f->networks[0].folder_fd, &a, NULL), 0);
            index_refresh(f->index);
            assert_null(find(f, name));
        }
        if (i % 50 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL);
    }
}

static void test_many(void **state)
{
    struct folders *f = *state;
    for (int i = 0; i < 1000; i++) {
        char address[32], name[16];
        snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
        snprintf(name, sizeof(name), "box%d", i);
        PUT(f, 0, address, name, i % 2 ? "odd" : "even");
    }
    index_refresh(f->index);
    assert_string_equal(find(f, "box999"), "10.0.3.249");
    struct index_found found;
    assert_true(index_find(f->index, "odd", &found));
    assert_int_equal(found.n, 500);
}

static void test_damaged_files_are_passed_over(void **state)
{
    struct folders *f = *state;
    int folder = f->networks[0].folder_fd;
    PUT(f, 0, "10.0.0.2", "web");
    assert_int_equal(file_replace(folder, "10.0.0.3", "name web\n", 9, 0644, 0, NULL), 0);
    assert_int_equal(mkdirat(folder, "10.0.0.4", 0755), 0);
    assert_int_equal(symlinkat("10.0.0.2", folder, "10.0.0.05"), 0);
    index_refresh(f->index);
    assert_string_equal(find(f, "web"), "10.0.0.2");
}

static void test_resolv_conf(void **state)
{
    (void)state;
    struct upstreams u;
    char text[IP_ADDRESS_TEXT];
    upstreams_parse("# nameserver 1.1.1.1\nsearch lan\nnameserver 127.0.0.53\n"
                    "  nameserver\t2001:db8::1 # one\nnameserver fe80::1%lo\nnameserver 9.9.9.9\n",
                    &u);
    assert_int_equal(u.n, 3);
    assert_string_equal(ip_address_format(&u.v[0].address, text), "127.0.0.53");
    assert_string_equal(ip_address_format(&u.v[1].address, text), "2001:db8::1");
    assert_string_equal(ip_address_format(&u.v[2].address, text), "fe80::1");
    assert_int_equal(u.v[2].scope, 1);
    static const char *const empty[] = {"", "\n\n", "nameserver", "nameserver x",
                                        "nameservers 1.1.1.1\n"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        upstreams_parse(empty[i], &u);
        assert_int_equal(u.n, 1);
        assert_string_equal(ip_address_format(&u.v[0].address, text), "127.0.0.1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, begin, end),
        cmocka_unit_test_setup_teardown(test_reverse, begin, end),
        cmocka_unit_test_setup_teardown(test_changes_are_seen, begin, end),
        cmocka_unit_test_setup_teardown(test_many, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged_files_are_passed_over, begin, end),
        cmocka_unit_test(test_resolv_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
