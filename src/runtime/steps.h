/*
 * What every process of ours does on its way to becoming a container's program, a container's
 * first as well as one that joins it later: a list of steps, of which these are the ones that both
 * have. They report, wait for the word to go, and execute.
 */
#ifndef SKIFF_RUNTIME_STEPS_H
#define SKIFF_RUNTIME_STEPS_H

#include "runtime/control.h"
#include "runtime/init.h"

/* What the steps hand on to each other. */
struct step_state {
    const struct init *in;
    const struct spec *spec;
    int proc_fd;      /* init's: a procfs of its PID namespace that nobody else has seen */
    int control;      /* to the maker */
    int go_fd;        /* -EBADF: the word to go comes over @control */
    pid_t pid;        /* init's, as the maker sees it; 0 where no hook needs it */
    const char *path; /* the payload's file, found */
    char *path_owned;
};

struct step {
    int (*run)(struct step_state *st, struct err *e);
    enum control_step failure; /* what it counts as */
};

/* Runs the @n steps, of which the last executes. Never returns: a failure is told to the maker. */
_Noreturn void steps_run(const struct step *steps, size_t n, const struct init *in);

/* In the order in which they make sense. */
int step_start_session(struct step_state *st, struct err *e);
int step_set_stdio(struct step_state *st, struct err *e); /* in the new root */
int step_close_descriptors(struct step_state *st, struct err *e);
int step_enter_cwd(struct step_state *st, struct err *e);
int step_take_identity(struct step_state *st, struct err *e);
int step_find_executable(struct step_state *st, struct err *e);
int step_wait_for_go(struct step_state *st, struct err *e);
int step_reset_signals(struct step_state *st, struct err *e);
int step_drop_rights(struct step_state *st, struct err *e);
int step_execute(struct step_state *st, struct err *e);

#endif
