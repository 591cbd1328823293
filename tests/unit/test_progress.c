#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void take(struct progress *p, const char *text, uint64_t now, struct str *out)
{
    assert_int_equal(progress_take(p, text, strlen(text), now, out), 0);
}

static void assert_out(struct str *out, const char *wanted)
{
    _cleanup_free_ char *text = str_steal(out);
    assert_string_equal(text, wanted);
}

static void layer(struct progress *p, const char *id, const char *status, long long current,
                  long long total, uint64_t now)
{
    _cleanup_str_ struct str out = {0};
    _cleanup_free_ char *text = str_printf(
        "{\"id\":\"%s\",\"status\":\"%s\",\"progressDetail\":{\"current\":%lld,\"total\":%lld}}\n",
        id, status, current, total);
    take(p, text, now, &out);
    assert_int_equal(out.len, 0);
}

static void test_messages_come_in_pieces(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, false);
    static const char text[] = "{\"status\":\"one\"}\n{\"status\":\"two\",\"id\":\"x\"}\n";
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_int_equal(progress_take(&p, text + i, 1, 0, &out), 0);
    assert_out(&out, "one\nx: two\n");
    progress_release(&p);
}

static void test_without_terminal(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, false);
    take(&p, "{\"status\":\"Waiting\",\"id\":\"a\",\"progressDetail\":{}}\n", 0, &out);
    layer(&p, "a", "Downloading", 1, 2, 0);
    take(&p, "{\"stream\":\"Loaded image: a:1\\n\"}\nno JSON\n[]\n{\"id\":\"a\"}\n\n", 0, &out);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_int_equal(progress_settle(&p, 0, &out), 0);
    assert_out(&out, "a: Waiting\nLoaded image: a:1\n");
    progress_release(&p);
}

static void test_a_line_without_end(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    _cleanup_free_ char *long_text = calloc(1, 1 << 20);
    memset(long_text, 'x', (1 << 20) - 1);
    progress_init(&p, false);
    for (int i = 0; i < 8; i++)
        take(&p, long_text, 0, &out);
    assert_true(p.line.cap < 1 << 16);
    take(&p, "\n{\"status\":\"next\"}\n", 0, &out);
    assert_out(&out, "next\n");
    progress_release(&p);
}

static void test_only_what_changed_is_written(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, true);
    layer(&p, "a", "Waiting", 0, 0, 0);
    layer(&p, "b", "Waiting", 0, 0, 0);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_out(&out, "a: Waiting\r\nb: Waiting\r\n");
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_out(&out, "");
    layer(&p, "b", "Pull complete", 0, 0, 0);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_out(&out, "\x1b[1A\rb: Pull complete\x1b[K\r\n");
    layer(&p, "a", "Pull complete", 0, 0, 0);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_out(&out, "\x1b[2A\ra: Pull complete\x1b[K\r\n\r\n");
    /* Something else is said: what stood there stays, and is updated no more. */
    take(&p, "{\"status\":\"Digest: x\"}\n", 0, &out);
    assert_out(&out, "Digest: x\n");
    layer(&p, "a", "Waiting", 0, 0, 0);
    assert_int_equal(progress_settle(&p, 0, &out), 0);
    assert_out(&out, "a: Waiting\r\n");
    progress_release(&p);
}

static void test_resized(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, true);
    progress_resize(&p, 30, 10);
    layer(&p, "aaaaaaaaaa", "Waiting for it", 0, 0, 0); /* 26 columns */
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    str_release(&out);
    progress_resize(&p, 12, 10); /* three rows of it now */
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_out(&out, "\x1b[3A\r\x1b[2Kaaaaaaaaaa:\x1b[K\r\n\x1b[J");
    progress_release(&p);
}

