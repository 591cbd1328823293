/*
 * The networks and published ports of one container: from what its document asks for to cables that
 * lie, and back.
 *
 *     endpoints_plan     reads the document, finds the networks, claims the ports
 *     endpoints_attach   lays the cables, opens the ports                        (a thread's work)
 *     endpoints_tell     hosts file, network.json: others see it
 *     endpoints_close    names and ports are free
 *     endpoints_end      and nothing of it stands in tables; both from the files alone, so that it
 *                        does for a monitor's end, and for whoever finds one killed
 *
 * The claims of ports are sockets and the lease of an address is the cable's name: the kernel frees
 * both when their holder is gone, whatever happens to us. Tables only follow: whoever has a claim
 * overwrites what an earlier holder left. So a monitor takes its entries out first, and then lets
 * go of the claims: sockets, and the network namespace.
 */
#ifndef SKIFF_ENGINE_ENDPOINTS_H
#define SKIFF_ENGINE_ENDPOINTS_H

#include "engine/engine.h"
#include "engine/modes.h"
#include "engine/networks.h"
#include "network/publish.h"

struct endpoint {
    struct network_record network; /* held until the cable lies, and its file says so */
    const json_t *asked;           /* Docker's EndpointSettings, in the container's document */
    int priority;                  /* for the default route */
    bool first4, first6;           /* and it has it */
    char inside[16];
    struct network_endpoint end; /* once attached */
    json_t *dns; /* name servers that its plugins named (CNI's "dns"); owned; NULL: none */
};

struct endpoints {
    const struct engine *engine;
    const struct container_record *record;
    struct endpoint *v;
    size_t n;
    struct publication *ports;
    size_t n_ports;
    bool attached, closed, unpublished;
    int late[8]; /* sockets that take long to close (firewall.h) */
    size_t n_late;
    int donors[8]; /* HOLD_NETWORK of the containers whose namespace it may be in */
    size_t n_donors;
};
#define ENDPOINTS_INIT ((struct endpoints){0})

/* @network_mode as in the document: a network's name, "" or "default" for the bridge. Errors:
 * -ENOENT (no such network), -EADDRINUSE (a port is taken, and by whom), -EINVAL (what the document
 * asks for cannot be). */
int endpoints_plan(const struct engine *en, const struct container_record *c, struct endpoints *ret,
                   struct err *e);

/* Into the namespace @netns_fd. On failure nothing is left of it. */
int endpoints_attach(struct endpoints *all, int netns_fd, struct err *e);

int endpoints_tell(const struct endpoints *all, struct err *e);

/* At the container's end, before anybody is told: its names and ports are free. What takes longer
 * (a change of the firewall) is endpoints_end's, which does both where that was not done. By what
 * network.json says, since commands change that. */
void endpoints_close(struct endpoints *all);
void endpoints_end(struct endpoints *all);

/* The same for a container whose monitor was killed. */
void endpoints_forget(const struct engine *en, const struct container_record *c);

/* ---- one namespace, several containers ---- */

/* For @c, which is to join the namespace of the container that @mode names: from now on that one's
 * end hands over what it has of networks, to @c or another who is in there. Before its process is
 * looked for. */
int endpoints_share(struct endpoints *all, const struct engine *en,
                    const struct container_record *c, const struct mode *mode, struct err *e);

/* Whether it was handed something: 1 or 0. */
int endpoints_have_inherited(const struct endpoints *all);

/* What has been put off while somebody waited. */
void endpoints_rest(struct endpoints *all);

/* Lets go of memory, networks and claims of ports, and of nothing in tables. */
void endpoints_release(struct endpoints *all);

/* A running container's, with its change lock: @asked is Docker's EndpointSettings. */
int endpoints_connect(const struct engine *en, struct container_record *c, const char *network,
                      const json_t *asked, struct err *e);
int endpoints_disconnect(const struct engine *en, struct container_record *c, const char *network,
                         struct err *e);

/* It has another name: others on its networks find it by that, if it runs. */
int endpoints_rename(const struct engine *en, const struct container_record *c, struct err *e);

/* Publishes more ports, or fewer: now if it runs, and at its next start. @bindings as in Docker's
 * PortBindings: {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}; to take away, empty members are
 * any. -ENOENT: it does not publish that. */
int endpoints_publish(const struct engine *en, struct container_record *c, const json_t *bindings,
                      struct err *e);
int endpoints_unpublish(const struct engine *en, struct container_record *c, const json_t *bindings,
                        struct err *e);

/* Looks whether the bridges are there, and whether the firewall's tables are those that our
 * elements were put into, and puts back what is not: somebody deleted or flushed it. 1 when the
 * tables were not. One question and a system call or three for each network where all is well. With
 * @ret_late (firewall.h), for a start, a bridge that cannot be had is no failure: whose it is not,
 * it does not keep. */
int endpoints_repair(const struct engine *en, int *ret_late, struct err *e);

/* In a monitor: a claim that was handed over is kept (1: it is one), and those that network.json
 * does not have any more are let go of. */
int endpoints_keep_claim(struct endpoints *all, int claim);
void endpoints_review_claims(struct endpoints *all);

#endif
