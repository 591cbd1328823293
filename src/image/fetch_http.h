/*
 * One HTTP request after the other, by libcurl: redirects, limits, and a clear line when it fails.
 *
 * Everything that comes is a stranger's: what is kept in memory is bounded, only http and https are
 * spoken, a redirect never leads from https to http, and credentials go to the place they are for
 * and to no other. A body is never decompressed: what has a digest is taken as it is.
 */
#ifndef SKIFF_IMAGE_FETCH_HTTP_H
#define SKIFF_IMAGE_FETCH_HTTP_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct http;

struct http_settings {
    const char *ca, *cert, *key; /* PEM, besides the machine's own authorities; NULL: none */
    bool unverified;             /* the certificate is not checked */
    long long stall; /* seconds without a byte, or with next to none, until we give up */
};

struct http_request {
    const char *method; /* "GET", "HEAD", "POST", "PUT" */
    const char *url;
    const char *authorization; /* "Bearer …"; NULL: none */
    const char *accept;        /* NULL: anything */
    const char *type;          /* of the body */
    const char *body;          /* to send; NULL: none, or from body_fd */
    int body_fd;               /* positioned at its beginning; -1: none */
    long long body_len;
    int out_fd;       /* where the body of a success goes; -1: into the answer */
    long long offset; /* the body is wanted from here on */
    long long limit;  /* the most bytes of a body */
    void (*told)(void *data, long long bytes); /* how much has gone over; may be NULL */
    void *data;
};

struct http_answer {
    long status;
    char *type, *digest, *location, *challenge, *upload_range; /* of the headers; NULL: not there */
    char *final_url;                                           /* where redirects have led to */
    long long retry_after;                                     /* seconds; -1: not said */
    long long length;                                          /* of the body, as said; -1: not */
    struct str body;
    long long passed_on; /* bytes of the body that went to out_fd */
    bool transient;      /* on failure: may be better the next time */
    bool local;          /* on failure: ours, out_fd's reader went away */
};

/* @settings are copied. */
int http_new(const struct http_settings *settings, struct http **ret, struct err *e);
void http_free(struct http **h);
#define _cleanup_http_ _cleanup_(http_free)

/* Does one request and follows redirects of GET and HEAD. 0 whatever the status is; negative when
 * no whole answer came: then @ret says what is known. Release it with http_answer_release. */
int http_do(struct http *h, const struct http_request *request, struct http_answer *ret,
            struct err *e);
void http_answer_release(struct http_answer *a);
#define _cleanup_http_answer_ _cleanup_(http_answer_release)

/* Whether two URLs have the same scheme, host and port. */
bool http_same_origin(const char *a, const char *b);

#endif
