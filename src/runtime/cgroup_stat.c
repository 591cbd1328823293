#include "runtime/cgroup_stat.h"

#include "base/str.h"
#include "runtime/cgroup_private.h"

#include <limits.h>
#include <string.h>

/* --- texts ------------------------------------------------------------------------------- */

/* A number at @p, up to where it ends. */
static bool number_at(const char *p, unsigned long long *ret)
{
    if (*p < '0' || *p > '9')
        return false;
    errno = 0;
    unsigned long long n = strtoull(p, NULL, 10);
    if (errno)
        return false;
    *ret = n;
    return true;
}

int cgroup_parse_number(const char *text, const char *key, unsigned long long *ret)
{
    const char *p = text;
    size_t n = key ? strlen(key) : 0;
    while (key && *p && !(strncmp(p, key, n) == 0 && p[n] == ' ')) {
        p = strchrnul(p, '\n');
        p += *p == '\n';
    }
    p += *p ? n : 0;
    return number_at(p + strspn(p, " "), ret) ? 0 : -ENODATA;
}

static void add(unsigned long long *sum, unsigned long long n)
{
    *sum = n > ULLONG_MAX - *sum ? ULLONG_MAX : *sum + n;
}

/* The next line of *at, and behind its "8:16 " when it begins so; NULL at the end. */
static const char *next_device(const char **at)
{
    while (**at) {
        const char *line = *at, *end = strchrnul(line, '\n');
        *at = end + (*end == '\n');
        size_t n = strspn(line, "0123456789:");
        if (n >= 3 && line[n] == ' ' && memchr(line, ':', n))
            return line + n + 1;
    }
    return NULL;
}

void cgroup_parse_io_v1(const char *text, unsigned long long *read, unsigned long long *written)
{
    unsigned long long n;
    for (const char *word; (word = next_device(&text));) {
        const char *value = str_after(word, "Read ");
        if (value && number_at(value, &n))
            add(read, n);
        value = str_after(word, "Write ");
        if (value && number_at(value, &n))
            add(written, n);
    }
}

void cgroup_parse_io_v2(const char *text, unsigned long long *read, unsigned long long *written)
{
    unsigned long long n;
    for (const char *word; (word = next_device(&text));) {
        for (; *word && *word != '\n'; word += *word == ' ') {
            const char *value = str_after(word, "rbytes=");
            if (value && number_at(value, &n))
                add(read, n);
            value = str_after(word, "wbytes=");
            if (value && number_at(value, &n))
                add(written, n);
            word += strcspn(word, " \n");
        }
    }
}

/* --- a group ----------------------------------------------------------------------------- */

static unsigned long long number_of(const struct cgroup *cg, const char *controller,
                                    const char *file, const char *key)
{
    unsigned long long n = 0;
    return cgroup_read_number(cg, controller, file, key, &n) == 0 ? n : 0;
}

static unsigned long long read_cpu(const struct cgroup *cg)
{
    if (!cgroup_is_v2(cg))
        return number_of(cg, "cpuacct", "cpuacct.usage", NULL);
    unsigned long long us = number_of(cg, "cpu", "cpu.stat", "usage_usec");
    return us > ULLONG_MAX / 1000 ? ULLONG_MAX : us * 1000;
}

static void read_memory(const struct cgroup *cg, struct cgroup_stat *s)
{
    bool v2 = cgroup_is_v2(cg);
    s->memory = number_of(cg, "memory", v2 ? "memory.current" : "memory.usage_in_bytes", NULL);
    unsigned long long idle =
        number_of(cg, "memory", "memory.stat", v2 ? "inactive_file" : "total_inactive_file");
    s->memory -= idle < s->memory ? idle : 0;
    /* "max" is no number; v1's is the highest there is. */
    s->memory_limit = ULLONG_MAX;
    const char *file = v2 ? "memory.max" : "memory.limit_in_bytes";
    unsigned long long limit;
    if (cgroup_read_number(cg, "memory", file, NULL, &limit) == 0 && limit < LLONG_MAX / 2)
        s->memory_limit = limit;
}

static void read_io(const struct cgroup *cg, struct cgroup_stat *s)
{
    /* Counted by whoever schedules the device: BFQ has its own files. */
    static const char *const v1_files[] = {"blkio.throttle.io_service_bytes_recursive",
                                           "blkio.bfq.io_service_bytes_recursive"};
    if (cgroup_is_v2(cg)) {
        _cleanup_free_ char *text = NULL;
        if (cgroup_read(cg, "io", "io.stat", &text) == 0)
            cgroup_parse_io_v2(text, &s->read, &s->written);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(v1_files) && s->read == 0 && s->written == 0; i++) {
        _cleanup_free_ char *text = NULL;
        if (cgroup_read(cg, "blkio", v1_files[i], &text) == 0)
            cgroup_parse_io_v1(text, &s->read, &s->written);
    }
}

static int read_pids(const struct cgroup *cg, unsigned long long *ret, struct err *e)
{
    if (cgroup_read_number(cg, "pids", "pids.current", NULL, ret) == 0)
        return 0;
    _cleanup_free_ pid_t *pids = NULL;
    ssize_t n = cgroup_pids(cg, &pids, e);
    if (n < 0)
        return (int)n;
    *ret = (unsigned long long)n;
    return 0;
}

int cgroup_stat(const struct cgroup *cg, struct cgroup_stat *ret, struct err *e)
{
    struct cgroup_stat s = {.cpu = read_cpu(cg)};
    read_memory(cg, &s);
    read_io(cg, &s);
    int r = read_pids(cg, &s.pids, e);
    if (r < 0)
        return r;
    *ret = s;
    return 0;
}
