#include "image/public_key.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

enum {
    KEY_MAX = 64 << 10,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 16384, /* longer ones take long */
    SIGNATURE_MAX = 16 << 10,
};

struct public_key {
    EVP_PKEY *key;
    char *name;
};

void public_key_free(struct public_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->key);
    free(k->name);
    free(k);
}

const char *public_key_name(const struct public_key *k)
{
    return k->name;
}

/* Without it OpenSSL would ask on the terminal. */
static int no_password(char *buffer, int size, int writing, void *data)
{
    return -1;
}

static bool is_taken(const EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char curve[64];
    size_t n;
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA"))
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return true;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (str_eq(curve, curves[i]))
            return true;
    return false;
}

static int parse(const char *pem, size_t n, const char *name, struct public_key **ret,
                 struct err *e)
{
    _cleanup_public_key_ struct public_key *k = calloc(1, sizeof(*k));
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    if (k && bio && (k->name = strdup(name)))
        k->key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!k || !k->name || !bio)
        return err_nomem(e);
    if (!k->key)
        return err_set(e, EINVAL, "\"%s\" is no public key in PEM (\"BEGIN PUBLIC KEY\")", name);
    if (!is_taken(k->key))
        return err_set(e, EINVAL,
                       "\"%s\" is a key of a kind that is not taken: ECDSA P-256, P-384 and "
                       "P-521, RSA from %d to %d bits and Ed25519 are",
                       name, RSA_BITS_MIN, RSA_BITS_MAX);
    *ret = TAKE_PTR(k);
    return 0;
}

int public_key_read(const char *path, struct public_key **ret, struct err *e)
{
    _cleanup_free_ char *pem = NULL;
    size_t n = 0;
    int r = file_read(AT_FDCWD, path, KEY_MAX, &pem, &n, e);
    return r < 0 ? r : parse(pem, n, path, ret, e);
}

/* NULL when @text is none, or memory ran out. */
static unsigned char *decode(const char *text, size_t max, size_t *ret_n)
{
    size_t n = strlen(text);
    unsigned char *out = n <= max ? malloc(n + 3) : NULL;
    EVP_ENCODE_CTX *ctx = out ? EVP_ENCODE_CTX_new() : NULL;
    int written = 0, rest = 0;
    bool ok = false;
    if (ctx) {
        EVP_DecodeInit(ctx);
        ok = EVP_DecodeUpdate(ctx, out, &written, (const unsigned char *)text, (int)n) >= 0 &&
             EVP_DecodeFinal(ctx, out + written, &rest) == 1;
    }
    EVP_ENCODE_CTX_free(ctx);
    ERR_clear_error();
    *ret_n = (size_t)written + (size_t)rest;
    if (ok)
        return out;
    free(out);
    return NULL;
}

int public_key_decode(const char *base64, const char *name, struct public_key **ret, struct err *e)
{
    size_t n;
    unsigned char *pem = decode(base64, KEY_MAX, &n);
    if (!pem)
        return err_set(e, EINVAL, "%s is not in base64", name);
    int r = parse((const char *)pem, n, name, ret, e);
    free(pem);
    return r;
}

bool public_key_verifies(const struct public_key *k, const void *bytes, size_t n,
                         const char *base64)
{
    size_t length;
    unsigned char *signature = decode(base64, SIGNATURE_MAX, &length);
    EVP_MD_CTX *ctx = signature ? EVP_MD_CTX_new() : NULL;
    const EVP_MD *hash = EVP_PKEY_is_a(k->key, "ED25519") ? NULL : EVP_sha256();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, hash, NULL, k->key) == 1 &&
                EVP_DigestVerify(ctx, signature, length, bytes, n) == 1;
    EVP_MD_CTX_free(ctx);
    free(signature);
    ERR_clear_error();
    return good;
}
