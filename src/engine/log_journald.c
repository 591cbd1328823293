#include "engine/log_journald.h"

#include "base/file.h"
#include "engine/engine.h"
#include "engine/log_config.h"
#include "engine/log_socket.h"
#include "engine/log_split.h"

#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

static const char place[] = "/run/systemd/journal/socket";

struct log_journald {
    struct log_socket socket;
    struct log_split split;
    struct str fields; /* that are the same in every message */
};

/* A value with a line end in it is given with its length. */
static void add_field(struct str *out, const char *name, const char *value)
{
    size_t n = strlen(value);
    str_add(out, name);
    if (strchr(value, '\n')) {
        const uint64_t length = htole64(n);
        str_add(out, "\n");
        str_addn(out, &length, sizeof(length));
    } else {
        str_add(out, "=");
    }
    str_addn(out, value, n);
    str_add(out, "\n");
}

/* The journal's names are capitals, digits and underscores, and begin with none of ours. */
static void add_attribute(struct str *out, const char *key, const char *value)
{
    _cleanup_str_ struct str name = {0};
    for (key += strspn(key, "_"); *key; key++)
        str_addf(&name, "%c", isascii(*key) && isalnum(*key) ? toupper(*key) : '_');
    const char *begin = name.s ? name.s + strspn(name.s, "_") : "";
    if (*begin && !name.failed)
        add_field(out, begin, value);
    out->failed |= name.failed;
}

static void add_text(struct str *out, const char *name, const char *value)
{
    add_field(out, name, value ? value : "");
}

static int make_fields(const json_t *document, struct str *out, struct err *e)
{
    char id[SHORT_ID_LEN + 1];
    const char *name = json_str(document, "Name");
    _cleanup_free_ char *tag = log_config_tag(document);
    _cleanup_json_ json_t *attributes = log_config_attributes(document);
    if (!tag || !attributes)
        return err_nomem(e);
    snprintf(id, sizeof(id), "%s", json_str(document, "Id") ?: "");
    add_text(out, "CONTAINER_ID", id);
    add_text(out, "CONTAINER_ID_FULL", json_str(document, "Id"));
    add_text(out, "CONTAINER_NAME", name && *name == '/' ? name + 1 : name);
    add_text(out, "CONTAINER_TAG", tag);
    add_text(out, "IMAGE_NAME", json_str(document, "Config.Image"));
    add_text(out, "SYSLOG_IDENTIFIER", tag);
    const char *key;
    json_t *value;
    json_object_foreach (attributes, key, value)
        if (!str_eq(key, "tag"))
            add_attribute(out, key, json_string_value(value) ?: "");
    return out->failed ? err_nomem(e) : 0;
}

int log_journald_open(const json_t *document, struct log_journald **ret, struct err *e)
{
    struct log_journald *j = calloc(1, sizeof(*j));
    if (!j)
        return err_nomem(e);
    int r = log_socket_open(&j->socket, place, e);
    if (r == 0)
        r = make_fields(document, &j->fields, e);
    if (r < 0)
        log_journald_close(&j);
    else
        *ret = j;
    return r;
}

/* What is too big for a datagram goes in a file that nobody can change any more. */
static int send_as_file(struct log_journald *j, const struct iovec *parts, size_t n)
{
    _cleanup_close_ int fd = memfd_create("skiff-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r = fd < 0 ? -errno : 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = fd_write_all(fd, parts[i].iov_base, parts[i].iov_len);
    if (r == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        r = -errno;
    if (r < 0)
        return r;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    return log_socket_send(&j->socket, &message);
}

static struct iovec part(const char *bytes, size_t n)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
}

static void send_line(void *data, enum log_stream stream, const char *line, size_t n, bool partial)
{
    struct log_journald *j = data;
    const char *head = stream == LOG_STDERR ? "PRIORITY=3\n" : "PRIORITY=6\n";
    const char *more = partial ? "CONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=" : "MESSAGE=";
    struct iovec parts[] = {part(j->fields.s, j->fields.len), part(head, strlen(head)),
                            part(more, strlen(more)), part(line, n), part("\n", 1)};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    int r = log_socket_send(&j->socket, &message);
    if (r == -EMSGSIZE || r == -ENOBUFS)
        r = send_as_file(j, parts, ARRAY_LEN(parts));
    if (r < 0)
        j->socket.error = -r;
}

int log_journald_write(struct log_journald *j, enum log_stream stream, const char *bytes, size_t n)
{
    log_split_add(&j->split, stream, bytes, n, send_line, j);
    return j->socket.error;
}

void log_journald_close(struct log_journald **j)
{
    if (!*j)
        return;
    if ((*j)->socket.fd >= 0)
        log_split_end(&(*j)->split, send_line, *j);
    log_socket_close(&(*j)->socket);
    str_release(&(*j)->fields);
    free(*j);
    *j = NULL;
}
