#include "engine/log_syslog.h"

#include "base/timestamp.h"
#include "engine/log_socket.h"
#include "engine/log_split.h"

#include <string.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

enum { SEVERITY_ERROR = 3, SEVERITY_INFO = 6 };

struct log_syslog {
    struct log_socket socket;
    struct log_split split;
    enum syslog_format format;
    unsigned facility;
    char *tag;
};

int log_syslog_open(const json_t *document, const struct log_config *config,
                    struct log_syslog **ret, struct err *e)
{
    struct log_syslog *s = calloc(1, sizeof(*s));
    if (!s)
        return err_nomem(e);
    s->format = config->syslog_format;
    s->facility = config->syslog_facility;
    s->tag = log_config_tag(document);
    int r = log_socket_open(&s->socket, config->syslog_path ? config->syslog_path : "/dev/log", e);
    if (r == 0 && !s->tag)
        r = err_nomem(e);
    if (r < 0)
        log_syslog_close(&s);
    else
        *ret = s;
    return r;
}

/* "Jan  2 15:04:05", in local time, as syslog(3) writes it in any language. */
static void format_stamp(time_t now, char ret[32])
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = {0};
    localtime_r(&now, &tm);
    snprintf(ret, 32, "%.3s %2u %02u:%02u:%02u", months + 3 * (tm.tm_mon % 12),
             (unsigned)tm.tm_mday % 32, (unsigned)tm.tm_hour % 24, (unsigned)tm.tm_min % 60,
             (unsigned)tm.tm_sec % 61);
}

/* All before the line. */
static void add_header(struct str *out, const struct log_syslog *s, enum log_stream stream)
{
    unsigned severity = stream == LOG_STDERR ? SEVERITY_ERROR : SEVERITY_INFO;
    struct timespec now;
    struct utsname host = {.nodename = "-"};
    char stamp[40];
    clock_gettime(CLOCK_REALTIME, &now);
    uname(&host);
    str_addf(out, "<%u>", s->facility << 3 | severity);
    if (s->format == SYSLOG_LOCAL || s->format == SYSLOG_RFC3164) {
        format_stamp(now.tv_sec, stamp);
        str_addf(out, "%s %s%s%s[%d]: ", stamp, s->format == SYSLOG_RFC3164 ? host.nodename : "",
                 s->format == SYSLOG_RFC3164 ? " " : "", s->tag, getpid());
        return;
    }
    /* Seconds, or microseconds; the nanoseconds of ours are more than the standard allows. */
    format_time(now, stamp);
    str_addf(out, "1 %.*sZ %s %s %d %s - ", s->format == SYSLOG_RFC5424 ? 19 : 26, stamp,
             host.nodename, s->tag, getpid(), s->tag);
}

static void send_line(void *data, enum log_stream stream, const char *line, size_t n, bool partial)
{
    struct log_syslog *s = data;
    _cleanup_str_ struct str header = {0};
    add_header(&header, s, stream);
    if (header.failed)
        return;
    struct iovec parts[] = {{.iov_base = header.s, .iov_len = header.len},
                            {.iov_base = (void *)(uintptr_t)line, .iov_len = n}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    int r = log_socket_send(&s->socket, &message);
    if (r < 0)
        s->socket.error = -r;
}

int log_syslog_write(struct log_syslog *s, enum log_stream stream, const char *bytes, size_t n)
{
    log_split_add(&s->split, stream, bytes, n, send_line, s);
    return s->socket.error;
}

void log_syslog_close(struct log_syslog **s)
{
    if (!*s)
        return;
    if ((*s)->socket.fd >= 0)
        log_split_end(&(*s)->split, send_line, *s);
    log_socket_close(&(*s)->socket);
    free((*s)->tag);
    free(*s);
    *s = NULL;
}
