#include "cli/event_filter.h"

#include "cli/filter.h"

#include <string.h>

typedef bool test(const json_t *event, const char *value);

static const char *attribute(const json_t *event, const char *name)
{
    return json_string_value(json_object_get(json_object_get(event, "Attributes"), name));
}

static bool is_prefix(const char *prefix, const char *text)
{
    return text && str_after(text, prefix);
}

/* About an object of @type, named by the beginning of its ID or of its name; or by an event of
 * another type that it has a part in ("network connect"). A container's attributes are also its
 * labels, and say nothing else. */
static bool is_object(const json_t *event, const char *type, const char *value)
{
    const char *about = json_str(event, "Type");
    if (str_eq(about, type))
        return is_prefix(value, json_str(event, "ID")) ||
               is_prefix(value, attribute(event, "name"));
    return !str_eq(about, "container") && is_prefix(value, attribute(event, type));
}

static bool by_container(const json_t *event, const char *value)
{
    return is_object(event, "container", value);
}

static bool by_volume(const json_t *event, const char *value)
{
    return is_object(event, "volume", value);
}

static bool by_network(const json_t *event, const char *value)
{
    return is_object(event, "network", value);
}

/* With or without its tag. */
static bool is_image(const char *name, const char *value)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    const char *colon = name ? strchr(slash ? slash : name, ':') : NULL;
    return str_eq(name, value) || (colon && strlen(value) == (size_t)(colon - name) &&
                                   strncmp(name, value, strlen(value)) == 0);
}

static bool by_image(const json_t *event, const char *value)
{
    if (str_eq(json_str(event, "Type"), "image"))
        return is_image(json_str(event, "ID"), value) || is_image(attribute(event, "name"), value);
    return str_eq(json_str(event, "Type"), "container") &&
           is_image(attribute(event, "image"), value);
}

/* "exec_create: sh" is an "exec_create". */
static bool by_action(const json_t *event, const char *value)
{
    const char *rest = str_after(json_str(event, "Action"), value);
    return rest && (*rest == '\0' || *rest == ':');
}

static bool by_type(const json_t *event, const char *value)
{
    return str_eq(json_str(event, "Type"), value);
}

static bool by_scope(const json_t *event, const char *value)
{
    (void)event;
    return str_eq(value, "local");
}

static bool by_label(const json_t *event, const char *value)
{
    const char *equals = strchrnul(value, '=');
    _cleanup_free_ char *key = strndup(value, (size_t)(equals - value));
    const char *found = key ? attribute(event, key) : NULL;
    return found && (!*equals || str_eq(found, equals + 1));
}

static const struct filter {
    const char *key; /* with its equals sign */
    test *passes;
    bool every; /* all of its values must pass, not one of them */
} known[] = {
    {"container=", by_container, false}, {"event=", by_action, false},
    {"image=", by_image, false},         {"label=", by_label, true},
    {"network=", by_network, false},     {"scope=", by_scope, false},
    {"type=", by_type, false},           {"volume=", by_volume, false},
};

static const struct filter *find_filter(const char *text, const char **ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        *ret_value = str_after(text, known[i].key);
        if (*ret_value)
            return &known[i];
    }
    return NULL;
}

int event_filter_check(const struct option_list *filters, struct err *e)
{
    const char *value;
    for (size_t i = 0; i < filters->n; i++)
        if (!find_filter(filters->v[i], &value))
            return filter_invalid(filters->v[i], e);
    return 0;
}

bool event_filter_passes(const struct option_list *filters, const json_t *event)
{
    bool wanted[ARRAY_LEN(known)] = {false}, passed[ARRAY_LEN(known)] = {false};
    for (size_t i = 0; i < filters->n; i++) {
        const char *value;
        const struct filter *f = find_filter(filters->v[i], &value);
        bool passes = f && f->passes(event, value);
        if (!f || (f->every && !passes))
            return false;
        wanted[f - known] = true;
        passed[f - known] |= passes;
    }
    return memcmp(wanted, passed, sizeof(wanted)) == 0;
}
