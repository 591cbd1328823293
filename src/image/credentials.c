#include "image/credential_private.h"

#include "base/file.h"
#include "image/registries.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { PROGRAM_SECONDS = 60 };

void secret_free(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void credentials_release(struct credentials *c)
{
    secret_free(&c->user);
    secret_free(&c->password);
    secret_free(&c->identity_token);
    secret_free(&c->registry_token);
}

int credential_copy(const char *text, char **ret, struct err *e)
{
    if (!text || !*text)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : err_nomem(e);
}

struct flat {
    char *at;
    size_t n;
};

static int measure(const char *text, size_t n, void *data)
{
    ((struct flat *)data)->n += n;
    return 0;
}

static int append(const char *text, size_t n, void *data)
{
    struct flat *f = data;
    memcpy(f->at + f->n, text, n);
    f->n += n;
    return 0;
}

char *credential_text(const json_t *value, size_t flags)
{
    struct flat size = {0}, out = {0};
    if (json_dump_callback(value, measure, &size, flags) < 0)
        return NULL;
    _cleanup_secret_ char *text = calloc(1, size.n + 1);
    out.at = text;
    if (!text || json_dump_callback(value, append, &out, flags) < 0 || out.n != size.n)
        return NULL;
    return TAKE_PTR(text);
}

int credential_places_default(struct credential_places *ret, struct err *e)
{
    const char *named = getenv("REGISTRY_AUTH_FILE"), *docker = getenv("DOCKER_CONFIG");
    const char *home = getenv("HOME"), *run = getenv("XDG_RUNTIME_DIR");
    struct credential_places p = {.seconds = PROGRAM_SECONDS};
    home = home && *home ? home : "/root";
    if (named && *named) {
        strv_add(&p.files, named);
    } else {
        if (docker && *docker)
            strv_addf(&p.files, "%s/config.json", docker);
        else
            strv_addf(&p.files, "%s/.docker/config.json", home);
        if (run && *run)
            strv_addf(&p.files, "%s/containers/auth.json", run);
        strv_addf(&p.files, "%s/.config/containers/auth.json", home);
    }
    if (p.files.failed) {
        credential_places_release(&p);
        return err_nomem(e);
    }
    *ret = p;
    return 0;
}

void credential_places_release(struct credential_places *p)
{
    strv_release(&p->files);
}

/* What programs know a registry by. */
static const char *server_of(const char *registry)
{
    return str_eq(registry, HUB_DOMAIN) ? HUB_SERVER : registry;
}

static int ask_program(const char *program, const char *registry, unsigned seconds,
                       struct credentials *ret, struct err *e)
{
    const char *server = server_of(registry);
    int r = credential_program_get(program, server, seconds, ret, e);
    if (r == 0 && !credentials_are_there(ret) && !str_eq(server, registry))
        r = credential_program_get(program, registry, seconds, ret, e); /* as Podman keeps it */
    return r;
}

static int find_in(const char *name, const char *registry, const char *path, unsigned seconds,
                   struct credentials *ret, struct err *e)
{
    _cleanup_json_ json_t *file = NULL;
    int r = credential_file_read(name, &file, e);
    if (r < 0 || !file)
        return r;
    const char *program = credential_program(file, registry, path);
    r = program ? ask_program(program, registry, seconds, ret, e) : 0;
    if (r < 0)
        return err_wrap(e, "credentials for \"%s\" by \"%s\"", registry, name);
    return credentials_are_there(ret) ? 0 : credential_entry(file, name, registry, path, ret, e);
}

int credentials_find(const struct credential_places *places, const char *registry, const char *path,
                     struct credentials *ret, struct err *e)
{
    _cleanup_credentials_ struct credentials c = {0};
    int r = 0;
    json_wipe_freed();
    for (size_t i = 0; r == 0 && !credentials_are_there(&c) && i < places->files.n; i++)
        r = find_in(places->files.v[i], registry, path, places->seconds, &c, e);
    if (r == 0)
        *ret = TAKE(c, (struct credentials){0});
    return r;
}

/* The file that is meant, behind links as people have who keep such files elsewhere; and its
 * folder, made if it is not there, with a lock for as long as it is open. */
static int open_folder(const char *path, char **ret_path, int *ret_folder, struct err *e)
{
    _cleanup_free_ char *real = realpath(path, NULL);
    if (!real)
        real = strdup(path);
    _cleanup_free_ char *folder = real ? strdup(real) : NULL;
    if (!folder)
        return err_nomem(e);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return err_set(e, EINVAL, "\"%s\" is not a file's whole path", path);
    *slash = '\0';
    if (*folder && access(folder, F_OK) < 0) {
        int r = dir_make(AT_FDCWD, folder, 0700, e);
        if (r < 0)
            return r;
    }
    _cleanup_close_ int fd = dir_open(AT_FDCWD, *folder ? folder : "/", false, e);
    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX) < 0)
        return err_sys(e, errno, "cannot lock \"%s\"", folder);
    *ret_path = TAKE_PTR(real);
    *ret_folder = TAKE_FD(fd);
    return 0;
}

