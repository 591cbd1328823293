/*
 * What is shown of a container: Docker's own documents.
 */
#ifndef SKIFF_ENGINE_INSPECT_H
#define SKIFF_ENGINE_INSPECT_H

#include "engine/engine.h"

/* The whole document of Docker's GET /containers/ID/json: record and state together. */
int inspect_container(const struct engine *en, const struct container_record *c, json_t **ret,
                      struct err *e);

/* What lists of containers need of it: the document as it is on disk (document.h), and "State" as
 * state_read_brief has it. */
int inspect_brief(const struct engine *en, const struct container_record *c, json_t **ret,
                  struct err *e);

/* Puts NetworkSettings into @whole: what it has there already (of a running container), what
 * @document says of its networks, and Docker's defaults. 0 or -ENOMEM. */
int inspect_add_network(json_t *whole, const json_t *document);

/* Docker's list "Mounts" of a container: Type, Source, Destination, Mode, RW. The caller's; NULL
 * when memory ran out. */
json_t *inspect_mounts(const json_t *document);

/* Docker's words for a state: "Up 5 minutes", "Exited (0) 2 hours ago", "Created". @now in seconds.
 * The caller's to free; NULL when memory ran out. */
char *describe_status(const json_t *state, long long now);

/* "5 minutes", "About an hour": Docker's words for a number of seconds. */
char *describe_duration(long long seconds);

/* Seconds since 1970 of a time stamp as format_time writes them; -1 when it is none. */
long long parse_time(const char *text);

#endif
