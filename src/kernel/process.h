/*
 * Processes by descriptor: clone3(2) and pidfds.
 */
#ifndef SKIFF_KERNEL_PROCESS_H
#define SKIFF_KERNEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* clone3(2) as fork(2) with @flags (CLONE_NEW*, CLONE_PARENT, CLONE_INTO_CGROUP with @cgroup_fd,
 * else -1). Returns 0 in the child; in the parent the PID, with *ret_pidfd (close-on-exec; may be
 * NULL). Negative errno. The child shares nothing but descriptors; call it single-threaded. */
pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd);

/* A process's start time, field 22 of /proc/PID/stat, in clock ticks since boot: together with the
 * PID it names a process for good. 0 when there is no such process. */
uint64_t process_start_time(pid_t pid);

/* Whether @pid is the process that started at @start_time, and not a zombie. */
bool process_is(pid_t pid, uint64_t start_time);

/* A pidfd of that very process, never of another that got its number. -ESRCH when gone. */
int process_open(pid_t pid, uint64_t start_time);

/* Sends @signal to that very process, never to another that got its number. -ESRCH when gone. */
int process_kill(pid_t pid, uint64_t start_time, int signal);

/* waitpid until it ends, whatever signal interrupts. Returns the exit status a shell would give:
 * 0..255, 128+n for signal n; or a negative errno. */
int process_wait(pid_t pid);

/* From now on what the calling process makes belongs to them, and all its rights stay. Negative
 * errno; needs CAP_SETPCAP when they are not root. */
int process_set_file_owner(uid_t uid, gid_t gid);

#endif
