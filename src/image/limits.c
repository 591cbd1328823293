#include "image/unpack.h"

#include <limits.h>
#include <stdlib.h>

int limits_from_environment(struct limits *ret, struct err *e)
{
    const struct {
        const char *name;
        long long max, *place;
    } known[] = {
        {"SKIFF_LIMIT_BYTES", LLONG_MAX, &ret->bytes},
        {"SKIFF_LIMIT_ENTRIES", LLONG_MAX, &ret->entries},
        {"SKIFF_LIMIT_PATH", PATH_MAX - 1, &ret->path},
        {"SKIFF_LIMIT_RATIO", LLONG_MAX, &ret->ratio},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const char *text = getenv(known[i].name), *bad;
        long long n;
        if (!text || !*text)
            continue;
        if (str_to_bytes(text, &n, &bad) < 0 || n < 1 || n > known[i].max)
            return err_set(
                e, EINVAL,
                "%s is \"%s\", and not a number such as 1000000 or 10g between 1 and %lld",
                known[i].name, text, known[i].max);
        *known[i].place = n;
    }
    return 0;
}
