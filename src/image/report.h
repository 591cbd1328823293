/*
 * The last words of a helper process to its parent: one message through a pipe.
 *
 * The helper may be in a stranger's hands: what it says is bounded, and text, nothing that is
 * copied into a structure.
 */
#ifndef SKIFF_IMAGE_REPORT_H
#define SKIFF_IMAGE_REPORT_H

#include "base/err.h"

/* In the helper: tells success with @n bytes, or the failure @r with its story, and ends. */
_Noreturn void report_and_exit(int fd, int r, const struct err *story, const void *bytes, size_t n);

/* In the parent: reads the message to its end and waits for @pid. *ret is NUL-terminated text. A
 * failure there becomes ours; -EPIPE with no story of its own is that of who stopped reading. */
int report_read(int fd, pid_t pid, const char *who, char **ret, size_t *ret_n, struct err *e);

#endif
