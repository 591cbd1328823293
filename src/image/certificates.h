/*
 * A registry's certificates: whom to believe in place of the machine's authorities, and who we are.
 *
 * Folders HOST[:PORT] below /etc/docker/certs.d and /etc/containers/certs.d (dockerd's and
 * containers-certs.d(5)): *.crt are authorities, NAME.cert with NAME.key a client's certificate and
 * its key. The texts are handed on as they are (PEM), for whoever speaks TLS has no right to read
 * the files.
 */
#ifndef SKIFF_IMAGE_CERTIFICATES_H
#define SKIFF_IMAGE_CERTIFICATES_H

#include "base/err.h"
#include "base/str.h"

struct certificates {
    char *authorities; /* of all *.crt, one after the other; NULL: the machine's */
    char *client;      /* the first *.cert by name, or NULL */
    char *key;         /* its key; a secret, wiped on release */
};

/* Reads what is in the folder @host (which is no path) of each of @folders, NULL-terminated.
 * Nothing there is no failure. A .cert without .key or the other way round, or files that are
 * larger than any certificate, are. */
int certificates_read(const char *const *folders, const char *host, struct certificates *ret,
                      struct err *e);
void certificates_release(struct certificates *c);
#define _cleanup_certificates_ _cleanup_(certificates_release)

#endif
