#include "engine/files.h"

#include "base/file.h"
#include "network/resolver.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { RESOLV_LIMIT = 1 << 20 };

static int write_file(const struct container_record *c, const char *name, const char *text,
                      struct err *e)
{
    if (!text)
        return err_nomem(e);
    /* Written in place: what is bound into the container is this inode, and stays it. */
    _cleanup_close_ int fd =
        openat(c->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_sys(e, errno, "cannot create \"%s\"", name);
    int r = fchmod(fd, 0644) < 0 ? -errno : fd_write_all(fd, text, strlen(text));
    return r < 0 ? err_sys(e, -r, "cannot write \"%s\"", name) : 0;
}

/* "name:address" of --add-host; the address may hold colons itself. Names of the host are added
 * with
 * @gateway, and left out while that is NULL. */
static void add_extra_hosts(struct str *out, const json_t *hosts, bool others, const char *gateway)
{
    size_t i;
    json_t *item;
    json_array_foreach (hosts, i, item) {
        const char *text = json_string_value(item);
        const char *separator = text ? strpbrk(text, ":=") : NULL;
        bool host = separator && str_eq(separator + 1, "host-gateway");
        const char *address = !separator ? NULL : host ? gateway : others ? separator + 1 : NULL;
        if (address && *address)
            str_addf(out, "%s\t%.*s\n", address, (int)(separator - text), text);
    }
}

static int write_hosts(const struct container_record *c, bool host_network, struct err *e)
{
    _cleanup_str_ struct str text = {0};
    _cleanup_free_ char *own = NULL;
    if (host_network && file_read(AT_FDCWD, "/etc/hosts", RESOLV_LIMIT, &own, NULL, NULL) == 0)
        str_add(&text, own);
    else
        str_add(&text, "127.0.0.1\tlocalhost\n"
                       "::1\tlocalhost ip6-localhost ip6-loopback\n"
                       "fe00::\tip6-localnet\n"
                       "ff00::\tip6-mcastprefix\n"
                       "ff02::1\tip6-allnodes\n"
                       "ff02::2\tip6-allrouters\n");
    add_extra_hosts(&text, json_at(c->document, "HostConfig.ExtraHosts"), true,
                    host_network ? "127.0.0.1" : NULL);
    _cleanup_free_ char *whole = str_steal(&text);
    return write_file(c, "hosts", whole, e);
}

int files_add_address(const struct container_record *c, const char *address, const char *gateway,
                      struct err *e)
{
    _cleanup_str_ struct str text = {0};
    const char *host = json_str(c->document, "Config.Hostname");
    const char *domain = json_str(c->document, "Config.Domainname");
    if (domain && *domain)
        str_addf(&text, "%s\t%s.%s %s\n", address, host, domain, host);
    else
        str_addf(&text, "%s\t%s\n", address, host);
    add_extra_hosts(&text, json_at(c->document, "HostConfig.ExtraHosts"), false, gateway);
    _cleanup_free_ char *lines = str_steal(&text);
    _cleanup_close_ int fd = openat(c->dir_fd, "hosts", O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!lines)
        return err_nomem(e);
    int r = fd < 0 ? -errno : fd_write_all(fd, lines, strlen(lines));
    return r < 0 ? err_sys(e, -r, "cannot write \"hosts\"") : 0;
}

static void add_line(struct str *out, const char *keyword, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        str_addf(out, "%s %s", i ? "" : keyword, json_string_value(item));
    if (json_array_size(list) > 0)
        str_add(out, "\n");
}

static bool is_loopback(const char *address)
{
    return str_after(address, "127.") || str_eq(address, "::1");
}

/* One line of the host's file: kept, replaced by what the user said, or useless in a container. */
static bool keep_line(const char *line, bool has_dns, bool has_search, bool has_options,
                      bool keep_loopback, unsigned *servers)
{
    char keyword[16] = "", value[256] = "";
    if (sscanf(line, "%15s %255s", keyword, value) < 1)
        return false;
    if (str_eq(keyword, "nameserver")) {
        if (has_dns || (!keep_loopback && is_loopback(value)))
            return false;
        (*servers)++;
        return true;
    }
    if (str_eq(keyword, "search") || str_eq(keyword, "domain"))
        return !has_search;
    return str_eq(keyword, "options") ? !has_options : keyword[0] != '#' && keyword[0] != ';';
}

char *resolv_conf_for_container(const char *text, const json_t *dns, const json_t *search,
                                const json_t *options, bool keep_loopback)
{
    bool has_dns = json_array_size(dns) > 0, has_search = json_array_size(search) > 0;
    bool has_options = json_array_size(options) > 0;
    unsigned servers = 0;
    _cleanup_str_ struct str out = {0};
    _cleanup_free_ char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *at = copy, *line; (line = strsep(&at, "\n"));)
        if (keep_line(line, has_dns, has_search, has_options, keep_loopback, &servers))
            str_addf(&out, "%s\n", line);

