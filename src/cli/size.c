#include "cli/size.h"

#include "base/cleanup.h"

#include <stddef.h>
#include <stdio.h>

/* As many digits as "%.*g" has, which rounds to "1e+03" what is next to a thousand, as Docker does
 * too. */
static void format(double n, double base, const char *const units[6], int digits, char ret[32])
{
    size_t unit = 0;
    while (n >= base && unit < 5) {
        n /= base;
        unit++;
    }
    snprintf(ret, 32, "%.*g%s", digits, n, units[unit]);
}

static const char *const decimal_units[] = {"B", "kB", "MB", "GB", "TB", "PB"};

void format_size(long long bytes, char ret[32])
{
    format(bytes > 0 ? (double)bytes : 0, 1000, decimal_units, 3, ret);
}

void format_fine_size(long long bytes, char ret[32])
{
    format(bytes > 0 ? (double)bytes : 0, 1000, decimal_units, 4, ret);
}

void format_binary_size(unsigned long long bytes, char ret[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    format((double)bytes, 1024, units, 4, ret);
}
