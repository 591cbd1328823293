#include "base/timestamp.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/filter.h"
#include "cli/image_use.h"
#include "cli/network_prune.h"
#include "cli/size.h"
#include "engine/container_size.h"
#include "engine/events.h"
#include "engine/lifecycle.h"
#include "engine/state.h"
#include "engine/volume_use.h"
#include "image/inventory.h"

#include <string.h>

/* What no container needs any more: stopped containers, networks, images, volumes. Everything is
 * removed as rm, rmi and volume rm do it, which look again whether somebody uses it: what is begun
 * to be used meanwhile stays, and is not spoken of. */

struct prune_options {
    bool all, force, volumes;
    struct option_list filter;
};

#define PRUNE_OPTION(type_, name_, letter_, field_, argument_, help_, group_)                      \
    {                                                                                              \
        name_, letter_, OPTION_##type_, offsetof(struct prune_options, field_), argument_, help_,  \
            group_                                                                                 \
    }

/* ---- filters ---- */

/* Until when something must have been made; false: there is no such filter. */
static bool until(const struct option_list *filters, struct timespec *ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < filters->n; i++) {
        const char *text = str_after(filters->v[i], "until=");
        if (text && parse_moment(text, now, ret) == 0)
            return true;
    }
    return false;
}

/* Our own time stamps sort as their texts do. */
static bool is_old(const struct option_list *filters, const char *created)
{
    struct timespec t;
    char text[40];
    if (!until(filters, &t))
        return true;
    format_time(t, text);
    return created && strcmp(created, text) < 0;
}

static int check_filters(const struct prune_options *o, struct err *e)
{
    struct timespec now, t;
    bool seen = false;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < o->filter.n; i++) {
        const char *text = o->filter.v[i], *moment = str_after(text, "until=");
        if (moment && (parse_moment(moment, now, &t) < 0 || seen))
            return err_set(e, EINVAL,
                           seen ? "more than one until filter specified"
                                : "invalid filter '%s': it is no time",
                           text);
        seen |= moment != NULL;
        if (!moment && !str_after(text, "label=") && !str_after(text, "label!="))
            return filter_invalid(text, e);
    }
    if (seen && o->volumes)
        return err_set(e, EINVAL, "the \"until\" filter is not supported with \"--volumes\"");
    return 0;
}

/* ---- what is removed ---- */

/* What was done, and how much room it gave back. */
struct harvest {
    struct strv containers, networks, volumes, images;
    long long bytes;
};

static void harvest_release(struct harvest *h)
{
    strv_release(&h->containers);
    strv_release(&h->networks);
    strv_release(&h->volumes);
    strv_release(&h->images);
}

/* Tells what one part has done as soon as it has: the next may take its time, or fail. @r is what
 * became of the part. */
static int tell_part(int r, const char *title, const struct strv *list, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < list->n; i++)
        str_addf(&out, "%s%s%s\n%s", i ? "" : title, i ? "" : ":\n", list->v[i],
                 i + 1 == list->n ? "\n" : "");
    if (out.len == 0)
        return r;
    int told = out.failed ? err_nomem(r == 0 ? e : NULL) : cli_print(out.s, r == 0 ? e : NULL);
    return r < 0 ? r : told;
}

static int report(struct cli *c, const struct harvest *h, const char *type, struct err *e)
{
    char size[32], bytes[32];
    format_size(h->bytes, size);
    _cleanup_free_ char *text = str_printf("Total reclaimed space: %s\n", size);
    snprintf(bytes, sizeof(bytes), "%lld", h->bytes);
    event_emit(&c->engine, type, "prune", "",
               (struct event_attribute[]){{"reclaimed", bytes}, {0}});
    return text ? cli_print(text, e) : err_nomem(e);
}

static bool container_wanted(struct cli *c, const struct container_record *record,
                             const struct option_list *filters)
{
    _cleanup_json_ json_t *state = NULL;
    return state_read(&c->engine, record, &state, NULL, NULL) == 0 &&
           !json_bool(state, "State.Running", true) &&
           labels_pass(filters, json_at(record->document, "Config.Labels")) &&
           is_old(filters, json_str(record->document, "Created"));
}

