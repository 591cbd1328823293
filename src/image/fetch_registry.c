#include "image/fetch_registry.h"

#include "image/reference.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    ATTEMPTS = 5,      /* without a byte of the body */
    CONNECTIONS = 100, /* for one request: a byte at a time is no way to go on */
    PATIENCE = 300,    /* seconds that a registry may ask us to wait */
    PATH_LIMIT = 2048,
    SMALL = 4 << 20,
    STALL_SECONDS = 60,
};

struct registry {
    struct http *http;
    json_t *place;
    const char *host; /* "localhost:5000" */
    const char *scheme;
    bool for_later;              /* a token for that is wanted in place of the password */
    char *identity;              /* which came; NULL: none */
    char *authorization, *scope; /* the header that was accepted last, and what for */
    bool reached;
    registry_tell *tell;
    void *data;
    long long before; /* bytes of this request that came by earlier connections */
};

static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void registry_free(struct registry **r)
{
    struct registry *g = *r;
    if (!g)
        return;
    http_free(&g->http);
    json_decref(g->place);
    forget(g->authorization);
    forget(g->identity);
    free(g->scope);
    free(g);
    *r = NULL;
}

/* ---- the place ---- */

static bool is_host(const char *host)
{
    size_t n = host ? strlen(host) : 0;
    for (size_t i = 0; i < n; i++)
        if (!(host[i] >= 'a' && host[i] <= 'z') && !(host[i] >= 'A' && host[i] <= 'Z') &&
            !(host[i] >= '0' && host[i] <= '9') && !strchr(".-_:[]", host[i]))
            return false;
    return n > 0 && n <= 300;
}

int registry_new(const json_t *place, registry_tell *tell, void *data, struct registry **ret,
                 struct err *e)
{
    _cleanup_registry_ struct registry *g = calloc(1, sizeof(*g));
    if (!g)
        return err_nomem(e);
    g->place = json_deep_copy(place);
    if (!g->place)
        return err_nomem(e);
    g->host = json_str(g->place, "host");
    g->tell = tell;
    g->data = data;
    if (!is_host(g->host))
        return err_set(e, EINVAL, "\"%s\" is not a registry's host", g->host ? g->host : "");
    const char *authorization = json_str(g->place, "authorization");
    const char *scope = json_str(g->place, "scope");
    if (authorization && scope &&
        (!(g->authorization = strdup(authorization)) || !(g->scope = strdup(scope))))
        return err_nomem(e);
    const struct http_settings settings = {
        .ca = json_str(g->place, "ca"),
        .cert = json_str(g->place, "cert"),
        .key = json_str(g->place, "key"),
        .unverified = json_bool(g->place, "unverified", false),
        .stall = json_int(g->place, "stall", STALL_SECONDS),
    };
    int r = http_new(&settings, &g->http, e);
    if (r == 0)
        *ret = TAKE_PTR(g);
    return r;
}

static int probe(struct registry *g, const char *scheme, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    _cleanup_free_ char *url = str_printf("%s://%s/v2/", scheme, g->host);
    if (!url)
        return err_nomem(e);
    const struct http_request q = {
        .method = "GET", .url = url, .body_fd = -1, .out_fd = -1, .limit = SMALL};
    int r = http_do(g->http, &q, &a, e);
    if (r < 0)
        return r;
    /* How servers answer who speaks plain HTTP where TLS is spoken. */
    return a.status == 400 ? err_set(e, EPROTO, "\"%s\" does not speak %s", g->host, scheme) : 0;
}

/* Of several ways to speak to it, the first that is answered. */
static int find_scheme(struct registry *g, struct err *e)
{
    const json_t *schemes = json_object_get(g->place, "schemes");
    size_t n = json_array_size(schemes);
    int r = 0;
    if (g->scheme)
        return 0;
    if (n == 0)
        g->scheme = "https";
    for (size_t i = 0; !g->scheme && i < n; i++) {
        const char *scheme = json_string_value(json_array_get(schemes, i));
        if (!str_eq(scheme, "http") && !str_eq(scheme, "https"))
            return err_set(e, EINVAL, "a registry is asked by http or https");
        err_release(e);
        r = n == 1 ? 0 : probe(g, scheme, e);
        if (r == 0)
            g->scheme = scheme;
    }
    return g->scheme ? 0 : r;
}

