/*
 * Docker's JSON messages, one a line, as people read them: on a terminal a line a layer, which is
 * brought up to date in its place, elsewhere a line for each change of a layer's state.
 *
 * Rendering alone: bytes come in, bytes to print come out; files and clocks are the caller's
 * (transfer.c). Source: Engine API, POST /images/create; the words and the bar are those of
 * Docker's client, with rate and time left added, and everything clipped to the terminal.
 *
 * A message with an "id" and a "progressDetail" has a line of its own, by its id. Any other is said
 * once, below what was said before, and what was updated up to then stays as it is. Messages may
 * hold a stranger's words: control characters are made visible, and what is too long is cut or
 * dropped.
 */
#ifndef SKIFF_CLI_PROGRESS_H
#define SKIFF_CLI_PROGRESS_H

#include "base/str.h"

#include <stdint.h>

enum {
    PROGRESS_LINE_MAX = 16 << 10, /* bytes of a message; a longer one is passed over */
    PROGRESS_WORD_MAX = 200,      /* bytes of an id or a status that are shown */
    PROGRESS_LAYERS_MAX = 1000,   /* lines that are updated; more are said once */
};

/* A line that is updated. */
struct progress_layer {
    char *id, *status;
    long long current, total; /* 0: not known */
    double rate;              /* units in a second; 0: not known (yet) */
    long long sampled;        /* current, and when it was so: what the rate is reckoned from */
    uint64_t sampled_ms;
};

struct progress {
    bool terminal;
    unsigned columns, rows; /* of the terminal */
    struct progress_layer *layers;
    size_t n, capacity;
    struct strv shown; /* the rows that stand on the terminal above the cursor */
    bool resized;      /* they may have been wrapped anew */
    struct str line;   /* what has come of the next message */
    bool too_long;     /* and it is passed over */
};

/* @terminal: lines can be updated, and its size is given by progress_resize. */
void progress_init(struct progress *p, bool terminal);
void progress_release(struct progress *p);

/* The terminal's size from now on; 80 by 24 before the first call. 0: not known, so that too. */
void progress_resize(struct progress *p, unsigned columns, unsigned rows);

/* Takes what came of the messages. @out gets what is to be printed at once; lines that are updated
 * wait for progress_draw. @now_ms is monotonic. 0 or -ENOMEM. */
int progress_take(struct progress *p, const char *bytes, size_t n, uint64_t now_ms,
                  struct str *out);

/* @out gets what brings the terminal up to date: nothing when nothing has changed. 0 or -ENOMEM. */
int progress_draw(struct progress *p, uint64_t now_ms, struct str *out);

/* Settles what stands there: every line whole, none of which is updated from now on, and the cursor
 * below. For the end, and for others who want to print. 0 or -ENOMEM. */
int progress_settle(struct progress *p, uint64_t now_ms, struct str *out);

/* The cursor is somewhere else, with nothing of ours above it (after a stop, SIGCONT). */
void progress_forget(struct progress *p);

/* The line of @l, at most @columns wide, without a line end: "ID: Downloading [==>   ]
 * 1.2MB/5MB  640kB/s 6s". The bar gets what the rest leaves, up to Docker's 50; under 10 it goes.
 */
void progress_layer_line(const struct progress_layer *l, unsigned columns, uint64_t now_ms,
                         struct str *out);

#endif
