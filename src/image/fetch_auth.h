/*
 * Proving to a registry who we are: its challenge, and the token that answers it.
 *
 * Sources: RFC 7235 (WWW-Authenticate), RFC 7617 (Basic); the distribution project's token and
 * OAuth 2 authentication ("Bearer realm=…,service=…,scope=…"). All of it comes from a stranger.
 * Credentials leave only for the registry itself or for the realm that it names, and by plain HTTP
 * only where the registry itself is reached so.
 */
#ifndef SKIFF_IMAGE_FETCH_AUTH_H
#define SKIFF_IMAGE_FETCH_AUTH_H

#include "image/fetch_http.h"

struct fetch_credentials {
    char *
        *ret_identity; /* if not NULL: a token for later is asked for, and put there if one comes */
    const char *username, *password; /* NULL: none */
    const char *identity_token;      /* a refresh token (OAuth 2); NULL: none */
    const char *registry_token;      /* to be sent as it is; NULL: none */
};

struct challenge {
    bool bearer; /* else Basic */
    char *realm, *service, *scope;
};

/* Reads a WWW-Authenticate header; of several challenges Bearer is preferred. -EBADMSG: none that
 * is known. */
int challenge_parse(const char *text, struct challenge *ret, struct err *e);
void challenge_release(struct challenge *c);
#define _cleanup_challenge_ _cleanup_(challenge_release)

/* The Authorization header for @challenge of the registry at @url; @scope is what is wanted where
 * the challenge does not say. *ret is the caller's to free; -EACCES when there is nothing to prove
 * it with. */
int auth_answer(struct http *h, const struct challenge *challenge, const char *url,
                const char *scope, const struct fetch_credentials *credentials, char **ret,
                struct err *e);

/* What a registry says has gone wrong (errors[].code and .message), or a page's first words; fresh,
 * "" for nothing. */
char *auth_error_text(const struct http_answer *a);

#endif
