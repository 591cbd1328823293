/*
 * The user's terminal: raw while a container has it, and given back as it was.
 *
 * Source: termios(3), ioctl_tty(2).
 */
#ifndef SKIFF_KERNEL_TERMINAL_H
#define SKIFF_KERNEL_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
    int fd;   /* not owned */
    bool raw; /* or otherwise changed */
    struct termios saved;
};

/* Makes the terminal @fd raw and remembers how it was. 0 or -errno (-ENOTTY). */
int terminal_make_raw(int fd, struct terminal *ret);

/* What is typed is not shown any more, while lines are still made of it; likewise. */
int terminal_hide_input(int fd, struct terminal *ret);

/* Gives it back. Safe to call twice, and for one that was never raw. */
void terminal_restore(struct terminal *t);

/* Copies the window's size from one terminal to another. 0 or -errno. */
int terminal_copy_size(int from, int to);

#endif
