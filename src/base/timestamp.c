#include "base/timestamp.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

/* gmtime_r would read /etc/localtime first. The calendar repeats every 400 years of 146,097 days;
 * years are counted from March, so that the leap day is the last. */
void format_time(struct timespec when, char ret[40])
{
    long long days = when.tv_sec / 86400, second = when.tv_sec % 86400;
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    long long era = days / 146097, day = days % 146097;
    long long year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    long long of_year = day - (365 * year + year / 4 - year / 100);
    long long month = (5 * of_year + 2) / 153;
    long long of_month = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    snprintf(ret, 40, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)of_month % 100, (unsigned)(second / 3600) % 100,
             (unsigned)(second / 60 % 60), (unsigned)(second % 60),
             (unsigned)when.tv_nsec % 1000000000);
}

enum { BILLION = 1000000000 };

/* The digits at *@s behind a point, as billionths; more than nine are cut. */
static long parse_fraction(const char **s)
{
    long ns = 0, unit = BILLION / 10;
    for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
        ns += (**s - '0') * unit;
    return ns;
}

/* Digits at *@s; -EINVAL when there is none, -ERANGE when there are too many. */
static int parse_whole(const char **s, long long *ret)
{
    long long n = 0;
    const char *begin = *s;
    for (; **s >= '0' && **s <= '9'; (*s)++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **s - '0', &n))
            return -ERANGE;
    *ret = n;
    return *s == begin ? -EINVAL : 0;
}

static long long parse_unit(const char **s)
{
    static const struct {
        const char *name;
        long long ns;
    } units[] = {
        {"ns", 1},      {"us", 1000},          {"\u00b5s", 1000},       {"ms", 1000000},
        {"s", BILLION}, {"m", 60LL * BILLION}, {"h", 3600LL * BILLION},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const char *rest = str_after(*s, units[i].name);
        if (rest) {
            *s = rest;
            return units[i].ns;
        }
    }
    return -EINVAL;
}

int parse_duration(const char *text, long long *ret_ns)
{
    const char *s = text;
    bool negative = *s == '-';
    long long sum = 0;
    s += *s == '-' || *s == '+';
    if (str_eq(s, "0")) {
        *ret_ns = 0;
        return 0;
    }
    do {
        long long whole = 0, part;
        long fraction = 0;
        int r = *s == '.' ? 0 : parse_whole(&s, &whole);
        if (r < 0)
            return r;
        if (*s == '.') {
            const char *digits = ++s;
            fraction = parse_fraction(&s);
            if (s == digits)
                return -EINVAL;
        }
        long long unit = parse_unit(&s);
        if (unit < 0)
            return -EINVAL;
        if (__builtin_mul_overflow(whole, unit, &part) || __builtin_add_overflow(sum, part, &sum))
            return -ERANGE;
        part = (long long)((double)fraction / BILLION * (double)unit);
        if (__builtin_add_overflow(sum, part, &sum))
            return -ERANGE;
    } while (*s);
    *ret_ns = negative ? -sum : sum;
    return 0;
}

static int parse_seconds(const char *text, struct timespec *ret)
{
    const char *s = text;
    long long whole;
    long fraction = 0;
    int r = parse_whole(&s, &whole);
    if (r < 0)
        return -EINVAL;
    if (*s == '.') {
        s++;
        fraction = parse_fraction(&s);
    }
    if (*s)
        return -EINVAL;
    *ret = (struct timespec){.tv_sec = whole, .tv_nsec = fraction};
    return 0;
}

/* "Z", "+02:00" or nothing (local time) behind the date in @tm. */
static int in_zone(const char *zone, struct tm *tm, time_t *ret)
{
    if (*zone == '\0') {
        tm->tm_isdst = -1;
        *ret = mktime(tm);
        return 0;
    }
    *ret = timegm(tm);
    if (str_eq(zone, "Z"))
        return 0;
    static const char digits[] = "0123456789";
    if ((*zone != '+' && *zone != '-') || strspn(zone + 1, digits) != 2 || zone[3] != ':' ||
        strspn(zone + 4, digits) != 2 || zone[6])
        return -EINVAL;
    int hours = (zone[1] - '0') * 10 + (zone[2] - '0');
    int minutes = (zone[4] - '0') * 10 + (zone[5] - '0');
    *ret -= (*zone == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return 0;
}

static int parse_date(const char *text, struct timespec *ret)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
                                          "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm tm = {0};
        const char *rest = strptime(text, formats[i], &tm);
        long fraction = 0;
        if (rest && i == 0 && *rest == '.') {
            rest++;
            fraction = parse_fraction(&rest);
        }
        time_t seconds;
        if (rest && in_zone(rest, &tm, &seconds) == 0) {
            *ret = (struct timespec){.tv_sec = seconds, .tv_nsec = fraction};
            return 0;
        }
    }
    return -EINVAL;
}

int parse_moment(const char *text, struct timespec now, struct timespec *ret)
{
    long long ns;
    if (parse_seconds(text, ret) == 0 || parse_date(text, ret) == 0)
        return 0;
    if (parse_duration(text, &ns) < 0)
        return -EINVAL;
    long long seconds = now.tv_sec - ns / BILLION, rest = now.tv_nsec - ns % BILLION;
    seconds += rest < 0 ? -1 : rest >= BILLION ? 1 : 0;
    *ret = (struct timespec){.tv_sec = seconds, .tv_nsec = (rest + BILLION) % BILLION};
    return 0;
}
