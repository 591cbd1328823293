#include "image/folded.h"

#include "base/json.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/store.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FOLDED_PATH "images/folded.json"

/* How the kinds are called in there. What another version of a library makes may differ: then the
 * registry does not have it, and it is compressed anew. */
static const char *const kinds[] = {[FOLD_GZIP] = "gzip", [FOLD_ZSTD] = "zstd"};

/* {"sha256:…": {"gzip": {"digest", "size"}}} */
static json_t *read_notes(int root_fd)
{
    json_t *notes = NULL;
    if (json_read(root_fd, FOLDED_PATH, LAYOUT_BLOB_MAX, &notes, NULL) == 0 &&
        json_is_object(notes))
        return notes;
    json_decref(notes);
    return json_object();
}

bool folded_recall(int root_fd, const char *blob, enum fold_kind kind, char **ret_digest,
                   long long *ret_size)
{
    _cleanup_json_ json_t *notes = read_notes(root_fd);
    const json_t *note = json_object_get(json_object_get(notes, blob), kinds[kind]);
    const char *digest = json_str(note, "digest");
    long long size = json_int(note, "size", -1);
    if (!digest || !digest_is_valid(digest) || size <= 0 || !(*ret_digest = strdup(digest)))
        return false;
    *ret_size = size;
    return true;
}

static void forget_gone(int root_fd, json_t *notes)
{
    const char *blob;
    void *next;
    json_t *value;
    json_object_foreach_safe(notes, next, blob, value)
    {
        _cleanup_free_ char *path = digest_is_valid(blob) ? layout_blob_path(blob) : NULL;
        if (!path || faccessat(root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            json_object_del(notes, blob);
    }
}

void folded_note(int root_fd, const char *blob, enum fold_kind kind, const char *digest,
                 long long size)
{
    _cleanup_close_ int lock = -EBADF;
    if (store_lock(root_fd, &lock, NULL) < 0)
        return;
    _cleanup_json_ json_t *notes = read_notes(root_fd);
    forget_gone(root_fd, notes);
    json_t *of_blob = json_object_get(notes, blob);
    if (!of_blob && json_object_set_new(notes, blob, of_blob = json_object()) < 0)
        return;
    if (json_object_set_new(of_blob, kinds[kind],
                            json_pack("{s:s, s:I}", "digest", digest, "size", (json_int_t)size)) ==
        0)
        (void)json_write(root_fd, FOLDED_PATH, notes, 0644, 0, NULL);
}