/* ---- one request, and again ---- */

static void told(void *data, long long bytes)
{
    struct registry *g = data;
    g->tell(g->data,
            json_pack("{s:s, s:I}", "event", "bytes", "n", (json_int_t)(g->before + bytes)));
}

static const char *json_text_of(const struct registry *g, const char *key)
{
    return json_str(g->place, key);
}

static int authorize(struct registry *g, const struct http_answer *a, const char *scope,
                     struct err *e)
{
    _cleanup_challenge_ struct challenge challenge = {0};
    struct fetch_credentials credentials = {
        .username = json_text_of(g, "username"),
        .password = json_text_of(g, "password"),
        .identity_token = json_text_of(g, "identity_token"),
        .registry_token = json_text_of(g, "registry_token"),
    };
    _cleanup_free_ char *url = str_printf("%s://%s/", g->scheme, g->host);
    _cleanup_free_ char *new_scope = strdup(scope ? scope : "");
    char *header = NULL, *identity = NULL;
    if (!url || !new_scope)
        return err_nomem(e);
    credentials.ret_identity = g->for_later ? &identity : NULL;
    int r = challenge_parse(a->challenge, &challenge, e);
    if (r == 0)
        r = auth_answer(g->http, &challenge, url, scope, &credentials, &header, e);
    if (identity) {
        forget(g->identity);
        g->identity = identity;
    }
    if (r < 0)
        return r;
    forget(g->authorization);
    free(g->scope);
    g->authorization = header;
    g->scope = TAKE_PTR(new_scope);
    return 0;
}

/* Only there we say who we are: not where we are sent to by a redirect, or for an upload. */
static bool is_registry(const struct registry *g, const char *url)
{
    _cleanup_free_ char *own = str_printf("%s://%s/", g->scheme, g->host);
    return own && url && http_same_origin(url, own);
}

static int once(struct registry *g, struct http_request *q, const char *scope,
                struct http_answer *ret, struct err *e)
{
    bool ours = is_registry(g, q->url);
    for (int round = 0;; round++) {
        bool known = ours && str_eq(g->scope, scope ? scope : "");
        q->authorization = known ? g->authorization : NULL;
        int r = http_do(g->http, q, ret, e);
        if (r < 0 || ret->status != 401 || round == 1 || !is_registry(g, ret->final_url))
            return r;
        r = authorize(g, ret, scope, e);
        if (r < 0) {
            ret->transient = r == -EAGAIN;
            return r;
        }
        http_answer_release(ret);
    }
}

