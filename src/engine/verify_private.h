/*
 * What the parts of verify share: one look at everything, and what it found.
 */
#ifndef SKIFF_ENGINE_VERIFY_PRIVATE_H
#define SKIFF_ENGINE_VERIFY_PRIVATE_H

#include "engine/state.h"
#include "engine/verify.h"

/* A container as it was at this look. */
struct verify_container {
    char id[ID_LEN + 1];
    enum state_holder holder; /* asked first */
    struct container_record record;
    struct err unread; /* why it has no document */
    json_t *published; /* RUN/containers/ID/state.json; NULL: there is none */
    bool running;      /* held, and published as running or restarting */
    bool in_flux;      /* held, and not (yet, or any more) running */
};

struct verify;
struct verify_candidate;

/* Puts one finding right, after making sure that it still is one. *ret_done tells what was done;
 * the caller's to free. */
typedef int verify_repair(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                          struct err *e);

/* What one look found. */
struct verify_candidate {
    const char *kind;
    char *subject, *problem;
    verify_repair *repair; /* NULL: nothing that loses nothing */
    unsigned patience_ms;
    unsigned long long since_ms; /* first seen so */
};

struct verify {
    const struct engine *en;
    unsigned flags; /* enum verify_flags */
    struct verify_container *containers;
    size_t n_containers, n_volumes, n_images;
    struct verify_candidate *v;
    size_t n;
    bool failed;         /* memory ran out */
    bool networks_whole; /* all definitions of networks could be read */
};

/* Adds a finding. The text stays the same from look to look, or it counts as another one. */
void verify_add(struct verify *v, const char *kind, const char *subject, verify_repair *repair,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The container of that ID, or NULL. */
const struct verify_container *verify_find(const struct verify *v, const char *id);

/* "64 hexadecimal digits". */
bool verify_is_id(const char *text);

/* Calls @each for every name in the folder @path below @dir_fd, but not "." and "..". A folder that
 * is not there is empty; what cannot be read is a finding of @kind. */
typedef void verify_entry(struct verify *v, int dir_fd, const char *name);
void verify_each(struct verify *v, int dir_fd, const char *path, const char *kind,
                 verify_entry *each);

/* The repair that the reaper does. */
verify_repair verify_reap;

/* The parts: each looks at one kind of things. */
void verify_containers(struct verify *v);
void verify_names(struct verify *v);
void verify_cni(struct verify *v);
void verify_run(struct verify *v);
void verify_groups(struct verify *v);
void verify_mounts(struct verify *v);
void verify_cables(struct verify *v);
void verify_networks(struct verify *v);
void verify_volumes(struct verify *v);
void verify_files(struct verify *v);
void verify_images(struct verify *v);

/* All blobs of images against their digests, once: they never change under their name. */
void verify_blobs(struct verify *v);

#endif
