/*
 * From an image's name to the registries that are asked for it, by the configuration of this
 * machine.
 *
 * Two families of files are read, for both are on people's machines:
 *
 *     registries.conf   containers-registries.conf(5), version 2 (and 1): what short names mean,
 *                       where a registry's content really is, its mirrors, what is blocked
 *     daemon.json       dockerd(8): "registry-mirrors" of Docker Hub, "insecure-registries"
 *
 * An administrator's files, yet foreign text: bounded, checked, and what is wrong in them is an
 * error that names the file, never passed over; what other programs alone understand is.
 *
 * Plain HTTP is possible to the machine itself and to registries that are named insecure there.
 */
#ifndef SKIFF_IMAGE_REGISTRIES_H
#define SKIFF_IMAGE_REGISTRIES_H

#include "image/certificates.h"
#include "image/reference.h"

/* Docker Hub: the name in references, and the registry that is asked for it. */
#define HUB_DOMAIN "docker.io"
#define HUB_HOST   "registry-1.docker.io"

/* Where the files are. All owned. */
struct registry_places {
    char *conf;               /* the main registries.conf, or NULL: none */
    bool conf_required;       /* it was named by somebody: its absence is an error */
    struct strv conf_parts;   /* folders of *.conf, the later counting more */
    char *daemon;             /* daemon.json, or NULL */
    struct strv certificates; /* folders, see certificates.h */
};

/* Those of this machine: CONTAINERS_REGISTRIES_CONF, else ~/.config/containers/registries.conf if
 * it is there, else /etc/containers/registries.conf; /etc/containers/registries.conf.d and
 * ~/.config/containers/registries.conf.d; /etc/docker/daemon.json; the two
 * folders of certificates. */
int registry_places_default(struct registry_places *ret, struct err *e);
void registry_places_release(struct registry_places *p);
#define _cleanup_registry_places_ _cleanup_(registry_places_release)

/* What the files say. */
struct registries;

/* A file that does not exist says nothing. -EINVAL and the like name the file. */
int registries_read(const struct registry_places *places, struct registries **ret, struct err *e);
void registries_free(struct registries *r);
static inline void registries_freep(struct registries **r)
{
    registries_free(*r);
}
#define _cleanup_registries_ _cleanup_(registries_freep)

/* The full names that @text may mean, in the order in which they are to be tried: one, unless it is
 * a short name ("rust", "a/b:1") and several registries are to be searched for those. Without
 * configuration a short name is Docker Hub's, as Docker reads it.
 *
 * Of several the next is tried only when a registry says that it does not have the image: one that
 * cannot be reached must not let another take its place. *ret_why (may be NULL) is a line that says
 * which file decided it, or NULL when none did; the caller's. -EINVAL: no reference, or an
 * ambiguous short name where registries.conf forbids those ("short-name-mode"). */
int registries_names(const struct registries *r, const char *text, struct strv *ret, char **ret_why,
                     struct err *e);

enum endpoint_flags {
    ENDPOINT_HTTPS = 1 << 0,           /* to be tried first */
    ENDPOINT_HTTP = 1 << 1,            /* plain HTTP, when nothing speaks TLS there */
    ENDPOINT_ANY_CERTIFICATE = 1 << 2, /* whoever answers with TLS is believed */
    ENDPOINT_MIRROR = 1 << 3,          /* not the place itself: it may lack what that has */
};

struct endpoint {
    char *host;     /* "registry-1.docker.io", "[::1]:5000": for the URL */
    char *registry; /* as in references, for credentials: "docker.io" where the host is Hub's */
    char *path;     /* of the repository there: "library/rust" */
    unsigned flags; /* enum endpoint_flags */
    struct certificates certificates;
};

struct endpoint_list {
    struct endpoint *v;
    size_t n;
};

/* Whether @host ("localhost:5000", "127.0.0.1", "[::1]:80") is this machine by its loopback device.
 */
bool registry_host_is_loopback(const char *host);

void endpoint_list_release(struct endpoint_list *l);
#define _cleanup_endpoints_ _cleanup_(endpoint_list_release)

/* Whom to ask for the image @ref: mirrors that serve such a reference (by tag or by digest), then
 * the place itself, which is always the last one. Their certificates are read. -EACCES: the
 * registry is blocked, by the file that the story names. */
int registries_pull_from(const struct registries *r, const struct reference *ref,
                         struct endpoint_list *ret, struct err *e);

/* Where @ref is pushed to: the place that its name says, without mirrors and without "location", as
 * containers-registries.conf(5) has it. */
int registries_push_to(const struct registries *r, const struct reference *ref,
                       struct endpoint_list *ret, struct err *e);

/* The registry itself ("docker.io", "localhost:5000"), to ask whether it lets somebody in. The
 * path is "". */
int registries_login_to(const struct registries *r, const char *registry, struct endpoint_list *ret,
                        struct err *e);

#endif