    size_t i;
    json_t *item;
    json_array_foreach (dns, i, item)
        str_addf(&out, "nameserver %s\n", json_string_value(item));
    if (!has_dns && servers == 0)
        str_add(&out, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    /* "--dns-search ." is Docker's way to say: none. */
    if (has_search && !str_eq(json_string_value(json_array_get(search, 0)), "."))
        add_line(&out, "search", search);
    add_line(&out, "options", options);
    return str_steal(&out);
}

char *resolv_conf_for_names(const char *text, const json_t *search, const json_t *options)
{
    _cleanup_json_ json_t *own = json_pack("[s]", RESOLVER_ADDRESS);
    _cleanup_free_ char *rest =
        own ? resolv_conf_for_container(text, own, search, options, false) : NULL;
    if (!rest)
        return NULL;
    return strstr(rest, "ndots:") ? TAKE_PTR(rest) : str_printf("%soptions ndots:0\n", rest);
}

/* systemd-resolved's stub listens on loopback; what it forwards to stands in another file. */
static int read_host_resolv(bool host_network, char **ret)
{
    int r = file_read(AT_FDCWD, "/etc/resolv.conf", RESOLV_LIMIT, ret, NULL, NULL);
    if (r == 0 && !host_network && strstr(*ret, "nameserver 127.0.0.53")) {
        char *real;
        if (file_read(AT_FDCWD, "/run/systemd/resolve/resolv.conf", RESOLV_LIMIT, &real, NULL,
                      NULL) == 0) {
            free(*ret);
            *ret = real;
        }
    }
    if (r < 0)
        *ret = strdup("");
    return *ret ? 0 : -ENOMEM;
}

int files_use_names(const struct container_record *c, struct err *e)
{
    const json_t *host = json_at(c->document, "HostConfig");
    _cleanup_free_ char *own = NULL;
    if (read_host_resolv(true, &own) < 0)
        return err_nomem(e);
    _cleanup_free_ char *text =
        resolv_conf_for_names(own, json_at(host, "DnsSearch"), json_at(host, "DnsOptions"));
    return write_file(c, "resolv.conf", text, e);
}

bool files_are_lent(const struct container_record *c)
{
    const char *path = json_str(c->document, "ResolvConfPath");
    return path && faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

int files_write(const struct container_record *c, bool host_network, struct err *e)
{
    const json_t *host = json_at(c->document, "HostConfig");
    _cleanup_free_ char *own = NULL;
    if (read_host_resolv(host_network, &own) < 0)
        return err_nomem(e);
    _cleanup_free_ char *resolv =
        resolv_conf_for_container(own, json_at(host, "Dns"), json_at(host, "DnsSearch"),
                                  json_at(host, "DnsOptions"), host_network);
    _cleanup_free_ char *hostname = str_printf("%s\n", json_str(c->document, "Config.Hostname"));
    int r = write_file(c, "resolv.conf", resolv, e);
    if (r == 0)
        r = write_file(c, "hostname", hostname, e);
    return r == 0 ? write_hosts(c, host_network, e) : r;
}
