/*
 * One run of a template: where it stands, its variables, and how expressions are computed. Shared
 * by template_eval.c and template_exec.c.
 */
#ifndef SKIFF_CLI_TEMPLATE_EVAL_H
#define SKIFF_CLI_TEMPLATE_EVAL_H

#include "cli/template_node.h"

struct variable {
    const char *name; /* the tree's */
    json_t *value;    /* owned */
};

struct run {
    const struct template *t;
    const struct node *at; /* what was computed last: where an error is said to be */
    json_t *root;
    bool header;
    struct variable *variables;
    size_t n, cap;
    struct str *out;
    size_t out_start;
    unsigned long steps;
    struct err *e;
};

/* Tells what went wrong at x->at. Returns -@code. */
int run_fail(struct run *x, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Counts a step: -EFBIG when there were too many. */
int run_step(struct run *x);

/* Declares a variable, or assigns to one that is there. @value is borrowed. */
int run_set(struct run *x, const char *name, bool assigns, json_t *value);

/* Forgets all variables but the first @n. */
void run_pop(struct run *x, size_t n);

/* The value of a pipeline with @dot as "."; the caller's to release. The second sets no
 * variables. */
int run_pipe(struct run *x, json_t *dot, const struct node *pipe, json_t **ret);
int run_commands(struct run *x, json_t *dot, const struct node *pipe, json_t **ret);

#endif
