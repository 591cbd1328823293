/*
 * What ps(1) tells of a process, read from /proc.
 *
 * Source: proc(5). A process chooses its name and arguments itself: they are text of a stranger.
 */
#ifndef SKIFF_KERNEL_PROCESS_INFO_H
#define SKIFF_KERNEL_PROCESS_INFO_H

#include "base/err.h"

#include <sys/types.h>

struct process_info {
    pid_t pid, ppid, pgrp, session, tpgid;
    unsigned ruid, euid, rgid, egid;
    unsigned tty; /* device number; 0: none */
    char state;   /* R, S, D, Z, T, … */
    long nice, priority, threads, processor;
    unsigned long long utime, stime; /* clock ticks */
    unsigned long long start;        /* clock ticks after boot */
    unsigned long long vsize, rss;   /* bytes */
    char *name;                      /* as the kernel has it, up to 15 bytes; owned */
    char *arguments;                 /* with spaces between; "" for a zombie; owned */
};

/* Reads them; -ESRCH when there is no such process (any more); -ENOMEM. */
int process_info_read(pid_t pid, struct process_info *ret);

/* The text of /proc/PID/stat alone: fills what stands there (not rss, of which it
 * has an old number). -EBADMSG when it is no such line. */
int process_info_parse(const char *stat, struct process_info *ret);

void process_info_release(struct process_info *p);

#endif