static void test_more_layers_than_rows(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, true);
    progress_resize(&p, 80, 4);
    layer(&p, "a", "Pull complete", 0, 0, 0);
    layer(&p, "b", "Waiting", 0, 0, 0);
    layer(&p, "c", "Waiting", 0, 0, 0);
    layer(&p, "d", "Waiting", 0, 0, 0);
    layer(&p, "e", "Pulling", 0, 1000, 0);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    _cleanup_free_ char *text = str_steal(&out);
    assert_ptr_equal(strstr(text, "b: Waiting\r\ne: Pulling ["), text);
    assert_non_null(strstr(text, "\r\n3 more: 2 waiting, 1 done\r\n"));
    assert_int_equal(p.shown.n, 3);
    /* One row is little, but no reason to write over others' text. */
    progress_resize(&p, 80, 1);
    assert_int_equal(progress_draw(&p, 0, &out), 0);
    assert_int_equal(p.shown.n, 1);
    progress_release(&p);
}

static void assert_line(const struct progress_layer *l, unsigned columns, uint64_t now,
                        const char *wanted)
{
    _cleanup_str_ struct str out = {0};
    progress_layer_line(l, columns, now, &out);
    assert_string_equal(out.s ? out.s : "", wanted);
}

static void test_line(void **state)
{
    (void)state;
    char id[] = "a", status[] = "Downloading", wide[] = "äöü";
    struct progress_layer l = {.id = id, .status = status};
    assert_line(&l, 80, 0, "a: Downloading");
    l.current = 500;
    assert_line(&l, 80, 0, "a: Downloading     500B");
    l.total = 1000;
    assert_line(&l, 80, 0,
                "a: Downloading [========================>                         ]     500B/1kB");
    assert_line(&l, 200, 0,
                "a: Downloading [=========================>                         ]     "
                "500B/1kB");
    assert_line(&l, 39, 0, "a: Downloading     500B/1kB");
    assert_line(&l, 5, 0, "a: Do");
    l.rate = 100;
    assert_line(&l, 40, 0, "a: Downloading     500B/1kB  100B/s 5s");
    assert_line(&l, 40, 10000, "a: Downloading     500B/1kB"); /* nothing has come for long */
    l.current = 2000;                                          /* more than there was to be */
    assert_line(&l, 40, 0, "a: Downloading      2kB  100B/s");
    l = (struct progress_layer){.id = wide, .status = status};
    assert_line(&l, 5, 0, "äö");
}

static void test_rate(void **state)
{
    (void)state;
    struct progress p;
    progress_init(&p, true);
    layer(&p, "a", "Downloading", 5000, 100000, 1000);
    assert_true(p.layers[0].rate == 0); /* what was there before is no rate */
    layer(&p, "a", "Downloading", 5100, 100000, 1100);
    assert_true(p.layers[0].rate == 0);
    layer(&p, "a", "Downloading", 6000, 100000, 2000);
    assert_true(p.layers[0].rate > 999 && p.layers[0].rate < 1001);
    layer(&p, "a", "Downloading", 10, 100000, 3000); /* begun anew */
    assert_true(p.layers[0].rate == 0);
    layer(&p, "a", "Extracting", 10, 100000, 4000);
    assert_true(p.layers[0].rate == 0);
    progress_release(&p);
}

static void test_too_many_layers(void **state)
{
    (void)state;
    struct progress p;
    _cleanup_str_ struct str out = {0};
    progress_init(&p, true);
    for (int i = 0; i < PROGRESS_LAYERS_MAX + 10; i++) {
        _cleanup_free_ char *text =
            str_printf("{\"id\":\"%d\",\"status\":\"Waiting\",\"progressDetail\":{}}\n", i);
        take(&p, text, 0, &out);
    }
    assert_true(p.n <= PROGRESS_LAYERS_MAX);
    progress_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_come_in_pieces),
        cmocka_unit_test(test_without_terminal),
        cmocka_unit_test(test_a_line_without_end),
        cmocka_unit_test(test_only_what_changed_is_written),
        cmocka_unit_test(test_resized),
        cmocka_unit_test(test_more_layers_than_rows),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_too_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