static bool is_busy(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

/* Waits before the next attempt, and says so. False: it takes too long. */
static bool wait_for_next(struct registry *g, const struct http_answer *a, int attempt,
                          const char *why)
{
    long long seconds = a->retry_after >= 0 ? a->retry_after : 1LL << attempt;
    if (seconds > PATIENCE)
        return false;
    g->tell(g->data, json_pack("{s:s, s:I, s:s}", "event", "retry", "seconds", (json_int_t)seconds,
                               "story", why));
    const struct timespec pause = {.tv_sec = (time_t)seconds};
    nanosleep(&pause, NULL);
    return true;
}

/* Until there is an answer that will not get better. *ret_size: bytes that went to the out_fd. */
static int persist(struct registry *g, struct http_request *q, const char *scope,
                   struct http_answer *ret, struct err *e)
{
    long long whole = q->limit;
    g->before = q->offset;
    for (int attempt = 0, connections = 1;; attempt++, connections++) {
        _cleanup_err_ struct err story = ERR_INIT;
        long long begun = q->offset;
        int r = once(g, q, scope, ret, &story);
        q->offset += ret->passed_on;
        q->limit = whole - (q->offset - g->before);
        if (ret->passed_on > 0)
            attempt = 0;
        bool again =
            r < 0 ? ret->transient && (g->reached || q->offset > begun) : is_busy(ret->status);
        if (r == 0 && !is_busy(ret->status))
            g->reached = true;
        _cleanup_free_ char *why =
            r < 0 ? strdup(err_text(&story)) : str_printf("status %ld", ret->status);
        if (!again || attempt + 1 >= ATTEMPTS || connections >= CONNECTIONS ||
            !wait_for_next(g, ret, attempt, why ? why : "")) {
            if (r < 0 && e)
                *e = TAKE(story, ERR_INIT);
            return r;
        }
        g->before = q->offset;
        whole = q->limit;
        http_answer_release(ret);
    }
}

/* ---- answers to the coordinator ---- */

/* The status that is no success, as a failure. */
static int refuse(const struct http_answer *a, struct err *e)
{
    _cleanup_free_ char *words = auth_error_text(a);
    int code = a->status == 404                       ? ENOENT
               : a->status == 401 || a->status == 403 ? EACCES
               : a->status == 429                     ? EBUSY
                                                      : EIO;
    if (words && *words)
        return err_set(e, code, "%s", words);
    return err_set(e, code, "the registry answers with status %ld", a->status);
}

static int answer_facts(const struct http_answer *a, long long size, json_t **ret, struct err *e)
{
    *ret =
        json_pack("{s:I, s:s*, s:s*, s:I, s:I}", "status", (json_int_t)a->status, "type", a->type,
                  "digest", a->digest, "length", (json_int_t)a->length, "size", (json_int_t)size);
    return *ret ? 0 : err_nomem(e);
}

/* "https://HOST/v2/REPOSITORY/PATH" */
static char *url_of(struct registry *g, const json_t *message, struct err *e)
{
    const char *repository = json_str(message, "repository"), *path = json_str(message, "path");
    int r = find_scheme(g, e);
    if (r < 0)
        return NULL;
    if (!path || strlen(path) > PATH_LIMIT || (repository && strlen(repository) > PATH_LIMIT)) {
        err_set(e, EINVAL, "a request without a path");
        return NULL;
    }
    char *url = *path == '/'
                    ? str_printf("%s://%s%s", g->scheme, g->host, path)
                    : str_printf("%s://%s/v2/%s%s%s", g->scheme, g->host,
                                 repository ? repository : "", repository ? "/" : "", path);
    if (!url)
        err_nomem(e);
    return url;
}

static char *scope_of(const json_t *message)
{
    const char *repository = json_str(message, "repository");
    const char *actions = json_str(message, "actions");
    _cleanup_str_ struct str scope = {0};
    size_t i;
    json_t *from;
    if (!repository)
        return strdup("");
    str_addf(&scope, "repository:%s:%s", repository, actions ? actions : "pull");
    json_array_foreach (json_object_get(message, "from"), i, from)
        if (json_is_string(from))
            str_addf(&scope, " repository:%s:pull", json_string_value(from));
    return str_steal(&scope);
}

static int do_get(struct registry *g, const json_t *message, int fd, json_t **ret, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    _cleanup_free_ char *url = url_of(g, message, e);
    _cleanup_free_ char *scope = url ? scope_of(message) : NULL;
    if (!url || !scope)
        return url ? err_nomem(e) : e && e->code ? -e->code : -EIO;
    bool head = str_eq(json_str(message, "op"), "head");
    struct http_request q = {
        .method = head ? "HEAD" : "GET",
        .url = url,
        .accept = json_str(message, "accept"),
        .body_fd = -1,
        .out_fd = head ? -1 : fd,
        .offset = json_int(message, "offset", 0),
        .limit = json_int(message, "limit", SMALL),
        /* Whoever waits for the body first does not hear what is said meanwhile. */
        .told = head || json_bool(message, "silent", false) ? NULL : told,
        .data = g,
    };
    long long offset = q.offset;
    int r = persist(g, &q, *scope ? scope : NULL, &a, e);
    if (r < 0)
        return r;
    return a.status == 200 || a.status == 206 ? answer_facts(&a, q.offset - offset, ret, e)
                                              : refuse(&a, e);
}

static int do_put(struct registry *g, const json_t *message, int fd, json_t **ret, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    _cleanup_free_ char *url = url_of(g, message, e);
    _cleanup_free_ char *scope = url ? scope_of(message) : NULL;
    if (!url || !scope)
        return url ? err_nomem(e) : e && e->code ? -e->code : -EIO;
    struct http_request q = {
        .method = "PUT",
        .url = url,
        .type = json_str(message, "type"),
        .body_fd = fd,
        .body_len = json_int(message, "size", 0),
        .out_fd = -1,
        .limit = SMALL,
    };
    int r = persist(g, &q, scope, &a, e);
    if (r < 0)
        return r;
    return a.status == 201 || a.status == 200 || a.status == 202 ? answer_facts(&a, 0, ret, e)
                                                                 : refuse(&a, e);
}

/* ---- upload of a blob ---- */

/* @to as seen from @from, with one more part of its query. */
static char *resolve_url(const char *from, const char *to, const char *query, struct err *e)
{
    CURLU *u = curl_url();
    char *text = NULL, *copy = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, from, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, to, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_QUERY, query, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
        copy = strdup(text);
    curl_free(text);
    curl_url_cleanup(u);
    if (!copy)
        err_set(e, EBADMSG, "the registry names an upload's address that is none: \"%.200s\"", to);
    else if (strncasecmp(from, "https://", 8) == 0 && strncasecmp(copy, "https://", 8) != 0) {
        err_set(e, EBADMSG, "the registry wants an upload by plain http, to \"%.200s\": refused",
                to);
        free(TAKE_PTR(copy));
    }
    return copy;
}

struct upload {
    struct registry *g;
    const char *repository, *digest, *scope;
    int fd;
    long long size;
};

static int begin_upload(const struct upload *u, const char *from, char **ret_location,
                        struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    _cleanup_free_ char *url =
        from ? str_printf("%s://%s/v2/%s/blobs/uploads/?mount=%s&from=%s", u->g->scheme, u->g->host,
                          u->repository, u->digest, from)
             : str_printf("%s://%s/v2/%s/blobs/uploads/", u->g->scheme, u->g->host, u->repository);
    if (!url)
        return err_nomem(e);
    struct http_request q = {
        .method = "POST", .url = url, .body = "", .body_fd = -1, .out_fd = -1, .limit = SMALL};
    int r = persist(u->g, &q, u->scope, &a, e);
    if (r < 0)
        return r;
    if (a.status == 201 && from) {
        *ret_location = NULL;
        return 0;
    }
    if (a.status != 202)
        return refuse(&a, e);
    if (!a.location)
        return err_set(e, EBADMSG, "the registry begins an upload and does not say where");
    _cleanup_free_ char *query = str_printf("digest=%s", u->digest);
    *ret_location = query ? resolve_url(a.final_url, a.location, query, e) : NULL;
    return *ret_location ? 0 : query ? -EBADMSG : err_nomem(e);
}

static int send_blob(const struct upload *u, const char *location, struct err *e, bool *ret_again)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    struct http_request q = {
        .method = "PUT",
        .url = location,
        .type = "application/octet-stream",
        .body_fd = u->fd,
        .body_len = u->size,
        .out_fd = -1,
        .limit = SMALL,
        .told = told,
        .data = u->g,
    };
    u->g->before = 0;
    int r = once(u->g, &q, u->scope, &a, e);
    *ret_again = r < 0 ? a.transient : is_busy(a.status) || a.status == 404;
    if (r < 0)
        return r;
    return a.status == 201 || a.status == 204 ? 0 : refuse(&a, e);
}

