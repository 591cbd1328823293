#include "image/fetch_http.h"

#include "base/file.h"
#include "image/registries.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    BUFFER = 256 << 10,
    HEADERS_MAX = 128 << 10, /* of all answers of a request */
    ERROR_BODY_MAX = 64 << 10,
    REDIRECTS_MAX = 10,
    CONNECT_SECONDS = 30,
    SLOWEST = 64, /* bytes a second */
    AUTHORITIES_MAX = 8 << 20,
};

struct http {
    CURL *curl;
    bool unverified;
    long long stall;
    char *authorities; /* PEM; NULL: libcurl's own */
    size_t authorities_len;
    char *cert, *key;
    char error[CURL_ERROR_SIZE];
};

/* One transfer on its way. */
struct transfer {
    struct http *h;
    const struct http_request *request;
    struct http_answer *answer;
    size_t headers;
    long long begins; /* where the body begins by its Content-Range; -1: not said */
    long long skip;   /* bytes of the body that we have already */
    long long sent;   /* of ours */
    bool judged;      /* the status is known, and where the body goes */
    bool to_fd;
    bool enough;       /* of a page that nobody will read the rest of */
    const char *fault; /* why we ended it ourselves */
    int local_errno;
    double since;     /* the window in which something must come */
    long long window; /* bytes that came in it */
    double told;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void http_answer_release(struct http_answer *a)
{
    free(a->type);
    free(a->digest);
    free(a->location);
    free(a->challenge);
    free(a->upload_range);
    free(a->final_url);
    str_release(&a->body);
    *a = (struct http_answer){0};
}

/* The machine's authorities and one more: libcurl takes either a file or a text. */
static int join_authorities(struct http *h, const char *more, struct err *e)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    _cleanup_free_ char *usual = NULL;
    _cleanup_str_ struct str all = {0};
    if (info->cainfo)
        (void)file_read(AT_FDCWD, info->cainfo, AUTHORITIES_MAX, &usual, NULL, NULL);
    str_addf(&all, "%s\n%s\n", usual ? usual : "", more);
    h->authorities_len = all.len;
    h->authorities = str_steal(&all);
    return h->authorities ? 0 : err_nomem(e);
}

int http_new(const struct http_settings *settings, struct http **ret, struct err *e)
{
    _cleanup_http_ struct http *h = calloc(1, sizeof(*h));
    if (!h || !(h->curl = curl_easy_init()))
        return err_nomem(e);
    h->unverified = settings->unverified;
    h->stall = settings->stall;
    int r = settings->ca && *settings->ca ? join_authorities(h, settings->ca, e) : 0;
    if (r < 0)
        return r;
    if ((settings->cert && !(h->cert = strdup(settings->cert))) ||
        (settings->key && !(h->key = strdup(settings->key))))
        return err_nomem(e);
    *ret = TAKE_PTR(h);
    return 0;
}

void http_free(struct http **h)
{
    if (!*h)
        return;
    curl_easy_cleanup((*h)->curl);
    free((*h)->authorities);
    free((*h)->cert);
    if ((*h)->key)
        explicit_bzero((*h)->key, strlen((*h)->key));
    free((*h)->key);
    free(*h);
    *h = NULL;
}

