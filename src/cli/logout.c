#include "cli/cli.h"
#include "cli/login_server.h"
#include "image/credentials.h"

static int run_logout(struct cli *c, int argc, char **argv, struct err *e)
{
    _cleanup_credential_places_ struct credential_places places = {0};
    _cleanup_free_ char *registry = NULL;
    char nothing, **words;
    int n;
    int r = cli_parse(&cmd_logout, argc, argv, &nothing, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = login_server(n > 0 ? words[0] : NULL, &registry, e);
    if (r == 0)
        r = credential_places_default(&places, e);
    if (r < 0)
        return r;
    printf("Removing login credentials for %s\n", login_server_shown(registry));
    return credentials_erase(&places, registry, e);
}

const struct cli_command cmd_logout = {
    .line = "logout [SERVER]",
    .summary = "Log out from a registry",
    .more = "SERVER is a registry's HOST[:PORT]; without it, Docker Hub.",
    .min = 0,
    .max = 1,
    .run = run_logout,
};
