#include "network/upstream.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <net/if.h>
#include <string.h>

enum { CONF_MAX = 1 << 20, DNS_PORT = 53 };

/* "fe80::1%eth0": the part behind the % says on which link. */
static bool parse_server(char *text, struct upstream *ret)
{
    *ret = (struct upstream){0};
    char *zone = strchr(text, '%');
    if (zone) {
        *zone++ = '\0';
        ret->scope = if_nametoindex(zone);
    }
    return ip_address_parse(text, &ret->address) == 0;
}

void upstreams_parse(const char *text, struct upstreams *ret)
{
    *ret = (struct upstreams){0};
    while (text && ret->n < UPSTREAMS_MAX) {
        char keyword[16] = "", server[64] = "";
        size_t n = strcspn(text, "\n");
        char line[128];
        snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1), text);
        if (sscanf(line, "%15s %63s", keyword, server) == 2 && str_eq(keyword, "nameserver") &&
            parse_server(server, &ret->v[ret->n]))
            ret->n++;
        text = text[n] ? text + n + 1 : NULL;
    }
    if (ret->n == 0)
        ret->v[ret->n++].address = ip_from_u32(INADDR_LOOPBACK);
}

int upstreams_read(struct upstreams *ret, struct stat *ret_file, struct err *e)
{
    struct stat st = {0};
    _cleanup_free_ char *text = NULL;
    /* First: a change while it is read is then seen as one. */
    if (stat(RESOLV_CONF, &st) < 0)
        st = (struct stat){0};
    int r = file_read(AT_FDCWD, RESOLV_CONF, CONF_MAX, &text, NULL, e);
    if (r < 0 && r != -ENOENT)
        return r;
    upstreams_parse(text ? text : "", ret);
    *ret_file = st;
    return 0;
}

bool upstreams_changed(const struct stat *file)
{
    struct stat st;
    if (stat(RESOLV_CONF, &st) < 0)
        st = (struct stat){0};
    return st.st_dev != file->st_dev || st.st_ino != file->st_ino || st.st_size != file->st_size ||
           st.st_mtim.tv_sec != file->st_mtim.tv_sec || st.st_mtim.tv_nsec != file->st_mtim.tv_nsec;
}

int upstream_connect(const struct upstream *u, bool stream)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to = {0};
    socklen_t n = sizeof(to.v4);
    if (u->address.family == AF_INET) {
        to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
        memcpy(&to.v4.sin_addr, u->address.bytes, sizeof(to.v4.sin_addr));
    } else {
        to.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT), .sin6_scope_id = u->scope};
        memcpy(&to.v6.sin6_addr, u->address.bytes, sizeof(to.v6.sin6_addr));
        n = sizeof(to.v6);
    }
    int type = stream ? SOCK_STREAM : SOCK_DGRAM;
    _cleanup_close_ int fd = socket(to.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, &to.any, n) < 0 && errno != EINPROGRESS))
        return -errno;
    return TAKE_FD(fd);
}
