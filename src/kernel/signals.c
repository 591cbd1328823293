#include "kernel/signals.h"

#include "base/str.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

int signal_by_name(const char *name)
{
    long long n;
    if (str_to_int64(name, 1, SIGRTMAX, &n) == 0)
        return (int)n;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;

    for (int i = 1; i < SIGRTMIN; i++) {
        const char *abbreviation = sigabbrev_np(i);
        if (abbreviation && strcasecmp(name, abbreviation) == 0)
            return i;
    }
    if (strncasecmp(name, "RTMIN", 5) == 0) {
        if (name[5] == '\0')
            return SIGRTMIN;
        if (name[5] == '+' && str_to_int64(name + 6, 0, SIGRTMAX - SIGRTMIN, &n) == 0)
            return SIGRTMIN + (int)n;
    }
    if (strncasecmp(name, "RTMAX", 5) == 0) {
        if (name[5] == '\0')
            return SIGRTMAX;
        if (name[5] == '-' && str_to_int64(name + 6, 0, SIGRTMAX - SIGRTMIN, &n) == 0)
            return SIGRTMAX - (int)n;
    }
    return -EINVAL;
}
