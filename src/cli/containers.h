/*
 * Commands that do one thing to any number of containers.
 */
#ifndef SKIFF_CLI_CONTAINERS_H
#define SKIFF_CLI_CONTAINERS_H

#include "cli/cli.h"

#include <stdint.h>

/* What is done to one; its name is printed if that went well, unless told otherwise. */
typedef int container_act(struct cli *c, struct container_record *record, const void *data,
                          struct err *e);

enum for_each_flags {
    FOR_EACH_FORCED = 1 << 0,  /* a missing one is no error; one that nobody can read is done too */
    FOR_EACH_QUIET = 1 << 1,   /* @act prints what there is to print */
    FOR_EACH_AT_ONCE = 1 << 2, /* by a process for each: none waits for another's end */
};

/* Runs @act on each of the @n named; goes on after errors, which are told one by one. The exit
 * status: 0, or 1 when any failed. */
int cli_for_each_container(struct cli *c, int n, char **names, container_act *act, const void *data,
                           unsigned flags);

/* Docker's detach keys: "ctrl-p,ctrl-q"; NULL: these. Characters, or ctrl- and one of a-z @ [ \ ] ^
 * _ between commas. */
struct detach_keys {
    uint8_t v[64];
    size_t n;
};
int parse_detach_keys(const char *text, struct detach_keys *ret, struct err *e);

#endif
