/*
 * libFuzzer target: any bytes as a layer's archive, unpacked below a folder of a file system in
 * memory, without the cage: what is beside the folder must stay as it is.
 */
#include "base/err.h"
#include "base/file.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int begin(void)
{
    const char *folder = getenv("FUZZ_FOLDER");
    if (!folder || !setlocale(LC_CTYPE, "C.UTF-8"))
        abort();
    umask(0);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int canary = openat(fd, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (canary < 0 || fd_write_all(canary, "untouched", 9) < 0)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int top = -EBADF;
    const struct limits limits = {.bytes = 1 << 22, .entries = 100, .path = 4095, .ratio = 1000};
    struct unpacked u = {0};
    struct stat st;
    _cleanup_err_ struct err e = ERR_INIT;
    if (top < 0)
        top = begin();
    if (mkdirat(top, "layer", 0755) < 0)
        abort();
    _cleanup_close_ int root = openat(top, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int in = memfd_create("fuzz", MFD_CLOEXEC);
    if (root < 0 || in < 0 || fd_write_all(in, data, size) < 0 || lseek(in, 0, SEEK_SET) < 0)
        abort();
    int r = unpack(in, root, NULL, size % 2 == 0, &limits, &u, &e);
    if (r < 0 && !e.text)
        abort();
    unpacked_release(&u);
    if (fstatat(top, "canary", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink != 1 ||
        st.st_size != 9 || (st.st_mode & 07777) != 0640 || dir_remove(top, "layer", NULL) < 0)
        abort();
    return 0;
}
