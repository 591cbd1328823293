/*
 * The caller's side of an attached container: carries its streams and signals to and from the
 * monitor until the container ends.
 */
#ifndef SKIFF_ENGINE_CLIENT_H
#define SKIFF_ENGINE_CLIENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    int monitor;     /* the socket; see start_launch */
    bool with_stdin; /* our standard input is the container's */
    bool tty;        /* it has a terminal: that has the size of ours, typed on or not */
    bool terminal;   /* and ours is made raw */
    bool sig_proxy;  /* signals that reach us go to the container */
    bool redraw;     /* it ran before we came: what is on its screen is to be drawn again */
    const uint8_t *detach_keys; /* typed on our terminal, they end the client alone; NULL: none */
    size_t n_detach_keys;
};

/* What client_carry returns beside exit statuses: the detach keys were typed; the client was asked
 * three times to end (SIGINT, SIGTERM), and leaves a container that has heard them all. */
enum { CLIENT_DETACHED = 256, CLIENT_FORCED };

/* Waits for the start. 0 when it runs; else the exit status to end with (125 to 127) and the
 * story. */
int client_wait_started(int monitor, struct err *e);

/* Carries until the end. Returns the container's exit status, CLIENT_DETACHED or CLIENT_FORCED;
 * -ECONNRESET when the monitor let go of us or was killed. Our terminal is as it was before. */
int client_carry(const struct client *c, struct err *e);

#endif
