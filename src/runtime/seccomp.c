#include "runtime/seccomp.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/seccomp_rules.h"
#include "runtime/seccomp_words.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* To be raised whenever seccomp_rules.c or seccomp_program.c makes other programs of a profile. */
#define CACHE_FORMAT "skiff-seccomp-2"

/* What a file of the cache begins with; the key, to be compared, and the instructions follow. Found
 * damaged, by a power cut say, it is not used. The sum is no signature: whoever may write the
 * folder is root. */
struct cache_header {
    char format[16];
    uint64_t n_key; /* bytes */
    uint64_t n;     /* instructions */
    uint64_t sum;   /* of the instructions */
};

/* Larger profiles are compiled each time. */
#define CACHE_MAX_KEY (1u << 20)
#define CACHE_MAX_BYTES                                                                            \
    (sizeof(struct cache_header) + CACHE_MAX_KEY + BPF_MAXINSNS * sizeof(struct sock_filter))

/* FNV-1a, by words; what is left at the end counts as a word with zeros. */
static uint64_t checksum(const void *bytes, size_t n)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + i, n - i < sizeof(word) ? n - i : sizeof(word));
        sum = (sum ^ word) * 0x100000001b3u;
        sum ^= sum >> 32; /* a product's upper half never reaches its lower one */
    }
    return sum;
}

/* All that decides what a program is, as bytes: the same bytes are the same profile. A comparison
 * of these needs no digest that nobody can forge, which would cost more than all the rest. */
static void add_bytes(struct str *key, char type, const void *bytes, size_t n)
{
    struct {
        uint32_t n;
        char type;
    } head = {.n = (uint32_t)n, .type = type};
    str_addn(key, &head, offsetof(__typeof__(head), type) + 1);
    str_addn(key, bytes, n);
}

static void add_value(struct str *key, const json_t *j)
{
    size_t i;
    const char *name;
    json_t *item;
    long long number;
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        add_bytes(key, '{', NULL, 0);
        json_object_foreach ((json_t *)(uintptr_t)j, name, item) {
            add_bytes(key, ':', name, strlen(name));
            add_value(key, item);
        }
        add_bytes(key, '}', NULL, 0);
        break;
    case JSON_ARRAY:
        add_bytes(key, '[', NULL, 0);
        json_array_foreach (j, i, item)
            add_value(key, item);
        add_bytes(key, ']', NULL, 0);
        break;
    case JSON_STRING:
        add_bytes(key, '"', json_string_value(j), json_string_length(j));
        break;
    case JSON_INTEGER:
        number = json_integer_value(j);
        add_bytes(key, '0', &number, sizeof(number));
        break;
    default: /* all other values are refused or as if they were not there */
        add_bytes(key, (char)('a' + json_typeof(j)), NULL, 0);
    }
}

static void make_key(const json_t *profile, struct str *ret)
{
    const struct scmp_version *v = seccomp_version();
    uint32_t lib[] = {v->major, v->minor, v->micro, seccomp_arch_native()};
    str_addn(ret, lib, sizeof(lib));
    add_value(ret, profile);
    ret->failed |= ret->len > CACHE_MAX_KEY;
}

static bool trustworthy(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The instructions of a file's content, if it is whole and of this key: 0 or -EBADMSG. */
static int cache_read(const char *bytes, size_t len, const struct str *key,
                      struct seccomp_filter *ret)
{
    struct cache_header h;
    if (len < sizeof(h))
        return -EBADMSG;
    memcpy(&h, bytes, sizeof(h));
    if (memcmp(h.format, CACHE_FORMAT, sizeof(h.format)) != 0 || h.n_key != key->len || h.n == 0 ||
        h.n > BPF_MAXINSNS || len != sizeof(h) + key->len + h.n * sizeof(struct sock_filter) ||
        memcmp(bytes + sizeof(h), key->s, key->len) != 0)
        return -EBADMSG;

    const char *program = bytes + sizeof(h) + key->len;
    size_t size = h.n * sizeof(struct sock_filter);
    if (checksum(program, size) != h.sum)
        return -EBADMSG;
    struct sock_filter *insns = malloc(size);
    if (!insns)
        return -ENOMEM;
    memcpy(insns, program, size);
    ret->insns = insns;
    ret->n = (unsigned short)h.n;
    return 0;
}

/* 0, or a negative errno when there is no such program or a damaged one. */
static int cache_load(int dirfd, const char *name, const struct str *key,
                      struct seccomp_filter *ret)
{
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (!trustworthy(fd))
        return -EPERM;
    _cleanup_free_ char *bytes = NULL;
    size_t len = 0;
    int r = fd_read_all(fd, CACHE_MAX_BYTES, &bytes, &len);
    return r < 0 ? r : cache_read(bytes, len, key, ret);
}

int seccomp_check_cached(int dir_fd, const char *name)
{
    struct cache_header h;
    _cleanup_free_ char *bytes = NULL;
    size_t len = 0;
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (!trustworthy(fd))
        return -EPERM;
    int r = fd_read_all(fd, CACHE_MAX_BYTES, &bytes, &len);
    if (r < 0)
        return r;
    if (len < sizeof(h))
        return -EBADMSG;
    memcpy(&h, bytes, sizeof(h));
    if (memcmp(h.format, CACHE_FORMAT, sizeof(h.format)) != 0) /* another version's */
        return str_after(bytes, "skiff-seccomp-") ? 0 : -EBADMSG;
    size_t size = h.n * sizeof(struct sock_filter);
    return h.n > 0 && h.n <= BPF_MAXINSNS && h.n_key <= CACHE_MAX_KEY &&
                   len == sizeof(h) + h.n_key + size &&
                   checksum(bytes + sizeof(h) + h.n_key, size) == h.sum
               ? 0
               : -EBADMSG;
}

/* Failing to store only means compiling again. */
static void cache_store(int dirfd, const char *name, const struct str *key,
                        const struct seccomp_filter *f)
{
    size_t size = f->n * sizeof(struct sock_filter);
    struct cache_header h = {.n_key = key->len, .n = f->n, .sum = checksum(f->insns, size)};
    memcpy(h.format, CACHE_FORMAT, sizeof(h.format));
    _cleanup_str_ struct str b = {0};
    str_addn(&b, &h, sizeof(h));
    str_addn(&b, key->s, key->len);
    str_addn(&b, f->insns, size);
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

static int compile_cached(const json_t *profile, int dirfd, struct seccomp_filter *ret,
                          struct err *e)
{
    _cleanup_str_ struct str key = {0};
    make_key(profile, &key);
    char name[17];
    snprintf(name, sizeof(name), "%016llx",
             key.failed ? 0 : (unsigned long long)checksum(key.s, key.len));
    if (!key.failed && cache_load(dirfd, name, &key, ret) == 0)
        return 0;
    int r = seccomp_rules_compile(profile, seccomp_arch_native(), ret, e);
    if (r == 0 && !key.failed)
        cache_store(dirfd, name, &key, ret);
    return r;
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

    r = cache_dirfd < 0 ? seccomp_rules_compile(profile, seccomp_arch_native(), &f, e)
                        : compile_cached(profile, cache_dirfd, &f, e);
    if (r < 0)
        return r;
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
