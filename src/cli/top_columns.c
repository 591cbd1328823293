#include "cli/top_columns.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { ACCOUNTS_LIMIT = 16 << 20 };

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A machine without names for its users has their numbers. */
static char *read_accounts(const char *path)
{
    char *text = NULL;
    return file_read(AT_FDCWD, path, ACCOUNTS_LIMIT, &text, NULL, NULL) == 0 ? text : strdup("");
}

int top_machine_read(struct top_machine *ret, struct err *e)
{
    struct sysinfo info;
    sysinfo(&info);
    *ret = (struct top_machine){
        .users = read_accounts("/etc/passwd"),
        .groups = read_accounts("/etc/group"),
        .ticks = sysconf(_SC_CLK_TCK),
        .now = seconds(CLOCK_BOOTTIME),
        .memory = (unsigned long long)info.totalram * info.mem_unit,
    };
    ret->boot = (long long)(seconds(CLOCK_REALTIME) - ret->now);
    return ret->users && ret->groups ? 0 : err_nomem(e);
}

void top_machine_release(struct top_machine *m)
{
    free(m->users);
    free(m->groups);
    m->users = m->groups = NULL;
}

/* --- values ------------------------------------------------------------------------------ */

typedef const struct process_info info;
typedef const struct top_machine machine;

/* The name of the line "NAME:x:@id:", or the number. */
static void add_account(const char *text, unsigned id, struct str *out)
{
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *colon = memchr(line, ':', (size_t)(end - line));
        const char *number = colon ? memchr(colon + 1, ':', (size_t)(end - colon - 1)) : NULL;
        char *after;
        if (number && number[1] >= '0' && number[1] <= '9' &&
            strtoul(number + 1, &after, 10) == id && (*after == ':' || after == end)) {
            str_addn(out, line, (size_t)(colon - line));
            return;
        }
        line = end + (*end == '\n');
    }
    str_addf(out, "%u", id);
}

#define NUMBER_COLUMN(name, format, value)                                                         \
    static void add_##name(info *p, machine *m, struct str *out)                                   \
    {                                                                                              \
        (void)m;                                                                                   \
        str_addf(out, format, value);                                                              \
    }

static double elapsed(info *p, machine *m)
{
    double s = m->now - (double)p->start / (double)m->ticks;
    return s > 0 ? s : 0;
}

static unsigned long long cpu_seconds(info *p, machine *m)
{
    return (p->utime + p->stime) / (unsigned long long)m->ticks;
}

static double cpu_percent(info *p, machine *m)
{
    double lived = elapsed(p, m);
    return lived > 0 ? (double)(p->utime + p->stime) / (double)m->ticks / lived * 100 : 0;
}

NUMBER_COLUMN(pid, "%d", (int)p->pid)
NUMBER_COLUMN(ppid, "%d", (int)p->ppid)
NUMBER_COLUMN(pgid, "%d", (int)p->pgrp)
NUMBER_COLUMN(sid, "%d", (int)p->session)
NUMBER_COLUMN(uid, "%u", p->euid)
NUMBER_COLUMN(ruid, "%u", p->ruid)
NUMBER_COLUMN(gid, "%u", p->egid)
NUMBER_COLUMN(rgid, "%u", p->rgid)
NUMBER_COLUMN(c, "%d", (int)(cpu_percent(p, m) > 99 ? 99 : cpu_percent(p, m)))
NUMBER_COLUMN(pcpu, "%.1f", cpu_percent(p, m))
NUMBER_COLUMN(pmem, "%.1f", m->memory ? (double)p->rss * 100 / (double)m->memory : 0)
NUMBER_COLUMN(vsz, "%llu", p->vsize / 1024)
NUMBER_COLUMN(rss, "%llu", p->rss / 1024)
NUMBER_COLUMN(nice, "%ld", p->nice)
NUMBER_COLUMN(priority, "%ld", 39 - p->priority)
NUMBER_COLUMN(threads, "%ld", p->threads)
NUMBER_COLUMN(processor, "%ld", p->processor)
NUMBER_COLUMN(state, "%c", p->state)
NUMBER_COLUMN(etimes, "%lld", (long long)elapsed(p, m))
NUMBER_COLUMN(cputimes, "%llu", cpu_seconds(p, m))

static void add_user(info *p, machine *m, struct str *out)
{
    add_account(m->users, p->euid, out);
}

static void add_ruser(info *p, machine *m, struct str *out)
{
    add_account(m->users, p->ruid, out);
}

static void add_group(info *p, machine *m, struct str *out)
{
    add_account(m->groups, p->egid, out);
}

static void add_rgroup(info *p, machine *m, struct str *out)
{
    add_account(m->groups, p->rgid, out);
}

/* R, S, …, and what ps adds to it: leads a session, has threads, stands in the foreground. */
static void add_stat(info *p, machine *m, struct str *out)
{
    (void)m;
    str_addf(out, "%c%s%s%s%s%s", p->state, p->nice < 0 ? "<" : "", p->nice > 0 ? "N" : "",
             p->session == p->pid ? "s" : "", p->threads > 1 ? "l" : "",
             p->tty && p->tpgid == p->pgrp ? "+" : "");
}

/* The names that Linux gives to terminals (devices.txt in the kernel's documentation). */
static void add_tty(info *p, machine *m, struct str *out)
{
    (void)m;
    unsigned major_number = major(p->tty), minor_number = minor(p->tty);
    if (p->tty == 0)
        str_add(out, "?");
    else if (major_number >= 136 && major_number <= 143)
        str_addf(out, "pts/%u", (major_number - 136) * 256 + minor_number);
    else if (major_number == 4 && minor_number < 64)
        str_addf(out, "tty%u", minor_number);
    else if (major_number == 4)
        str_addf(out, "ttyS%u", minor_number - 64);
    else
        str_addf(out, "%u:%u", major_number, minor_number);
}

