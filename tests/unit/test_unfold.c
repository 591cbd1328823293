/*
 * Compressed streams that come in pieces: gzip members with all that a header may have, cut at
 * every byte, and what must be refused.
 */
#include "base/file.h"
#include "base/str.h"
#include "image/unfold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <isa-l/crc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { EXTRA = 4, NAME = 8, COMMENT = 16, CHECKSUM = 2 };

static void add_number(struct str *s, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        str_addn(s, &(char){(char)(value >> 8 * i)}, 1);
}

/* RFC 1952: one stored block. */
static void add_member(struct str *s, int flags, const char *text)
{
    const uint32_t n = (uint32_t)strlen(text);
    const char head[10] = {0x1f, (char)0x8b, 8, (char)flags};
    size_t start = s->len;
    str_addn(s, head, sizeof(head));
    if (flags & EXTRA) {
        add_number(s, 7, 2);
        str_addn(s, "SG\3\0abc", 7);
    }
    if (flags & NAME)
        str_addn(s, "name", 5);
    if (flags & COMMENT)
        str_addn(s, "", 1);
    if (flags & CHECKSUM)
        add_number(s, crc32_gzip_refl(0, (unsigned char *)s->s + start, s->len - start), 2);
    str_addn(s, "\1", 1);
    add_number(s, n, 2);
    add_number(s, ~n, 2);
    str_add(s, text);
    add_number(s, crc32_gzip_refl(0, (const unsigned char *)text, n), 4);
    add_number(s, n, 4);
}

/* All kinds of headers, with numbers and letters in them. */
static struct str members(void)
{
    static const int flags[] = {
        0, EXTRA, NAME, COMMENT, CHECKSUM, EXTRA | NAME | COMMENT | CHECKSUM, NAME | CHECKSUM};
    struct str s = {0};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        add_member(&s, flags[i], "hello");
    add_member(&s, EXTRA, "");
    return s;
}

/* Unfolds what comes in pieces of @first bytes, the rest, and nothing: by a socket that keeps them
 * apart. */
static int unfold(const struct str *s, size_t first, char **ret, struct err *e)
{
    static unsigned char in[UNFOLD_BLOCK], out[UNFOLD_BLOCK];
    const struct limits limits = LIMITS_DEFAULT;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    _cleanup_close_ int from = ends[0];
    _cleanup_close_ int to = memfd_create("plain", MFD_CLOEXEC);
    if (first > 0)
        assert_int_equal(write(ends[1], s->s, first), first);
    if (first < s->len)
        assert_int_equal(write(ends[1], s->s + first, s->len - first), s->len - first);
    close(ends[1]);
    struct unfold u = {"gzip", from, to, &limits, in, out, 0, 0, NULL, 0};
    int r = unfold_gzip(&u, e);
    size_t n;
    assert_int_equal(lseek(to, 0, SEEK_SET), 0);
    assert_int_equal(fd_read_all(to, 1 << 20, ret, &n), 0);
    return r;
}

static void members_cut_anywhere_are_one(void **state)
{
    _cleanup_str_ struct str s = members();
    for (size_t first = 1; first <= s.len; first++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(unfold(&s, first, &text, &e), 0);
        assert_string_equal(text, "hellohellohellohellohellohellohello");
    }
}

static void what_is_cut_off_is_refused(void **state)
{
    _cleanup_str_ struct str s = {0};
    add_member(&s, EXTRA | NAME | COMMENT | CHECKSUM, "hello");
    for (size_t n = s.len - 1; n > 0; n--) {
        _cleanup_free_ char *text = NULL;
        _cleanup_err_ struct err e = ERR_INIT;
        s.len = n;
        assert_int_equal(unfold(&s, n / 2, &text, &e), -EBADMSG);
        assert_non_null(strstr(e.text, "(gzip): truncated"));
    }
}

static void what_was_changed_is_refused(void **state)
{
    _cleanup_str_ struct str s = {0};
    add_member(&s, EXTRA | NAME | COMMENT | CHECKSUM, "hello");
    for (size_t at = 0; at < s.len; at++) {
        _cleanup_free_ char *text = NULL;
        s.s[at] ^= 4;
        assert_int_equal(unfold(&s, s.len, &text, NULL), -EBADMSG);
        s.s[at] ^= 4;
    }
}

static void nothing_else_may_follow(void **state)
{
    static const char *const more[] = {"x", "garbage garbage garbage", "\x1f", "\x1f\x8b",
                                       "\x1f\x8c"};
    for (size_t i = 0; i <= ARRAY_LEN(more); i++) {
        _cleanup_str_ struct str s = {0};
        _cleanup_free_ char *text = NULL;
        add_member(&s, 0, "hello");
        if (i < ARRAY_LEN(more))
            str_add(&s, more[i]);
        else
            str_addn(&s, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        assert_int_equal(unfold(&s, 9, &text, NULL), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_cut_anywhere_are_one),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(what_was_changed_is_refused),
        cmocka_unit_test(nothing_else_may_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
