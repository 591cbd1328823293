#include "cli/confirm.h"

#include "base/str.h"
#include "cli/cli.h"

#include <strings.h>

int confirm(const char *warning, const char *what, struct err *e)
{
    _cleanup_free_ char *question =
        str_printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
    char answer[8] = "";
    int r = question ? cli_print(question, e) : err_nomem(e);
    if (r < 0)
        return r;
    size_t n = 0;
    char c;
    /* By bytes: what follows the line is somebody else's. */
    while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
        if (n + 1 < sizeof(answer))
            answer[n++] = c;
    if (!isatty(STDIN_FILENO))
        cli_print("\n", NULL);
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0
               ? 0
               : err_set(e, ECANCELED, "%s has been cancelled", what);
}