static int prune_containers(struct cli *c, const struct option_list *filters, struct harvest *h,
                            struct err *e)
{
    _cleanup_strv_ struct strv ids = {0};
    int r = record_list(&c->engine, &ids, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
        _cleanup_err_ struct err mine = ERR_INIT;
        long long own = 0, whole = 0;
        if (record_open(&c->engine, ids.v[i], &record, NULL) < 0 ||
            !container_wanted(c, &record, filters))
            continue;
        container_size(&c->engine, &record, &own, &whole, NULL);
        r = lifecycle_remove(&c->engine, &record, false, &mine);
        if (r == 0) {
            h->bytes += own;
            strv_add(&h->containers, ids.v[i]);
        } else if (r != -ENOENT && r != -EBUSY) {
            cli_error(err_text(&mine));
        }
    }
    return tell_part(h->containers.failed ? err_nomem(e) : 0, "Deleted Containers", &h->containers,
                     e);
}

/* For prune, whoever uses it keeps it and its names. */
static enum image_use any_use(void *data, const char *id, char **ret_by)
{
    return cli_image_use(data, id, ret_by) == IMAGE_UNUSED ? IMAGE_UNUSED : IMAGE_USED_RUNNING;
}

static bool image_wanted(struct cli *c, const struct image *image, const struct prune_options *o)
{
    _cleanup_free_ char *by = NULL;
    struct timespec t;
    bool old = !until(&o->filter, &t) || image_created(image) < t.tv_sec;
    return old && (o->all || image->names.n == 0) &&
           labels_pass(&o->filter, json_at(image->config, "config.Labels")) &&
           any_use(c, image->id, &by) == IMAGE_UNUSED;
}

/* "Untagged: x" as prune prints it, in small letters. */
static void take_lines(struct cli *c, struct strv *lines, struct strv *to)
{
    for (size_t i = 0; i < lines->n; i++) {
        cli_image_tell(c, lines->v[i]);
        lines->v[i][0] |= 0x20;
        strv_add(to, lines->v[i]);
    }
}

static int prune_images(struct cli *c, const struct prune_options *o, struct harvest *h,
                        struct err *e)
{
    _cleanup_image_list_ struct image_list list = {0}, left = {0};
    const struct image_remove_options options = {.force = true, .in_use = any_use, .data = c};
    int r = image_list(c->engine.root_fd, &list, NULL, e);
    if (r < 0)
        return r;
    long long size = image_list_size(c->engine.root_fd, &list);
    for (size_t i = 0; i < list.n; i++) {
        _cleanup_err_ struct err mine = ERR_INIT;
        _cleanup_strv_ struct strv lines = {0};
        if (!image_wanted(c, &list.v[i], o))
            continue;
        r = image_remove(c->engine.root_fd, list.v[i].id, &options, &lines, &mine);
        if (r == 0)
            take_lines(c, &lines, &h->images);
        else if (r != -ENOENT && r != -EBUSY)
            cli_error(err_text(&mine));
    }
    /* What broken pulls have left, too; where there was none yet there is nothing. */
    long long partial = 0;
    if (o->filter.n == 0 && image_sweep_all(c->engine.root_fd, &partial, NULL) == 0)
        h->bytes += partial;
    r = image_list(c->engine.root_fd, &left, NULL, e);
    long long rest = image_list_size(c->engine.root_fd, &left);
    h->bytes += size >= 0 && rest >= 0 && size > rest ? size - rest : 0;
    r = r == 0 && h->images.failed ? err_nomem(e) : r;
    return tell_part(r, "Deleted Images", &h->images, e);
}

static bool volume_is_wanted(const struct volume *v, const void *data)
{
    const struct prune_options *o = data;
    return volume_is_anonymous(v) && labels_pass(&o->filter, json_at(v->document, "Labels"));
}

static int prune_volumes(struct cli *c, const struct prune_options *o, struct harvest *h,
                         struct err *e)
{
    long long bytes = 0;
    int r = volume_prune(&c->engine, volume_is_wanted, o, &h->volumes, &bytes, e);
    h->bytes += bytes;
    return tell_part(r, "Deleted Volumes", &h->volumes, e);
}

/* ---- the commands ---- */

static int begin(struct cli *c, const struct prune_options *o, const char *warning,
                 const char *what, struct err *e)
{
    int r = check_filters(o, e);
    if (r == 0 && !o->force)
        r = confirm(warning, what, e);
    if (r == 0)
        cli_reap(c);
    return r;
}

static int container_prune(struct cli *c, const struct prune_options *o, struct err *e)
{
    _cleanup_(harvest_release) struct harvest h = {0};
    int r = begin(c, o, "This will remove all stopped containers.", "container prune", e);
    if (r == 0)
        r = prune_containers(c, &o->filter, &h, e);
    return r < 0 ? r : report(c, &h, "container", e);
}

