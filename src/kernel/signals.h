/*
 * Signals by name, as people and specifications write them: "KILL", "SIGKILL", "9", "RTMIN+3".
 *
 * Source: signal(7).
 */
#ifndef SKIFF_KERNEL_SIGNALS_H
#define SKIFF_KERNEL_SIGNALS_H

/* The number of the signal @name, in any case, or -EINVAL. */
int signal_by_name(const char *name);

#endif
