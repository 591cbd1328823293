/*
 * The OCI image layout on disk: index.json and the blobs it names.
 *
 * Sources: image-spec image-layout.md, image-index.md, manifest.md, descriptor.md. What is read is
 * checked before it is used: sizes against limits, digests before they are a path, types of values,
 * and that a manifest is not an index as well (CVE-2021-41190).
 */
#ifndef SKIFF_IMAGE_LAYOUT_H
#define SKIFF_IMAGE_LAYOUT_H

#include "base/json.h"

#include <sys/stat.h>

#define LAYOUT_MANIFEST_TYPE  "application/vnd.oci.image.manifest.v1+json"
#define LAYOUT_INDEX_TYPE     "application/vnd.oci.image.index.v1+json"
#define LAYOUT_CONFIG_TYPE    "application/vnd.oci.image.config.v1+json"
#define LAYOUT_LAYER_TYPE     "application/vnd.oci.image.layer.v1.tar"
#define LAYOUT_REF_ANNOTATION "org.opencontainers.image.ref.name"
/* What a registry called it: "docker.io/library/rust@sha256:…". */
#define LAYOUT_DIGEST_ANNOTATION "dev.skiff.repo-digest"
#define LAYOUT_BLOBS             "images/blobs/sha256"

enum {
    LAYOUT_INDEX_MAX = 16 << 20, /* bytes of index.json */
    LAYOUT_BLOB_MAX = 4 << 20,   /* of a manifest or a config: what registries accept */
    LAYOUT_LAYERS_MAX = 500,     /* as many as one overlay takes (OVL_MAX_STACK) */
};

/* Reads index.json; an array of its descriptors is in "manifests". A store that does not exist yet
 * is an empty index. *ret_st (may be NULL) tells which file it was. */
int layout_read_index(int root_fd, json_t **ret, struct stat *ret_st, struct err *e);

/* Puts @index in place of index.json, on disk. With the store locked. */
int layout_write_index(int root_fd, json_t *index, struct err *e);

/* The folders of its layers, lowest first, when they are not all named by their diff IDs: hex
 * digits, commas between them. */
#define LAYOUT_LAYERS_ANNOTATION "dev.skiff.layers"

struct layout_entry {
    const char *digest, *type; /* of the manifest; type NULL: OCI's */
    long long size;
    json_t *platform;        /* may be NULL */
    const char *name;        /* full; NULL: none is given to it */
    const char *repo_digest; /* may be NULL */
    const char *layers;      /* may be NULL */
};

/* Takes the entry's name from the one that has it (an entry that loses its last name stays
 * without) and gives it to the manifest. Without a name: only makes sure that the manifest is in
 * the index. Everything is copied. */
int layout_index_name(json_t *index, const struct layout_entry *new, struct err *e);

/* The full name in an entry of the index; NULL when there is none or it is not a full name. */
const char *layout_entry_name(const json_t *entry);

/* What a registry called it, likewise: "docker.io/library/rust@sha256:…". */
const char *layout_entry_repo_digest(const json_t *entry);

/* "images/blobs/sha256/HEX" for a valid digest; the caller's to free. NULL: out of memory. */
char *layout_blob_path(const char *digest);

/* Reads the blob of JSON that the descriptor @desc names: -EBADMSG when @desc is not a valid
 * descriptor, or the blob's size is not the one it says, or it is not a JSON object. */
int layout_read_blob(int root_fd, const json_t *desc, json_t **ret, struct err *e);

/* Whether @type is the media type of an image manifest: OCI's or Docker's. */
bool layout_is_manifest_type(const char *type);

/* Checks that @manifest, whose @digest is for messages, is an image manifest of @type and nothing
 * else: its version, its config's type, a list of layers that is not too long. -EBADMSG. */
int layout_check_manifest(const json_t *manifest, const char *type, const char *digest,
                          struct err *e);

/* The same for an entry of the index, checked to be a manifest of layers with a config. */
int layout_read_manifest(int root_fd, const json_t *entry, json_t **ret, struct err *e);

#endif