static int answer_upload(const char *how, const char *from, json_t **ret, struct err *e)
{
    *ret = json_pack("{s:s, s:s*}", "upload", how, "from", from);
    return *ret ? 0 : err_nomem(e);
}

static int upload(const struct upload *u, const json_t *message, json_t **ret, struct err *e)
{
    size_t i;
    json_t *from;
    _cleanup_free_ char *location = NULL;
    json_array_foreach (json_object_get(message, "from"), i, from) {
        free(TAKE_PTR(location));
        int r = begin_upload(u, json_string_value(from), &location, e);
        if (r == 0 && !location)
            return answer_upload("mounted", json_string_value(from), ret, e);
        if (r < 0)
            err_release(e); /* that repository may be one that we may not read */
    }
    for (int attempt = 0;; attempt++) {
        bool again;
        int r = location ? 0 : begin_upload(u, NULL, &location, e);
        if (r < 0)
            return r;
        r = send_blob(u, location, e, &again);
        if (r == 0)
            return answer_upload("pushed", NULL, ret, e);
        const struct http_answer none = {.retry_after = -1};
        if (!again || attempt + 1 >= ATTEMPTS || !wait_for_next(u->g, &none, attempt, err_text(e)))
            return r;
        err_release(e);
        free(TAKE_PTR(location));
    }
}

