/* Messages from another end that is in a stranger's hands. */
#include "base/file.h"
#include "base/message.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static size_t count_descriptors(void)
{
    size_t n = 0;
    _cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    return n;
}

struct ends {
    int ours, theirs;
};

static int set_up(void **state)
{
    static struct ends ends;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    ends = (struct ends){fds[0], fds[1]};
    *state = &ends;
    return 0;
}

static int tear_down(void **state)
{
    struct ends *s = *state;
    fd_close(&s->ours);
    fd_close(&s->theirs);
    return 0;
}

static void test_there_and_back(void **state)
{
    const struct ends *s = *state;
    _cleanup_json_ json_t *sent = json_pack("{s:s}", "a", "b"), *got = NULL;
    _cleanup_close_ int fd = -EBADF;
    assert_int_equal(message_send(s->theirs, sent, 0, NULL), 0);
    assert_int_equal(message_receive(s->ours, &got, &fd, NULL), 1);
    assert_true(json_equal(sent, got));
    assert_true(fd >= 0);
}

/* @n copies of a descriptor with a message. */
static void send_with(int socket_fd, const char *text, size_t n)
{
    char head[4] = {(char)strlen(text)};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } rights = {0};
    struct iovec part = {head, sizeof(head)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    rights.head.cmsg_level = SOL_SOCKET;
    rights.head.cmsg_type = SCM_RIGHTS;
    rights.head.cmsg_len = CMSG_LEN(n * sizeof(int));
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(&rights.head) + i * sizeof(int), &socket_fd, sizeof(int));
    assert_int_equal(sendmsg(socket_fd, &message, 0), 4);
    assert_int_equal(fd_write_all(socket_fd, text, strlen(text)), 0);
}

static void test_descriptors_nobody_asked_for(void **state)
{
    const struct ends *s = *state;
    for (size_t n = 1; n <= 8; n++) {
        size_t before = count_descriptors();
        _cleanup_json_ json_t *got = NULL, *again = NULL;
        int fd = -EBADF;
        send_with(s->theirs, "{}", n);
        assert_int_equal(message_receive(s->ours, &got, &fd, NULL), 1);
        assert_true(fd >= 0);
        fd_close(&fd);
        assert_int_equal(count_descriptors(), before);
        send_with(s->theirs, "{}", n);
        assert_int_equal(message_receive(s->ours, &again, NULL, NULL), 1);
        assert_int_equal(count_descriptors(), before);
    }
}

static void refuses(struct ends *s, const void *bytes, size_t n, int expected)
{
    json_t *got = NULL;
    assert_int_equal(fd_write_all(s->theirs, bytes, n), 0);
    fd_close(&s->theirs);
    assert_int_equal(message_receive(s->ours, &got, NULL, NULL), expected);
    assert_null(got);
}

static void test_end(void **state)
{
    refuses(*state, "", 0, 0);
}

static void test_cut_head(void **state)
{
    refuses(*state, "\2\0", 2, -EPROTO);
}

static void test_cut_text(void **state)
{
    refuses(*state, "\5\0\0\0{", 5, -EPROTO);
}

static void test_too_long(void **state)
{
    refuses(*state, "\1\0\x80\0{}", 6, -EPROTO);
}

static void test_no_object(void **state)
{
    refuses(*state, "\2\0\0\0[]", 6, -EPROTO);
}

static void test_no_json(void **state)
{
    refuses(*state, "\2\0\0\0{{", 6, -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_descriptors_nobody_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_json, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
