/* Networks: definitions, their bridges, who is on them, what is published, and what killed commands
 * have left.
 */
#include "base/file.h"
#include "engine/change_lock.h"
#include "engine/endpoints_private.h"
#include "engine/network_settings.h"
#include "engine/networks.h"
#include "engine/verify_private.h"
#include "network/endpoint_file.h"
#include "network/inventory.h"
#include "network/protocol.h"

#include <fcntl.h>
#include <string.h>

static int done(char **ret_done, const char *text, struct err *e)
{
    *ret_done = strdup(text);
    return *ret_done ? 0 : err_nomem(e);
}

/* ---- definitions and bridges ---- */

static int repair_making(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    (void)f;
    int r = networks_sweep(v->en, true, e);
    return r < 0 ? r : done(ret_done, "what was made of it is removed", e);
}

/* As whoever attaches does. */
static int repair_bridge(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    int r = networks_find(v->en, f->subject, &n, e);
    if (r == 0)
        r = endpoints_repair(v->en, NULL, e); /* those who were on one that is gone are again */
    if (r >= 0)
        r = *n.config.id ? network_create(&n.config, e) : network_default(&n.config, e);
    return r < 0 ? r : done(ret_done, "it is there and up again", e);
}

/* One that went with a reboot is made when somebody attaches: it is missed only by who is on it. */
static void look_at_bridge(struct verify *v, const struct network_record *n)
{
    _cleanup_json_ json_t *endpoints = NULL;
    int state = n->config.driver == NETWORK_BRIDGE && *n->config.link
                    ? network_link_state(n->config.link, NULL)
                    : LINK_IS_UP;
    if (state == LINK_IS_UP || networks_endpoints(v->en, n, &endpoints, NULL) < 0)
        return;
    if (state == LINK_IS_DOWN)
        verify_add(v, "network", n->name, repair_bridge, "its bridge \"%s\" is down",
                   n->config.link);
    else if (state == LINK_IS_GONE && json_array_size(endpoints) > 0)
        verify_add(v, "network", n->name, repair_bridge,
                   "its bridge \"%s\" is gone, and containers are on it", n->config.link);
}

static void look_at_definition(struct verify *v, const char *name)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_err_ struct err e = ERR_INIT;
    int r = networks_find(v->en, name, &n, &e);
    if (r < 0 && r != -ENOENT)
        verify_add(v, "network", name, NULL, "%s: put the file right, or remove it", err_text(&e));
    else if (r == 0 && network_record_is_real(&n))
        look_at_bridge(v, &n);
}

/* ---- who is on them ---- */

static int repair_file(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                       struct err *e)
{
    _cleanup_endpoint_file_ struct endpoint_file file = {0};
    const char *name = strrchr(f->subject, '/');
    struct ip_address address;
    _cleanup_free_ char *folder =
        name ? str_printf("networks/%.*s", (int)(name - f->subject), f->subject) : NULL;
    if (!folder || ip_address_parse(name + 1, &address) < 0)
        return err_set(e, EINVAL, "it is no address");
    _cleanup_close_ int fd = dir_open(v->en->run_fd, folder, false, e);
    if (fd < 0)
        return fd;
    if (endpoint_file_read(fd, &address, &file, NULL) == 0 &&
        state_holder(v->en, file.owner, NULL) == HOLDER_ALIVE)
        return err_set(e, EBUSY, "it is somebody's now");
    int r = endpoint_file_remove(fd, &address, e);
    return r < 0 ? r : done(ret_done, "the file is removed", e);
}

struct looking {
    struct verify *v;
    const char *network; /* ID */
    int folder;
    size_t n;
};

static int look_at_file(const struct ip_address *address, void *arg)
{
    struct looking *l = arg;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    char text[IP_ADDRESS_TEXT];
    int r = endpoint_file_read(l->folder, address, &f, NULL);
    l->n++;
    if (r == -ENOENT || (r == 0 && state_holder(l->v->en, f.owner, NULL) == HOLDER_ALIVE))
        return 0;
    _cleanup_free_ char *subject =
        str_printf("%s/%s", l->network, ip_address_format(address, text));
    if (!subject)
        l->v->failed = true;
    else if (r < 0)
        verify_add(l->v, "endpoint", subject, repair_file, "the file says nobody's");
    else
        verify_add(l->v, "endpoint", subject, repair_file,
                   "container %.12s has it, and does not run", f.owner);
    return 0;
}

static int repair_folder(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    struct network_config c = {.driver = NETWORK_BRIDGE};
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    _cleanup_free_ char *folder = str_printf("networks/%s", f->subject);
    if (!folder)
        return err_nomem(e);
    if (networks_find(v->en, f->subject, &n, NULL) != -ENOENT)
        return err_set(e, EBUSY, "it is a network's now");
    memcpy(c.id, f->subject, sizeof(c.id));
    snprintf(c.link, sizeof(c.link), "sk-%.10s", c.id);
    int r = network_fill(&c, e);
    if (r == 0)
        r = network_remove(&c, e);
    if (r == 0)
        r = dir_remove(v->en->run_fd, folder, e);
    return r < 0 ? r : done(ret_done, "folder and bridge are removed", e);
}

