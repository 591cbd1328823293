#include "engine/events.h"

#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

struct ground {
    char path[64];
    struct engine en;
};

static int setup(void **state)
{
    static struct ground g;
    g = (struct ground){.path = "/tmp/test-events-XXXXXX", .en = ENGINE_INIT};
    if (!mkdtemp(g.path))
        return -1;
    g.en.root_fd = open(g.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &g;
    return g.en.root_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    struct ground *g = *state;
    engine_release(&g->en);
    return dir_remove(AT_FDCWD, g->path, NULL);
}

static void append(const struct ground *g, const char *text)
{
    int fd = openat(g->en.root_fd, "events", O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* The actions of all that is there, each with a space behind it. */
static char *actions(const struct ground *g, long long since)
{
    struct event_reader *r = NULL;
    struct str out = {0};
    json_t *event;
    int n;
    assert_int_equal(event_reader_open(&g->en, false, &r, NULL), 0);
    while ((n = event_reader_next(r, since, LLONG_MAX, &event, NULL)) == 1) {
        str_addf(&out, "%s ", json_str(event, "Action"));
        json_decref(event);
    }
    assert_int_equal(n, 0);
    event_reader_free(r);
    return str_steal(&out);
}

#define ASSERT_ACTIONS(g, since, expected)                                                         \
    do {                                                                                           \
        char *text_ = actions(g, since);                                                           \
        assert_string_equal(text_, expected);                                                      \
        free(text_);                                                                               \
    } while (0)

static void what_is_told_can_be_read(void **state)
{
    struct ground *g = *state;
    ASSERT_ACTIONS(g, 0, "");
    event_emit(&g->en, "volume", "create", "v\"1\"",
               (struct event_attribute[]){{"driver", "local"}, {"nothing", NULL}, {0}});
    event_emit(&g->en, "image", "tag", "sha256:1", NULL);
    ASSERT_ACTIONS(g, 0, "create tag ");

    struct event_reader *r = NULL;
    json_t *event = NULL;
    assert_int_equal(event_reader_open(&g->en, false, &r, NULL), 0);
    assert_int_equal(event_reader_next(r, 0, LLONG_MAX, &event, NULL), 1);
    event_reader_free(r);
    assert_string_equal(json_str(event, "ID"), "v\"1\"");
    assert_int_equal(json_object_size(json_object_get(event, "Attributes")), 1);
    ASSERT_ACTIONS(g, json_int(event, "timeNano", 0) + 1, "tag ");
    json_decref(event);
    struct stat st;
    assert_int_equal(fstatat(g->en.root_fd, "events", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_document_is_dockers(void **state)
{
    struct container_record c = CONTAINER_RECORD_INIT;
    struct ground *g = *state;
    memset(c.id, 'a', ID_LEN);
    c.document = json_pack("{s:s, s:{s:s, s:{s:s, s:s}}}", "Name", "/web", "Config", "Image",
                           "busybox", "Labels", "a", "b", "name", "label's");
    event_emit_container(&g->en, &c, "die", (struct event_attribute[]){{"exitCode", "3"}, {0}});
    struct event_reader *r = NULL;
    json_t *event = NULL;
    assert_int_equal(event_reader_open(&g->en, false, &r, NULL), 0);
    assert_int_equal(event_reader_next(r, 0, LLONG_MAX, &event, NULL), 1);
    event_reader_free(r);
    json_t *d = event_document(event);
    assert_string_equal(json_str(d, "status"), "die");
    assert_string_equal(json_str(d, "id"), c.id);
    assert_string_equal(json_str(d, "from"), "busybox");
    assert_string_equal(json_str(d, "scope"), "local");
    assert_string_equal(json_str(d, "Actor.ID"), c.id);
    assert_string_equal(json_str(d, "Actor.Attributes.name"), "web");
    assert_string_equal(json_str(d, "Actor.Attributes.a"), "b");
    assert_string_equal(json_str(d, "Actor.Attributes.exitCode"), "3");
    assert_int_equal(json_int(d, "time", 0), json_int(d, "timeNano", 0) / 1000000000);
    json_decref(d);
    json_decref(event);
    record_release(&c);
}

static void damaged_lines_are_passed_over(void **state)
{
    struct ground *g = *state;
    event_emit(&g->en, "image", "one", "x", NULL);
    append(g, "\n\nnonsense\n{}\n[1]\n{\"timeNano\":5}\n{\"timeNano\":\"5\",\"Type\":\"a\"}\n");
    /* A writer that was killed, and one that had room for no more. */
    append(g, "{\"timeNano\":17,\"Type\":\"image\",\"Action\":\"lo");
    event_emit(&g->en, "image", "two", "x", NULL);
    append(g, "{\"timeNano\":");
    append(g, "{\"timeNano\":18,\"Ty");
    event_emit(&g->en, "image", "three", "x",
               (struct event_attribute[]){{"timeNano", "{\"timeNano\":3"}, {0}});
    append(g, "{\"timeNano\":19,\"Type\":\"image\",\"Action\":\"never whole\"");
    ASSERT_ACTIONS(g, 0, "one two three ");
}

static void a_line_without_end_is_bounded(void **state)
{
    struct ground *g = *state;
    static char junk[1 << 20];
    memset(junk, 'x', sizeof(junk) - 1);
    for (int i = 0; i < 3; i++)
        append(g, junk);
    append(g, "\n");
    event_emit(&g->en, "image", "after", "x", NULL);
    ASSERT_ACTIONS(g, 0, "after ");
}

/* Fills about @n bytes with events. */
static void fill(const struct ground *g, const char *action, size_t n)
{
    static char text[1 << 15];
    memset(text, 'y', sizeof(text) - 1);
    for (size_t done = 0; done < n; done += sizeof(text))
        event_emit(&g->en, "image", action, text, NULL);
}

static size_t count(const struct ground *g)
{
    char *text = actions(g, 0);
    size_t n = 0;
    for (char *c = text; *c; c++)
        n += *c == ' ';
    free(text);
    return n;
}

static void a_full_file_makes_room(void **state)
{
    struct ground *g = *state;
    struct stat st;
    fill(g, "a", EVENTS_LIMIT);
    event_emit(&g->en, "image", "b", "x", NULL);
    assert_int_equal(fstatat(g->en.root_fd, "events.1", &st, 0), 0);
    assert_true(st.st_size >= EVENTS_LIMIT && st.st_size < EVENTS_LIMIT + (1 << 16));
    size_t before = count(g);
    assert_true(before > EVENTS_LIMIT / (1 << 15));
    fill(g, "c", EVENTS_LIMIT);
    assert_int_equal(fstatat(g->en.root_fd, "events.1", &st, 0), 0);
    assert_true(st.st_size < EVENTS_LIMIT + (1 << 16));
    assert_true(count(g) <= before + 1);
}

/* Many writers, each event once, also across the change of files, and seen by who follows. */
static void followers_lose_nothing(void **state)
{
    enum { WRITERS = 4, EACH = 100 };
    struct ground *g = *state;
    struct event_reader *r = NULL;
    fill(g, "before", EVENTS_LIMIT - (1 << 20));
    assert_int_equal(event_reader_open(&g->en, true, &r, NULL), 0);
    for (int w = 0; w < WRITERS; w++) {
        pid_t pid = fork();
        if (pid != 0)
            continue;
        static char text[1 << 14];
        memset(text, 'z', sizeof(text) - 1);
        for (int i = 0; i < EACH; i++) {
            char name[32];
            snprintf(name, sizeof(name), "%d-%d", w, i);
            event_emit(&g->en, "image", name, text, NULL);
        }
        _exit(0);
    }
    bool seen[WRITERS][EACH] = {{false}};
    for (int n = 0; n < WRITERS * EACH;) {
        json_t *event = NULL;
        int w, i;
        assert_int_equal(event_reader_next(r, 0, LLONG_MAX, &event, NULL), 1);
        if (sscanf(json_str(event, "Action"), "%d-%d", &w, &i) == 2) {
            assert_false(seen[w][i]);
            seen[w][i] = true;
            n++;
        }
        json_decref(event);
    }
    event_reader_free(r);
    while (wait(NULL) > 0)
        ;
    struct stat st;
    assert_int_equal(fstatat(g->en.root_fd, "events.1", &st, 0), 0);
}

static void following_ends_in_time(void **state)
{
    struct ground *g = *state;
    struct event_reader *r = NULL;
    json_t *event = NULL;
    struct timespec t;
    assert_int_equal(event_reader_open(&g->en, true, &r, NULL), 0);
    assert_int_equal(event_reader_next(r, 0, 0, &event, NULL), 0);
    clock_gettime(CLOCK_REALTIME, &t);
    long long until = t.tv_sec * 1000000000LL + t.tv_nsec + 30000000;
    assert_int_equal(event_reader_next(r, 0, until, &event, NULL), 0);
    clock_gettime(CLOCK_REALTIME, &t);
    assert_true(t.tv_sec * 1000000000LL + t.tv_nsec >= until);
    event_reader_free(r);
}

static void a_journal_that_cannot_be_written_is_no_failure(void **state)
{
    struct ground *g = *state;
    assert_int_equal(mkdirat(g->en.root_fd, "events", 0700), 0);
    event_emit(&g->en, "image", "lost", "x", NULL);
    struct event_reader *r = NULL;
    struct err e = ERR_INIT;
    assert_true(event_reader_open(&g->en, false, &r, &e) < 0);
    assert_null(r);
    err_release(&e);
}

static void a_link_is_not_followed(void **state)
{
    struct ground *g = *state;
    assert_int_equal(symlinkat("elsewhere", g->en.root_fd, "events"), 0);
    event_emit(&g->en, "image", "lost", "x", NULL);
    assert_int_equal(faccessat(g->en.root_fd, "elsewhere", F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_told_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_document_is_dockers, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_lines_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_without_end_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_file_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(followers_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(following_ends_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_that_cannot_be_written_is_no_failure, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, setup, teardown),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
