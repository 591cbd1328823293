/*
 * What a container's document leaves out: what nobody said, and what follows from where the
 * container lies. It is read for every container at each `ps`, and each byte of it costs; inspect
 * shows it whole again, as Docker does.
 */
#ifndef SKIFF_ENGINE_DOCUMENT_H
#define SKIFF_ENGINE_DOCUMENT_H

#include "engine/engine.h"

/* Takes out of HostConfig and Config what says nothing: null, false, zero, and what is empty; but
 * not where empty means another thing than absent. */
void document_strip(json_t *document);

/* HostConfig and Config of @document with all that Docker shows; new references, NULL when memory
 * ran out. */
json_t *document_host(const json_t *document);
json_t *document_config(const json_t *document);

/* Puts the paths of the container's own files into @whole, where they are missing. 0 or -ENOMEM. */
int document_add_places(const struct engine *en, const char *id, json_t *whole);

#endif
