/*
 * Times as people and programs exchange them: RFC 3339, in UTC.
 */
#ifndef SKIFF_BASE_TIMESTAMP_H
#define SKIFF_BASE_TIMESTAMP_H

#include <time.h>

/* "2006-01-02T15:04:05.999999999Z". */
void format_time(struct timespec when, char ret[40]);

#endif
