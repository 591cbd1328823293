/*
 * The hooks poststart and poststop, which skiff-oci itself runs, from what state.json has kept of
 * the configuration. Nothing can be undone any more by then: a failure is a warning.
 */
#ifndef SKIFF_OCI_LATE_HOOKS_H
#define SKIFF_OCI_LATE_HOOKS_H

#include "oci/oci.h"
#include "oci/state.h"
#include "runtime/hooks.h"

void oci_run_hooks(const struct oci_global *g, const struct state *s, enum hook which);

#endif
