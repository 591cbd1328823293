/*
 * Names for containers that were given none: "adjective_noun", as people know them.
 */
#ifndef SKIFF_ENGINE_NAMES_H
#define SKIFF_ENGINE_NAMES_H

#include <stdint.h>

/* The name number @n, any 64 bits; with a small number behind it when @n's highest bits say so, so
 * that there are enough. The caller frees it; NULL when memory ran out. */
char *name_from_number(uint64_t n, unsigned attempt);

#endif