bool http_same_origin(const char *a, const char *b)
{
    bool same = true;
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    CURLU *first = curl_url(), *second = curl_url();
    if (!first || !second || curl_url_set(first, CURLUPART_URL, a, 0) != CURLUE_OK ||
        curl_url_set(second, CURLUPART_URL, b, 0) != CURLUE_OK)
        same = false;
    for (size_t i = 0; same && i < ARRAY_LEN(parts); i++) {
        char *x = NULL, *y = NULL;
        same = curl_url_get(first, parts[i], &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               curl_url_get(second, parts[i], &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               strcasecmp(x, y) == 0;
        curl_free(x);
        curl_free(y);
    }
    curl_url_cleanup(first);
    curl_url_cleanup(second);
    return same;
}

/* ---- what libcurl calls ---- */

static void keep(char **place, const char *value, size_t n)
{
    free(*place);
    *place = strndup(value, n);
}

static long long seconds_until(const char *text, size_t n)
{
    _cleanup_free_ char *value = strndup(text, n);
    long long seconds;
    if (!value)
        return -1;
    if (str_to_int64(value, 0, 1 << 30, &seconds) == 0)
        return seconds;
    time_t date = curl_getdate(value, NULL);
    return date < 0 ? -1 : date > time(NULL) ? (long long)(date - time(NULL)) : 0;
}

/* A stranger's Content-Length may be any text. */
static long long number_of(const char *text, size_t n)
{
    _cleanup_free_ char *value = strndup(text, n);
    long long number;
    return value && str_to_int64(value, 0, LLONG_MAX, &number) == 0 ? number : -1;
}

static void take_header(struct transfer *t, const char *name, size_t name_len, const char *value,
                        size_t n)
{
    struct http_answer *a = t->answer;
    const struct {
        const char *name;
        char **place;
    } texts[] = {
        {"Content-Type", &a->type},
        {"Docker-Content-Digest", &a->digest},
        {"Location", &a->location},
        {"Range", &a->upload_range},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strlen(texts[i].name) == name_len && strncasecmp(name, texts[i].name, name_len) == 0)
            keep(texts[i].place, value, n);
    /* Of several challenges the one that can be met best is chosen by its reader. */
    if (name_len == 16 && strncasecmp(name, "WWW-Authenticate", 16) == 0) {
        char *all =
            a->challenge ? str_printf("%s, %.*s", a->challenge, (int)n, value) : strndup(value, n);
        free(a->challenge);
        a->challenge = all;
    }
    if (name_len == 11 && strncasecmp(name, "Retry-After", 11) == 0)
        a->retry_after = seconds_until(value, n);
    const char *dash = memchr(value, '-', n);
    if (name_len == 13 && strncasecmp(name, "Content-Range", 13) == 0 && dash && dash - value > 6 &&
        strncasecmp(value, "bytes ", 6) == 0)
        t->begins = number_of(value + 6, (size_t)(dash - value) - 6);
    if (name_len == 14 && strncasecmp(name, "Content-Length", 14) == 0)
        a->length = number_of(value, n);
}

static void forget_headers(struct http_answer *a)
{
    char **const texts[] = {&a->type, &a->digest, &a->location, &a->challenge, &a->upload_range};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(TAKE_PTR(*texts[i]));
    a->retry_after = a->length = -1;
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
    struct transfer *t = data;
    size_t n = size * count;
    t->headers += n;
    if (t->headers > HEADERS_MAX) {
        t->fault = "its headers are too long";
        return 0;
    }
    /* "100 Continue" and the like come before the answer's own. */
    if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
        forget_headers(t->answer);
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return n;
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    take_header(t, line, (size_t)(colon - line), value, (size_t)(end - value));
    return n;
}

/* What is to become of the body, once the status is known. */
static void judge(struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
    t->judged = true;
    t->to_fd = t->request->out_fd >= 0 && (status == 200 || status == 206);
    /* It may give all of it, whatever was asked for. */
    t->skip = t->to_fd && status == 200 ? t->request->offset : 0;
    if (t->to_fd && status == 206 && t->begins != t->request->offset)
        t->fault = "it is another part than was asked for";
}

static size_t pass_on(struct transfer *t, const char *bytes, size_t n)
{
    size_t skipped = (long long)n < t->skip ? n : (size_t)t->skip;
    t->skip -= (long long)skipped;
    size_t rest = n - skipped;
    if (t->answer->passed_on + (long long)rest > t->request->limit) {
        t->fault = "it is longer than it should be";
        return 0;
    }
    double before = now();
    int r = fd_write_all(t->request->out_fd, bytes + skipped, rest);
    t->since += now() - before; /* the reader's time, not the sender's */
    if (r < 0) {
        t->local_errno = -r;
        return 0;
    }
    t->answer->passed_on += (long long)rest;
    return n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct transfer *t = data;
    size_t n = size * count;
    if (!t->judged)
        judge(t);
    if (t->fault)
        return 0;
    t->window += (long long)n;
    if (t->to_fd)
        return pass_on(t, bytes, n);
    bool fine = t->answer->body.len + n <= (size_t)t->request->limit;
    long status = 0;
    curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300)
        fine = t->answer->body.len + n <= ERROR_BODY_MAX;
    if (!fine && status >= 300) {
        t->enough = true;
        return 0;
    }
    if (!fine) {
        t->fault = "it is longer than it should be";
        return 0;
    }
    str_addn(&t->answer->body, bytes, n);
    return n;
}

static size_t on_send(char *bytes, size_t size, size_t count, void *data)
{
    struct transfer *t = data;
    size_t room = size * count;
    long long left = t->request->body_len - t->sent;
    size_t n = left < (long long)room ? (size_t)left : room;
    if (t->request->body) {
        memcpy(bytes, t->request->body + t->sent, n);
        t->sent += (long long)n;
        return n;
    }
    ssize_t got = pread(t->request->body_fd, bytes, n, t->sent);
    if (got < 0 || (got == 0 && n > 0)) {
        t->local_errno = got < 0 ? errno : EIO;
        return CURL_READFUNC_ABORT;
    }
    t->sent += got;
    t->window += got;
    return (size_t)got;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
    struct transfer *t = data;
    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    t->sent = offset;
    return CURL_SEEKFUNC_OK;
}

/* At least once a second. */
static int on_progress(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *t = data;
    double time = now();
    if (t->request->told && time - t->told >= 0.1) {
        t->told = time;
        t->request->told(t->request->data,
                         t->request->body_fd >= 0 ? t->sent : t->answer->passed_on);
    }
    if (time - t->since < (double)t->h->stall)
        return 0;
    if (t->window < SLOWEST * t->h->stall) {
        t->fault = "it has become too slow";
        return 1;
    }
    t->since = time;
    t->window = 0;
    return 0;
}

/* ---- one request ---- */

static struct curl_slist *add_header(struct curl_slist *list, bool *failed, const char *name,
                                     const char *value)
{
    if (!value)
        return list;
    _cleanup_free_ char *line = str_printf("%s: %s", name, value);
    struct curl_slist *more = line ? curl_slist_append(list, line) : NULL;
    if (!more)
        *failed = true;
    return more ? more : list;
}

static void set_tls(struct http *h)
{
    CURL *c = h->curl;
    if (h->unverified) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (h->authorities) {
        struct curl_blob blob = {h->authorities, h->authorities_len, CURL_BLOB_NOCOPY};
        curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (h->cert && h->key) {
        struct curl_blob cert = {h->cert, strlen(h->cert), CURL_BLOB_NOCOPY};
        struct curl_blob key = {h->key, strlen(h->key), CURL_BLOB_NOCOPY};
        curl_easy_setopt(c, CURLOPT_SSLCERT_BLOB, &cert);
        curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &key);
    }
}

static void set_method(struct transfer *t)
{
    CURL *c = t->h->curl;
    const struct http_request *q = t->request;
    if (strcmp(q->method, "HEAD") == 0) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(q->method, "GET") == 0)
        return;
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->body_len);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(c, CURLOPT_READDATA, t);
    curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
}

