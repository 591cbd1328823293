#include "cli/fields.h"

#include <stdbool.h>
#include <stddef.h>

char *field_next(char **at)
{
    char *field = *at, *in = field, *out = field;
    bool quoted = *in == '"';
    in += quoted;
    for (; *in && (quoted || *in != ','); in++) {
        if (quoted && *in == '"' && in[1] != '"')
            break;
        in += quoted && *in == '"';
        *out++ = *in;
    }
    if (quoted && (*in++ != '"' || (*in && *in != ',')))
        return NULL;
    *at = *in ? in + 1 : NULL;
    *out = '\0';
    return field;
}
