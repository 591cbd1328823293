#include "engine/modes.h"

#include "engine/network_document.h"
#include "engine/state.h"

#include <string.h>

const char *mode_key(enum namespace_kind kind)
{
    static const char *const keys[NS_KINDS] = {
        [NS_USER] = "UsernsMode", [NS_PID] = "PidMode", [NS_NETWORK] = "NetworkMode",
        [NS_IPC] = "IpcMode",     [NS_UTS] = "UTSMode", [NS_CGROUP] = "CgroupnsMode",
        [NS_TIME] = "TimeMode",
    };
    return keys[kind];
}

bool mode_names_network(const char *text)
{
    static const char *const words[] = {"default", "bridge", "host", "none", "private"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(text, words[i]))
            return false;
    return network_check_name(text, NULL) == 0;
}

int mode_parse(enum namespace_kind kind, const char *text, struct mode *ret, struct err *e)
{
    const struct namespace_type *type = &namespace_types[kind];
    struct mode m = {.kind = type->by_default ? MODE_PRIVATE : MODE_HOST};
    bool network = kind == NS_NETWORK, ipc = kind == NS_IPC;

    if (!text || !*text || (network && (str_eq(text, "default") || str_eq(text, "bridge")))) {
        m.cable = network;
    } else if (str_eq(text, "private") || (network && str_eq(text, "none")) ||
               (ipc && (str_eq(text, "shareable") || str_eq(text, "none")))) {
        m.kind = MODE_PRIVATE;
    } else if (str_eq(text, "host")) {
        m.kind = MODE_HOST;
    } else if ((m.value = str_after(text, "container:"))) {
        m.kind = MODE_CONTAINER;
    } else if ((m.value = str_after(text, "path:")) || (m.value = str_after(text, "ns:"))) {
        m.kind = MODE_PATH;
    } else if (network && mode_names_network(text)) {
        m = (struct mode){.kind = MODE_PRIVATE, .value = text, .cable = true};
    } else {
        return err_set(e, EINVAL,
                       "invalid %s mode \"%s\": must be private, host, container:NAME or path:FILE",
                       type->name, text);
    }
    if (m.kind != MODE_PRIVATE && m.value && !*m.value)
        return err_set(e, EINVAL, "invalid %s mode \"%s\": nothing behind the colon", type->name,
                       text);
    *ret = m;
    return 0;
}

int mode_of(const json_t *document, enum namespace_kind kind, struct mode *ret, struct err *e)
{
    if (kind == NS_MOUNT) {
        *ret = (struct mode){.kind = MODE_PRIVATE};
        return 0;
    }
    return mode_parse(kind, json_str(json_at(document, "HostConfig"), mode_key(kind)), ret, e);
}

/* Docker's rule; its words. */
static int check_shareable(const struct container_record *donor, struct err *e)
{
    const char *text = json_str(donor->document, "HostConfig.IpcMode");
    if (!str_eq(text, "private") && !str_eq(text, "none"))
        return 0;
    return err_set(e, EINVAL,
                   "can't join IPC of container %s: non-shareable IPC (hint: use --ipc=shareable "
                   "for the donor container)",
                   record_name(donor));
}

int mode_pid(const struct engine *en, enum namespace_kind kind, const struct mode *m, pid_t *ret,
             struct err *e)
{
    _cleanup_record_ struct container_record other = CONTAINER_RECORD_INIT;
    _cleanup_json_ json_t *state = NULL;
    int r = record_find(en, m->value, &other, e);
    if (r == 0)
        r = state_read(en, &other, &state, NULL, e);
    if (r < 0)
        return err_wrap(e, "cannot join the %s namespace", namespace_types[kind].name);
    pid_t pid = state_pid(state);
    if (pid == 0)
        return err_set(e, ESRCH, "cannot join the %s namespace of a non running container: %s",
                       namespace_types[kind].name, record_name(&other));
    if (kind == NS_IPC)
        r = check_shareable(&other, e);
    if (r == 0)
        *ret = pid;
    return r;
}

int mode_path(const struct engine *en, enum namespace_kind kind, const struct mode *m, char **ret,
              struct err *e)
{
    pid_t pid = 0;
    int r = m->kind == MODE_CONTAINER ? mode_pid(en, kind, m, &pid, e) : 0;
    *ret = NULL;
    if (r < 0 || (m->kind != MODE_CONTAINER && m->kind != MODE_PATH))
        return r;
    *ret = pid ? str_printf("/proc/%d/ns/%s", pid, namespace_types[kind].file) : strdup(m->value);
    return *ret ? 0 : err_nomem(e);
}
