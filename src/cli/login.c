#include "cli/image_helper.h"
#include "cli/login_server.h"
#include "cli/prompt.h"
#include "image/credentials.h"
#include "image/registries.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

struct login_options {
    const char *user, *password;
    bool from_stdin;
};

static const struct option_def login_table[] = {
    {"password", 'p', OPTION_STRING, offsetof(struct login_options, password), "PASSWORD",
     "Password or access token; others can see it here: better --password-stdin", "Options"},
    {"password-stdin", 0, OPTION_FLAG, offsetof(struct login_options, from_stdin), NULL,
     "Read the password or access token from standard input", NULL},
    {"username", 'u', OPTION_STRING, offsetof(struct login_options, user), "NAME", "User name",
     NULL},
    {0},
};

static int check_options(const struct login_options *o, struct err *e)
{
    if (o->password)
        fputs("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", stderr);
    if (o->password && o->from_stdin)
        return err_set(e, EINVAL,
                       "conflicting options: cannot specify both --password and --password-stdin");
    if (o->from_stdin && !o->user)
        return err_set(e, EINVAL, "the --password-stdin option requires --username to be set");
    return 0;
}

/* The command line can be read by everybody: there it stands no longer than it takes to get here.
 */
static int take_password(const char *from, char **ret, struct err *e)
{
    char *password = strdup(from);
    if (!password)
        return err_nomem(e);
    explicit_bzero((char *)(uintptr_t)from, strlen(from));
    *ret = password;
    return 0;
}

static int take_user(const char *from, char **ret, struct err *e)
{
    *ret = strdup(from);
    return *ret ? 0 : err_nomem(e);
}

/* @known is the user who is logged in there now, or NULL. */
static int ask_user(const char *registry, const char *known, char **ret, struct err *e)
{
    _cleanup_free_ char *question =
        known ? str_printf("Username (%s): ", known) : strdup("Username: ");
    if (!question)
        return err_nomem(e);
    if (str_eq(registry, HUB_DOMAIN))
        cli_print("Log in with your Docker ID or email address to use images of Docker Hub.\n"
                  "A personal access token is safer than the password.\n",
                  NULL);
    int r = prompt(question, false, ret, e);
    if (r == 0 && *ret && !**ret && known) {
        secret_free(ret);
        r = take_user(known, ret, e);
    }
    if (r == 0 && (!*ret || !**ret))
        r = err_set(e, EINVAL, "non-null username required");
    return r;
}

/* Fills what the options leave open. */
static int ask(const struct login_options *o, const char *registry, const char *known,
               struct credentials *c, struct err *e)
{
    bool whole = o->user && (o->password || o->from_stdin);
    if (!whole && !isatty(STDIN_FILENO))
        return err_set(e, ENOTTY, "cannot perform an interactive login from a non TTY device");
    int r = o->user ? take_user(o->user, &c->user, e) : ask_user(registry, known, &c->user, e);
    if (r == 0 && o->password)
        r = take_password(o->password, &c->password, e);
    else if (r == 0)
        r = o->from_stdin ? prompt_read_all(&c->password, e)
                          : prompt("Password: ", true, &c->password, e);
    if (r == 0 && !*c->user)
        r = err_set(e, EINVAL, "username is empty");
    return r == 0 && !*c->password ? err_set(e, EINVAL, "password is empty") : r;
}

/* A registry may give a token of its own for later in place of the password:
 * {"identitytoken": "…"}. */
static int take_token(const char *answer, struct credentials *c, struct err *e)
{
    _cleanup_json_ json_t *said = NULL;
    if (answer[strspn(answer, " \n")] == '\0')
        return 0;
    if (json_parse(answer, strlen(answer), "answer", &said, NULL) < 0)
        return err_set(e, EINVAL, "\"skiff-image\" answers in no form that is known");
    const char *token = json_str(said, "identitytoken");
    if (!token || !*token)
        return 0;
    secret_free(&c->password);
    return take_user(token, &c->identity_token, e);
}

