/*
 * One process of a row of them: it reads what the one before it writes, passes on what it makes of
 * that, and reports to its parent (report.h). It has nothing but its descriptors.
 */
#ifndef SKIFF_IMAGE_STAGE_H
#define SKIFF_IMAGE_STAGE_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

/* Its descriptors. STAGE_OUT is a pipe, or whatever the stage works on; STAGE_MORE one more. */
enum { STAGE_IN, STAGE_REPORT, STAGE_NULL, STAGE_OUT, STAGE_MORE, N_STAGE_FDS };

/* What it does, after it has locked itself in (sandbox.h). What is in @report is told to the
 * parent. */
typedef int stage_work(const void *data, struct str *report, struct err *e);

struct stage_plan {
    const char *name;    /* for stories: "decompressor" */
    uint64_t namespaces; /* CLONE_NEW* */
    int in, out, more;   /* the caller's; -EBADF: none */
    stage_work *work;
    const void *data;
};

struct stage {
    const char *name;
    pid_t pid; /* 0: not there */
    int report;
};
#define STAGE_INIT ((struct stage){.report = -EBADF})

/* A pipe between two of them: @ret_read, @ret_write. Both close-on-exec, the caller's. */
int stage_pipe(int *ret_read, int *ret_write, struct err *e);

int stage_start(const struct stage_plan *plan, struct stage *ret, struct err *e);

/* Waits for its end. *ret_text (NUL-terminated) and *ret_n are its report; both may be NULL. 0 when
 * it is not there: *ret_text is then NULL. */
int stage_finish(struct stage *s, char **ret_text, size_t *ret_n, struct err *e);

/* One that is still there has nothing more to do. */
void stage_release(struct stage *s);
#define _cleanup_stage_ _cleanup_(stage_release)

#endif
