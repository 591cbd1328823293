/*
 * Meeting a monitor: RUN/containers/ID/monitor.sock, on which it listens while its container lives.
 * It is a name in the file system (0600, in a folder of 0700), never an abstract one, which every
 * container on the host's network could reach (CVE-2020-15257).
 */
#ifndef SKIFF_ENGINE_CONTACT_H
#define SKIFF_ENGINE_CONTACT_H

#include "engine/engine.h"
#include "engine/frame.h"

/* The monitor's side: makes the run folder, and listens. A descriptor, or a negative errno. */
int contact_listen(const struct engine *en, const char *id, struct err *e);

/* A client's side: connects, and wishes for streams (enum frame_wish; 0: only for the end). Its
 * @terminal, if it is one (else -1), is given back by the monitor should the client die. With
 * streams the monitor answers STARTED or FAILED first. -ESRCH: nobody listens, it does not run. */
int contact_open(const struct engine *en, const char *id, unsigned wishes, int terminal,
                 struct err *e);

/* The same only for the end, and without waiting to be let in, for who holds what the monitor may
 * need: -EAGAIN when too many wait already. */
int contact_try(const struct engine *en, const char *id, struct err *e);

/* Whether somebody serves it: false when its monitor was killed, or has just said the end. One that
 * takes its time, or has no place for us, is there. */
bool contact_answers(const struct engine *en, const char *id);

/* Waits for the container's end, for @ms milliseconds at most (-1: without end). 1 with its exit
 * status in @ret_status (may be NULL); 0: it still runs; -ECONNRESET: the monitor was killed. */
int contact_wait_end(int contact, long long ms, int *ret_status);

/* Hands the claim of a port (publish.h) over to a monitor, who has it when this returns; @claim
 * stays the caller's to close. */
int contact_hand_over(const struct engine *en, const char *id, int claim, struct err *e);

/* Tells a monitor that there are new marks, or other ports in network.json. Nobody there is no
 * error. */
void contact_wake(const struct engine *en, const char *id);

#endif
