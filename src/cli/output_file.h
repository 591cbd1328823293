/*
 * A file that a command writes (-o FILE): it appears when it is whole.
 */
#ifndef SKIFF_CLI_OUTPUT_FILE_H
#define SKIFF_CLI_OUTPUT_FILE_H

#include "base/err.h"

typedef int output_write(void *data, int fd, struct err *e);

/* Has @write write @path: under another name first, or, when it is there already and no regular
 * file
 * (/dev/null, a FIFO), in place. @failed is how errors begin: "failed to save image". */
int output_to_file(const char *path, const char *failed, output_write *write, void *data,
                   struct err *e);

#endif