static int do_upload(struct registry *g, const json_t *message, int fd, json_t **ret, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    _cleanup_free_ char *url = url_of(g, message, e); /* path: "blobs/DIGEST" */
    _cleanup_free_ char *scope = url ? scope_of(message) : NULL;
    const struct upload u = {
        .g = g,
        .repository = json_str(message, "repository"),
        .digest = json_str(message, "digest"),
        .scope = scope,
        .fd = fd,
        .size = json_int(message, "size", 0),
    };
    if (!url || !scope)
        return url ? err_nomem(e) : e && e->code ? -e->code : -EIO;
    if (!u.repository || !u.digest || !digest_is_valid(u.digest) || fd < 0)
        return err_set(e, EINVAL, "an upload without a blob");
    struct http_request q = {
        .method = "HEAD", .url = url, .body_fd = -1, .out_fd = -1, .limit = SMALL};
    int r = persist(g, &q, scope, &a, e);
    if (r < 0)
        return r;
    if (a.status == 200)
        return answer_upload("existed", NULL, ret, e);
    return a.status == 404 ? upload(&u, message, ret, e) : refuse(&a, e);
}

/* Whether it lets us in, with the credentials that the place came with. */
static int do_ping(struct registry *g, json_t **ret, struct err *e)
{
    _cleanup_http_answer_ struct http_answer a = {0};
    int r = find_scheme(g, e);
    _cleanup_free_ char *url = r == 0 ? str_printf("%s://%s/v2/", g->scheme, g->host) : NULL;
    if (!url)
        return r < 0 ? r : err_nomem(e);
    struct http_request q = {
        .method = "GET", .url = url, .body_fd = -1, .out_fd = -1, .limit = SMALL};
    g->for_later = true;
    r = persist(g, &q, NULL, &a, e);
    if (r < 0)
        return r;
    if (a.status != 200)
        return refuse(&a, e);
    r = answer_facts(&a, 0, ret, e);
    return r == 0 && g->identity &&
                   json_object_set_new(*ret, "identity_token", json_string(g->identity)) < 0
               ? err_nomem(e)
               : r;
}

int registry_do(struct registry *g, const json_t *message, int fd, json_t **ret, struct err *e)
{
    const char *op = json_str(message, "op");
    static const char *const sizes[] = {"offset", "limit", "size"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (json_int(message, sizes[i], 0) < 0)
            return err_set(e, EINVAL, "a request with a negative %s", sizes[i]);
    if (str_eq(op, "get") || str_eq(op, "head"))
        return do_get(g, message, fd, ret, e);
    if (str_eq(op, "put"))
        return do_put(g, message, fd, ret, e);
    if (str_eq(op, "upload"))
        return do_upload(g, message, fd, ret, e);
    if (str_eq(op, "ping"))
        return do_ping(g, ret, e);
    return err_set(e, EINVAL, "\"%s\" is nothing that can be asked of a registry", op ? op : "");
}
