/*
 * Keeps this program's own file out of a container's reach.
 *
 * Whoever can open /proc/PID/exe of a process of ours, from inside a container, holds the engine's
 * binary, and as root could write it (CVE-2019-5736). So a process that is going to make or enter
 * a container first executes itself again through a detached, read-only bind mount of its file:
 * /proc/PID/exe then leads to that mount, where every write is EROFS, and nobody in another
 * mount namespace can change the mount.
 */
#ifndef SKIFF_RUNTIME_EXE_H
#define SKIFF_RUNTIME_EXE_H

#include "base/err.h"

/* Also makes this process, and what it forks, not dumpable: nobody without CAP_SYS_PTRACE in the
 * initial user namespace can look into it (ptrace(2), "Ptrace access mode checking").
 *
 * Returns 0 when this process already runs from a read-only mount; else executes itself again with
 * @argv and does not return. Call it first thing, single-threaded. */
int exe_protect(char *const argv[], struct err *e);

/* For a process that will do little for long: gives back what it does not use, freed memory and the
 * pages of its code and constants. Those that are needed again come from the page cache
 * (madvise(2), MADV_DONTNEED of a private mapping of a file that was not written). */
void exe_rest(void);

/* The same for a process that uses a few functions of the whole program over and over: nothing is
 * mapped afterwards but what lies within 16 KiB of it. It costs some 100 areas of memory in the
 * kernel, 0.2 ms, and is not undone. */
void exe_rest_small(void);

#endif
