#include "image/certificates.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

enum { FILES_MAX = 64, FILE_MAX = 256 << 10 };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in @folder that matter, in order. */
static int list(int folder, struct strv *ret, struct err *e)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int saved = errno;
        fd_close(&fd);
        return err_sys(e, saved, "cannot read the folder");
    }
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (ends_with(name, ".crt") || ends_with(name, ".cert") || ends_with(name, ".key"))
            strv_add(ret, name);
        if (ret->n > FILES_MAX)
            return err_set(e, EFBIG, "more than %d certificates", FILES_MAX);
    }
    if (ret->failed)
        return err_nomem(e);
    if (ret->n > 0)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
    return 0;
}

static int add_authority(int folder, const char *name, char **all, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(folder, name, FILE_MAX, &text, NULL, e);
    if (r < 0)
        return r;
    char *both = str_printf("%s%s\n", *all ? *all : "", text);
    if (!both)
        return err_nomem(e);
    free(*all);
    *all = both;
    return 0;
}

static bool is_among(const struct strv *names, const char *stem, size_t n, const char *end)
{
    for (size_t i = 0; i < names->n; i++)
        if (strncmp(names->v[i], stem, n) == 0 && strcmp(names->v[i] + n, end) == 0)
            return true;
    return false;
}

/* Two halves, of which neither is of use without the other. */
static int check_pairs(const struct strv *names, struct err *e)
{
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->v[i];
        size_t n = (size_t)(strrchr(name, '.') - name);
        if (ends_with(name, ".cert") && !is_among(names, name, n, ".key"))
            return err_set(e, EINVAL,
                           "\"%s\" has no \"%.*s.key\" (an authority's certificate is a file "
                           "\".crt\")",
                           name, (int)n, name);
        if (ends_with(name, ".key") && !is_among(names, name, n, ".cert"))
            return err_set(e, EINVAL, "\"%s\" has no \"%.*s.cert\"", name, (int)n, name);
    }
    return 0;
}

static int read_client(int folder, const char *name, struct certificates *c, struct err *e)
{
    _cleanup_free_ char *key = str_printf("%.*s.key", (int)(strrchr(name, '.') - name), name);
    if (!key)
        return err_nomem(e);
    int r = file_read(folder, name, FILE_MAX, &c->client, NULL, e);
    return r < 0 ? r : file_read(folder, key, FILE_MAX, &c->key, NULL, e);
}

static int read_folder(int folder, struct certificates *c, struct err *e)
{
    _cleanup_strv_ struct strv names = {0};
    int r = list(folder, &names, e);
    if (r == 0)
        r = check_pairs(&names, e);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        if (ends_with(names.v[i], ".crt"))
            r = add_authority(folder, names.v[i], &c->authorities, e);
        else if (ends_with(names.v[i], ".cert") && !c->client)
            r = read_client(folder, names.v[i], c, e);
    }
    return r;
}

int certificates_read(const char *const *folders, const char *host, struct certificates *ret,
                      struct err *e)
{
    _cleanup_certificates_ struct certificates c = {0};
    for (; folders && *folders; folders++) {
        _cleanup_free_ char *path = str_printf("%s/%s", *folders, host);
        if (!path)
            return err_nomem(e);
        _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        int r =
            folder < 0 ? err_sys(e, errno, "cannot open the folder") : read_folder(folder, &c, e);
        if (r < 0)
            return err_wrap(e, "certificates in \"%s\"", path);
    }
    *ret = TAKE(c, (struct certificates){0});
    return 0;
}

void certificates_release(struct certificates *c)
{
    if (c->key)
        explicit_bzero(c->key, strlen(c->key));
    free(c->authorities);
    free(c->client);
    free(c->key);
    *c = (struct certificates){0};
}
