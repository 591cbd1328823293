/*
 * Values of config.json with their types checked: what is there in another type is refused by its
 * path (-EINVAL), what is absent or null is nothing. For the spec_*.c files alone.
 */
#ifndef SKIFF_RUNTIME_SPEC_GET_H
#define SKIFF_RUNTIME_SPEC_GET_H

#include "base/json.h"

/* @path is dotted, from @doc on; what is returned belongs to the document. */
int spec_get_string(const json_t *doc, const char *path, const char **ret, struct err *e);
int spec_get_bool(const json_t *doc, const char *path, bool *ret, struct err *e);

/* @key of @object, which the message calls @where. */
int spec_get_int(const json_t *object, const char *key, const char *where, long long min,
                 long long max, long long otherwise, long long *ret, struct err *e);

/* An object or an array; NULL when absent. */
int spec_get_typed(const json_t *doc, const char *path, json_type type, const json_t **ret,
                   struct err *e);
int spec_get_array(const json_t *doc, const char *path, const json_t **ret, size_t *ret_n,
                   struct err *e);

/* A list of strings as a NULL-terminated vector; the vector is the caller's to free. */
int spec_get_strings(const json_t *doc, const char *path, char ***ret, size_t *ret_n,
                     struct err *e);

#endif
