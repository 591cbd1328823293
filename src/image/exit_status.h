/*
 * How skiff-image ends: 0; 1 when what failed has no errno; 2 when it was not called properly;
 * IMAGE_STATUS_ERRNO and the errno for all else. Its words are on standard error.
 */
#ifndef SKIFF_IMAGE_EXIT_STATUS_H
#define SKIFF_IMAGE_EXIT_STATUS_H

enum { IMAGE_STATUS_ERRNO = 64, IMAGE_STATUS_MAX = 255 };

#endif
