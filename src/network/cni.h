/*
 * CNI: networks whose links are made by other people's programs (containernetworking, spec 0.3.0 to
 * 1.1.0).
 *
 * A network is a list of plugins ("conflist"). Each is a program that is told what to do by its
 * environment and its standard input, and answers by its standard output:
 *
 *     VERSION   which versions of the protocol it speaks
 *     ADD       gives the namespace a link; from first to last, each gets the result of the one
 *               before it, and the last one's is the network's
 *     CHECK     whether that is still so
 *     DEL       takes it all back; from last to first; may be asked for any number of times
 *
 * Nothing here knows whose namespace it is, keeps anything, or believes what a list or a plugin
 * says. A plugin gets a clean environment, a session of its own and no descriptor but three; it has
 * a time limit, and is killed when the calling thread ends.
 *
 * Errors, in one line that names the plugin: -EINVAL (a list that is none), -ENOENT (a plugin is
 * not there), -ENOTSUP (it does not speak the version), -ETIMEDOUT, -EFBIG (it says too much),
 * -EBADMSG (what it says is no result), -EREMOTEIO (it failed, and why).
 */
#ifndef SKIFF_NETWORK_CNI_H
#define SKIFF_NETWORK_CNI_H

#include "base/err.h"
#include "base/json.h"
#include "network/network.h"

#define CNI_PATH_DEFAULT "/usr/lib/cni:/opt/cni/bin"

enum {
    CNI_LIST_MAX = 256 << 10,   /* bytes of a list's text */
    CNI_ANSWER_MAX = 256 << 10, /* of what a plugin says */
    CNI_PLUGINS_MAX = 16,
    CNI_NAME_MAX = 128, /* a network's */
    CNI_TYPE_MAX = 64,  /* a plugin's */
    CNI_SECONDS = 30,   /* that a plugin has, unless said */
};

/* A network. All is borrowed. */
struct cni_network {
    const json_t *list; /* as cni_list_check takes it */
    const char *path;   /* folders with plugins, between colons: CNI_PATH */
    unsigned seconds;   /* for each plugin; 0: CNI_SECONDS */
};

/* Somebody on it. All is borrowed. */
struct cni_attachment {
    const char *container, *inside; /* CNI_CONTAINERID, CNI_IFNAME */
    const char *netns;              /* the namespace's path; NULL: there is none any more */
    const json_t *wishes;           /* by capability ("portMappings"); NULL: none */
    const json_t *result;           /* of ADD, for CHECK and DEL; NULL: nothing is known */
};

/* Reads a file's text, a list or the configuration of a single plugin, which becomes a list of one.
 * *ret is the caller's, and checked. @name is for errors. */
int cni_list_parse(const char *text, size_t n, const char *name, json_t **ret, struct err *e);

/* Whether it is a list: its version is known, names are names, types are no paths. */
int cni_list_check(const json_t *list, struct err *e);

/* A name that a plugin's file may have. */
bool cni_is_type(const char *text);

/* The folders of @path one by one are absolute. */
int cni_path_check(const char *path, struct err *e);

/* The plugin's file; the caller's to free. -ENOENT says where was looked. */
int cni_find(const char *path, const char *type, char **ret, struct err *e);

/* Whether all plugins are there (those for addresses too) and speak the list's version. */
int cni_look(const struct cni_network *n, struct err *e);

/* Whether a plugin of the list says that it can do something for a container: "portMappings". */
bool cni_can(const json_t *list, const char *capability);

/* *ret, the result, is the caller's. On failure DEL is still owed. */
int cni_add(const struct cni_network *n, const struct cni_attachment *a, json_t **ret,
            struct err *e);
int cni_check(const struct cni_network *n, const struct cni_attachment *a, struct err *e);
int cni_delete(const struct cni_network *n, const struct cni_attachment *a, struct err *e);

/* What a result says of the link @inside: its addresses (the first of each family), gateways and
 * MAC. -EBADMSG: it is no such thing, or there is no address. Pure. */
int cni_result_read(const json_t *result, const char *inside, struct network_endpoint *ret,
                    struct err *e);

#endif
