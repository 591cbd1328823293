/*
 * libFuzzer target: any text as config.json or auth.json. Whatever it says is found or refused, and
 * after an entry was put in, that is found and nothing else is lost; after it was taken out, no
 * more.
 */
#include "image/credential_private.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool finds(json_t *file, const char *registry, const char *path, struct credentials *c)
{
    _cleanup_err_ struct err e = ERR_INIT;
    return credential_entry(file, "config.json", registry, path, c, &e) == 0;
}

static void look(json_t *file, const char *registry, const char *path)
{
    _cleanup_credentials_ struct credentials c = {0};
    (void)credential_program(file, registry, path);
    finds(file, registry, path, &c);
}

static void put_and_take(json_t *file, const char *registry)
{
    static char user[] = "us\303\251r", password[] = "p:a ss";
    const struct credentials mine = {.user = user, .password = password};
    _cleanup_credentials_ struct credentials found = {0}, gone = {0};
    if (credential_entry_set(file, "/x/config.json", registry, &mine, NULL) < 0)
        return;
    if (!finds(file, registry, NULL, &found) || strcmp(found.user, user) != 0 ||
        strcmp(found.password, password) != 0)
        abort();
    if (credential_entry_set(file, "/x/config.json", registry, NULL, NULL) < 0 ||
        !finds(file, registry, NULL, &gone) || credentials_are_there(&gone))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *file = NULL;
    if (json_parse((const char *)data, size, "fuzz", &file, NULL) < 0 || !json_is_object(file))
        return 0;
    look(file, "docker.io", "library/rust");
    look(file, "quay.io", "a/b/c");
    look(file, "localhost:5000", NULL);
    put_and_take(file, "docker.io");
    put_and_take(file, "quay.io");
    return 0;
}
