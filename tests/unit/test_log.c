#include "engine/log_file.h"
#include "engine/log_files.h"
#include "engine/log_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "base/timestamp.h"

struct ground {
    char folder[64];
    int fd;
    struct log_file log;
    struct str written[2], got[2]; /* by stream */
    unsigned random;
};

static int begin(void **state)
{
    static struct ground g;
    g = (struct ground){.fd = -EBADF, .random = 1};
    snprintf(g.folder, sizeof(g.folder), "/tmp/test-log-XXXXXX");
    if (!mkdtemp(g.folder))
        return -1;
    g.fd = open(g.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    log_file_init(&g.log, g.fd, -1, 3);
    *state = &g;
    return g.fd < 0 ? -1 : 0;
}

static int end(void **state)
{
    struct ground *g = *state;
    log_file_close(&g->log);
    close(g->fd);
    for (int i = 0; i < 2; i++) {
        str_release(&g->written[i]);
        str_release(&g->got[i]);
    }
    return dir_remove(AT_FDCWD, g->folder, NULL);
}

static unsigned next_random(struct ground *g, unsigned below)
{
    g->random = g->random * 1103515245u + 12345u;
    return (g->random >> 8) % below;
}

/* ---- writing and reading, as a monitor and `logs` do ---- */

static void put(struct ground *g, enum log_stream stream, const void *bytes, size_t n)
{
    log_file_write(&g->log, stream, bytes, n);
    assert_int_equal(g->log.error, 0);
    str_addn(&g->written[stream], bytes, n);
}

static void put_text(struct ground *g, enum log_stream stream, const char *text)
{
    put(g, stream, text, strlen(text));
}

/* Adds what the reader gives now to what was got. Returns the number of entries. */
static unsigned take(struct ground *g, struct log_reader *r, bool final)
{
    struct log_entry entry;
    unsigned n = 0;
    int more;
    while ((more = log_reader_next(r, final, &entry, NULL)) == 1) {
        str_addn(&g->got[entry.stream], entry.text, entry.n);
        if (!entry.partial)
            str_add(&g->got[entry.stream], "\n");
        n++;
    }
    assert_int_equal(more, 0);
    return n;
}

static struct log_reader *open_reader(const struct ground *g, long long tail, bool follow)
{
    struct log_reader *r = NULL;
    const struct log_read_options options = {.dir_fd = g->fd, .tail = tail, .follow = follow};
    assert_int_equal(log_reader_open(&options, &r, NULL), 0);
    return r;
}

static struct log_reader *reader_of(const struct ground *g, long long tail)
{
    return open_reader(g, tail, false);
}

static unsigned read_all(struct ground *g, long long tail)
{
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, tail);
    for (int i = 0; i < 2; i++)
        str_release(&g->got[i]);
    return take(g, r, true);
}

static void assert_got(const struct ground *g, enum log_stream stream, const char *text)
{
    assert_string_equal(g->got[stream].s ? g->got[stream].s : "", text);
}

static void assert_got_what_was_written(const struct ground *g)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(g->got[i].len, g->written[i].len);
        if (g->got[i].len > 0)
            assert_memory_equal(g->got[i].s, g->written[i].s, g->got[i].len);
    }
}

static void put_file(const struct ground *g, const char *name, const char *text, size_t n)
{
    assert_int_equal(file_replace(g->fd, name, text, n, 0600, 0, NULL), 0);
}

static char *text_of(const struct ground *g, const char *name)
{
    char *text = NULL;
    assert_int_equal(file_read(g->fd, name, 64 << 20, &text, NULL, NULL), 0);
    return text;
}

/* Bytes of a container: lines of any length, some very long, with NULs and carriage returns. */
static size_t random_bytes(struct ground *g, char *buf, size_t size)
{
    size_t n = next_random(g, 20) ? next_random(g, 300) : next_random(g, (unsigned)size);
    unsigned line = next_random(g, 4) ? 40 : 1000000;
    for (size_t i = 0; i < n; i++)
        buf[i] = next_random(g, line) ? (char)next_random(g, 256) : '\n';
    return n;
}

/* ---- the format ---- */

