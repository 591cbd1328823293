/*
 * Settings under /proc/sys/net. The tree shows the network namespace of the thread that opens a
 * file in it; a descriptor stays with that namespace.
 */
#ifndef SKIFF_NETWORK_SYSCTL_H
#define SKIFF_NETWORK_SYSCTL_H

#include "base/err.h"

/* Opens /proc/sys/net/@path for reading and writing. -ENOENT, with no story, when the kernel lacks
 * what it is about. */
int sysctl_open(const char *path, struct err *e);

/* Writes one digit. @path is for the story only. */
int sysctl_set(int fd, const char *path, char digit, struct err *e);

/* Opens and sets; a setting that does not exist is success. */
int sysctl_write(const char *path, char digit, struct err *e);

/* The same for the setting @name of a link: FAMILY/conf/LINK/NAME. */
int sysctl_write_link(const char *family, const char *link, const char *name, char digit,
                      struct err *e);

#endif
