/*
 * Times as people and programs exchange them: RFC 3339, in UTC.
 */
#ifndef SKIFF_BASE_TIMESTAMP_H
#define SKIFF_BASE_TIMESTAMP_H

#include <time.h>

/* "2006-01-02T15:04:05.999999999Z". */
void format_time(struct timespec when, char ret[40]);

/* A span as Docker's users (Go's time.ParseDuration) write it: "10m", "1h30m", "1.5s", "-2h"; units
 * ns, us, ms, s, m, h, and alone "0". In nanoseconds. -EINVAL, or -ERANGE beyond 292 years. */
int parse_duration(const char *text, long long *ret_ns);

/* A moment as --since and --until take it: a duration before @now ("10m"), RFC 3339 with or without
 * zone, seconds and minutes ("2006-01-02T15:04", "2006-01-02"; local time without a zone), or
 * seconds since 1970 with a fraction. -EINVAL for anything else. */
int parse_moment(const char *text, struct timespec now, struct timespec *ret);

#endif
