#include "engine/container_size.h"

#include "engine/create.h"
#include "kernel/walk.h"

#include <fcntl.h>
#include <search.h>

struct count {
    long long bytes;
    void *seen; /* a tree of inodes: files with more than one name */
};

static int by_value(const void *a, const void *b)
{
    ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;
    return (x > y) - (x < y);
}

/* 1: a file was counted under another name; -ENOMEM. One layer is one file system. */
static int was_counted(struct count *count, ino_t inode)
{
    ino_t *key = malloc(sizeof(*key));
    if (!key)
        return -ENOMEM;
    *key = inode;
    ino_t **found = tsearch(key, &count->seen, by_value);
    bool is_new = found && *found == key;
    if (!is_new)
        free(key);
    return !found ? -ENOMEM : !is_new;
}

static int add_file(void *data, const struct walk_entry *entry, struct err *e)
{
    struct count *count = data;
    if (S_ISDIR(entry->st.st_mode) || entry->st.st_size == 0)
        return 0;
    int r = entry->st.st_nlink > 1 ? was_counted(count, entry->st.st_ino) : 0;
    if (r < 0)
        return err_nomem(e);
    count->bytes += r == 0 ? entry->st.st_size : 0;
    return 0;
}

static int measure_layer(const struct container_record *c, long long *ret, struct err *e)
{
    _cleanup_close_ int upper = openat(c->dir_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0) {
        *ret = 0; /* it was never started */
        return errno == ENOENT ? 0 : err_sys(e, errno, "cannot open the layer of \"%.12s\"", c->id);
    }
    struct count count = {0};
    const struct walk walk = {.visit = add_file, .data = &count};
    int r = walk_folder(upper, &walk, e);
    tdestroy(count.seen, free);
    *ret = count.bytes;
    return r;
}

int container_size(const struct engine *en, const struct container_record *c, long long *ret_own,
                   long long *ret_whole, struct err *e)
{
    long long own = 0;
    int r = measure_layer(c, &own, e);
    if (r < 0)
        return r;
    _cleanup_create_image_ struct create_image image = {0};
    const char *id = json_str(c->document, "Image");
    long long layers = 0;
    r = create_find_image(en, id, &image, e);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && !image.built_in)
        layers = image_size(en->root_fd, &image.image);
    if (layers < 0)
        return err_set(e, EIO, "cannot tell the size of image \"%s\"", id);
    err_release(e);
    *ret_own = own;
    *ret_whole = image.built_in ? 0 : own + layers;
    return 0;
}

int container_add_size(const struct engine *en, const struct container_record *c, json_t *d,
                       struct err *e)
{
    long long own, whole;
    int r = container_size(en, c, &own, &whole, e);
    if (r < 0)
        return r;
    if (json_object_set_new(d, "SizeRw", json_integer(own)) < 0 ||
        json_object_set_new(d, "SizeRootFs", json_integer(whole)) < 0)
        return err_nomem(e);
    return 0;
}