/* "[DD-]HH:MM:SS"; hours left out when there are none, if @short_form. */
static void add_duration(unsigned long long s, bool short_form, struct str *out)
{
    unsigned long long days = s / 86400, hours = s / 3600 % 24;
    if (days)
        str_addf(out, "%llu-", days);
    if (days || hours || !short_form)
        str_addf(out, "%02llu:", hours);
    str_addf(out, "%02llu:%02llu", s / 60 % 60, s % 60);
}

static void add_time(info *p, machine *m, struct str *out)
{
    add_duration(cpu_seconds(p, m), false, out);
}

static void add_bsdtime(info *p, machine *m, struct str *out)
{
    unsigned long long s = cpu_seconds(p, m);
    str_addf(out, "%llu:%02llu", s / 60, s % 60);
}

static void add_etime(info *p, machine *m, struct str *out)
{
    add_duration((unsigned long long)elapsed(p, m), true, out);
}

static void add_start(info *p, machine *m, struct str *out, const char *today,
                      const char *this_year, const char *before)
{
    time_t start = (time_t)(m->boot + (long long)(p->start / (unsigned long long)m->ticks));
    time_t now = time(NULL);
    struct tm then_tm, now_tm;
    char text[64] = "";
    if (!localtime_r(&start, &then_tm) || !localtime_r(&now, &now_tm))
        return;
    const char *format = then_tm.tm_year != now_tm.tm_year   ? before
                         : then_tm.tm_yday != now_tm.tm_yday ? this_year
                                                             : today;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    strftime(text, sizeof(text), format, &then_tm);
#pragma GCC diagnostic pop
    str_add(out, text);
}

static void add_stime(info *p, machine *m, struct str *out)
{
    add_start(p, m, out, "%H:%M", "%b%d", "%Y");
}

static void add_started(info *p, machine *m, struct str *out)
{
    add_start(p, m, out, "%H:%M:%S", "%b %d", "%b %d %Y");
}

static void add_lstart(info *p, machine *m, struct str *out)
{
    static const char format[] = "%a %b %e %H:%M:%S %Y";
    add_start(p, m, out, format, format, format);
}

static void add_comm(info *p, machine *m, struct str *out)
{
    (void)m;
    str_add_visible(out, p->name, "");
    if (p->state == 'Z')
        str_add(out, " <defunct>");
}

static void add_args(info *p, machine *m, struct str *out)
{
    (void)m;
    if (*p->arguments) {
        str_add_visible(out, p->arguments, "");
        return;
    }
    str_add(out, "[");
    str_add_visible(out, p->name, "");
    str_add(out, p->state == 'Z' ? "] <defunct>" : "]");
}

static const struct top_column columns[] = {
    {"pid", "PID", add_pid},
    {"tgid", "TGID", add_pid},
    {"ppid", "PPID", add_ppid},
    {"pgid", "PGID", add_pgid},
    {"pgrp", "PGRP", add_pgid},
    {"sid", "SID", add_sid},
    {"sess", "SESS", add_sid},
    {"session", "SESS", add_sid},
    {"uid", "UID", add_uid},
    {"euid", "EUID", add_uid},
    {"ruid", "RUID", add_ruid},
    {"user", "USER", add_user},
    {"euser", "EUSER", add_user},
    {"uname", "USER", add_user},
    {"ruser", "RUSER", add_ruser},
    {"gid", "GID", add_gid},
    {"egid", "EGID", add_gid},
    {"rgid", "RGID", add_rgid},
    {"group", "GROUP", add_group},
    {"egroup", "EGROUP", add_group},
    {"rgroup", "RGROUP", add_rgroup},
    {"c", "C", add_c},
    {"pcpu", "%CPU", add_pcpu},
    {"%cpu", "%CPU", add_pcpu},
    {"pmem", "%MEM", add_pmem},
    {"%mem", "%MEM", add_pmem},
    {"vsz", "VSZ", add_vsz},
    {"vsize", "VSZ", add_vsz},
    {"rss", "RSS", add_rss},
    {"rsz", "RSZ", add_rss},
    {"rssize", "RSS", add_rss},
    {"tty", "TT", add_tty},
    {"tt", "TT", add_tty},
    {"tname", "TTY", add_tty},
    {"stat", "STAT", add_stat},
    {"s", "S", add_state},
    {"state", "S", add_state},
    {"stime", "STIME", add_stime},
    {"start_time", "START", add_stime},
    {"bsdstart", "START", add_stime},
    {"start", "STARTED", add_started},
    {"lstart", "STARTED", add_lstart},
    {"etime", "ELAPSED", add_etime},
    {"etimes", "ELAPSED", add_etimes},
    {"time", "TIME", add_time},
    {"cputime", "TIME", add_time},
    {"times", "TIME", add_cputimes},
    {"cputimes", "TIME", add_cputimes},
    {"bsdtime", "TIME", add_bsdtime},
    {"ni", "NI", add_nice},
    {"nice", "NI", add_nice},
    {"pri", "PRI", add_priority},
    {"nlwp", "NLWP", add_threads},
    {"thcount", "THCNT", add_threads},
    {"psr", "PSR", add_processor},
    {"comm", "COMMAND", add_comm},
    {"ucmd", "CMD", add_comm},
    {"ucomm", "COMMAND", add_comm},
    {"args", "COMMAND", add_args},
    {"cmd", "CMD", add_args},
    {"command", "COMMAND", add_args},
};

const struct top_column *top_column_find(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (strlen(columns[i].name) == n && strncmp(columns[i].name, name, n) == 0)
            return &columns[i];
    return NULL;
}
