#include "oci/console_socket.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_to(const char *path, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_sys(e, ENAMETOOLONG, "console socket \"%s\"", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        return err_sys(e, errno, "cannot connect to console socket \"%s\"", path);
    return TAKE_FD(sock);
}

int console_socket_send(const char *path, int master, struct err *e)
{
    _cleanup_close_ int sock = connect_to(path, e);
    if (sock < 0)
        return sock;

    char name[] = "/dev/ptmx"; /* the message must not be empty; what it says is nobody's concern */
    struct iovec iov = {.iov_base = name, .iov_len = sizeof(name) - 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &master, sizeof(int));
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        return err_sys(e, errno, "cannot send the terminal to \"%s\"", path);
    return 0;
}
