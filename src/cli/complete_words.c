/*
 * What words name: containers, images, volumes. Nothing is made, no document is read where a
 * folder's list of names is enough, and what cannot be read is not offered.
 */
#include "cli/complete.h"

#include "cli/commands.h"
#include "engine/networks.h"
#include "image/image.h"
#include "image/reference.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* The engine, if there is one: completion must not make its folders. */
static const struct engine *ground(struct candidates *to)
{
    struct cli *c = to->c;
    if (c->engine.root_fd >= 0)
        return &c->engine;
    if (access(cli_root(c), R_OK | X_OK) < 0 || access(cli_run_dir(c), R_OK | X_OK) < 0)
        return NULL;
    return engine_open(cli_root(c), cli_run_dir(c), &c->engine, NULL) == 0 ? &c->engine : NULL;
}

static DIR *open_folder(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopendir(fd);
}

static bool is_there(const struct engine *en, const char *id, const char *what)
{
    _cleanup_free_ char *path = str_printf("containers/%s%s", id, what);
    return path && faccessat(en->run_fd, path, F_OK, 0) == 0;
}

/* Docker's words for a container's state, without reading its files; NULL when it is of no use. */
static const char *describe(const struct engine *en, const char *id, enum cli_word kind)
{
    bool runs = is_there(en, id, ""), paused = runs && is_there(en, id, "/paused");
    bool wanted = kind == WORD_RUNNING   ? runs && !paused
                  : kind == WORD_STOPPED ? !runs
                  : kind == WORD_PAUSED  ? paused
                                         : true;
    if (!wanted)
        return NULL;
    return paused ? "paused container" : runs ? "running container" : "stopped container";
}

static void add_containers(struct candidates *to, enum cli_word kind, const char *before,
                           const char *behind)
{
    const struct engine *en = ground(to);
    _cleanup_closedir_ DIR *names = en ? open_folder(en->root_fd, "names") : NULL;
    struct dirent *entry;
    size_t n = to->n;
    while (names && (entry = readdir(names))) {
        char id[ID_LEN + 1];
        ssize_t length = readlinkat(dirfd(names), entry->d_name, id, ID_LEN);
        id[length > 0 ? length : 0] = '\0';
        const char *about = length == ID_LEN ? describe(en, id, kind) : NULL;
        _cleanup_free_ char *word = str_printf("%s%s%s", before, entry->d_name, behind);
        if (about && word)
            candidate_add(to, word, about);
    }
    /* IDs are for those who begin one. */
    _cleanup_closedir_ DIR *ids =
        en && *to->begun && to->n == n ? open_folder(en->containers_fd, ".") : NULL;
    while (ids && (entry = readdir(ids))) {
        const char *about =
            strlen(entry->d_name) == ID_LEN ? describe(en, entry->d_name, kind) : NULL;
        _cleanup_free_ char *word =
            str_printf("%s%.*s%s", before, SHORT_ID_LEN, entry->d_name, behind);
        if (about && word)
            candidate_add(to, word, about);
    }
}

static void add_image(struct candidates *to, const struct image *image)
{
    for (size_t k = 0; k < image->names.n; k++) {
        const char *name = reference_short(image->names.v[k]);
        const char *latest = strrchr(name, ':');
        bool is_latest = latest && str_eq(latest, ":latest") && !strchr(to->begun, ':');
        _cleanup_free_ char *word =
            strndup(name, is_latest ? (size_t)(latest - name) : strlen(name));
        if (word)
            candidate_add(to, word, "image");
    }
}

static void add_images(struct candidates *to)
{
    const struct engine *en = ground(to);
    _cleanup_image_list_ struct image_list list = {0};
    size_t n = to->n;
    if (!en || image_list(en->root_fd, &list, NULL, NULL) < 0)
        return;
    for (size_t i = 0; i < list.n; i++)
        add_image(to, &list.v[i]);
    for (size_t i = 0; i < list.n && *to->begun && to->n == n; i++) {
        const char *hex = str_after(list.v[i].id, "sha256:");
        _cleanup_free_ char *word = hex ? strndup(hex, SHORT_ID_LEN) : NULL;
        if (word)
            candidate_add(to, word, "image");
    }
}

static void add_volumes(struct candidates *to, const char *behind)
{
    const struct engine *en = ground(to);
    _cleanup_closedir_ DIR *volumes = en ? open_folder(en->root_fd, "volumes") : NULL;
    struct dirent *entry;
    while (volumes && (entry = readdir(volumes))) {
        _cleanup_free_ char *word = str_printf("%s%s", entry->d_name, behind);
        if (word && entry->d_name[0] != '.')
            candidate_add(to, word, "volume");
    }
}

static void add_networks(struct candidates *to)
{
    const struct engine *en = ground(to);
    _cleanup_strv_ struct strv names = {0};
    for (const char *const *name = networks_predefined; *name; name++)
        candidate_add(to, *name, "network");
    if (en && networks_list(en, &names, NULL) == 0)
        for (size_t i = 0; i < names.n; i++)
            candidate_add(to, names.v[i], "network");
}

static void add_words(struct candidates *to, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        candidate_add(to, words[i], NULL);
}

/* "NAME:PATH", or a file. */
static void add_paths(struct candidates *to, enum cli_word kind)
{
    size_t n = to->n;
    bool is_name = !strchr(to->begun, '/') && !strchr(to->begun, ':');
    if (is_name && kind == WORD_PATH)
        add_containers(to, WORD_CONTAINER, "", ":");
    if (is_name && kind == WORD_MOUNT)
        add_volumes(to, ":");
    if (!strchr(to->begun, ':'))
        candidate_order(to, "files");
    if (to->n > n)
        candidate_order(to, "nospace");
}

void candidates_of_word(struct candidates *to, enum cli_word kind)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    switch (kind) {
    case WORD_NOTHING:
        break;
    case WORD_CONTAINER:
    case WORD_RUNNING:
    case WORD_STOPPED:
    case WORD_PAUSED:
        add_containers(to, kind, "", "");
        break;
    case WORD_IMAGE:
        add_images(to);
        break;
    case WORD_IMAGE_OR_HOST:
        add_images(to);
        candidate_add(to, IMAGE_HOST, "this machine's own files");
        break;
    case WORD_VOLUME:
        add_volumes(to, "");
        break;
    case WORD_NETWORK:
        add_networks(to);
        break;
    case WORD_OBJECT:
        add_containers(to, WORD_CONTAINER, "", "");
        add_images(to);
        add_volumes(to, "");
        break;
    case WORD_DONOR:
        add_containers(to, WORD_RUNNING, "container:", "");
        break;
    case WORD_PATH:
    case WORD_MOUNT:
        add_paths(to, kind);
        break;
    case WORD_FILE:
        candidate_order(to, "files");
        break;
    case WORD_FOLDER:
        candidate_order(to, "folders");
        break;
    case WORD_SHELL:
        add_words(to, shells, ARRAY_LEN(shells));
        break;
    }
}
