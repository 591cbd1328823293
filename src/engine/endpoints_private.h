/* Between the files of endpoints.h. */
#ifndef SKIFF_ENGINE_ENDPOINTS_PRIVATE_H
#define SKIFF_ENGINE_ENDPOINTS_PRIVATE_H

#include "engine/endpoints.h"
#include "network/endpoint_file.h"

/* The network that a document's NetworkMode means, where it means one. */
const char *endpoints_mode(const json_t *document);

/* Puts the closing of a socket off; negative is none. */
void endpoints_put_off(struct endpoints *all, int fd);

/* RUN/networks/ID, where each file is an address and who has it. */
int endpoints_folder(const struct engine *en, const struct network_record *network, bool make,
                     struct err *e);

/* Which of them have the default routes. */
void endpoints_choose_ways(struct endpoints *all);

/* One change at a time of who has what in a namespace that is shared: a lock, or negative. */
int endpoints_lock_heirs(const struct engine *en);

/* Under that lock: what of @all somebody else's namespace has becomes his, in files as in @all,
 * which has the rest. @settings: its network.json. */
void endpoints_hand_over(struct endpoints *all, const json_t *settings);

/* Whether others may be in its namespace. */
bool endpoints_may_be_shared(const struct endpoints *all);

/* Addresses that were this container's before its end, and that it asks for again, are taken back
 * from whoever has inherited them. */
void endpoints_take_back(const struct endpoints *all, const struct endpoint *one, int folder,
                         const struct network_wish *w);

/* What the files say of its networks and ports. -ENOENT: nothing yet. */
int endpoints_read_now(struct endpoints *now, const json_t *settings);

/* One cable, with its file; and both away again, with what tables say of it. @netns_fd may be
 * negative: then the cable stays with its namespace. */
int endpoint_lay(struct endpoints *all, struct endpoint *one, int netns_fd, struct err *e);
void endpoint_remove(const struct engine *en, const struct network_record *network,
                     const struct network_endpoint *end, const char *owner, int netns_fd);

/* One port ("80/tcp") with Docker's list of bindings, claimed; and all that the document publishes.
 * Where they lead is said later, by endpoints_aim. */
int endpoints_claim_port(struct endpoints *all, const char *port, const json_t *bindings,
                         struct err *e);
int endpoints_claim_ports(struct endpoints *all, struct err *e);
int endpoints_aim(struct endpoints *all, struct err *e);

/* "PortsNetwork" and "PortsNetwork6" of NetworkSettings: to which network those of a family lead.
 * -ENOMEM. */
int endpoints_describe_ways(const struct endpoints *all, json_t *settings);

/* Names by which others on the network find it, the container's own first. -ENOMEM. The same as
 * JSON; NULL. */
int endpoint_names(const struct container_record *c, const json_t *asked, struct strv *ret);
json_t *endpoint_names_json(const struct container_record *c, const json_t *asked);

/* One of "Networks" in NetworkSettings. */
json_t *endpoint_describe(const struct endpoint *one, const struct container_record *c);

/* @owner's on @network, by what "Networks" has of it. -ENOENT: its address is another's by now. */
int endpoint_of(const struct engine *en, const struct network_record *network,
                const json_t *settings, const char *owner, struct network_endpoint *ret);

/* What a file says of one; the rest (prefixes, gateways) is not there. */
void endpoint_from_file(const struct network_record *network, const struct endpoint_file *f,
                        struct network_endpoint *ret);

/* The networks that its document says by name: with the first change the one of its mode, too.
 * NULL: no memory. */
json_t *endpoints_said(struct container_record *c);

/* The networks of a container that runs change: @name is with @network now, or no more (NULL). The
 * default routes (where @netns is not negative) and the published ports follow. */
int endpoints_put_network(const struct endpoints *of, const char *name, json_t *network, int netns,
                          json_t *settings, struct err *e);

/* Notes in network.json that @what (a new reference) is being changed; and that it is done, which
 * fails when the container has ended meanwhile. */
int endpoints_begin_change(const struct engine *en, const struct container_record *c,
                           json_t *settings, const char *what, json_t *value, struct err *e);
int endpoints_finish_change(const struct engine *en, const struct container_record *c,
                            json_t *settings, struct err *e);

/* The same change undone: the network is taken off, the ports are taken back. @settings are as the
 * caller has changed them, with the note. */
int endpoints_undo_change(const struct engine *en, struct container_record *c, json_t *settings,
                          struct err *e);

/* Undoes what was begun and not finished. With the change lock, before another change. */
int endpoints_settle(const struct engine *en, struct container_record *c, struct err *e);

/* At its end: adds to @all what was begun. */
void endpoints_add_unfinished(struct endpoints *all, const json_t *settings);

/* Without a network.json: adds what the folders of networks say that it has, and what is published
 * to that. */
void endpoints_find(struct endpoints *all);

/* Whether the firewall's tables are those that our elements were put into: 1 (also where nobody put
 * any), 0, or a negative errno. Changes nothing. */
int endpoints_know_tables(const struct engine *en);

/* "Ports" of NetworkSettings. */
json_t *endpoints_describe_ports(const struct endpoints *all);

/* The claims of the same ports become @all's. */
void endpoints_take_claims(struct endpoints *all, struct endpoints *from);

/* Adds one to "Ports". */
int endpoints_describe_port(json_t *ports, const struct publication *p);

/* And back: *ret is the caller's to free. */
int endpoints_read_ports(const json_t *settings, struct publication **ret, size_t *ret_n);

/* Who may change his own interfaces can lose his address to somebody else, and live on. What is
 * direct is the address's, and so the other's: of the container @id it leads nowhere now, before
 * anything is taken back. */
void endpoints_leave_others(const struct engine *en, const char *id, const json_t *settings,
                            struct publication *ports, size_t n);

#endif