/* What is for the machine itself does not leave it. */
static bool is_for_this_machine(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool is = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              registry_host_is_loopback(host);
    curl_free(host);
    curl_url_cleanup(u);
    return is;
}

static void set_options(struct transfer *t, const char *url)
{
    CURL *c = t->h->curl;
    curl_easy_reset(c);
    t->h->error[0] = '\0';
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->h->error);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    if (is_for_this_machine(url))
        curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
                     (long)(t->h->stall < CONNECT_SECONDS ? t->h->stall : CONNECT_SECONDS));
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "skiff/" SKIFF_VERSION);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    set_tls(t->h);
    set_method(t);
}

/* What curl says, in our words where we ended it. */
static int tell(struct transfer *t, CURLcode code, const char *url, struct err *e)
{
    const char *words = t->h->error[0] ? t->h->error : curl_easy_strerror(code);
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
        curl_url_get(u, CURLUPART_HOST, &host, 0);
        curl_url_get(u, CURLUPART_PORT, &port, 0);
    }
    if (t->local_errno) {
        t->answer->local = true;
        err_sys(e, t->local_errno, "cannot pass on what \"%s\" sends", host ? host : url);
    } else if (t->fault) {
        err_set(e, EBADMSG, "what \"%s%s%s\" sends is refused: %s", host ? host : url,
                port ? ":" : "", port ? port : "", t->fault);
    } else {
        err_set(e, EIO, "cannot reach \"%s%s%s\": %s", host ? host : url, port ? ":" : "",
                port ? port : "", words);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return e && e->code ? -e->code : -EIO;
}

