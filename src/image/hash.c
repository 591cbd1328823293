#include "image/hash.h"

#include "base/str.h"

#include <openssl/evp.h>

struct hash {
    EVP_MD_CTX *ctx;
};

static int fail(struct err *e)
{
    return err_set(e, EIO, "cannot compute a SHA-256 digest");
}

int hash_new(struct hash **ret, struct err *e)
{
    _cleanup_hash_ struct hash *h = calloc(1, sizeof(*h));
    if (!h || !(h->ctx = EVP_MD_CTX_new()))
        return err_nomem(e);
    if (EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
        return fail(e);
    *ret = TAKE_PTR(h);
    return 0;
}

int hash_add(struct hash *h, const void *bytes, size_t n, struct err *e)
{
    return EVP_DigestUpdate(h->ctx, bytes, n) == 1 ? 0 : fail(e);
}

int hash_finish(struct hash *h, char **ret, struct err *e)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n;
    struct str text = {0};
    if (EVP_DigestFinal_ex(h->ctx, md, &n) != 1)
        return fail(e);
    str_add(&text, "sha256:");
    for (unsigned i = 0; i < n; i++)
        str_addf(&text, "%02x", md[i]);
    *ret = str_steal(&text);
    return *ret ? 0 : err_nomem(e);
}

void hash_free(struct hash **h)
{
    if (*h)
        EVP_MD_CTX_free((*h)->ctx);
    free(*h);
    *h = NULL;
}

int hash_bytes(const void *bytes, size_t n, char **ret, struct err *e)
{
    _cleanup_hash_ struct hash *h = NULL;
    int r = hash_new(&h, e);
    if (r == 0)
        r = hash_add(h, bytes, n, e);
    return r < 0 ? r : hash_finish(h, ret, e);
}
