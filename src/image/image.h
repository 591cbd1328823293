/*
 * Images as they lie in the store: from a reference to a list of layer folders and a config.
 *
 * The store, below the engine's --root (named by @root_fd, a folder's descriptor, everywhere here):
 *
 *     images/            an OCI image layout (image-spec, image-layout.md): oci-layout, index.json,
 *                        blobs/sha256/HEX. index.json has one entry a name (annotation
 *                        org.opencontainers.image.ref.name: the full name) and one without for an
 *                        image that has lost its last name.
 *     layers/HEX/fs      the unpacked layer whose diff ID is sha256:HEX, in overlay's own form
 *     layers/HEX/layer.json   {"size": bytes, "entries": n} of it
 *
 * Readers take no lock: blobs and layers never change under their name, and index.json is replaced
 * by rename. Writers hold flock on images/.lock, for moments.
 *
 * Everything read here may come from a stranger's registry or archive: it is bounded and checked.
 */
#ifndef SKIFF_IMAGE_IMAGE_H
#define SKIFF_IMAGE_IMAGE_H

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct image {
    char *id;                   /* "sha256:…": the digest of the config, as Docker's image ID */
    char *digest;               /* "sha256:…": of the manifest */
    json_t *manifest;           /* whole; "config" and "layers" are its blobs */
    long long manifest_size;    /* bytes */
    json_t *config;             /* OCI image config, whole ("config.Env", "created", …) */
    struct strv layers;         /* folders below --root, lowest first: "layers/HEX/fs" */
    struct strv diff_ids;       /* "sha256:…", the same order */
    struct strv names;          /* full names: image_find gives all; may be empty */
    struct strv repo_digests;   /* what registries call it: "docker.io/library/rust@sha256:…" */
    struct timespec index_time; /* which index.json said so: see image_confirm */
    uint64_t index_inode;
};

struct image_list {
    struct image *v;
    size_t n;
};

void image_release(struct image *img);
#define _cleanup_image_ _cleanup_(image_release)
void image_list_release(struct image_list *l);
#define _cleanup_image_list_ _cleanup_(image_list_release)

/* Finds "name[:tag][@digest]", "sha256:…" (image ID or manifest digest) or a prefix of an image ID,
 * in this order, as Docker does. Three files are read for a name, two more for each image in the
 * store for a prefix.
 *
 * -ENOENT: no such image ("no such image: x:latest"). -EINVAL: not a reference, or a prefix of more
 * than one image's ID. -EBADMSG: the store holds something that is no image. */
int image_find(int root_fd, const char *what, struct image *ret, struct err *e);

/* The name of an image that was perhaps meant by @what: the caller's to free; NULL when none is
 * near enough. */
char *image_nearest(int root_fd, const char *what);

/* Whether @img is still in the store: for a user that has just written down that he uses it.
 * image_remove asks once more, after it took the image from the index, whether somebody uses it;
 * whoever writes his claim first and then confirms here cannot lose its layers. 0, or -ENOENT when
 * the image went away meanwhile. One system call as long as the index did not change. */
int image_confirm(int root_fd, const struct image *img, struct err *e);

/* All images, each once with all its names; the newest ("created") first. Images that cannot be
 * read are left out and counted in *ret_bad (may be NULL): one broken image must not hide the rest.
 */
int image_list(int root_fd, struct image_list *ret, size_t *ret_bad, struct err *e);

/* Bytes of the unpacked files of all its layers, as `docker images` shows. Reads one small file a
 * layer. -1 when it is not known. */
long long image_size(int root_fd, const struct image *img);

/* The same of its layer number @i, counted from the lowest. */
long long image_layer_size(int root_fd, const struct image *img, size_t i);

/* Bytes of its blobs, as a registry has them; -ENOMEM. */
long long image_content_size(const struct image *img);

/* What all images together take on the disk: layers and blobs, each once; layers of unknown size
 * count for nothing. -ENOMEM */
long long image_list_size(int root_fd, const struct image_list *l);

/* Bytes on disk of what broken pulls have fetched and no pull is going on with. */
long long image_partial(int root_fd);

/* "created" of the config in seconds since 1970 (RFC 3339); -1 when it has none. */
time_t image_created(const struct image *img);

/* The same of any such text, or NULL. */
time_t image_time(const char *text);

/* Gives the image @what one more name. Takes the name from the image that had it (which stays,
 * nameless if it was its last). */
int image_tag(int root_fd, const char *what, const char *name, struct err *e);

enum image_use {
    IMAGE_UNUSED,
    IMAGE_USED_STOPPED, /* by a container that does not run */
    IMAGE_USED_RUNNING,
};

/* Who uses the image @id ("sha256:…")? For a use, *ret_by is "container ab12…", the callback's to
 * allocate and the asker's to free. Called with the store locked: it must not call back here. */
typedef enum image_use image_use_fn(void *data, const char *id, char **ret_by);

struct image_remove_options {
    bool force;
    image_use_fn *in_use; /* NULL: nobody uses any */
    void *data;
};

/* Docker's rmi. By name: takes the name away, and the image with its last name. By ID: the image,
 * if it has no more than one name, or with @force. An image in use stays: by a container that runs
 * always, by one that is stopped it loses its names when forced.
 *
 * Blobs and layers that no image needs any more are found by looking at what is on disk (so what an
 * interrupted command left goes too) and removed after the lock is given back.
 *
 * @ret_done gets what was done, as Docker prints it: "Untagged: rust:latest", "Deleted: sha256:…".
 * -EBUSY: in use, or named more than once. Others as image_find. */
int image_remove(int root_fd, const char *what, const struct image_remove_options *options,
                 struct strv *ret_done, struct err *e);

#endif
