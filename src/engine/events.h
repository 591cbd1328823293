/*
 * The journal of what happened: ROOT/events, a line of JSON an event, newest last.
 *
 * Each event is one write(2) with O_APPEND, so that any number of processes write without a lock
 * and without waiting. At 4 MiB the file becomes ROOT/events.1, in place of the one before it.
 * It is told for people and programs that look on: nothing of the engine depends on it, so a
 * journal that cannot be written (a full disk) is no failure of the command, and a line that was
 * only half written is passed over by readers.
 *
 * A line: {"timeNano":…,"Type":…,"Action":…,"ID":…,"Attributes":{…}}; event_document makes Docker's
 * message of it (Engine API, GET /events).
 */
#ifndef SKIFF_ENGINE_EVENTS_H
#define SKIFF_ENGINE_EVENTS_H

#include "engine/engine.h"

enum {
    EVENTS_LIMIT = 4 << 20,      /* bytes of a journal file before it makes room for a new one */
    EVENT_LINE_LIMIT = 1 << 20,  /* a longer line is none of ours */
    EVENT_LABEL_LIMIT = 1 << 16, /* labels beyond that are left out */
};

/* Lists of attributes end with a NULL name; a NULL value is left out. */
struct event_attribute {
    const char *name, *value;
};

/* Tells that @action happened to the object @id of @type ("container", "image", "volume",
 * "network").
 * @attributes may be NULL. */
void event_emit(const struct engine *en, const char *type, const char *action, const char *id,
                const struct event_attribute *attributes);

/* The same for a container, with its image, name and labels, and @more (may be NULL). */
void event_emit_container(const struct engine *en, const struct container_record *c,
                          const char *action, const struct event_attribute *more);

/* Docker's message for an event of the journal; a new reference, NULL when memory ran out. */
json_t *event_document(const json_t *event);

/* Reading: one after the other, from the oldest. */
struct event_reader;

/* With @follow it does not end with what is there, but waits for more. */
int event_reader_open(const struct engine *en, bool follow, struct event_reader **ret,
                      struct err *e);

/* The next event of at least @since_ns (since 1970): 1 and *ret (the caller's); 0 when there is
 * none any more or, when following, none came until @until_ns (LLONG_MAX: never). */
int event_reader_next(struct event_reader *r, long long since_ns, long long until_ns, json_t **ret,
                      struct err *e);

void event_reader_free(struct event_reader *r);
static inline void event_reader_release(struct event_reader **r)
{
    event_reader_free(*r);
    *r = NULL;
}
#define _cleanup_event_reader_ _cleanup_(event_reader_release)

#endif