/* A folder of addresses in the run folder. A network whose file cannot be read may be its. */
static void look_at_folder(struct verify *v, int dir_fd, const char *id)
{
    _cleanup_network_record_ struct network_record n = NETWORK_RECORD_INIT;
    if (!verify_is_id(id))
        return;
    struct looking l = {.v = v, .network = id};
    l.folder = openat(dir_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (l.folder < 0)
        return;
    endpoint_file_list(l.folder, look_at_file, &l, NULL);
    close(l.folder);
    if (networks_find(v->en, id, &n, NULL) == -ENOENT && l.n == 0 && v->networks_whole)
        verify_add(v, "network", id, repair_folder, "there is no such network any more");
}

/* ---- commands that were killed ---- */

static int repair_change(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    int r = record_open(v->en, f->subject, &c, e);
    _cleanup_close_ int lock = r == 0 ? change_lock(&c, e) : -EBADF;
    if (r == 0)
        r = lock < 0 ? lock : endpoints_settle(v->en, &c, e);
    return r < 0 ? r : done(ret_done, "what it had begun is undone", e);
}

static void look_at_container(struct verify *v, const struct verify_container *c)
{
    _cleanup_json_ json_t *settings = NULL;
    if (c->running && network_settings_read(v->en, c->id, &settings, NULL) == 0 &&
        json_object_get(settings, "Changing"))
        verify_add(v, "container", c->id, repair_change,
                   "a command that was to change its networks or ports was killed");
}

/* ---- the firewall ---- */

/* What clients ask for: "127.0.0.1:8080/tcp" */
static char *text_of(const struct publication *p)
{
    char host[IP_ADDRESS_TEXT];
    bool six = p->host.family == AF_INET6;
    ip_address_format(p->direct ? &p->target : &p->host, host);
    return str_printf("%s%s%s:%u/%s", six ? "[" : "", host, six ? "]" : "",
                      p->direct ? p->target_port : p->host_port, protocol_name(p->protocol));
}

static int repair_tables(const struct verify *v, const struct verify_candidate *f, char **ret_done,
                         struct err *e)
{
    (void)f;
    int r = endpoints_repair(v->en, NULL, e);
    return r < 0 ? r : done(ret_done, "what stood in them is put back", e);
}

static int repair_published(const struct verify *v, const struct verify_candidate *f,
                            char **ret_done, struct err *e)
{
    _cleanup_free_ struct publication *all = NULL;
    size_t n = 0;
    (void)v;
    int r = publish_list(&all, &n, e);
    for (size_t i = 0; i < n && r == 0; i++) {
        _cleanup_free_ char *text = text_of(&all[i]);
        if (str_eq(text, f->subject))
            r = publish_clear(&all[i], 1, e);
    }
    return r < 0 ? r : done(ret_done, "it leads nowhere now", e);
}

static bool publishes(const struct engine *en, const char *id, const struct publication *p)
{
    _cleanup_json_ json_t *settings = NULL;
    _cleanup_free_ struct publication *own = NULL;
    size_t n = 0;
    if (network_settings_read(en, id, &settings, NULL) < 0 ||
        json_object_get(settings, "Changing") || endpoints_read_ports(settings, &own, &n) < 0)
        return true; /* it is going, or changing */
    for (size_t i = 0; i < n; i++)
        if (own[i].protocol == p->protocol && own[i].host_port == p->host_port &&
            ip_equal(&own[i].host, &p->host) && own[i].direct == p->direct &&
            (!p->direct || own[i].target_port == p->target_port))
            return true;
    return false;
}

/* What leads to other roots' containers is theirs. */
static void look_at_published(struct verify *v, const struct publication *p)
{
    char owner[65];
    _cleanup_free_ char *text = text_of(p);
    int there = network_address_owner(&p->target, owner, NULL);
    const struct verify_container *c = verify_find(v, owner);
    if (!text)
        v->failed = true;
    else if (there == 0)
        verify_add(v, "port", text, repair_published, "it leads to an address that nobody has");
    else if (there > 0 && c && c->running && !publishes(v->en, c->id, p))
        verify_add(v, "port", text, repair_published,
                   "it leads to container %.12s, which does not publish it", c->id);
}

static void look_at_firewall(struct verify *v)
{
    _cleanup_free_ struct publication *ports = NULL;
    size_t n = 0;
    if (endpoints_know_tables(v->en) == 0)
        verify_add(v, "network", "tables", repair_tables,
                   "the firewall's tables were made anew by somebody, and what stood in them for "
                   "running containers is missing");
    if (publish_list(&ports, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        look_at_published(v, &ports[i]);
}

void verify_networks(struct verify *v)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (networks_sweep(v->en, false, NULL) > 0)
        verify_add(v, "network", "making", repair_making,
                   "a command that was to make a network was killed");
    if (networks_list(v->en, &names, &e) < 0) {
        verify_add(v, "network", "networks", NULL, "%s", err_text(&e));
        return;
    }
    size_t before = v->n;
    look_at_definition(v, "bridge");
    for (size_t i = 0; i < names.n; i++)
        look_at_definition(v, names.v[i]);
    v->networks_whole = v->n == before;
    verify_each(v, v->en->run_fd, "networks", "network", look_at_folder);
    for (size_t i = 0; i < v->n_containers; i++)
        look_at_container(v, &v->containers[i]);
    look_at_firewall(v);
}
