#include "runtime/seccomp.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/seccomp_rules.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sha256.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* To be raised whenever seccomp_rules.c makes other programs of the same profile. */
#define CACHE_FORMAT "skiff-seccomp-1"

/* What a file of the cache begins with; the instructions follow. Found damaged, by a power cut
 * say, it is not used. The sum is no signature: whoever may write the folder is root. */
struct cache_header {
    char format[16];
    uint64_t n;
    uint64_t sum;
};
#define CACHE_MAX_BYTES (sizeof(struct cache_header) + BPF_MAXINSNS * sizeof(struct sock_filter))

static uint64_t checksum(const struct sock_filter *insns, size_t n)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a, by words */
    for (size_t i = 0; i < n; i++) {
        uint64_t word;
        memcpy(&word, &insns[i], sizeof(word));
        sum = (sum ^ word) * 0x100000001b3u;
    }
    return sum;
}

/* The file name: a digest of all that decides what the program is. */
static int cache_name(const json_t *profile, char ret[SHA256_DIGEST_STRING_LENGTH])
{
    _cleanup_free_ char *text = json_dumps(profile, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    const struct scmp_version *v = seccomp_version();
    uint32_t lib[] = {v->major, v->minor, v->micro, seccomp_arch_native()};

    SHA2_CTX sha;
    SHA256Init(&sha);
    SHA256Update(&sha, (const uint8_t *)CACHE_FORMAT, sizeof(CACHE_FORMAT));
    SHA256Update(&sha, (const uint8_t *)lib, sizeof(lib));
    SHA256Update(&sha, (const uint8_t *)text, strlen(text));
    SHA256End(&sha, ret);
    return 0;
}

static bool trustworthy(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* 0, or a negative errno when there is no such program or a damaged one. */
static int cache_load(int dirfd, const char *name, struct seccomp_filter *ret)
{
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (!trustworthy(fd))
        return -EPERM;

    _cleanup_free_ char *bytes = NULL;
    size_t len = 0;
    int r = fd_read_all(fd, CACHE_MAX_BYTES, &bytes, &len);
    if (r < 0)
        return r;
    struct cache_header h;
    if (len < sizeof(h))
        return -EBADMSG;
    memcpy(&h, bytes, sizeof(h));
    size_t rest = len - sizeof(h);
    if (memcmp(h.format, CACHE_FORMAT, sizeof(h.format)) != 0 || h.n == 0 || h.n > BPF_MAXINSNS ||
        h.n * sizeof(struct sock_filter) != rest)
        return -EBADMSG;

    _cleanup_free_ struct sock_filter *insns = malloc(rest);
    if (!insns)
        return -ENOMEM;
    memcpy(insns, bytes + sizeof(h), rest);
    if (checksum(insns, h.n) != h.sum)
        return -EBADMSG;
    ret->insns = TAKE_PTR(insns);
    ret->n = (unsigned short)h.n;
    return 0;
}

/* Failing to store only means compiling again. */
static void cache_store(int dirfd, const char *name, const struct seccomp_filter *f)
{
    struct cache_header h = {.n = f->n, .sum = checksum(f->insns, f->n)};
    memcpy(h.format, CACHE_FORMAT, sizeof(h.format));
    _cleanup_str_ struct str b = {0};
    str_addn(&b, &h, sizeof(h));
    str_addn(&b, f->insns, f->n * sizeof(struct sock_filter));
    if (!b.failed)
        file_replace(dirfd, name, b.s, b.len, 0644, 0, NULL);
}

/* Refusals that must not depend on what the cache holds. */
static int check_profile(const json_t *profile, struct err *e)
{
    if (!json_is_object(profile))
        return err_set(e, EINVAL, "linux.seccomp must be an object");
    if (json_object_get(profile, "listenerPath") || json_object_get(profile, "listenerMetadata"))
        return err_set(e, ENOTSUP, "seccomp \"listenerPath\" is not supported yet");

    static const char *const lists[] = {"architectures", "flags", "syscalls"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *j = json_object_get(profile, lists[i]);
        if (j && !json_is_null(j) && !json_is_array(j))
            return err_set(e, EINVAL, "seccomp \"%s\" must be a list", lists[i]);
    }
    return 0;
}

int seccomp_compile(const json_t *profile, int cache_dirfd, struct seccomp_filter *ret,
                    struct err *e)
{
    _cleanup_seccomp_filter_ struct seccomp_filter f = {0};
    if (!profile || json_is_null(profile)) {
        *ret = f;
        return 0;
    }
    int r = check_profile(profile, e);
    if (r == 0)
        r = seccomp_flags(profile, &f.flags, e);
    if (r < 0)
        return r;

    char name[SHA256_DIGEST_STRING_LENGTH];
    if (cache_dirfd >= 0 && cache_name(profile, name) < 0)
        return err_nomem(e);
    if (cache_dirfd < 0 || cache_load(cache_dirfd, name, &f) < 0) {
        r = seccomp_rules_compile(profile, &f, e);
        if (r < 0)
            return r;
        if (cache_dirfd >= 0)
            cache_store(cache_dirfd, name, &f);
    }
    *ret = f;
    f.insns = NULL;
    return 0;
}

int seccomp_install(const struct seccomp_filter *filter, struct err *e)
{
    if (!filter->insns)
        return 0;
    struct sock_fprog program = {.len = filter->n, .filter = filter->insns};
    /* With TSYNC a thread that cannot follow is the positive result. */
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);
    if (r > 0)
        return err_set(e, ESRCH, "cannot install the seccomp filter on thread %ld", r);
    if (r < 0)
        return err_sys(e, errno, "cannot install the seccomp filter");
    return 0;
}

void seccomp_filter_release(struct seccomp_filter *filter)
{
    if (!filter)
        return;
    free(filter->insns);
    *filter = (struct seccomp_filter){0};
}
