#include "image/ping.h"

#include "base/file.h"
#include "image/fetcher.h"
#include "image/layout.h"

#include <stdio.h>
#include <string.h>

static int find_place(const char *registry, struct endpoint_list *ret, struct err *e)
{
    _cleanup_registry_places_ struct registry_places places = {0};
    _cleanup_registries_ struct registries *registries = NULL;
    int r = registry_places_default(&places, e);
    if (r == 0)
        r = registries_read(&places, &registries, e);
    return r == 0 ? registries_login_to(registries, registry, ret, e) : r;
}

/* What is NULL is not wanted. */
static int ask(const struct endpoint *place, const struct credentials *who, json_t *message,
               char **ret_text, size_t *ret_n, json_t **ret_answer, struct err *e)
{
    _cleanup_fetcher_ struct fetcher f = FETCHER_INIT;
    _cleanup_json_ json_t *own = message;
    int r = fetcher_start(&f, e);
    if (r == 0)
        r = fetcher_place(&f, place, who, e);
    if (r < 0)
        return r;
    if (ret_text)
        return fetcher_text(&f, json_incref(own), LAYOUT_BLOB_MAX, ret_text, ret_n, NULL, e);
    r = fetcher_ask(&f, json_incref(own), -1, e);
    return r < 0 ? r : fetcher_wait(&f, NULL, NULL, ret_answer, e);
}

/* {"identitytoken"}: what the registry would have in place of the password from now on. */
static int print_token(const json_t *answer, struct err *e)
{
    const char *token = json_str(answer, "identity_token");
    if (!token || !*token)
        return 0;
    _cleanup_json_ json_t *line = json_pack("{s:s}", "identitytoken", token);
    _cleanup_secret_ char *text = line ? json_text(line, JSON_COMPACT) : NULL;
    if (!text)
        return err_nomem(e);
    return fd_write_all(STDOUT_FILENO, text, strlen(text)) < 0
               ? err_sys(e, EPIPE, "cannot print the token")
               : 0;
}

int ping_run(const char *registry, int credentials_fd, struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list places = {0};
    _cleanup_credentials_ struct credentials who = {0};
    int r = credentials_fd >= 0 ? credentials_receive(credentials_fd, &who, e) : 0;
    if (r == 0)
        r = find_place(registry, &places, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *answer = NULL;
    r = ask(&places.v[places.n - 1], &who, json_pack("{s:s}", "op", "ping"), NULL, NULL, &answer,
            e);
    /* Who came with a password is told; who came with a token has one. */
    return r == 0 && who.password ? print_token(answer, e) : r;
}

/* ---- search ---- */

static int print_row(const char *name, const json_t *row, struct err *e)
{
    const char *description = json_str(row, "description");
    _cleanup_json_ json_t *line = json_pack("{s:s, s:s, s:I, s:b}", "name", name, "description",
                                            description ? description : "", "star_count",
                                            (json_int_t)json_int(row, "star_count", 0),
                                            "is_official", json_bool(row, "is_official", false));
    _cleanup_free_ char *text = line ? json_text(line, JSON_COMPACT) : NULL;
    if (!text)
        return err_nomem(e);
    return printf("%s\n", text) < 0 ? err_sys(e, errno, "cannot print") : 0;
}

/* Docker Hub's way: /v1/search. */
static int print_results(const json_t *answer, long long limit, struct err *e)
{
    size_t i;
    json_t *row;
    int r = 0;
    json_array_foreach (json_object_get(answer, "results"), i, row)
        if (r == 0 && (long long)i < limit && json_str(row, "name"))
            r = print_row(json_str(row, "name"), row, e);
    return r;
}

/* The distribution's: a list of all repositories. */
static int print_catalog(const json_t *answer, const char *registry, const char *term,
                         long long limit, struct err *e)
{
    size_t i;
    json_t *value;
    long long n = 0;
    int r = 0;
    json_array_foreach (json_object_get(answer, "repositories"), i, value) {
        const char *path = json_string_value(value);
        if (r < 0 || !path || !strstr(path, term) || n++ >= limit)
            continue;
        _cleanup_free_ char *name = str_printf("%s/%s", registry, path);
        r = name ? print_row(name, NULL, e) : err_nomem(e);
    }
    return r;
}

/* "localhost:5000/term" asks that registry; anything else is looked for at Docker Hub. */
static char *split_term(const char *term, const char **ret_rest)
{
    const char *slash = strchr(term, '/');
    size_t n = slash ? (size_t)(slash - term) : 0;
    bool registry = slash && (memchr(term, '.', n) || memchr(term, ':', n) ||
                              (n == 9 && strncmp(term, "localhost", 9) == 0));
    *ret_rest = registry ? slash + 1 : term;
    return registry ? strndup(term, n) : strdup("index.docker.io");
}

static void add_escaped(struct str *to, const char *text)
{
    for (; *text; text++)
        if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
            (*text >= '0' && *text <= '9') || strchr("-._~", *text))
            str_addn(to, text, 1);
        else
            str_addf(to, "%%%02X", (unsigned char)*text);
}

int search_run(const char *term, long long limit, struct err *e)
{
    _cleanup_endpoints_ struct endpoint_list places = {0};
    _cleanup_credential_places_ struct credential_places files = {0};
    _cleanup_credentials_ struct credentials who = {0};
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_str_ struct str path = {0};
    const char *rest;
    size_t n;
    _cleanup_free_ char *registry = split_term(term, &rest);
    if (!registry)
        return err_nomem(e);
    bool hub = rest == term;
    int r = find_place(registry, &places, e);
    if (r < 0)
        return r;
    if (credential_places_default(&files, NULL) == 0)
        (void)credentials_find(&files, hub ? HUB_DOMAIN : registry, NULL, &who, NULL);
    str_add(&path, hub ? "/v1/search?q=" : "/v2/_catalog?n=1000");
    if (hub) {
        add_escaped(&path, rest);
        str_addf(&path, "&n=%lld", limit);
    }
    if (path.failed)
        return err_nomem(e);
    r = ask(&places.v[places.n - 1], &who, json_pack("{s:s, s:s}", "op", "get", "path", path.s),
            &text, &n, NULL, e);
    if (r == 0)
        r = json_parse(text, n, "answer of the registry", &answer, e);
    if (r == 0)
        r = hub ? print_results(answer, limit, e) : print_catalog(answer, registry, rest, limit, e);
    return r == 0 && fflush(stdout) == EOF ? err_sys(e, errno, "cannot print") : r;
}