static int image_prune(struct cli *c, const struct prune_options *o, struct err *e)
{
    _cleanup_(harvest_release) struct harvest h = {0};
    int r = begin(c, o,
                  o->all ? "This will remove all images without at least one container "
                           "associated to them."
                         : "This will remove all dangling images.",
                  "image prune", e);
    if (r == 0)
        r = prune_images(c, o, &h, e);
    return r < 0 ? r : report(c, &h, "image", e);
}

static int system_prune(struct cli *c, const struct prune_options *o, struct err *e)
{
    _cleanup_(harvest_release) struct harvest h = {0};
    _cleanup_str_ struct str warning = {0};
    str_add(&warning, "This will remove:\n  - all stopped containers\n"
                      "  - all networks not used by at least one container\n");
    if (o->volumes)
        str_add(&warning, "  - all anonymous volumes not used by at least one container\n");
    str_add(&warning, o->all ? "  - all images without at least one container associated to them\n"
                             : "  - all dangling images\n");
    if (o->filter.n > 0)
        str_add(&warning, "\n  Items to be pruned will be filtered with:\n");
    for (size_t i = 0; i < o->filter.n; i++)
        str_addf(&warning, "  - %s\n", o->filter.v[i]);
    _cleanup_free_ char *text = str_steal(&warning);
    int r = text ? begin(c, o, text, "system prune", e) : err_nomem(e);
    if (r == 0)
        r = prune_containers(c, &o->filter, &h, e);
    if (r == 0)
        r = tell_part(networks_prune(c, &o->filter, &h.networks, e), "Deleted Networks",
                      &h.networks, e);
    if (r == 0 && o->volumes)
        r = prune_volumes(c, o, &h, e);
    if (r == 0)
        r = prune_images(c, o, &h, e);
    return r < 0 ? r : report(c, &h, "system", e);
}

static int prune(const struct cli_command *command,
                 int (*act)(struct cli *, const struct prune_options *, struct err *),
                 struct cli *c, int argc, char **argv, struct err *e)
{
    struct prune_options o = {0};
    char **words;
    int n;
    int r = cli_parse(command, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = act(c, &o, e);
    else if (r == 1)
        r = 0;
    options_release(command->options, &o);
    return r;
}

static const struct option_def container_table[] = {
    PRUNE_OPTION(LIST, "filter", 0, filter, "KEY=VALUE", "until, label, label!", "Options"),
    PRUNE_OPTION(FLAG, "force", 'f', force, NULL, "Do not ask", NULL),
    {0},
};

static const struct option_def image_table[] = {
    PRUNE_OPTION(FLAG, "all", 'a', all, NULL,
                 "All that no container was made of, not just those without a name", "Options"),
    PRUNE_OPTION(LIST, "filter", 0, filter, "KEY=VALUE", "until, label, label!", NULL),
    PRUNE_OPTION(FLAG, "force", 'f', force, NULL, "Do not ask", NULL),
    {0},
};

static const struct option_def system_table[] = {
    PRUNE_OPTION(FLAG, "all", 'a', all, NULL,
                 "All images that no container was made of, not just those without a name",
                 "Options"),
    PRUNE_OPTION(LIST, "filter", 0, filter, "KEY=VALUE", "until, label, label!", NULL),
    PRUNE_OPTION(FLAG, "force", 'f', force, NULL, "Do not ask", NULL),
    PRUNE_OPTION(FLAG, "volumes", 0, volumes, NULL, "Anonymous volumes too", NULL),
    {0},
};

static int run_container_prune(struct cli *c, int argc, char **argv, struct err *e)
{
    return prune(&cmd_container_prune, container_prune, c, argc, argv, e);
}

static int run_image_prune(struct cli *c, int argc, char **argv, struct err *e)
{
    return prune(&cmd_image_prune, image_prune, c, argc, argv, e);
}

static int run_system_prune(struct cli *c, int argc, char **argv, struct err *e)
{
    return prune(&cmd_system_prune, system_prune, c, argc, argv, e);
}

const struct cli_command cmd_container_prune = {
    .line = "container prune [OPTIONS]",
    .summary = "Remove all stopped containers",
    .options = container_table,
    .flags = NEEDS_ENGINE,
    .run = run_container_prune,
};

const struct cli_command cmd_image_prune = {
    .line = "image prune [OPTIONS]",
    .summary = "Remove images without a name, or all that are not used",
    .options = image_table,
    .flags = NEEDS_ENGINE,
    .run = run_image_prune,
};

const struct cli_command cmd_system_prune = {
    .line = "system prune [OPTIONS]",
    .summary = "Remove stopped containers, unused networks, images and volumes",
    .options = system_table,
    .flags = NEEDS_ENGINE,
    .run = run_system_prune,
};
