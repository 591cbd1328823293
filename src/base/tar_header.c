#include "base/tar_header.h"

#include <string.h>
#include <sys/sysmacros.h>

/* One block; numbers are octal text. */
struct ustar {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char target[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char padding[12];
};

_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is one block");

static const char zeros[TAR_BLOCK];

/* False when it does not fit; the field is zero then. */
static bool put_number(char *field, size_t size, unsigned long long n)
{
    char text[32];
    int digits = snprintf(text, sizeof(text), "%0*llo", (int)size - 1, n);
    bool fits = (size_t)digits < size;
    if (!fits)
        snprintf(text, sizeof(text), "%0*d", (int)size - 1, 0);
    memcpy(field, text, size);
    return fits;
}

/* Not terminated when it is as long as the field. */
static bool put_text(char *field, size_t size, const char *text, size_t n)
{
    bool fits = n <= size;
    memcpy(field, text, fits ? n : size);
    return fits;
}

static void seal(struct ustar *h)
{
    unsigned sum = 0;
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += ((const unsigned char *)h)[i];
    snprintf(h->checksum, sizeof(h->checksum), "%06o", sum & 0777777);
}

void tar_add_record(struct str *records, const char *key, const void *value, size_t n)
{
    /* The length counts its own digits. */
    size_t rest = strlen(key) + n + 3, digits = 1;
    for (size_t limit = 10; rest + digits >= limit; limit *= 10)
        digits++;
    str_addf(records, "%zu %s=", rest + digits, key);
    str_addn(records, value, n);
    str_addn(records, "\n", 1);
}

static void add_text(struct str *records, const char *key, const char *value)
{
    tar_add_record(records, key, value, strlen(value));
}

static void add_number(struct str *records, const char *key, unsigned long long n)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", n);
    add_text(records, key, text);
}

static void add_time(struct str *records, struct timespec t)
{
    char text[64];
    long long seconds = t.tv_sec;
    long nanoseconds = t.tv_nsec;
    /* As a decimal number: -1.25 is 1 s and 0.25 s before, where the clock says -2 and 0.75. */
    bool negative = seconds < 0;
    if (negative && nanoseconds > 0) {
        seconds++;
        nanoseconds = 1000000000 - nanoseconds;
    }
    int n = snprintf(text, sizeof(text), "%s%lld", negative && seconds == 0 ? "-" : "", seconds);
    if (nanoseconds > 0)
        n += snprintf(text + n, sizeof(text) - (size_t)n, ".%09ld", nanoseconds);
    tar_add_record(records, "mtime", text, (size_t)n);
}

void tar_add_padding(struct str *out, unsigned long long n)
{
    if (n % TAR_BLOCK)
        str_addn(out, zeros, TAR_BLOCK - n % TAR_BLOCK);
}

void tar_add_end(struct str *out)
{
    str_addn(out, zeros, TAR_BLOCK);
    str_addn(out, zeros, TAR_BLOCK);
}

/* The map of a file with holes: it comes before the content, and is part of its size. */
static void make_map(struct str *map, const struct tar_entry *t)
{
    str_addf(map, "%zu\n", t->n_pieces);
    for (size_t i = 0; i < t->n_pieces; i++)
        str_addf(map, "%lld\n%lld\n", (long long)t->pieces[i].at, (long long)t->pieces[i].n);
    tar_add_padding(map, map->len);
}

static unsigned long long stored_size(const struct tar_entry *t, const struct str *map)
{
    if (!S_ISREG(t->mode) || t->hard)
        return 0;
    if (!t->pieces)
        return (unsigned long long)t->size;
    unsigned long long n = map->len;
    for (size_t i = 0; i < t->n_pieces; i++)
        n += (unsigned long long)t->pieces[i].n;
    return n;
}

static char type_of(const struct tar_entry *t)
{
    if (t->hard)
        return '1';
    switch (t->mode & S_IFMT) {
    case S_IFLNK:
        return '2';
    case S_IFCHR:
        return '3';
    case S_IFBLK:
        return '4';
    case S_IFDIR:
        return '5';
    case S_IFIFO:
        return '6';
    default:
        return '0';
    }
}

static void put_names(struct ustar *h, struct str *records, const struct tar_entry *t)
{
    _cleanup_str_ struct str path = {0};
    str_add(&path, t->path);
    if (S_ISDIR(t->mode) && !t->hard)
        str_add(&path, "/");
    if (path.failed)
        records->failed = true;
    else if (!put_text(h->name, sizeof(h->name), path.s, path.len) && !t->pieces)
        tar_add_record(records, "path", path.s, path.len);
    if (t->target && !put_text(h->target, sizeof(h->target), t->target, strlen(t->target)))
        add_text(records, "linkpath", t->target);
    if (!t->pieces)
        return;
    memset(h->name, 0, sizeof(h->name));
    snprintf(h->name, sizeof(h->name), "GNUSparseFile.0");
    add_text(records, "GNU.sparse.major", "1");
    add_text(records, "GNU.sparse.minor", "0");
    add_text(records, "GNU.sparse.name", t->path);
    add_number(records, "GNU.sparse.realsize", (unsigned long long)t->size);
}

static void put_numbers(struct ustar *h, struct str *records, const struct tar_entry *t,
                        unsigned long long size)
{
    put_number(h->mode, sizeof(h->mode), t->mode & 07777);
    if (!put_number(h->uid, sizeof(h->uid), t->uid))
        add_number(records, "uid", t->uid);
    if (!put_number(h->gid, sizeof(h->gid), t->gid))
        add_number(records, "gid", t->gid);
    if (!put_number(h->size, sizeof(h->size), size))
        add_number(records, "size", size);
    bool plain = t->mtime.tv_sec >= 0 && t->mtime.tv_nsec == 0;
    if (!put_number(h->mtime, sizeof(h->mtime),
                    t->mtime.tv_sec >= 0 ? (unsigned long long)t->mtime.tv_sec : 0) ||
        !plain)
        add_time(records, t->mtime);
    bool device = S_ISCHR(t->mode) || S_ISBLK(t->mode);
    put_number(h->major, sizeof(h->major), device ? major(t->rdev) : 0);
    put_number(h->minor, sizeof(h->minor), device ? minor(t->rdev) : 0);
}

/* The header of the pax records, and they. */
static void add_pax(struct str *out, const struct str *records)
{
    struct ustar h = {.name = "PaxHeaders/entry", .type = 'x'};
    put_number(h.mode, sizeof(h.mode), 0644);
    put_number(h.uid, sizeof(h.uid), 0);
    put_number(h.gid, sizeof(h.gid), 0);
    put_number(h.size, sizeof(h.size), records->len);
    put_number(h.mtime, sizeof(h.mtime), 0);
    seal(&h);
    str_addn(out, &h, sizeof(h));
    str_addn(out, records->s, records->len);
    tar_add_padding(out, records->len);
}

void tar_add_header(struct str *out, const struct tar_entry *t)
{
    _cleanup_str_ struct str records = {0}, map = {0};
    struct ustar h = {.type = type_of(t)};
    if (t->pieces)
        make_map(&map, t);
    put_names(&h, &records, t);
    put_numbers(&h, &records, t, stored_size(t, &map));
    if (t->records && t->records->len > 0)
        str_addn(&records, t->records->s, t->records->len);
    seal(&h);
    if (records.len > 0)
        add_pax(out, &records);
    str_addn(out, &h, sizeof(h));
    str_addn(out, map.s ? map.s : "", map.len);
    out->failed |= records.failed || map.failed || (t->records && t->records->failed);
}
