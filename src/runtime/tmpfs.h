/*
 * A tmpfs that takes after the folder it hides: its mode, and with "tmpcopyup" its content.
 *
 * Source: OCI runtime-spec config.md, "Linux mount options"; the mode is what the other runtimes do
 * for a tmpfs whose options say none.
 */
#ifndef SKIFF_RUNTIME_TMPFS_H
#define SKIFF_RUNTIME_TMPFS_H

#include "runtime/spec.h"

/* Prepares the writable, still detached tmpfs @mount_fd that is to go over @m's destination in
 * @root_fd. A destination that is not there, or is no folder, leaves it as it is. */
int tmpfs_take_after(int mount_fd, int root_fd, const struct spec_mount *m, struct err *e);

#endif