static bool is_transient(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

static int perform(struct transfer *t, const char *url, bool with_authorization, struct err *e)
{
    const struct http_request *q = t->request;
    CURL *c = t->h->curl;
    bool failed = false;
    struct curl_slist *headers = NULL;
    set_options(t, url);
    headers = add_header(headers, &failed, "Accept", q->accept);
    headers = add_header(headers, &failed, "Content-Type", q->type);
    if (with_authorization)
        headers = add_header(headers, &failed, "Authorization", q->authorization);
    /* Nobody is asked first whether he wants what he gets. */
    headers = add_header(headers, &failed, "Expect", "");
    _cleanup_free_ char *range = q->offset > 0 ? str_printf("%lld-", q->offset) : NULL;
    if (failed || (q->offset > 0 && !range)) {
        curl_slist_free_all(headers);
        return err_nomem(e);
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (range)
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    t->since = now();
    t->window = 0;
    t->begins = -1;
    t->judged = t->enough = false;
    CURLcode code = curl_easy_perform(c);
    curl_slist_free_all(headers);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &t->answer->status);
    if (code == CURLE_OK || t->enough)
        return 0;
    /* A single header beyond libcurl's own limit. */
    if (code == CURLE_OUT_OF_MEMORY && t->headers < HEADERS_MAX && !t->judged)
        t->fault = "its headers are too long";
    t->answer->transient =
        (is_transient(code) && !t->fault) || (t->fault && strstr(t->fault, "slow"));
    return tell(t, code, url, e);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where to go on; NULL with a story when we do not go there. */
static char *next_url(CURL *c, const char *url, struct err *e)
{
    const char *to = NULL;
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        err_set(e, EBADMSG, "\"%s\" redirects to nowhere", url);
    else if (strncasecmp(to, "https://", 8) != 0 && strncasecmp(to, "http://", 7) != 0)
        err_set(e, EBADMSG, "\"%s\" redirects to \"%.200s\", which is not for pulling", url, to);
    else if (strncasecmp(url, "https://", 8) == 0 && strncasecmp(to, "https://", 8) != 0)
        err_set(e, EBADMSG, "\"%s\" redirects from https to plain http: refused", url);
    else {
        char *copy = strdup(to);
        if (!copy)
            err_nomem(e);
        return copy;
    }
    return NULL;
}

int http_do(struct http *h, const struct http_request *request, struct http_answer *ret,
            struct err *e)
{
    struct transfer t = {.h = h, .request = request, .answer = ret};
    _cleanup_free_ char *url = strdup(request->url);
    bool follows = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    *ret = (struct http_answer){.retry_after = -1, .length = -1};
    for (int hop = 0; url; hop++) {
        int r = perform(&t, url, http_same_origin(url, request->url), e);
        if (r < 0)
            return r;
        if (!follows || !is_redirect(ret->status)) {
            ret->final_url = TAKE_PTR(url);
            break;
        }
        if (hop == REDIRECTS_MAX)
            return err_set(e, EBADMSG, "\"%s\" redirects more than %d times", request->url,
                           REDIRECTS_MAX);
        char *next = next_url(h->curl, url, e);
        if (!next)
            return e && e->code ? -e->code : -EBADMSG;
        free(url);
        url = next;
        str_release(&ret->body);
    }
    return ret->final_url && !ret->body.failed ? 0 : err_nomem(e);
}
