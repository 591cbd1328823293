/*
 * A systemd unit for a container, as text.
 *
 * Type=forking: `skiff start` ends when the container runs, and leaves one process in the unit's
 * control group, the container's monitor, which systemd takes for the main process. It lives
 * exactly as long as the container and ends with its status (0 when a person stopped it), so
 * Restart= sees the truth; nothing stays between systemd and the container, and output is kept
 * once, by the container's own log driver. The other way, Type=exec with an attached client, needs
 * one more process, that lives apart from the container: either can die without the other.
 *
 * Source: systemd.service(5), systemd.unit(5), systemd.syntax(7).
 */
#ifndef SKIFF_CLI_SYSTEMD_H
#define SKIFF_CLI_SYSTEMD_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Command lines are a word an element. */
struct systemd_unit {
    struct strv description;            /* one text */
    struct strv wants, after, requires; /* units, besides the network */
    struct strv mounts;                 /* paths that must be mounted */
    struct strv start, stop, clean; /* clean: before each start, and after each end; may be empty */
    const char *restart;            /* not owned */
    long long stop_s, start_s;      /* limits in seconds; start_s -1: systemd's own */
};

void systemd_unit_release(struct systemd_unit *u);

/* Appends its text. -EINVAL for what no unit can say (a line's end in a word); -ENOMEM. */
int systemd_write(const struct systemd_unit *u, struct str *out, struct err *e);

/* Appends @word as ExecStart= takes it: quoted where needed, with nothing left for systemd to
 * expand. */
void systemd_quote(struct str *out, const char *word);

/* Whether it is a value of Restart=. */
bool systemd_knows_restart(const char *policy);

#endif
