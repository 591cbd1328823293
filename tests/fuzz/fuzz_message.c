/*
 * libFuzzer target: any bytes from the other end of a socket, as a process that was taken over may
 * write them. What is received is an object, and no descriptor comes with it.
 */
#include "base/file.h"
#include "base/message.h"

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2], r;
    if (size > 4096 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    _cleanup_close_ int ours = fds[0];
    r = fd_write_all(fds[1], data, size);
    close(fds[1]);
    while (r >= 0) {
        _cleanup_json_ json_t *value = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_err_ struct err e = ERR_INIT;
        r = message_receive(ours, &value, &fd, &e);
        if (r == 1 ? !json_is_object(value) || fd >= 0 : value != NULL)
            abort();
        if (r <= 0)
            break;
    }
    return 0;
}
