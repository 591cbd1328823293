#include "network/lease.h"

#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* Larger than any that is written. */
enum { FILE_MAX = 1 << 20 };

/* The rest of the line of @text that begins with @key, up to its end; NULL. */
static const char *line(const char *text, const char *key, size_t *ret_n)
{
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        const char *value = str_after(at, key);
        if (value) {
            *ret_n = strcspn(value, "\n");
            return value;
        }
    }
    return NULL;
}

static int tell_taken(const char *address, const char *text, struct err *e)
{
    size_t n = 0;
    const char *owner = text ? line(text, "owner ", &n) : NULL;
    return err_set(e, EEXIST, "the address %s is taken, by the container %.*s", address,
                   (int)(n < 12 ? n : 12), owner ? owner : "");
}

static int tell_holder(int dir_fd, const char *name, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    (void)file_read(dir_fd, name, FILE_MAX, &text, NULL, NULL);
    return tell_taken(name, text, e);
}

/* Whether a file says that it has the IPv6 address @want. */
static int look_into(int dir_fd, const char *name, const char *want, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    struct ip_address address;
    if (ip_address_parse(name, &address) < 0 ||
        file_read(dir_fd, name, FILE_MAX, &text, NULL, NULL) < 0)
        return 0;
    size_t n = 0;
    const char *has = line(text, "address ", &n);
    return has && n == strlen(want) && strncmp(has, want, n) == 0 ? tell_taken(want, text, e) : 0;
}

static int find_address6(int dir_fd, const struct ip_address *address6, struct err *e)
{
    char want[IP_ADDRESS_TEXT];
    ip_address_format(address6, want);
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        cleanup_close(&copy);
        return err_sys(e, errno, "cannot list the network's endpoints");
    }
    struct dirent *entry;
    int r = 0;
    while (r == 0 && (entry = readdir(dir)))
        r = look_into(dir_fd, entry->d_name, want, e);
    return r;
}

static int write_file(int dir_fd, const char *name, const char *text, struct err *e)
{
    _cleanup_close_ int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "cannot make a file in the network's folder");
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return err_sys(e, errno ? errno : EIO, "cannot write to the network's folder");
    char self[32];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(e, errno, "cannot claim the address %s", name);
    return tell_holder(dir_fd, name, e);
}

int lease_claim(int dir_fd, const char *owner, const struct network_endpoint *ep, struct err *e)
{
    char name[IP_ADDRESS_TEXT], address6[IP_ADDRESS_TEXT] = "";
    ip_address_format(network_endpoint_address(ep), name);
    if (ep->address4.family)
        ip_address_format(&ep->address6, address6);
    _cleanup_str_ struct str text = {0};
    str_addf(&text, "owner %s\ninside %s\n", owner, ep->inside);
    if (*address6)
        str_addf(&text, "address %s\n", address6);
    _cleanup_free_ char *whole = str_steal(&text);
    if (!whole)
        return err_nomem(e);
    /* The IPv6 address has no name of its own that could be claimed: who has it is looked up, by
     * one at a time. */
    _cleanup_close_ int lock = -EBADF;
    int r = 0;
    if (*address6) {
        lock = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
            return err_sys(e, errno, "cannot lock the network's endpoints");
        r = faccessat(dir_fd, name, F_OK, 0) == 0 ? tell_holder(dir_fd, name, e)
                                                  : find_address6(dir_fd, &ep->address6, e);
    }
    return r < 0 ? r : write_file(dir_fd, name, whole, e);
}

void lease_drop(int dir_fd, const struct network_endpoint *ep)
{
    char name[IP_ADDRESS_TEXT];
    if (*ip_address_format(network_endpoint_address(ep), name))
        unlinkat(dir_fd, name, 0);
}
