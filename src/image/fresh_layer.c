#include "image/fresh_layer.h"

#include "base/file.h"
#include "base/json.h"
#include "image/layout.h"
#include "image/store.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int fresh_layer_begin(int root_fd, struct fresh_layer *ret, struct err *e)
{
    _cleanup_close_ int lock = -EBADF;
    _cleanup_json_ json_t *index = NULL;
    _cleanup_fresh_layer_ struct fresh_layer l = FRESH_LAYER_INIT;
    l.root_fd = root_fd;
    int r = store_make(root_fd, e);
    if (r == 0)
        r = store_lock(root_fd, &lock, e);
    if (r == 0)
        r = layout_read_index(root_fd, &index, NULL, e);
    if (r == 0)
        r = store_sweep(root_fd, index, e);
    if (r == 0)
        r = store_new_blob(root_fd, &l.blob_path, &l.blob_fd, e);
    if (r == 0)
        r = store_new_layer(root_fd, &l.folder_path, &l.folder_fd, e);
    fd_close(&lock);
    store_bury(root_fd);
    if (r == 0)
        *ret = TAKE(l, FRESH_LAYER_INIT);
    return r;
}

/* The names come from the unpacker, which may be in a stranger's hands. */
static int mark_opaque(int folder_fd, const struct strv *paths, struct err *e)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    for (size_t i = 0; i < paths->n; i++) {
        const char *path = *paths->v[i] ? paths->v[i] : ".";
        _cleanup_close_ int fd = (int)syscall(SYS_openat2, folder_fd, path, &how, sizeof(how));
        if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
            return err_sys(e, errno, "cannot make the folder \"%s\" opaque", path);
    }
    return 0;
}

int fresh_layer_unpack(struct fresh_layer *l, int in_fd, const struct limits *limits, struct err *e)
{
    const struct unpacked *u = &l->result.unpacked;
    _cleanup_close_ int folder = dir_open(l->folder_fd, "fs", false, e);
    if (folder < 0)
        return folder;
    const struct pipeline p = {
        .in_fd = in_fd,
        .blob_fd = l->blob_fd,
        .folder_fd = folder,
        .may_lean = true, /* put_image knows what is below */
        .limits = limits,
    };
    int r = pipeline_run(&p, &l->result, e);
    if (r == 0)
        r = mark_opaque(folder, &u->opaque, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *facts =
        json_pack("{s:I, s:I, s:b}", "size", (json_int_t)u->size, "entries", (json_int_t)u->entries,
                  "leans", unpacked_leans(u));
    if (!facts)
        return err_nomem(e);
    r = json_write(l->folder_fd, "layer.json", facts, 0644, 0, e);
    if (r < 0)
        return r;
    /* Once for all files, before anything names them. */
    return syncfs(l->folder_fd) < 0 ? err_sys(e, errno, "cannot write the layer to the disk") : 0;
}

void fresh_layer_release(struct fresh_layer *l)
{
    if (l->blob_path && !l->keep_blob)
        unlinkat(l->root_fd, l->blob_path, 0);
    free(l->blob_path);
    fd_close(&l->blob_fd);
    if (l->folder_path) {
        (void)store_condemn(l->root_fd, l->folder_path, NULL);
        store_bury(l->root_fd);
    }
    free(l->folder_path);
    fd_close(&l->folder_fd);
    free(l->chain_id);
    pipeline_result_release(&l->result);
    *l = FRESH_LAYER_INIT;
}
