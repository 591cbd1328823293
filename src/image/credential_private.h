/*
 * Between the parts of the credentials' code: one file's content, and the programs it names.
 */
#ifndef SKIFF_IMAGE_CREDENTIAL_PRIVATE_H
#define SKIFF_IMAGE_CREDENTIAL_PRIVATE_H

#include "image/credentials.h"

enum {
    CREDENTIAL_FILE_MAX = 1 << 20,
    CREDENTIAL_ANSWER_MAX = 64 << 10, /* of a program, and of a message between ours */
};

/* *ret is NULL when there is no such file. */
int credential_file_read(const char *path, json_t **ret, struct err *e);

/* The key of @table that is nearest to the repository: "quay.io/a/b", "quay.io/a", "quay.io",
 * "https://quay.io/v1/"; NULL when none is. */
const char *credential_key(json_t *table, const char *registry, const char *path);

/* The program that a file has for it, or NULL. */
const char *credential_program(json_t *file, const char *registry, const char *path);

/* What is in the file itself; nothing when it has none. @name is the file's, for errors. */
int credential_entry(json_t *file, const char *name, const char *registry, const char *path,
                     struct credentials *ret, struct err *e);

/* Puts an entry for the whole registry in place of those that are there; @c NULL: takes them out;
 * without anything in it: an empty entry, which says that a program has them. */
int credential_entry_set(json_t *file, const char *name, const char *registry,
                         const struct credentials *c, struct err *e);

/* docker-credential-@program get, store, erase; @server is what it knows the registry by. Nothing
 * is found: success, with all fields NULL. */
int credential_program_get(const char *program, const char *server, unsigned seconds,
                           struct credentials *ret, struct err *e);
int credential_program_store(const char *program, const char *server, unsigned seconds,
                             const struct credentials *c, struct err *e);
int credential_program_erase(const char *program, const char *server, unsigned seconds,
                             struct err *e);

/* Copies, both to be released in any case; -ENOMEM. NULL and "" give NULL. */
int credential_copy(const char *text, char **ret, struct err *e);

/* The text of @value in memory that is not moved about, to be wiped by secret_free. */
char *credential_text(const json_t *value, size_t flags);

#endif