/* Whether the registry takes them: 0; 1 when it does not, which was told. They go through a pipe,
 * whose buffer has room for them. */
static int try_them(struct cli *c, const char *registry, struct credentials *who, struct err *e)
{
    int fds[2];
    struct image_helper_files files = IMAGE_HELPER_FILES;
    _cleanup_image_helper_ struct image_helper helper = IMAGE_HELPER_INIT;
    _cleanup_strv_ struct strv args = {0};
    _cleanup_secret_ char *answer = NULL;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    files.kept = from;
    strv_addf(&args, "%s/skiff-image", c->libexec);
    strv_add(&args, "ping");
    strv_add(&args, "--prefix=skiff");
    strv_addf(&args, "--credentials-fd=%d", from);
    strv_add(&args, registry);
    int r = args.failed ? err_nomem(e) : image_helper_start(args.v, &files, &helper, e);
    fd_close(&from);
    if (r == 0)
        r = credentials_send(who, to, e);
    fd_close(&to);
    if (r == 0)
        r = image_helper_finish(&helper, &answer, NULL, e);
    return r == 0 ? take_token(answer, who, e) : r;
}

static int keep(const struct credential_places *places, const char *registry,
                const struct credentials *who, struct err *e)
{
    _cleanup_free_ char *where = NULL;
    int r = credentials_store(places, registry, who, &where, e);
    if (r == 0 && where)
        fprintf(stderr,
                "\nWARNING! Your credentials are stored unencrypted in '%s'.\n"
                "A credential helper (\"credsStore\" or \"credHelpers\" in that file) keeps them "
                "safer.\n\n",
                where);
    return r;
}

/* Without a user or password on the command line those that are there are tried first. 0: they are
 * good; 1: others are needed. */
static int try_known(struct cli *c, const char *registry, struct credentials *known, struct err *e)
{
    if (!credentials_are_there(known))
        return 1;
    printf("Authenticating with existing credentials...");
    if (known->user)
        printf(" [Username: %s]", known->user);
    int r = cli_print("\n", e);
    return r == 0 ? try_them(c, registry, known, e) : r;
}

static int login(struct cli *c, const struct login_options *o, const char *registry, struct err *e)
{
    _cleanup_credential_places_ struct credential_places places = {0};
    _cleanup_credentials_ struct credentials known = {0}, who = {0};
    int r = credential_places_default(&places, e);
    if (r == 0)
        r = credentials_find(&places, registry, NULL, &known, e);
    if (r < 0)
        return r;
    r = o->user || o->password ? 1 : try_known(c, registry, &known, e);
    if (r == 1) {
        r = ask(o, registry, known.user, &who, e);
        if (r == 0)
            r = try_them(c, registry, &who, e);
        if (r == 0)
            r = keep(&places, registry, &who, e);
    }
    return r == 0 ? cli_print("Login Succeeded\n", e) : r;
}

static int run_login(struct cli *c, int argc, char **argv, struct err *e)
{
    struct login_options o = {0};
    _cleanup_free_ char *registry = NULL;
    char **words;
    int n;
    int r = cli_parse(&cmd_login, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = check_options(&o, e);
    if (r == 0)
        r = login_server(n > 0 ? words[0] : NULL, &registry, e);
    return r == 0 ? login(c, &o, registry, e) : r;
}

const struct cli_command cmd_login = {
    .line = "login [OPTIONS] [SERVER]",
    .summary = "Log in to a registry",
    .more = "SERVER is a registry's HOST[:PORT]; without it, Docker Hub. The registry is asked\n"
            "whether it takes the credentials before they are kept: by a credential helper,\n"
            "if DOCKER_CONFIG/config.json (~/.docker/config.json) names one, else in that file.",
    .options = login_table,
    .min = 0,
    .max = 1,
    .run = run_login,
};
