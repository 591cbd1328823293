/*
 * What the configuration of registries says, as it is kept between reading and asking.
 */
#ifndef SKIFF_IMAGE_REGISTRIES_PRIVATE_H
#define SKIFF_IMAGE_REGISTRIES_PRIVATE_H

#include "base/json.h"
#include "image/registries.h"

struct registries {
    struct strv search; /* hosts for short names; empty: Docker Hub, as Docker reads them */
    char *search_file;  /* which said so; NULL while none did */
    bool enforcing;     /* short names must not be ambiguous */
    json_t *aliases;    /* name -> {"value", "file"} */
    /* prefix ("example.com/a", "*.example.com") -> its [[registry]] table, checked, and "file" in
     * it: the last file that has one for this prefix counts. */
    json_t *rules;
    json_t *hub_mirrors;  /* of {"host", "plain"}: daemon.json's registry-mirrors */
    struct strv insecure; /* hosts, and networks in CIDR form */
    struct strv cert_folders;
};

/* Adds what daemon.json @path says; nothing if it is not there. */
int registries_read_daemon(struct registries *r, const char *path, struct err *e);

/* The text of it. */
int registries_parse_daemon(struct registries *r, const char *text, size_t n, const char *path,
                            struct err *e);

/* The text of one registries.conf or a part of it. */
int registries_parse_conf(struct registries *r, const char *text, size_t n, const char *path,
                          struct err *e);

/* Empty ones; NULL when memory ran out. */
struct registries *registries_new(void);

/* "host", "host:5000" or "[::1]:5000", as references have it. */
bool registry_host_is_valid(const char *host);

/* The same and perhaps "/a/b" behind it. */
bool registry_location_is_valid(const char *location);

#endif
