#include "network/endpoint_file.h"

#include "base/file.h"
#include "network/protocol.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void endpoint_file_release(struct endpoint_file *f)
{
    strv_release(&f->names);
    free(f->ports);
    *f = (struct endpoint_file){0};
}

int endpoint_file_add_port(struct endpoint_file *f, const struct endpoint_port *port)
{
    if (f->n_ports >= ENDPOINT_PORTS_MAX)
        return -E2BIG;
    /* Room by powers of two. */
    if ((f->n_ports & (f->n_ports - 1)) == 0) {
        size_t room = f->n_ports ? f->n_ports * 2 : 1;
        struct endpoint_port *more = realloc(f->ports, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        f->ports = more;
    }
    f->ports[f->n_ports++] = *port;
    return 0;
}

/* ---- words ---- */

static bool is_owner(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* One word of printable bytes; those of other alphabets' letters in UTF-8 are. */
static bool is_word(const char *s, size_t most)
{
    size_t n = strlen(s);
    if (n == 0 || n > most)
        return false;
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return true;
}

static bool parse_mac(const char *s, uint8_t mac[6])
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(s) != 17)
        return false;
    for (size_t i = 0; i < 6; i++, s += 3) {
        const char *high = strchr(digits, s[0]), *low = strchr(digits, s[1]);
        if (!high || !low || s[2] != (i < 5 ? ':' : '\0'))
            return false;
        mac[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

/* ---- writing ---- */

static bool can_be_told(const struct endpoint_file *f)
{
    if (!is_owner(f->owner) || (*f->former && !is_owner(f->former)) || f->address.family == 0 ||
        f->n_ports > ENDPOINT_PORTS_MAX || f->names.n > ENDPOINT_NAMES_MAX ||
        (*f->link && !is_word(f->link, 15)) || (*f->inside && !is_word(f->inside, 15)))
        return false;
    for (size_t i = 0; i < f->names.n; i++)
        if (!is_word(f->names.v[i], ENDPOINT_NAME_MAX))
            return false;
    for (size_t i = 0; i < f->n_ports; i++)
        if (!protocol_name(f->ports[i].protocol) || f->ports[i].host.family == 0)
            return false;
    return true;
}

static char *to_text(const struct endpoint_file *f)
{
    char address[IP_ADDRESS_TEXT];
    const uint8_t *m = f->mac;
    _cleanup_str_ struct str out = {0};
    str_addf(&out, "owner %s\n", f->owner);
    if (*f->former)
        str_addf(&out, "former %s\n", f->former);
    if (*f->link)
        str_addf(&out, "link %s\n", f->link);
    if (*f->inside)
        str_addf(&out, "inside %s\n", f->inside);
    str_addf(&out, "mac %02x:%02x:%02x:%02x:%02x:%02x\n", m[0], m[1], m[2], m[3], m[4], m[5]);
    if (f->other.family != 0)
        str_addf(&out, "address %s\n", ip_address_format(&f->other, address));
    for (size_t i = 0; i < f->names.n; i++)
        str_addf(&out, "name %s\n", f->names.v[i]);
    for (size_t i = 0; i < f->n_ports; i++) {
        const struct endpoint_port *p = &f->ports[i];
        str_addf(&out, "port %s %s %u %u\n", protocol_name(p->protocol),
                 ip_address_format(&p->host, address), p->host_port, p->port);
    }
    return str_steal(&out);
}

static int text_of(const struct endpoint_file *f, char **ret, struct err *e)
{
    if (!can_be_told(f))
        return err_set(e, EINVAL, "an endpoint of container \"%s\" has a name or port that is none",
                       f->owner);
    *ret = to_text(f);
    return *ret ? 0 : err_nomem(e);
}

static int link_whole(int dirfd, const char *name, const char *text, struct err *e)
{
    _cleanup_close_ int fd = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_sys(e, errno, "cannot make the file of address %s", name);
    int r = fchmod(fd, 0644) < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    if (r == 0 && linkat(fd, "", dirfd, name, AT_EMPTY_PATH) < 0)
        r = -errno;
    return r == 0 || r == -EEXIST ? r : err_sys(e, -r, "cannot make the file of address %s", name);
}

int endpoint_file_claim(int dirfd, const struct endpoint_file *f, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    char name[IP_ADDRESS_TEXT];
    int r = text_of(f, &text, e);
    return r < 0 ? r : link_whole(dirfd, ip_address_format(&f->address, name), text, e);
}

/* Where there is none yet, as nearly always, nothing is left of one that is killed in between. */
int endpoint_file_write(int dirfd, const struct endpoint_file *f, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    char name[IP_ADDRESS_TEXT];
    int r = text_of(f, &text, e);
    if (r < 0 || !text)
        return r;
    r = link_whole(dirfd, ip_address_format(&f->address, name), text, e);
    return r == -EEXIST ? file_replace(dirfd, name, text, strlen(text), 0644, 0, e) : r;
}

/* ---- reading ---- */

static bool parse_port_number(const char *s, uint16_t *ret)
{
    long long n;
    if (!s || str_to_int64(s, 1, UINT16_MAX, &n) < 0)
        return false;
    *ret = (uint16_t)n;
    return true;
}

static int parse_port(char *value, struct endpoint_file *f)
{
    struct endpoint_port port = {0};
    const char *protocol = strsep(&value, " ");
    const char *host = strsep(&value, " "), *host_port = strsep(&value, " ");
    port.protocol = protocol_number(protocol);
    if (port.protocol == 0 || !host || ip_address_parse(host, &port.host) < 0 ||
        !parse_port_number(host_port, &port.host_port) || !parse_port_number(value, &port.port))
        return -EBADMSG;
    int r = endpoint_file_add_port(f, &port);
    return r == -E2BIG ? -EBADMSG : r;
}

static int parse_name(const char *value, struct endpoint_file *f)
{
    if (!is_word(value, ENDPOINT_NAME_MAX) || f->names.n >= ENDPOINT_NAMES_MAX)
        return -EBADMSG;
    strv_add(&f->names, value);
    return f->names.failed ? -ENOMEM : 0;
}

static bool take_link(char link[16], const char *value)
{
    if (*link || !is_word(value, 15))
        return false;
    memcpy(link, value, strlen(value) + 1);
    return true;
}

static bool take_owner(char owner[65], const char *value)
{
    if (*owner || !is_owner(value))
        return false;
    memcpy(owner, value, 65);
    return true;
}

/* What stands there once. */
static bool parse_single(const char *key, const char *value, struct endpoint_file *f, bool *has_mac)
{
    if (str_eq(key, "owner"))
        return take_owner(f->owner, value);
    if (str_eq(key, "former"))
        return take_owner(f->former, value);
    if (str_eq(key, "link"))
        return take_link(f->link, value);
    if (str_eq(key, "inside"))
        return take_link(f->inside, value);
    if (str_eq(key, "address"))
        return f->other.family == 0 && ip_address_parse(value, &f->other) == 0 &&
               f->other.family != f->address.family;
    if (!str_eq(key, "mac") || *has_mac)
        return false;
    *has_mac = true;
    return parse_mac(value, f->mac);
}

static int parse_line(char *line, struct endpoint_file *f, bool *has_mac)
{
    char *value = line;
    const char *key = strsep(&value, " ");
    if (!value)
        return -EBADMSG;
    if (str_eq(key, "name"))
        return parse_name(value, f);
    if (str_eq(key, "port"))
        return parse_port(value, f);
    return parse_single(key, value, f, has_mac) ? 0 : -EBADMSG;
}

int endpoint_file_parse(char *text, const struct ip_address *address, struct endpoint_file *ret)
{
    _cleanup_endpoint_file_ struct endpoint_file f = {.address = *address};
    bool has_mac = false;
    int r = 0;
    for (char *line; r == 0 && *text;) {
        line = strsep(&text, "\n");
        /* The last line ends too, or the file was cut. */
        r = text ? parse_line(line, &f, &has_mac) : -EBADMSG;
    }
    if (r < 0)
        return r;
    if (!*f.owner)
        return -EBADMSG;
    *ret = f;
    f = (struct endpoint_file){0};
    return 0;
}

int endpoint_file_read(int dirfd, const struct ip_address *address, struct endpoint_file *ret,
                       struct err *e)
{
    char name[IP_ADDRESS_TEXT];
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read(dirfd, ip_address_format(address, name), ENDPOINT_FILE_MAX, &text, &len, e);
    if (r < 0)
        return r;
    r = strlen(text) == len ? endpoint_file_parse(text, address, ret) : -EBADMSG;
    if (r == -ENOMEM)
        return err_nomem(e);
    return r < 0 ? err_set(e, EBADMSG, "the file of address %s is not one of ours", name) : 0;
}

int endpoint_file_list(int dirfd, int (*see)(const struct ip_address *address, void *arg),
                       void *arg, struct err *e)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int r = err_sys(e, errno, "cannot open a network's folder");
        if (fd >= 0)
            close(fd);
        return r;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return errno == 0 ? 0 : err_sys(e, errno, "cannot read a network's folder");
        struct ip_address address;
        if (ip_address_parse(entry->d_name, &address) < 0)
            continue;
        int r = see(&address, arg);
        if (r != 0)
            return r;
    }
}

int endpoint_file_remove(int dirfd, const struct ip_address *address, struct err *e)
{
    char name[IP_ADDRESS_TEXT];
    if (unlinkat(dirfd, ip_address_format(address, name), 0) < 0 && errno != ENOENT)
        return err_sys(e, errno, "cannot remove the file of address %s", name);
    return 0;
}
