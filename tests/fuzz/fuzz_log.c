/*
 * A log that somebody else wrote: read to its end, it must give entries that lie in the reader, and
 * its last lines must be found from the end as they would be from the beginning.
 */
#include "engine/log_read.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct sum {
    uint64_t entries, bytes, hash;
};

static struct sum read_log(int dir_fd, long long tail)
{
    struct sum sum = {0};
    struct log_reader *r = NULL;
    const struct log_read_options options = {.dir_fd = dir_fd, .tail = tail};
    if (log_reader_open(&options, &r, NULL) < 0)
        abort();
    struct log_entry entry;
    int more;
    while ((more = log_reader_next(r, true, &entry, NULL)) == 1) {
        sum.entries++;
        sum.bytes += entry.n;
        for (size_t i = 0; i < entry.n; i++)
            sum.hash = sum.hash * 31 + (unsigned char)entry.text[i];
    }
    if (more < 0)
        abort();
    log_reader_close(&r);
    return sum;
}

/* The first byte says where the text is cut into files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *folder = getenv("FUZZ_FOLDER");
    static int dir_fd = -1;
    if (dir_fd < 0)
        dir_fd = open(folder ? folder : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (size < 2 || size > 65536)
        return 0;
    size_t cut = 1 + (size - 1) * data[0] / 256;
    if (file_replace(dir_fd, "log.1", data + 1, cut - 1, 0600, 0, NULL) < 0 ||
        file_replace(dir_fd, "log", data + cut, size - cut, 0600, 0, NULL) < 0)
        abort();
    struct sum all = read_log(dir_fd, LOG_TAIL_ALL), most = read_log(dir_fd, 1 << 20);
    if (all.entries != most.entries || all.bytes != most.bytes || all.hash != most.hash)
        abort();
    struct sum some = read_log(dir_fd, data[0] % 5);
    if (some.entries > all.entries)
        abort();
    return 0;
}
