#include "image/fetch_auth.h"

#include "base/json.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_ANSWER_MAX = 1 << 20, TEXT_MAX = 400 };

void challenge_release(struct challenge *c)
{
    free(c->realm);
    free(c->service);
    free(c->scope);
    *c = (struct challenge){0};
}

/* ---- the header ---- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == ',')
        p++;
    return p;
}

/* A token or a quoted string; fresh. NULL: neither. */
static char *take_value(const char **p)
{
    _cleanup_str_ struct str value = {0};
    if (**p == '"') {
        for (++*p; **p && **p != '"'; ++*p) {
            if (**p == '\\' && (*p)[1])
                ++*p;
            str_addn(&value, *p, 1);
        }
        if (**p != '"')
            return NULL;
        ++*p;
        return str_steal(&value);
    }
    size_t n = 0;
    while (is_token_char((*p)[n]) || ((*p)[n] && strchr("/:=?", (*p)[n])))
        n++;
    str_addn(&value, *p, n);
    *p += n;
    return str_steal(&value);
}

static void put_parameter(struct challenge *c, const char *name, size_t n, char *value)
{
    const struct {
        const char *name;
        char **place;
    } known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0) {
            free(*known[i].place);
            *known[i].place = value;
            return;
        }
    free(value);
}

/* The parameters behind a scheme's name, up to the next scheme or the end. */
static int take_parameters(const char **p, struct challenge *c)
{
    for (;;) {
        *p = skip_blanks(*p);
        const char *name = *p, *at = *p;
        while (is_token_char(*at))
            at++;
        size_t n = (size_t)(at - name);
        while (*at == ' ' || *at == '\t')
            at++;
        if (n == 0 || *at != '=')
            return 0; /* another scheme, or the end */
        at++;
        while (*at == ' ' || *at == '\t')
            at++;
        char *value = take_value(&at);
        if (!value)
            return -EBADMSG;
        put_parameter(c, name, n, value);
        *p = at;
    }
}

int challenge_parse(const char *text, struct challenge *ret, struct err *e)
{
    _cleanup_challenge_ struct challenge best = {0};
    bool found = false;
    for (const char *p = skip_blanks(text ? text : ""); *p; p = skip_blanks(p)) {
        _cleanup_challenge_ struct challenge c = {0};
        const char *scheme = p;
        while (is_token_char(*p))
            p++;
        size_t n = (size_t)(p - scheme);
        if (n == 0 || take_parameters(&p, &c) < 0)
            break;
        c.bearer = n == 6 && strncasecmp(scheme, "Bearer", 6) == 0;
        bool basic = n == 5 && strncasecmp(scheme, "Basic", 5) == 0;
        if ((c.bearer && c.realm && !best.bearer) || (basic && !found)) {
            challenge_release(&best);
            best = TAKE(c, (struct challenge){0});
            found = true;
        }
    }
    if (!found)
        return err_set(e, EBADMSG,
                       "the registry wants to know who we are in a way that is not "
                       "known here: \"%.200s\"",
                       text ? text : "");
    *ret = TAKE(best, (struct challenge){0});
    return 0;
}

/* ---- the answer ---- */

static char *basic(const struct fetch_credentials *c)
{
    _cleanup_free_ char *plain = str_printf("%s:%s", c->username, c->password);
    size_t n = plain ? strlen(plain) : 0;
    _cleanup_free_ char *text = plain ? malloc(n * 4 / 3 + 5) : NULL;
    if (!text)
        return NULL;
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)plain, (int)n);
    explicit_bzero(plain, n);
    char *header = str_printf("Basic %s", text);
    explicit_bzero(text, strlen(text));
    return header;
}

static void add_parameter(struct str *to, const char *name, const char *value)
{
    char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;
    if (!value)
        return;
    if (!escaped)
        to->failed = true;
    else
        str_addf(to, "%s%s=%s", to->len ? "&" : "", name, escaped);
    curl_free(escaped);
}

/* A challenge may name several scopes, one behind the other. */
static void add_scopes(struct str *to, const char *scopes)
{
    _cleanup_free_ char *copy = strdup(scopes);
    if (!copy)
        to->failed = true;
    char *rest = copy;
    for (char *one; rest && (one = strsep(&rest, " "));)
        if (*one)
            add_parameter(to, "scope", one);
}

static int check_realm(const struct challenge *c, const char *url, struct err *e)
{
    bool plain = strncasecmp(c->realm, "http://", 7) == 0;
    if (!plain && strncasecmp(c->realm, "https://", 8) != 0)
        return err_set(e, EBADMSG,
                       "the registry names \"%.200s\" to get a token from, which is no "
                       "web address",
                       c->realm);
    if (plain && strncasecmp(url, "https://", 8) == 0)
        return err_set(e, EBADMSG,
                       "the registry names \"%.200s\" to get a token from, by plain http: refused",
                       c->realm);
    return 0;
}

/* @ret_identity may be NULL. */
static int take_token(const struct http_answer *a, char **ret, char **ret_identity, struct err *e)
{
    _cleanup_json_ json_t *value = NULL;
    int r = json_parse(a->body.s ? a->body.s : "", a->body.len, "token", &value, NULL);
    const char *token = r == 0 ? json_str(value, "token") : NULL;
    if (!token)
        token = r == 0 ? json_str(value, "access_token") : NULL;
    if (!token || !*token)
        return err_set(e, EBADMSG, "the answer to the request for a token has none");
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p > '~')
            return err_set(e, EBADMSG, "the token that came cannot be sent on");
    const char *identity = ret_identity ? json_str(value, "refresh_token") : NULL;
    if (identity && *identity && !(*ret_identity = strdup(identity)))
        return err_nomem(e);
    *ret = str_printf("Bearer %s", token);
    return *ret ? 0 : err_nomem(e);
}