static void entries_are_lines_of_the_cri_format(void **state)
{
    struct ground *g = *state;
    put_text(g, LOG_STDOUT, "whole\nhalf");
    put_text(g, LOG_STDERR, "error\n");
    put_text(g, LOG_STDOUT, " a line\n");
    _cleanup_free_ char *text = text_of(g, "log");
    static const char *const expected[] = {"stdout F whole", "stdout P half", "stderr F error",
                                           "stdout F  a line"};
    char *rest = text;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const char *line = strsep(&rest, "\n");
        assert_non_null(line);
        assert_true(strlen(line) > LOG_TIME_LEN);
        assert_int_equal(line[LOG_TIME_LEN - 1], 'Z');
        assert_string_equal(line + LOG_TIME_LEN + 1, expected[i]);
    }
    assert_string_equal(rest, "");
}

static void nothing_is_opened_until_something_is_written(void **state)
{
    struct ground *g = *state;
    assert_int_equal(faccessat(g->fd, "log", F_OK, 0), -1);
    assert_int_equal(read_all(g, LOG_TAIL_ALL), 0);
    assert_int_equal(read_all(g, 3), 0);
    put_text(g, LOG_STDOUT, "x");
    assert_int_equal(faccessat(g->fd, "log", F_OK, 0), 0);
    struct stat st;
    assert_int_equal(fstatat(g->fd, "log", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void any_bytes_come_back_whatever_reads_and_files_they_are_split_over(void **state)
{
    struct ground *g = *state;
    enum { SIZE = 1 << 18 };
    _cleanup_free_ char *buf = malloc(SIZE);
    assert_non_null(buf);
    static const long long sizes[] = {-1, 1 << 20, 1 << 16};
    for (size_t round = 0; round < ARRAY_LEN(sizes); round++) {
        struct log_file *f = &g->log;
        log_file_close(f);
        log_file_init(f, g->fd, sizes[round], 100000); /* none is deleted */
        for (int i = 0; i < 300; i++)
            put(g, next_random(g, 3) ? LOG_STDOUT : LOG_STDERR, buf, random_bytes(g, buf, SIZE));
        read_all(g, LOG_TAIL_ALL);
        assert_got_what_was_written(g);
    }
}

static void a_line_of_many_reads_is_one_line(void **state)
{
    struct ground *g = *state;
    _cleanup_free_ char *line = malloc((1 << 20) + 1);
    assert_non_null(line);
    memset(line, 'x', 1 << 20);
    line[1 << 20] = '\n';
    put_text(g, LOG_STDOUT, "before\n");
    put(g, LOG_STDOUT, line, (1 << 20) + 1);
    read_all(g, 1);
    assert_int_equal(g->got[LOG_STDOUT].len, (1 << 20) + 1);
    read_all(g, LOG_TAIL_ALL);
    assert_got_what_was_written(g);
}

/* ---- files taking turns ---- */

static void files_are_no_longer_and_no_more_than_was_asked_for(void **state)
{
    struct ground *g = *state;
    log_file_init(&g->log, g->fd, 4096, 3);
    for (int i = 0; i < 1000; i++)
        put_text(g, LOG_STDOUT, "a line that is not so long\n");
    assert_int_equal(log_files_highest(g->fd), 2);
    static const char *const names[] = {"log", "log.1", "log.2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat st;
        assert_int_equal(fstatat(g->fd, names[i], &st, 0), 0);
        assert_true(st.st_size > 0 && st.st_size <= 4096);
    }
    unsigned n = read_all(g, LOG_TAIL_ALL);
    assert_true(n > 2 * (4096 / 67) && n < 1000);
}

static void one_file_can_be_all(void **state)
{
    struct ground *g = *state;
    log_file_init(&g->log, g->fd, 1000, 1);
    for (int i = 0; i < 100; i++)
        put_text(g, LOG_STDOUT, "line\n");
    assert_int_equal(log_files_highest(g->fd), 0);
    assert_true(read_all(g, LOG_TAIL_ALL) > 0);
}

static void a_follower_loses_and_doubles_nothing(void **state)
{
    struct ground *g = *state;
    enum { SIZE = 1 << 14 };
    char *buf = malloc(SIZE);
    assert_non_null(buf);
    log_file_init(&g->log, g->fd, 20000, 2);
    _cleanup_log_reader_ struct log_reader *r = open_reader(g, LOG_TAIL_ALL, true);
    for (int i = 0; i < 3000; i++) {
        put(g, next_random(g, 3) ? LOG_STDOUT : LOG_STDERR, buf, random_bytes(g, buf, SIZE));
        if (next_random(g, 10) == 0)
            take(g, r, false);
    }
    free(buf);
    take(g, r, true);
    assert_false(log_reader_gap(r));
    assert_got_what_was_written(g);
}

static void what_a_reader_holds_is_kept_within_reason(void **state)
{
    struct ground *g = *state;
    log_file_init(&g->log, g->fd, 1000, 2);
    put_text(g, LOG_STDOUT, "first\n");
    struct log_reader *r = open_reader(g, LOG_TAIL_ALL, true);
    take(g, r, false);
    for (int i = 0; i < 20 * 30; i++)
        put_text(g, LOG_STDOUT, "line\n");
    assert_true(log_files_highest(g->fd) > 20);
    take(g, r, false);
    assert_got_what_was_written(g);
    /* Who does not read at all has it at his own cost: not the disk's. */
    for (int i = 0; i < 200 * 30; i++)
        put_text(g, LOG_STDOUT, "line\n");
    assert_in_range(log_files_highest(g->fd), 1, 66);
    assert_true(take(g, r, true) > 0);
    assert_true(log_reader_gap(r));
    log_reader_close(&r);
    for (int i = 0; i < 2 * 30; i++)
        put_text(g, LOG_STDOUT, "line\n");
    assert_int_equal(log_files_highest(g->fd), 1);
}

static void a_writer_that_was_killed_between_two_names_is_no_end(void **state)
{
    struct ground *g = *state;
    log_file_init(&g->log, g->fd, 1000, 5);
    for (int i = 0; i < 50; i++)
        put_text(g, LOG_STDOUT, "line\n");
    assert_int_equal(log_files_highest(g->fd), 2);
    unsigned n = read_all(g, LOG_TAIL_ALL);
    assert_int_equal(renameat(g->fd, "log.2", g->fd, "log.3"), 0); /* and no further */
    assert_int_equal(read_all(g, LOG_TAIL_ALL), n);
    assert_int_equal(read_all(g, n), n);
    assert_int_equal(renameat(g->fd, "log.1", g->fd, "log.2"), 0);
    assert_int_equal(renameat(g->fd, "log", g->fd, "log.1"), 0);
    assert_int_equal(read_all(g, LOG_TAIL_ALL), n);
    log_file_close(&g->log);
    log_file_init(&g->log, g->fd, 1000, 5);
    put_text(g, LOG_STDOUT, "last\n");
    assert_int_equal(read_all(g, LOG_TAIL_ALL), n + 1);
    assert_got_what_was_written(g);
}

static void who_does_not_follow_ends_where_the_log_ended_when_he_began(void **state)
{
    struct ground *g = *state;
    log_file_init(&g->log, g->fd, 1000, 5);
    for (int i = 0; i < 30; i++)
        put_text(g, LOG_STDOUT, "before\n");
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
    _cleanup_log_reader_ struct log_reader *last = reader_of(g, 1);
    for (int i = 0; i < 30; i++)
        put_text(g, LOG_STDOUT, "later\n");
    assert_int_equal(take(g, r, false), 30);
    assert_int_equal(take(g, last, true), 1);
    assert_int_equal(take(g, r, true), 0);
}

static void a_follower_has_the_log_before_it_is_written_and_after_its_folder_went(void **state)
{
    struct ground *g = *state;
    _cleanup_log_reader_ struct log_reader *r = open_reader(g, LOG_TAIL_ALL, true);
    _cleanup_log_reader_ struct log_reader *none = open_reader(g, 0, true);
    put_text(g, LOG_STDOUT, "all of it\n");
    assert_int_equal(dir_remove(AT_FDCWD, g->folder, NULL), 0);
    assert_int_equal(take(g, r, true), 1);
    assert_int_equal(take(g, none, true), 1);
    assert_false(log_reader_gap(r));
}

/* ---- the last lines ---- */

static void the_last_lines_are_whole_ones_of_both_streams(void **state)
{
    struct ground *g = *state;
    put_text(g, LOG_STDOUT, "one\ntwo\n");
    put_text(g, LOG_STDERR, "three\n");
    put_text(g, LOG_STDOUT, "fo");
    put_text(g, LOG_STDERR, "five\n");
    put_text(g, LOG_STDOUT, "ur\n");
    put_text(g, LOG_STDERR, "si");
    static const struct {
        long long lines;
        const char *out, *err;
    } cases[] = {
        {0, "", ""},
        {1, "", "si"},
        {2, "four\n", "si"},
        {3, "four\n", "five\nsi"},
        {4, "four\n", "three\nfive\nsi"},
        {5, "two\nfour\n", "three\nfive\nsi"},
        {6, "one\ntwo\nfour\n", "three\nfive\nsi"},
        {7, "one\ntwo\nfour\n", "three\nfive\nsi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        read_all(g, cases[i].lines);
        assert_got(g, LOG_STDOUT, cases[i].out);
        assert_got(g, LOG_STDERR, cases[i].err);
    }
}

/* The number of each stream's last entry: it ends a line even if nothing ended that yet. */
static void find_last(const struct ground *g, unsigned ret[2])
{
    struct log_entry entry;
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
    for (unsigned i = 0; log_reader_next(r, true, &entry, NULL) == 1; i++)
        ret[entry.stream] = i;
}

/* The text of lines from @from on, the slow way: from all entries. Returns how many lines there
 * are. */
static long long lines_of(const struct ground *g, long long from, struct str expected[2])
{
    struct log_entry entry;
    struct str line[2] = {{0}, {0}};
    unsigned last[2] = {0, 0};
    long long at = 0;
    find_last(g, last);
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
    for (unsigned i = 0; log_reader_next(r, true, &entry, NULL) == 1; i++) {
        struct str *l = &line[entry.stream];
        str_addn(l, entry.text, entry.n);
        if (entry.partial && i < last[entry.stream])
            continue;
        if (!entry.partial)
            str_add(l, "\n");
        if (at++ >= from)
            str_addn(&expected[entry.stream], l->s, l->len);
        str_release(l);
    }
    return at;
}

static void any_number_of_last_lines_is_what_reading_all_would_give(void **state)
{
    struct ground *g = *state;
    static char buf[1000];
    log_file_init(&g->log, g->fd, 30000, 50);
    for (int i = 0; i < 400; i++) {
        size_t n = next_random(g, sizeof(buf));
        for (size_t k = 0; k < n; k++)
            buf[k] = next_random(g, 200) ? 'a' : '\n';
        put(g, next_random(g, 2), buf, n);
    }
    struct str none[2] = {{0}, {0}};
    const long long total = lines_of(g, LLONG_MAX, none);
    for (long long lines = 0; lines < 1500; lines += 1 + lines / 9) {
        struct str expected[2] = {{0}, {0}};
        lines_of(g, total - lines, expected);
        read_all(g, lines);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(g->got[i].len, expected[i].len);
            if (expected[i].len > 0)
                assert_string_equal(g->got[i].s, expected[i].s);
            str_release(&expected[i]);
        }
    }
}

/* ---- times ---- */

static void times_choose_entries(void **state)
{
    struct ground *g = *state;
    static const char log[] = "2026-01-01T00:00:01.000000000Z stdout F 1\n"
                              "2026-01-01T00:00:02.000000000Z stdout F 2\n"
                              "2026-01-01T00:00:02.500000000Z stdout F 2.5\n"
                              "2026-01-01T00:00:03.000000000Z stdout F 3\n";
    put_file(g, "log", log, sizeof(log) - 1);
    static const struct {
        long long since, until; /* in tenths; 0: none */
        const char *expected;
    } cases[] = {
        {0, 0, "1\n2\n2.5\n3\n"}, {20, 0, "2\n2.5\n3\n"}, {21, 0, "2.5\n3\n"},
        {0, 20, "1\n2\n"},        {20, 29, "2\n2.5\n"},   {31, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct timespec since = {1767225600 + cases[i].since / 10, cases[i].since % 10 * 100000000};
        struct timespec until = {1767225600 + cases[i].until / 10, cases[i].until % 10 * 100000000};
        const struct log_read_options options = {
            .dir_fd = g->fd,
            .tail = LOG_TAIL_ALL,
            .since = cases[i].since ? &since : NULL,
            .until = cases[i].until ? &until : NULL,
        };
        _cleanup_log_reader_ struct log_reader *r = NULL;
        assert_int_equal(log_reader_open(&options, &r, NULL), 0);
        str_release(&g->got[LOG_STDOUT]);
        take(g, r, true);
        assert_got(g, LOG_STDOUT, cases[i].expected);
    }
}

/* ---- files that are not whole ---- */

static void what_is_no_entry_is_counted_and_left_out(void **state)
{
    struct ground *g = *state;
    static const char log[] = "\n"
                              "garbage\n"
                              "2026-01-01T00:00:01.000000000Z stdout F good\n"
                              "2026-01-01T00:00:01.000000000Z stdoux F bad\n"
                              "2026-01-01T00:00:01.000000000Z stdout X bad\n"
                              "2026-01-01T00:00:01.000000000Z stdout F\n"
                              "2026-01-01 00:00:01.000000000Z stdout F bad\n"
                              "2026-01-01T00:00:01.000000000Z stderr F \n"
                              "\0\0\0\0\n"
                              "2026-01-01T00:00:02.000000000Z stdout F torn";
    put_file(g, "log", log, sizeof(log) - 1);
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
    /* While somebody writes, an entry without an end is not there yet. */
    assert_int_equal(take(g, r, false), 2);
    assert_int_equal(log_reader_garbage(r), 7);
    assert_int_equal(take(g, r, true), 1);
    assert_int_equal(take(g, r, true), 0);
    assert_got(g, LOG_STDOUT, "good\ntorn");
    assert_got(g, LOG_STDERR, "\n");
}

static void a_line_longer_than_any_entry_is_garbage(void **state)
{
    struct ground *g = *state;
    enum { N = 1 << 20 };
    char *text = malloc(N + 100);
    assert_non_null(text);
    memset(text, 'x', N);
    memcpy(text + N, "\n2026-01-01T00:00:01.000000000Z stdout F good\n", 47);
    put_file(g, "log", text, N + 46);
    free(text);
    _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
    assert_int_equal(take(g, r, true), 1);
    assert_int_equal(log_reader_garbage(r), 1);
    assert_got(g, LOG_STDOUT, "good\n");
}

static void a_torn_end_is_ended_before_more_is_written(void **state)
{
    struct ground *g = *state;
    static const char log[] = "2026-01-01T00:00:02.000000000Z stdout F to";
    put_file(g, "log", log, sizeof(log) - 1);
    put_text(g, LOG_STDOUT, "more\n");
    assert_int_equal(read_all(g, LOG_TAIL_ALL), 2);
    assert_got(g, LOG_STDOUT, "to\nmore\n");
}

static void any_torn_end_leaves_whole_entries(void **state)
{
    struct ground *g = *state;
    static const char log[] = "2026-01-01T00:00:02.000000000Z stdout F one\n"
                              "2026-01-01T00:00:02.000000000Z stdout F two\n";
    for (size_t n = 0; n < sizeof(log); n++) {
        log_file_close(&g->log);
        log_file_init(&g->log, g->fd, -1, 3);
        put_file(g, "log", log, n);
        log_file_write(&g->log, LOG_STDOUT, "more\n", 5);
        _cleanup_log_reader_ struct log_reader *r = reader_of(g, LOG_TAIL_ALL);
        assert_int_equal(take(g, r, true), 1 + (n >= 40) + (n >= 84));
        assert_int_equal(log_reader_garbage(r), 0);
    }
}

static void a_log_that_somebody_emptied_goes_on(void **state)
{
    struct ground *g = *state;
    put_text(g, LOG_STDOUT, "one\n");
    _cleanup_log_reader_ struct log_reader *r = open_reader(g, LOG_TAIL_ALL, true);
    take(g, r, false);
    _cleanup_close_ int fd = openat(g->fd, "log", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    take(g, r, false);
    put_text(g, LOG_STDOUT, "two\n");
    take(g, r, false);
    assert_got_what_was_written(g);
}

static void links_and_devices_are_no_logs(void **state)
{
    struct ground *g = *state;
    assert_int_equal(symlinkat("/etc/passwd", g->fd, "log"), 0);
    log_file_write(&g->log, LOG_STDOUT, "x\n", 2);
    assert_int_equal(g->log.error, ELOOP);
    assert_int_equal(log_files_newest(g->fd), -ELOOP);
    assert_int_equal(unlinkat(g->fd, "log", 0), 0);
    assert_int_equal(mkfifoat(g->fd, "log", 0600), 0);
    assert_int_equal(log_files_newest(g->fd), -EINVAL);
}

/* ---- no room ---- */

/* Nothing can be written beyond @bytes of a file: writes before that are cut short. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void without_room_the_log_stays_whole_and_tells_what_is_missing(void **state)
{
    struct ground *g = *state;
    static const char line[] = "a line of the container's\n";
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 200; room < 330; room++) {
        log_file_close(&g->log);
        unlinkat(g->fd, "log", 0);
        log_file_init(&g->log, g->fd, -1, 3);
        limit_files(room);
        for (int i = 0; i < 10; i++)
            log_file_write(&g->log, LOG_STDOUT, line, sizeof(line) - 1);
        assert_int_equal(g->log.error, EFBIG);
        unsigned n = read_all(g, LOG_TAIL_ALL);
        assert_int_equal(n, room / (LOG_HEADER_LEN + sizeof(line) - 1));
        assert_int_equal(g->log.lost, (10 - n) * (sizeof(line) - 1));

        limit_files(RLIM_INFINITY);
        g->log.retry += 3600; /* however slow the machine is */
        log_file_write(&g->log, LOG_STDOUT, "not yet\n", 8);
        assert_int_equal(g->log.error, EFBIG);
        g->log.retry = 0;
        log_file_write(&g->log, LOG_STDOUT, "again\n", 6);
        assert_int_equal(g->log.error, 0);
        assert_int_equal(read_all(g, LOG_TAIL_ALL), n + 2);
        char told[100];
        snprintf(told, sizeof(told),
                 "skiff: %zu bytes of output are missing here: file too large\n",
                 (10 - n) * (sizeof(line) - 1) + 8);
        assert_got(g, LOG_STDERR, told);
    }
}

static void many_lines_of_one_read_are_cut_at_a_whole_one(void **state)
{
    struct ground *g = *state;
    _cleanup_str_ struct str lines = {0};
    for (int i = 0; i < 1000; i++)
        str_addf(&lines, "line %d %.*s\n", i, i % 7 ? i % 50 : 2000,
                 "x                                                 ");
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 5000; room < 60000; room += 4999) {
        log_file_close(&g->log);
        unlinkat(g->fd, "log", 0);
        log_file_init(&g->log, g->fd, -1, 3);
        limit_files(room);
        log_file_write(&g->log, LOG_STDOUT, lines.s, lines.len);
        limit_files(RLIM_INFINITY);
        assert_int_equal(g->log.error, EFBIG);
        read_all(g, LOG_TAIL_ALL);
        size_t got = g->got[LOG_STDOUT].len;
        assert_int_equal(got + g->log.lost, lines.len);
        assert_memory_equal(g->got[LOG_STDOUT].s, lines.s, got);
        assert_int_equal(lines.s[got - 1], '\n');
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(entries_are_lines_of_the_cri_format),
        TEST(nothing_is_opened_until_something_is_written),
        TEST(any_bytes_come_back_whatever_reads_and_files_they_are_split_over),
        TEST(a_line_of_many_reads_is_one_line),
        TEST(files_are_no_longer_and_no_more_than_was_asked_for),
        TEST(one_file_can_be_all),
        TEST(a_follower_loses_and_doubles_nothing),
        TEST(what_a_reader_holds_is_kept_within_reason),
        TEST(a_writer_that_was_killed_between_two_names_is_no_end),
        TEST(who_does_not_follow_ends_where_the_log_ended_when_he_began),
        TEST(a_follower_has_the_log_before_it_is_written_and_after_its_folder_went),
        TEST(the_last_lines_are_whole_ones_of_both_streams),
        TEST(any_number_of_last_lines_is_what_reading_all_would_give),
        TEST(times_choose_entries),
        TEST(what_is_no_entry_is_counted_and_left_out),
        TEST(a_line_longer_than_any_entry_is_garbage),
        TEST(a_torn_end_is_ended_before_more_is_written),
        TEST(any_torn_end_leaves_whole_entries),
        TEST(a_log_that_somebody_emptied_goes_on),
        TEST(links_and_devices_are_no_logs),
        TEST(without_room_the_log_stays_whole_and_tells_what_is_missing),
        TEST(many_lines_of_one_read_are_cut_at_a_whole_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
