#include "engine/create.h"

#include "base/file.h"
#include "engine/document.h"
#include "engine/events.h"
#include "engine/limits.h"
#include "engine/log_config.h"
#include "engine/modes.h"
#include "engine/mounts.h"
#include "engine/network_request.h"
#include "engine/project.h"
#include "engine/state.h"
#include "engine/volume_fill.h"
#include "engine/volume_use.h"
#include "image/reference.h"

#include <string.h>
#include <sys/utsname.h>

void create_image_release(struct create_image *i)
{
    image_release(&i->image);
}

/* What the machine's own root is as an image. */
static json_t *built_in_config(void)
{
    bool bash = access("/bin/bash", X_OK) == 0;
    return json_pack("{s:{s:[s], s:[s]}}", "config", "Cmd", bash ? "bash" : "sh", "Env",
                     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

int create_find_image(const struct engine *en, const char *reference, struct create_image *ret,
                      struct err *e)
{
    struct create_image found = {.built_in = str_eq(reference, IMAGE_HOST)};
    if (found.built_in) {
        found.image.config = built_in_config();
        if (!found.image.config)
            return err_nomem(e);
    } else {
        int r = image_find(en->root_fd, reference, &found.image, e);
        if (r < 0)
            return r;
    }
    *ret = found;
    return 0;
}

/* Puts the variables of @list into @by_name; a name without a value takes one out again. */
static int add_variables(json_t *by_name, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        const char *end = text ? strchrnul(text, '=') : NULL;
        _cleanup_free_ char *name = text ? strndup(text, (size_t)(end - text)) : NULL;
        if (!text)
            continue;
        if (!name)
            return -ENOMEM;
        if (*end == '\0')
            json_object_del(by_name, name);
        else if (json_object_set(by_name, name, item) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The image's variables, then the request's; of those that stand twice the last one counts. */
static json_t *merge_environment(const json_t *image, const json_t *request)
{
    _cleanup_json_ json_t *by_name = json_object();
    _cleanup_json_ json_t *env = json_array();
    const char *name;
    json_t *item;
    if (add_variables(by_name, image) < 0 || add_variables(by_name, request) < 0)
        return NULL;
    json_object_foreach (by_name, name, item)
        if (json_array_append(env, item) < 0)
            return NULL;
    return TAKE_PTR(env);
}

static json_t *merge_objects(const json_t *image, const json_t *request)
{
    json_t *merged = json_is_object(image) ? json_copy_object(image) : json_object();
    if (merged && json_is_object(request) &&
        json_object_update(merged, (json_t *)(uintptr_t)request) < 0) {
        json_decref(merged);
        return NULL;
    }
    return merged;
}

static bool is_given(const json_t *j)
{
    return json_array_size(j) > 0 || json_string_length(j) > 0;
}

/* Takes a key over from the image where the request says nothing. */
static int inherit(json_t *config, const json_t *image, const char *key, struct err *e)
{
    json_t *theirs = json_object_get(image, key);
    if (is_given(json_object_get(config, key)) || !theirs || json_is_null(theirs))
        return 0;
    return json_object_set(config, key, theirs) < 0 ? err_nomem(e) : 0;
}

/* An entrypoint of the request's own makes the image's command meaningless. */
static int merge_command(json_t *config, const json_t *image, struct err *e)
{
    if (is_given(json_object_get(config, "Entrypoint")))
        return 0;
    /* An empty one ("--entrypoint ''") takes the image's away. */
    bool cleared = json_is_array(json_object_get(config, "Entrypoint"));
    int r = cleared ? 0 : inherit(config, image, "Entrypoint", e);
    return r == 0 && !cleared ? inherit(config, image, "Cmd", e) : r;
}

static int put(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) < 0 ? err_nomem(e) : 0;
}

/* A check of the request's own stands; times that it leaves open are the image's. */
static int merge_health(json_t *config, const json_t *image, struct err *e)
{
    json_t *theirs = json_object_get(image, "Healthcheck");
    json_t *own = json_object_get(config, "Healthcheck");
    if (!json_is_object(theirs))
        return 0;
    int r = own ? json_complete(own, theirs) : json_object_set(config, "Healthcheck", theirs);
    return r < 0 ? err_nomem(e) : 0;
}

/* "PORT/PROTOCOL", as an option's are written; an image may say anything. */
static bool is_port(const char *text)
{
    const char *slash = strchr(text, '/');
    _cleanup_free_ char *number = slash ? strndup(text, (size_t)(slash - text)) : NULL;
    long long n;
    return number && str_to_int64(number, 0, 65535, &n) == 0 &&
           (str_eq(slash, "/tcp") || str_eq(slash, "/udp") || str_eq(slash, "/sctp"));
}

/* The image's ports and the request's. */
static int merge_ports(json_t *config, const json_t *image, struct err *e)
{
    json_t *merged = merge_objects(json_object_get(image, "ExposedPorts"),
                                   json_object_get(config, "ExposedPorts"));
    const char *port;
    json_t *value;
    void *next;
    json_object_foreach_safe(merged, next, port, value) if (!is_port(port))
        json_object_del(merged, port);
    return put(config, "ExposedPorts", merged, e);
}

static int merge_config(json_t *config, const json_t *image, struct err *e)
{
    int r = merge_command(config, image, e);
    if (r == 0)
        r = put(config, "Env",
                merge_environment(json_object_get(image, "Env"), json_object_get(config, "Env")),
                e);
    if (r == 0)
        r = put(config, "Labels",
                merge_objects(json_object_get(image, "Labels"), json_object_get(config, "Labels")),
                e);
    if (r == 0 && json_object_get(image, "Volumes"))
        r = put(
            config, "Volumes",
            merge_objects(json_object_get(image, "Volumes"), json_object_get(config, "Volumes")),
            e);
    if (r == 0)
        r = merge_ports(config, image, e);
    if (r == 0)
        r = merge_health(config, image, e);
    static const char *const keys[] = {"User", "WorkingDir", "StopSignal", "Shell"};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(keys); i++)
        r = inherit(config, image, keys[i], e);
    return r;
}

/* Path and Args: what will be executed, the entrypoint and the command put together. */
static int put_command(json_t *document, const json_t *config, struct err *e)
{
    _cleanup_json_ json_t *whole = json_array();
    json_t *entrypoint = json_object_get(config, "Entrypoint");
    json_t *cmd = json_object_get(config, "Cmd");
    if (!whole || (json_is_array(entrypoint) && json_array_extend(whole, entrypoint) < 0) ||
        (json_is_array(cmd) && json_array_extend(whole, cmd) < 0))
        return err_nomem(e);
    if (json_array_size(whole) == 0)
        return err_set(e, EINVAL, "no command specified: neither here nor in the image");
    const char *path = json_string_value(json_array_get(whole, 0));
    if (!path || !*path)
        return err_set(e, EINVAL, "the command is an empty string");
    int r = put(document, "Path", json_string(path), e);
    json_array_remove(whole, 0);
    return r == 0 && json_object_set(document, "Args", whole) < 0 ? err_nomem(e) : r;
}

/* What inspect shows for namespaces that nobody said anything about. */
static int put_defaults(json_t *host, struct err *e)
{
    static const struct {
        const char *key, *value;
    } defaults[] = {
        {"NetworkMode", "bridge"},
        {"IpcMode", "shareable"},
        {"CgroupnsMode", "private"},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(defaults); i++) {
        const char *given = json_str(host, defaults[i].key);
        if (!given || !*given || str_eq(given, "default"))
            r = put(host, defaults[i].key, json_string(defaults[i].value), e);
    }
    return r;
}

static int copy_from(json_t *to, const json_t *from, const char *key, struct err *e)
{
    const char *text = json_str(from, key);
    return text ? put(to, key, json_string(text), e) : 0;
}

/* The names of the container whose UTS or network namespace this one shares. */
static int borrow_names(const struct engine *en, const struct mode *m, json_t *config,
                        struct err *e)
{
    _cleanup_record_ struct container_record donor = CONTAINER_RECORD_INIT;
    int r = record_find(en, m->value, &donor, e);
    if (r < 0)
        return r;
    const json_t *names = json_at(donor.document, "Config");
    r = copy_from(config, names, "Hostname", e);
    return r == 0 ? copy_from(config, names, "Domainname", e) : r;
}

static int put_hostname(const struct engine *en, json_t *document, json_t *config, struct err *e)
{
    const char *given = json_str(config, "Hostname");
    struct mode uts = {0}, network = {0};
    int r = mode_of(document, NS_UTS, &uts, e);
    if (r == 0)
        r = mode_of(document, NS_NETWORK, &network, e);
    if (r < 0)
        return r;
    if (given && *given && uts.kind != MODE_PRIVATE)
        return err_set(e, EINVAL, "conflicting options: hostname and the UTS mode");
    if (given && *given && network.kind == MODE_CONTAINER)
        return err_set(e, EINVAL, "conflicting options: hostname and the network mode");
    if (given && *given)
        return 0;
    if (uts.kind == MODE_CONTAINER || network.kind == MODE_CONTAINER)
        return borrow_names(en, uts.kind == MODE_CONTAINER ? &uts : &network, config, e);
    /* Docker's: a container on the host's network bears the host's name. */
    struct utsname host;
    if ((uts.kind == MODE_HOST || network.kind == MODE_HOST) && uname(&host) == 0)
        return put(config, "Hostname", json_string(host.nodename), e);
    return put(config, "Hostname", json_stringn(json_str(document, "Id"), SHORT_ID_LEN), e);
}

static json_t *graph_driver(const struct engine *en, const struct create_image *image)
{
    _cleanup_str_ struct str lower = {0};
    for (size_t i = image->image.layers.n; i > 0; i--)
        str_addf(&lower, "%s%s/%s", lower.len ? ":" : "", en->root, image->image.layers.v[i - 1]);
    if (image->built_in)
        str_add(&lower, "/");
    _cleanup_free_ char *text = str_steal(&lower);
    return text ? json_pack("{s:s, s:{s:s}}", "Name", "overlay2", "Data", "LowerDir", text) : NULL;
}

/* Who shares a network shares the files that describe it. */
static int borrow_places(const struct engine *en, struct container_record *c, const struct mode *m,
                         struct err *e)
{
    const json_t *host = json_at(c->document, "HostConfig");
    if (json_array_size(json_at(host, "Dns")) > 0)
        return err_set(e, EINVAL, "conflicting options: dns and the network mode");
    if (json_array_size(json_at(host, "ExtraHosts")) > 0)
        return err_set(e, EINVAL,
                       "conflicting options: custom host-to-IP mapping and the network mode");
    _cleanup_record_ struct container_record donor = CONTAINER_RECORD_INIT;
    int r = record_find(en, m->value, &donor, e);
    if (r < 0)
        return r;
    if (document_add_places(en, donor.id, donor.document) < 0)
        return err_nomem(e);
    static const char *const places[] = {"ResolvConfPath", "HostnamePath", "HostsPath"};
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(places); i++)
        r = copy_from(c->document, donor.document, places[i], e);
    return r;
}

static int put_places(const struct engine *en, struct container_record *c, struct err *e)
{
    struct mode network;
    int r = mode_of(c->document, NS_NETWORK, &network, e);
    return r == 0 && network.kind == MODE_CONTAINER ? borrow_places(en, c, &network, e) : r;
}

static int check_restart(const json_t *host, struct err *e)
{
    const char *policy = json_str(host, "RestartPolicy.Name");
    if (json_bool(host, "AutoRemove", false) && policy && *policy && !str_eq(policy, "no"))
        return err_set(e, EINVAL, "can't create 'AutoRemove' container with restart policy");
    return 0;
}

/* Whatever can be wrong with it is said before there is a container. */
static int put_log(struct container_record *c, struct err *e)
{
    struct log_config log;
    int r = log_config_read(json_at(c->document, "HostConfig"), &log, e);
    if (r < 0)
        return r;
    return log.driver == LOG_DRIVER_FILE ? 0 : put(c->document, "LogPath", json_string(""), e);
}

static int fill_document(const struct engine *en, struct container_record *c, json_t *request,
                         const struct create_image *image, struct err *e)
{
    char now[40];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    format_time(t, now);

    json_t *host = json_deep_copy(json_object_get(request, "HostConfig"));
    json_t *config = json_deep_copy(request);
    if (!host || !config) {
        json_decref(host);
        json_decref(config);
        return err_nomem(e);
    }
    json_object_del(config, "HostConfig");
    json_object_del(config, "NetworkingConfig");

    json_t *d = c->document;
    int r = put(d, "HostConfig", host, e);
    if (r < 0) {
        json_decref(config);
        return r;
    }
    if ((r = put(d, "Config", config, e)) < 0 || (r = put_defaults(host, e)) < 0 ||
        (r = check_restart(host, e)) < 0 || (r = limits_check(host, e)) < 0 ||
        (r = limits_complete(host, e)) < 0 || (r = put_log(c, e)) < 0 ||
        (r = put(d, "Created", json_string(now), e)) < 0 ||
        (r = put(d, "Image", json_string(image->built_in ? IMAGE_HOST : image->image.id), e)) < 0 ||
        (r = put(d, "Driver", json_string("overlay2"), e)) < 0 ||
        (r = put(d, "Platform", json_string("linux"), e)) < 0 ||
        (r = put(d, "GraphDriver", graph_driver(en, image), e)) < 0 ||
        (r = merge_config(config, json_at(image->image.config, "config"), e)) < 0 ||
        (r = put_command(d, config, e)) < 0 ||
        (r = network_request_resolve(en, request, d, e)) < 0 ||
        (r = put_hostname(en, d, config, e)) < 0)
        return r;
    r = put_places(en, c, e);
    document_strip(d);
    return r;
}

/* --storage-opt size=: the container's own layer and overlay's work folder, between which it
 * renames files, are one project. They are made here, before anything is in them. */
static int limit_layer(const struct engine *en, struct container_record *c,
                       const struct create_image *image, struct err *e)
{
    const char *key, *size = NULL;
    json_t *value;
    json_object_foreach (json_at(c->document, "HostConfig.StorageOpt"), key, value) {
        if (!str_eq(key, "size"))
            return err_set(e, EINVAL, "unknown storage option \"%s\": there is size", key);
        size = json_string_value(value);
    }
    if (!size)
        return 0;
    if (image->built_in)
        return err_set(e, ENOTSUP,
                       "what a container of the built-in image writes is kept in memory: limit it "
                       "with --memory");
    long long bytes;
    uint32_t id;
    _cleanup_free_ char *owner = str_printf("containers/%s", c->id);
    _cleanup_close_ int hold = -EBADF, upper = -EBADF, work = -EBADF;
    int r = owner ? project_parse_size(size, &bytes, e) : err_nomem(e);
    if (r == 0)
        r = dir_make(c->dir_fd, "upper", 0755, e);
    if (r == 0)
        r = dir_make(c->dir_fd, "work", 0700, e);
    if (r == 0)
        r = upper = dir_open(c->dir_fd, "upper", false, e);
    if (r >= 0)
        r = work = dir_open(c->dir_fd, "work", false, e);
    if (r >= 0)
        r = project_claim(en, upper, owner, bytes, &id, &hold, e);
    return r == 0 ? project_join(work, id, e) : r;
}

/* The document is written while the locks of its volumes are held, and they are filled when they
 * can no longer be removed. */
static int write_down(const struct engine *en, struct container_record *c, const char *name,
                      const struct create_image *image, struct err *e)
{
    _cleanup_volume_holds_ struct volume_holds holds = {0};
    bool discard = json_bool(c->document, "HostConfig.AutoRemove", false);
    int r = limit_layer(en, c, image, e);
    if (r == 0)
        r = mounts_resolve(en, c->document, &holds, e);
    if (r == 0)
        r = record_claim_name(en, c, name, e);
    if (r == 0)
        r = record_save(c, !discard, e);
    if (r == 0 && !image->built_in)
        r = image_confirm(en->root_fd, &image->image, e);
    volume_holds_release(&holds);
    return r == 0 ? volumes_fill(en, c, image, e) : r;
}

static int take_back(const struct engine *en, struct container_record *c)
{
    int r = record_remove(en, c, NULL);
    volumes_forget(en, c->document);
    return r;
}

int create_container(const struct engine *en, json_t *request, const char *name,
                     const struct create_image *image, struct container_record *ret, struct err *e)
{
    _cleanup_record_ struct container_record c = CONTAINER_RECORD_INIT;
    int r = record_new(en, &c, e);
    if (r < 0)
        return r;
    r = fill_document(en, &c, request, image, e);
    if (r == 0)
        r = write_down(en, &c, name, image, e);
    if (r < 0) {
        take_back(en, &c);
        return r;
    }
    event_emit_container(en, &c, "create", NULL);
    *ret = c;
    c = CONTAINER_RECORD_INIT;
    return 0;
}

void create_undo(const struct engine *en, struct container_record *c)
{
    if (take_back(en, c) == 0)
        event_emit_container(en, c, "destroy", NULL);
}