static int ask_for_token(struct http *h, const struct http_request *request,
                         const struct challenge *c, char **ret, char **ret_identity, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    int r = http_do(h, request, &a, e);
    if (r < 0)
        return err_wrap(e, "cannot get a token");
    if (a.status == 200) {
        r = take_token(&a, ret, ret_identity, e);
        if (a.body.s)
            explicit_bzero(a.body.s, a.body.len);
        return r;
    }
    _cleanup_free_ char *words = auth_error_text(&a);
    if (a.status == 401 || a.status == 403)
        return err_set(e, EACCES, "unauthorized: %s",
                       words && *words ? words : "incorrect username or password");
    return err_set(e, a.status >= 500 || a.status == 429 ? EAGAIN : EBADMSG,
                   "cannot get a token from \"%.200s\": status %ld%s%s", c->realm, a.status,
                   words && *words ? ": " : "", words ? words : "");
}

/* With a refresh token, as OAuth 2 has it. */
static int token_by_post(struct http *h, const struct challenge *c, const char *scope,
                         const struct fetch_credentials *credentials, char **ret, struct err *e)
{
    _cleanup_str_ struct str form = {0};
    add_parameter(&form, "grant_type", "refresh_token");
    add_parameter(&form, "service", c->service);
    add_parameter(&form, "client_id", "skiff");
    add_parameter(&form, "scope", scope);
    add_parameter(&form, "refresh_token", credentials->identity_token);
    if (form.failed)
        return err_nomem(e);
    const struct http_request request = {
        .method = "POST",
        .url = c->realm,
        .type = "application/x-www-form-urlencoded",
        .body = form.s,
        .body_fd = -1,
        .body_len = (long long)form.len,
        .out_fd = -1,
        .limit = TOKEN_ANSWER_MAX,
    };
    int r = ask_for_token(h, &request, c, ret, NULL, e);
    explicit_bzero(form.s, form.len);
    return r;
}

static int token_by_get(struct http *h, const struct challenge *c, const char *scope,
                        const struct fetch_credentials *credentials, char **ret, struct err *e)
{
    _cleanup_str_ struct str query = {0};
    _cleanup_free_ char *authorization = NULL;
    add_parameter(&query, "service", c->service);
    if (scope)
        add_scopes(&query, scope);
    if (credentials->username) {
        add_parameter(&query, "account", credentials->username);
        if (credentials->ret_identity) {
            add_parameter(&query, "offline_token", "true");
            add_parameter(&query, "client_id", "skiff");
        }
        authorization = basic(credentials);
    }
    _cleanup_free_ char *url =
        str_printf("%s%s%s", c->realm, strchr(c->realm, '?') ? "&" : "?", query.s ? query.s : "");
    if (query.failed || !url || (credentials->username && !authorization))
        return err_nomem(e);
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .authorization = authorization,
        .body_fd = -1,
        .out_fd = -1,
        .limit = TOKEN_ANSWER_MAX,
    };
    int r = ask_for_token(h, &request, c, ret, credentials->ret_identity, e);
    if (authorization)
        explicit_bzero(authorization, strlen(authorization));
    return r;
}

int auth_answer(struct http *h, const struct challenge *challenge, const char *url,
                const char *scope, const struct fetch_credentials *credentials, char **ret,
                struct err *e)
{
    if (credentials->registry_token) {
        *ret = str_printf("Bearer %s", credentials->registry_token);
        return *ret ? 0 : err_nomem(e);
    }
    if (!challenge->bearer) {
        if (!credentials->username)
            return err_set(e, EACCES,
                           "unauthorized: authentication required: no basic auth "
                           "credentials");
        *ret = basic(credentials);
        return *ret ? 0 : err_nomem(e);
    }
    int r = check_realm(challenge, url, e);
    if (r < 0)
        return r;
    const char *wanted = scope ? scope : challenge->scope;
    return credentials->identity_token ? token_by_post(h, challenge, wanted, credentials, ret, e)
                                       : token_by_get(h, challenge, wanted, credentials, ret, e);
}

/* ---- what a registry says ---- */

static void add_error(struct str *text, const json_t *error)
{
    const char *code = json_str(error, "code"), *message = json_str(error, "message");
    if (!code && !message)
        return;
    str_add(text, text->len ? ", " : "");
    for (const char *p = code; p && *p; p++) {
        char c = *p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        str_addn(text, &c, 1);
    }
    if (message && *message)
        str_addf(text, "%s%s", code ? ": " : "", message);
}

char *auth_error_text(const struct http_answer *a)
{
    _cleanup_json_ json_t *value = NULL;
    _cleanup_str_ struct str text = {0};
    if (a->body.len && json_parse(a->body.s, a->body.len, "answer", &value, NULL) == 0) {
        size_t i;
        json_t *error;
        json_array_foreach (json_object_get(value, "errors"), i, error)
            if (i < 3)
                add_error(&text, error);
        const char *details = json_str(value, "details");
        if (!text.len && (details || (details = json_str(value, "message"))))
            str_add(&text, details);
    }
    if (text.len > TEXT_MAX)
        text.s[TEXT_MAX] = '\0';
    return text.failed ? NULL : str_steal(&text);
}
