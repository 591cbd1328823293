/*
 * Reading and writing JSON: jansson, with paths, limits and our errors.
 *
 * Getters take any json_t, NULL too, and give NULL or the default when the key is absent or of
 * another type, so that a chain of them needs no checks. What they return belongs to the document.
 */
#ifndef SKIFF_BASE_JSON_H
#define SKIFF_BASE_JSON_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

static inline void json_release(json_t **j)
{
    json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_release)

/* Once, first thing in main: seeds jansson's hash tables from what the kernel gave this process
 * (AT_RANDOM), for which jansson itself would open /dev/urandom; and makes json_parse safe when
 * memory runs out. */
void json_setup(void);

/* From now on everything that jansson gives back is wiped first: for a process that reads secrets.
 */
void json_wipe_freed(void);

/* Walks objects by a dotted path: json_at(spec, "process.user.uid"). */
json_t *json_at(const json_t *root, const char *path);

const char *json_str(const json_t *root, const char *path);
/* Appends the new reference @item to *list. When either of them is missing the list is dropped and
 * NULL from then on: a list that is not whole is none, and is asked for once, after all of it. */
void json_gather(json_t **list, json_t *item);

/* A copy of an object that shares its values; and *object with those keys of @others that it has
 * not. jansson's own (json_copy, json_object_update_missing) do not notice when memory runs out,
 * and leave keys out. */
json_t *json_copy_object(const json_t *object);
int json_complete(json_t *object, const json_t *others);

long long json_int(const json_t *root, const char *path, long long otherwise);
bool json_bool(const json_t *root, const char *path, bool otherwise);

/* Parses text of a foreign source: -EINVAL with line and column, named as @name. Nesting is
 * bounded by jansson (2048), duplicates of a key are refused. @n in bytes. */
int json_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e);

/* Reads and parses the file @path below @dirfd, of at most @limit bytes. */
int json_read(int dirfd, const char *path, size_t limit, json_t **ret, struct err *e);

/* The same of an object of which only the members are wanted that @keys names ("Name",
 * "Config.Image"; NULL ends them): all others are passed over, and neither parsed nor checked. */
int json_read_some(int dirfd, const char *path, size_t limit, const char *const keys[],
                   json_t **ret, struct err *e);

/* The text of @value; the caller's to free, NULL when memory ran out. @flags are jansson's. */
char *json_text(const json_t *value, size_t flags);

/* jansson's own leaves a key out when memory runs out just there, and goes on. */
#pragma GCC poison json_dumps json_dumpb json_dumpf json_dumpfd json_dump_file

/* file_replace with the text of @value. */
int json_write(int dirfd, const char *path, json_t *value, mode_t mode, unsigned flags,
               struct err *e);

#endif
