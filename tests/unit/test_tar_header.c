#include "base/tar_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The header of @t: *ret_pax is what its pax header says, "" for none; the ustar block follows. */
static const char *header(struct str *out, const struct tar_entry *t, char *ret_pax, size_t size)
{
    tar_add_header(out, t);
    assert_false(out->failed);
    assert_int_equal(out->len % TAR_BLOCK, 0);
    ret_pax[0] = '\0';
    if (out->s[156] != 'x')
        return out->s;
    size_t n = strtoul(out->s + 124, NULL, 8);
    assert_true(n < size);
    memcpy(ret_pax, out->s + TAR_BLOCK, n);
    ret_pax[n] = '\0';
    return out->s + TAR_BLOCK + (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static void assert_checksum(const char *block)
{
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block[i];
    assert_int_equal(strtoul(block + 148, NULL, 8), sum);
}

static void plain_entries_need_no_more(void **state)
{
    (void)state;
    _cleanup_str_ struct str out = {0};
    char pax[256];
    const struct tar_entry t = {.path = "a/b",
                                .mode = S_IFREG | 04755,
                                .uid = 1000,
                                .gid = 50,
                                .size = 1234,
                                .mtime = {1234567890, 0}};
    const char *h = header(&out, &t, pax, sizeof(pax));
    assert_string_equal(pax, "");
    assert_int_equal(out.len, TAR_BLOCK);
    assert_string_equal(h, "a/b");
    assert_string_equal(h + 100, "0004755");
    assert_string_equal(h + 108, "0001750");
    assert_string_equal(h + 116, "0000062");
    assert_string_equal(h + 124, "00000002322");
    assert_string_equal(h + 136, "11145401322");
    assert_int_equal(h[156], '0');
    assert_memory_equal(h + 257,
                        "ustar\0"
                        "00",
                        8);
    assert_checksum(h);
}

static void kinds(void **state)
{
    (void)state;
    const struct {
        struct tar_entry t;
        char type;
        const char *name, *target;
    } cases[] = {
        {{.path = "d", .mode = S_IFDIR | 0755}, '5', "d/", ""},
        {{.path = "l", .mode = S_IFLNK | 0777, .target = "/x"}, '2', "l", "/x"},
        {{.path = "h", .mode = S_IFREG | 0644, .hard = true, .target = "a", .size = 9},
         '1',
         "h",
         "a"},
        {{.path = "c", .mode = S_IFCHR | 0666, .rdev = makedev(1, 5)}, '3', "c", ""},
        {{.path = "b", .mode = S_IFBLK | 0666, .rdev = makedev(7, 200)}, '4', "b", ""},
        {{.path = "f", .mode = S_IFIFO | 0666}, '6', "f", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str out = {0};
        char pax[256];
        const char *h = header(&out, &cases[i].t, pax, sizeof(pax));
        assert_string_equal(pax, "");
        assert_string_equal(h, cases[i].name);
        assert_string_equal(h + 157, cases[i].target);
        assert_int_equal(h[156], cases[i].type);
        assert_string_equal(h + 124, "00000000000"); /* nothing of them follows */
        assert_int_equal(strtoul(h + 329, NULL, 8), major(cases[i].t.rdev));
        assert_int_equal(strtoul(h + 337, NULL, 8), minor(cases[i].t.rdev));
        assert_checksum(h);
    }
}

static void what_does_not_fit_is_said_before(void **state)
{
    (void)state;
    _cleanup_str_ struct str out = {0}, records = {0};
    char pax[2048], path[301], want[2048];
    memset(path, 'p', 300);
    path[300] = '\0';
    tar_add_record(&records, "SCHILY.xattr.user.x", "a\0b", 3);
    const struct tar_entry t = {.path = path,
                                .mode = S_IFREG | 0644,
                                .uid = 4294967294U,
                                .gid = 2097152,
                                .size = 1LL << 40,
                                .mtime = {1, 500000000},
                                .records = &records};
    const char *h = header(&out, &t, pax, sizeof(pax));
    int n = snprintf(want, sizeof(want),
                     "310 path=%s\n18 uid=4294967294\n15 gid=2097152\n22 size=1099511627776\n"
                     "21 mtime=1.500000000\n27 SCHILY.xattr.user.x=a",
                     path);
    assert_memory_equal(pax, want, (size_t)n + 1);
    assert_memory_equal(pax + n, "\0b\n", 3);
    assert_checksum(out.s);
    assert_checksum(h);
    assert_int_equal(h[156], '0');
}

static void times_before_the_epoch(void **state)
{
    (void)state;
    static const struct {
        struct timespec t;
        const char *record;
    } cases[] = {
        {{-1, 0}, "12 mtime=-1\n"},
        {{-2, 750000000}, "22 mtime=-1.250000000\n"},
        {{-1, 750000000}, "22 mtime=-0.250000000\n"},
        {{0, 1}, "21 mtime=0.000000001\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str out = {0};
        char pax[256];
        const struct tar_entry t = {.path = "a", .mode = S_IFREG, .mtime = cases[i].t};
        header(&out, &t, pax, sizeof(pax));
        assert_string_equal(pax, cases[i].record);
    }
}

/* Around the numbers of digits at which a record's length grows by counting itself. */
static void records_count_themselves(void **state)
{
    (void)state;
    char value[1100];
    memset(value, 'v', sizeof(value));
    for (size_t n = 0; n < sizeof(value); n++) {
        _cleanup_str_ struct str records = {0};
        tar_add_record(&records, "k", value, n);
        assert_int_equal(strtoul(records.s, NULL, 10), records.len);
    }
}

static void holes(void **state)
{
    (void)state;
    _cleanup_str_ struct str out = {0};
    char pax[512];
    const struct tar_piece pieces[] = {{4096, 100}, {8192, 4096}, {1 << 20, 0}};
    const struct tar_entry t = {.path = "sparse",
                                .mode = S_IFREG | 0644,
                                .size = 1 << 20,
                                .mtime = {1, 0},
                                .pieces = pieces,
                                .n_pieces = 3};
    const char *h = header(&out, &t, pax, sizeof(pax));
    assert_string_equal(pax, "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                             "26 GNU.sparse.name=sparse\n31 GNU.sparse.realsize=1048576\n");
    assert_string_equal(h, "GNUSparseFile.0");
    assert_int_equal(strtoul(h + 124, NULL, 8), TAR_BLOCK + 100 + 4096);
    assert_string_equal(h + TAR_BLOCK, "3\n4096\n100\n8192\n4096\n1048576\n0\n");
}

static void ends(void **state)
{
    (void)state;
    _cleanup_str_ struct str out = {0};
    tar_add_padding(&out, 1024);
    assert_int_equal(out.len, 0);
    tar_add_padding(&out, 1000);
    assert_int_equal(out.len, 24);
    str_release(&out);
    tar_add_end(&out);
    assert_int_equal(out.len, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_entries_need_no_more),
        cmocka_unit_test(kinds),
        cmocka_unit_test(what_does_not_fit_is_said_before),
        cmocka_unit_test(times_before_the_epoch),
        cmocka_unit_test(records_count_themselves),
        cmocka_unit_test(holes),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
