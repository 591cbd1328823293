/*
 * The folders of a layer that is being unpacked: the one that is kept open, since the next entry
 * mostly lies there too; those that no entry described; and what each gets only at the end.
 */
#ifndef SKIFF_IMAGE_UNPACK_FOLDERS_H
#define SKIFF_IMAGE_UNPACK_FOLDERS_H

#include "base/err.h"
#include "base/str.h"
#include "kernel/node.h"

struct folder_facts;

struct folders {
    int root_fd;       /* borrowed */
    char *parent_path; /* of the folder that is kept open; NULL: none */
    int parent_fd;
    struct folder_facts *facts;
    size_t n, cap;
    bool has_set_group_id; /* one of them has */
};

/* The folder @path ("": the top), made if an entry for it is missing: then @made_up (NULL: nobody
 * wants to know) gets it, and those above it that were missing too. *ret is kept open here, until
 * the next call. */
int folders_open(struct folders *f, const char *path, struct strv *made_up, int *ret,
                 struct err *e);

/* Keeps the folder @path open. Takes @fd. */
int folders_keep(struct folders *f, const char *path, int fd, struct err *e);

/* Something gave way: what is kept open may have been in it. */
void folders_forget(struct folders *f);

/* Notes mode and time of the folder @path for folders_finish. */
int folders_remember(struct folders *f, const char *path, const struct node *n, struct err *e);

/* Sets what was noted. Takes out of @made_up what an entry described later. */
int folders_finish(struct folders *f, struct strv *made_up, struct err *e);

void folders_release(struct folders *f);

#endif
