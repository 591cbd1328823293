/*
 * Who we are at a registry: Docker's config.json, containers-auth.json(5), and the programs
 * docker-credential-NAME that keep secrets elsewhere.
 *
 * Order of the places: REGISTRY_AUTH_FILE alone when that is set; else DOCKER_CONFIG/config.json
 * (~/.docker/config.json), ${XDG_RUNTIME_DIR}/containers/auth.json, ~/.config/containers/auth.json.
 * In each of them a program for that registry (credHelpers) comes before the one for all
 * (credsStore), and that before what is in the file itself (auths). The first that knows the
 * registry is taken.
 *
 * Secrets are on no command line, in no story of an error and in no log; memory that held them is
 * wiped.
 */
#ifndef SKIFF_IMAGE_CREDENTIALS_H
#define SKIFF_IMAGE_CREDENTIALS_H

#include "base/json.h"
#include "base/str.h"

/* Under which Docker keeps Docker Hub's. */
#define HUB_SERVER "https://index.docker.io/v1/"

/* All NULL: nobody, which registries call anonymous. */
struct credentials {
    char *user, *password;
    char *identity_token; /* given to the token server in place of a password (a refresh token) */
    char *registry_token; /* given to the registry as it is (a bearer token) */
};

void credentials_release(struct credentials *c); /* wipes */
#define _cleanup_credentials_ _cleanup_(credentials_release)

static inline bool credentials_are_there(const struct credentials *c)
{
    return c->user || c->identity_token || c->registry_token;
}

/* A secret text: wiped and freed. */
void secret_free(char **text);
#define _cleanup_secret_ _cleanup_(secret_free)

/* The files, in that order; the first is the one that login writes to. */
struct credential_places {
    struct strv files;
    unsigned seconds; /* that a program may take */
};

/* Those of the calling user. */
int credential_places_default(struct credential_places *ret, struct err *e);
void credential_places_release(struct credential_places *p);
#define _cleanup_credential_places_ _cleanup_(credential_places_release)

/* Finds those for the repository @path (may be NULL: the whole registry) of @registry ("docker.io",
 * "localhost:5000"). None is success, with all fields NULL. A file that cannot be read or a program
 * that fails is an error with its story: whoever can do without says so and goes on. */
int credentials_find(const struct credential_places *places, const char *registry, const char *path,
                     struct credentials *ret, struct err *e);

/* Keeps @c for @registry: by the first file's program if it names one, else in the first file
 * (made with mode 0600 if it is not there; whatever else it says stays). *ret_where is the file
 * that has the secret now in plain text, or NULL when a program took it; the caller's. */
int credentials_store(const struct credential_places *places, const char *registry,
                      const struct credentials *c, char **ret_where, struct err *e);

/* Takes those of @registry out of the first file, and from the program that it names. */
int credentials_erase(const struct credential_places *places, const char *registry, struct err *e);

/* Between skiff and skiff-image, over a pipe:
 * {"username", "password", "identitytoken", "registrytoken"}, each only when it is there. */
int credentials_send(const struct credentials *c, int fd, struct err *e);
int credentials_receive(int fd, struct credentials *ret, struct err *e);

#endif
