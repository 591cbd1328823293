#include "kernel/process_info.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>

enum { STAT_LIMIT = 64 << 10, ARGUMENTS_LIMIT = 64 << 10, FIELD_STATE = 3, FIELDS = 39 };

/* The fields behind the name by their numbers in proc(5); what is missing is zero. */
static void parse_fields(const char *p, long long fields[FIELDS + 1])
{
    for (int i = FIELD_STATE + 1; i <= FIELDS && *p; i++) {
        char *end;
        fields[i] = strtoll(p, &end, 10);
        if (end == p)
            return;
        p = end;
    }
}

int process_info_parse(const char *stat, struct process_info *ret)
{
    /* The name stands in parentheses and may hold anything: the last one ends it. */
    const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
    if (!open || !close || close < open || close[1] != ' ' || !close[2])
        return -EBADMSG;
    char *name = strndup(open + 1, (size_t)(close - open - 1));
    if (!name)
        return -ENOMEM;
    long long f[FIELDS + 1] = {0};
    parse_fields(close + 3, f);
    *ret = (struct process_info){
        .pid = (pid_t)strtol(stat, NULL, 10),
        .name = name,
        .state = close[2],
        .ppid = (pid_t)f[4],
        .pgrp = (pid_t)f[5],
        .session = (pid_t)f[6],
        .tty = (unsigned)f[7],
        .tpgid = (pid_t)f[8],
        .utime = (unsigned long long)f[14],
        .stime = (unsigned long long)f[15],
        .priority = (long)f[18],
        .nice = (long)f[19],
        .threads = (long)f[20],
        .start = (unsigned long long)f[22],
        .vsize = (unsigned long long)f[23],
        .processor = (long)f[39],
    };
    return 0;
}

/* "Uid:\t0\t0\t0\t0": real and effective. */
static void parse_ids(const char *status, const char *key, unsigned *ret_real,
                      unsigned *ret_effective)
{
    const char *line = strstr(status, key);
    if (!line)
        return;
    char *end;
    *ret_real = (unsigned)strtoul(line + strlen(key), &end, 10);
    *ret_effective = (unsigned)strtoul(end, NULL, 10);
}

/* "VmRSS:\t  1364 kB"; a zombie has none. */
static unsigned long long parse_rss(const char *status)
{
    static const char key[] = "\nVmRSS:";
    const char *line = strstr(status, key);
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

/* Each ends with a NUL; only as much as anybody reads of it. */
static char *read_arguments(int proc)
{
    _cleanup_close_ int fd = openat(proc, "cmdline", O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *text = malloc(ARGUMENTS_LIMIT + 1);
    if (!text)
        return NULL;
    ssize_t n = fd < 0 ? 0 : read(fd, text, ARGUMENTS_LIMIT);
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        text[i] = text[i] ? text[i] : ' ';
    text[n > 0 ? n : 0] = '\0';
    return TAKE_PTR(text);
}

int process_info_read(pid_t pid, struct process_info *ret)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    /* All of it through one descriptor: of one process, whoever gets its number. */
    _cleanup_close_ int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *stat = NULL, *status = NULL;
    int r = proc < 0 ? -errno : file_read(proc, "stat", STAT_LIMIT, &stat, NULL, NULL);
    if (r == 0)
        r = file_read(proc, "status", STAT_LIMIT, &status, NULL, NULL);
    if (r < 0 || !stat || !status)
        return r == -ENOMEM ? -ENOMEM : -ESRCH;
    struct process_info p;
    r = process_info_parse(stat, &p);
    if (r < 0)
        return r;
    parse_ids(status, "\nUid:", &p.ruid, &p.euid);
    parse_ids(status, "\nGid:", &p.rgid, &p.egid);
    p.rss = parse_rss(status);
    p.arguments = read_arguments(proc);
    if (!p.arguments) {
        process_info_release(&p);
        return -ENOMEM;
    }
    *ret = p;
    return 0;
}

void process_info_release(struct process_info *p)
{
    free(p->name);
    free(p->arguments);
    p->name = p->arguments = NULL;
}
