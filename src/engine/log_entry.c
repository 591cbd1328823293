#include "engine/log_entry.h"

#include <string.h>

static const char names[][9] = {" stdout ", " stderr "};
enum { NAME_LEN = 8 };

void log_entry_header(char ret[LOG_HEADER_LEN], const char time[LOG_TIME_LEN],
                      enum log_stream stream, bool partial)
{
    memcpy(ret, time, LOG_TIME_LEN);
    memcpy(ret + LOG_TIME_LEN, names[stream], NAME_LEN);
    ret[LOG_TIME_LEN + NAME_LEN] = partial ? 'P' : 'F';
    ret[LOG_TIME_LEN + NAME_LEN + 1] = ' ';
}

static bool is_time(const char *s)
{
    static const char shape[] = "0000-00-00T00:00:00.000000000Z";
    for (size_t i = 0; i < LOG_TIME_LEN; i++)
        if (shape[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
            return false;
    return true;
}

bool log_entry_parse(const char *line, size_t n, struct log_entry *ret)
{
    if (n < LOG_HEADER_LEN)
        return false;
    const char *name = line + LOG_TIME_LEN, *tag = name + NAME_LEN;
    bool is_stderr = memcmp(name, names[LOG_STDERR], NAME_LEN) == 0;
    if (!is_stderr && memcmp(name, names[LOG_STDOUT], NAME_LEN) != 0)
        return false;
    if ((tag[0] != 'F' && tag[0] != 'P') || tag[1] != ' ' || !is_time(line))
        return false;
    *ret = (struct log_entry){
        .time = line,
        .stream = is_stderr ? LOG_STDERR : LOG_STDOUT,
        .partial = tag[0] == 'P',
        .text = line + LOG_HEADER_LEN,
        .n = n - LOG_HEADER_LEN,
    };
    return true;
}