/* The owner stays, should root change a user's file. */
static int write_file(int folder, const char *path, const json_t *file, struct err *e)
{
    const char *name = strrchr(path, '/') + 1;
    _cleanup_secret_ char *text = credential_text(file, JSON_INDENT(4));
    struct stat st;
    if (!text)
        return err_nomem(e);
    bool was_there = fstatat(folder, name, &st, 0) == 0;
    int r = file_replace(folder, name, text, strlen(text), 0600, FILE_SYNC, e);
    if (r == 0 && was_there && st.st_uid != geteuid() &&
        fchownat(folder, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        r = err_sys(e, errno, "cannot give \"%s\" back to its owner", path);
    return r;
}

struct change {
    char *path;
    int folder;
    json_t *file;
};
#define CHANGE_INIT ((struct change){.folder = -EBADF})

static void change_release(struct change *c)
{
    free(c->path);
    fd_close(&c->folder);
    json_decref(c->file);
}
#define _cleanup_change_ _cleanup_(change_release)

static int begin(const struct credential_places *places, struct change *c, struct err *e)
{
    if (places->files.n == 0)
        return err_set(e, ENOENT, "there is no file to keep credentials in");
    json_wipe_freed();
    int r = open_folder(places->files.v[0], &c->path, &c->folder, e);
    if (r == 0)
        r = credential_file_read(c->path, &c->file, e);
    if (r == 0 && !c->file && !(c->file = json_object()))
        r = err_nomem(e);
    return r;
}

int credentials_store(const struct credential_places *places, const char *registry,
                      const struct credentials *c, char **ret_where, struct err *e)
{
    _cleanup_change_ struct change change = CHANGE_INIT;
    static const struct credentials elsewhere = {0};
    int r = begin(places, &change, e);
    if (r < 0)
        return r;
    const char *program = credential_program(change.file, registry, NULL);
    if (program)
        r = credential_program_store(program, server_of(registry), places->seconds, c, e);
    if (r == 0)
        r = credential_entry_set(change.file, places->files.v[0], registry,
                                 program ? &elsewhere : c, e);
    if (r == 0)
        r = write_file(change.folder, change.path, change.file, e);
    if (r < 0)
        return err_wrap(e, "cannot keep the credentials");
    *ret_where = program ? NULL : strdup(places->files.v[0]);
    return program || *ret_where ? 0 : err_nomem(e);
}

int credentials_erase(const struct credential_places *places, const char *registry, struct err *e)
{
    _cleanup_change_ struct change change = CHANGE_INIT;
    int r = begin(places, &change, e);
    if (r < 0)
        return r;
    const char *program = credential_program(change.file, registry, NULL);
    if (program)
        r = credential_program_erase(program, server_of(registry), places->seconds, e);
    bool there = credential_key(json_object_get(change.file, "auths"), registry, NULL);
    if (r == 0 && there)
        r = credential_entry_set(change.file, places->files.v[0], registry, NULL, e);
    if (r == 0 && there)
        r = write_file(change.folder, change.path, change.file, e);
    return r < 0 ? err_wrap(e, "cannot erase the credentials") : 0;
}

int credentials_send(const struct credentials *c, int fd, struct err *e)
{
    json_wipe_freed();
    _cleanup_json_ json_t *j =
        json_pack("{s:s*, s:s*, s:s*, s:s*}", "username", c->user, "password", c->password,
                  "identitytoken", c->identity_token, "registrytoken", c->registry_token);
    _cleanup_secret_ char *text = j ? credential_text(j, JSON_COMPACT) : NULL;
    if (!text)
        return err_nomem(e);
    int r = fd_write_all(fd, text, strlen(text));
    return r < 0 ? err_sys(e, -r, "cannot hand the credentials over") : 0;
}

static int read_message(int fd, char *text)
{
    size_t n = 0;
    while (n < CREDENTIAL_ANSWER_MAX) {
        ssize_t got = read(fd, text + n, CREDENTIAL_ANSWER_MAX - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        n += (size_t)got;
    }
    return -EFBIG;
}

int credentials_receive(int fd, struct credentials *ret, struct err *e)
{
    _cleanup_secret_ char *text = calloc(1, CREDENTIAL_ANSWER_MAX + 1);
    _cleanup_credentials_ struct credentials c = {0};
    _cleanup_json_ json_t *j = NULL;
    json_wipe_freed();
    int r = text ? read_message(fd, text) : -ENOMEM;
    if (r < 0)
        return err_sys(e, -r, "cannot read the credentials");
    /* jansson's words may show a part of the text. */
    r = json_parse(text, strlen(text), "credentials", &j, NULL);
    if (r < 0 || !json_is_object(j))
        return r == -ENOMEM ? err_nomem(e)
                            : err_set(e, EINVAL, "the credentials are no JSON object");
    r = credential_copy(json_str(j, "username"), &c.user, e);
    if (r == 0)
        r = credential_copy(json_str(j, "password"), &c.password, e);
    if (r == 0)
        r = credential_copy(json_str(j, "identitytoken"), &c.identity_token, e);
    if (r == 0)
        r = credential_copy(json_str(j, "registrytoken"), &c.registry_token, e);
    if (r == 0)
        *ret = TAKE(c, (struct credentials){0});
    return r;
}
