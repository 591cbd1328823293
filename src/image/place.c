#include "image/place.h"

#include "base/str.h"

#include <string.h>

static const struct {
    const char *transport;
    enum place_kind kind;
    bool has_path;
    bool is_clear; /* nobody calls an image so */
} places[] = {
    {"oci", PLACE_OCI_FOLDER, true, false},
    {"dir", PLACE_FOLDER_OF_ONE, true, false},
    {"oci-archive", PLACE_OCI_ARCHIVE, true, true},
    {"docker-archive", PLACE_DOCKER_ARCHIVE, true, true},
    {"docker-daemon", PLACE_DOCKER_DAEMON, false, true},
    {"containers-storage", PLACE_CONTAINERS_STORAGE, false, true},
};

/* Its number, and what stands behind the colon. -1: none of them. */
static int find(const char *text, const char **ret_rest)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *rest = str_after(text, places[i].transport);
        if (!rest || *rest != ':')
            continue;
        *ret_rest = rest + 1;
        return (int)i;
    }
    return -1;
}

bool place_is(const char *text)
{
    const char *rest;
    int i = find(text, &rest);
    return i >= 0 && (places[i].is_clear || strpbrk(rest, "/:") || *rest == '.');
}

int place_parse(const char *text, struct place *ret, struct err *e)
{
    const char *rest = "";
    int i = find(text, &rest);
    if (i < 0)
        return err_set(e, EINVAL, "\"%s\" is no place", text);
    /* In a folder of one image there is nothing to name. */
    size_t path = places[i].kind == PLACE_FOLDER_OF_ONE ? strlen(rest) : strcspn(rest, ":");
    if (*rest == '\0' || (places[i].has_path && path == 0))
        return err_set(e, EINVAL, "\"%s\" names no %s", text,
                       places[i].has_path ? "file or folder" : "image");
    const char *name = places[i].has_path ? rest + path + (rest[path] == ':') : rest;
    struct place p = {
        .kind = places[i].kind,
        .transport = places[i].transport,
        .path = places[i].has_path ? strndup(rest, path) : NULL,
        .name = *name ? strdup(name) : NULL,
    };
    if ((places[i].has_path && !p.path) || (*name && !p.name)) {
        place_release(&p);
        return err_nomem(e);
    }
    *ret = p;
    return 0;
}

void place_release(struct place *p)
{
    free(p->path);
    free(p->name);
    p->path = p->name = NULL;
}
