#include "base/timestamp.h"

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
