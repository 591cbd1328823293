/*
 * One plugin, once: a stranger's program with a text to read, a text to say, and little time.
 */
#ifndef SKIFF_NETWORK_CNI_PLUGIN_H
#define SKIFF_NETWORK_CNI_PLUGIN_H

#include "base/err.h"

struct cni_call {
    const char *file; /* absolute */
    const char *type, *command;
    char *const *environment;
    const char *input;
    unsigned seconds;
};

/* *ret, what it said, is the caller's to free. May be called beside other threads. Errors as in
 * cni.h. */
int cni_plugin_run(const struct cni_call *call, char **ret, struct err *e);

#endif
