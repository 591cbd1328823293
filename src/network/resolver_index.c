#include "network/resolver_index.h"

#include "network/endpoint_file.h"

#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A network has at most so many endpoints: the ports of 64 bridges. */
enum { HOSTS_MAX = 1 << 16, LARGE = 256 };

/* How coarse a file system's clock may be: what was changed so shortly before it was read may have
 * been changed after that too, with the same time. */
enum { GRAIN_NS = 20000000 };

/* One name of a host. Both are places in the table: 8 bytes a name, and no pointers. */
struct index_entry {
    uint32_t name; /* in text */
    uint32_t host;
};

struct table {
    char *text; /* names, each with its NUL */
    size_t n_text, room_text;
    struct index_entry *entries; /* in the order of names, then of hosts */
    size_t n_entries, room_entries;
    struct index_host *hosts;
    uint32_t *names; /* of each host the first */
    size_t n_hosts, room_hosts;
    bool failed; /* memory ran out */
};

enum { NAMELESS = UINT32_MAX };

struct network {
    int folder_fd;
    const char *name;
    struct table table;
    struct timespec changed; /* the folder's time when it was read */
    bool read, sure;         /* that no later change has that same time */
};

struct resolver_index {
    size_t n;
    struct network networks[];
};

static void table_release(struct table *t)
{
    free(t->text);
    free(t->entries);
    free(t->hosts);
    free(t->names);
    *t = (struct table){0};
}
#define _cleanup_table_ _cleanup_(table_release)

struct resolver_index *index_new(const struct index_network *networks, size_t n)
{
    struct resolver_index *ix = calloc(1, sizeof(*ix) + n * sizeof(ix->networks[0]));
    if (!ix)
        return NULL;
    ix->n = n;
    for (size_t i = 0; i < n; i++) {
        ix->networks[i].folder_fd = networks[i].folder_fd;
        ix->networks[i].name = networks[i].name;
    }
    return ix;
}

void index_free(struct resolver_index *ix)
{
    for (size_t i = 0; ix && i < ix->n; i++)
        table_release(&ix->networks[i].table);
    free(ix);
}

/* ---- reading ---- */

/* Room for @more elements of @size bytes behind the @n that are there. */
static bool reserve(void *array, size_t *room, size_t n, size_t more, size_t size)
{
    void **at = array;
    if (n + more <= *room)
        return true;
    size_t wanted = *room ? *room * 2 : 64;
    while (wanted < n + more)
        wanted *= 2;
    void *bigger = wanted <= UINT32_MAX / 64 ? realloc(*at, wanted * size) : NULL;
    if (!bigger)
        return false;
    *at = bigger;
    *room = wanted;
    return true;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static void add_name(struct table *t, const char *name)
{
    size_t n = strlen(name) + 1;
    if (!reserve(&t->text, &t->room_text, t->n_text, n, 1) ||
        !reserve(&t->entries, &t->room_entries, t->n_entries, 1, sizeof(*t->entries))) {
        t->failed = true;
        return;
    }
    if (t->names[t->n_hosts - 1] == NAMELESS)
        t->names[t->n_hosts - 1] = (uint32_t)t->n_text;
    t->entries[t->n_entries++] =
        (struct index_entry){(uint32_t)t->n_text, (uint32_t)t->n_hosts - 1};
    for (size_t i = 0; i < n; i++)
        t->text[t->n_text++] = lower(name[i]);
}

static void add_host(struct table *t, const struct endpoint_file *f)
{
    size_t room = t->room_hosts;
    if (!reserve(&t->hosts, &room, t->n_hosts, 1, sizeof(*t->hosts)) ||
        !reserve(&t->names, &t->room_hosts, t->n_hosts, 1, sizeof(*t->names))) {
        t->failed = true;
        return;
    }
    t->names[t->n_hosts] = NAMELESS;
    t->hosts[t->n_hosts++] = (struct index_host){f->address, f->other};
    for (size_t i = 0; i < f->names.n && !t->failed; i++)
        add_name(t, f->names.v[i]);
}

struct reading {
    int folder_fd;
    struct table *table;
};

static int read_one(const struct ip_address *address, void *arg)
{
    const struct reading *reading = arg;
    struct table *t = reading->table;
    _cleanup_endpoint_file_ struct endpoint_file f = {0};
    /* Gone meanwhile, or not one: others are not to suffer from it. */
    int r = endpoint_file_read(reading->folder_fd, address, &f, NULL);
    if (r == 0)
        add_host(t, &f);
    return r == -ENOMEM || t->failed || t->n_hosts >= HOSTS_MAX;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct index_entry *x = a, *y = b;
    const struct table *t = arg;
    int by_name = strcmp(t->text + x->name, t->text + y->name);
    return by_name ? by_name : (x->host > y->host) - (x->host < y->host);
}

/* In order, and no host twice under one name (which may be an alias of itself). */
static void sort_entries(struct table *t)
{
    if (t->n_entries == 0)
        return;
    qsort_r(t->entries, t->n_entries, sizeof(*t->entries), compare, t);
    size_t n = 1;
    for (size_t i = 1; i < t->n_entries; i++)
        if (compare(&t->entries[n - 1], &t->entries[i], t) != 0)
            t->entries[n++] = t->entries[i];
    t->n_entries = n;
}

/* Only what is used of it; of a large one also what its making took. */
static void shrink(struct table *t)
{
    struct {
        void *array;
        size_t size;
    } parts[] = {{&t->text, t->n_text},
                 {&t->entries, t->n_entries * sizeof(*t->entries)},
                 {&t->hosts, t->n_hosts * sizeof(*t->hosts)},
                 {&t->names, t->n_hosts * sizeof(*t->names)}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        void **at = parts[i].array;
        void *smaller = parts[i].size ? realloc(*at, parts[i].size) : NULL;
        if (smaller)
            *at = smaller;
    }
    if (t->n_hosts >= LARGE)
        malloc_trim(0);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool long_ago(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - t->tv_sec > 1 ||
           (now.tv_sec - t->tv_sec) * 1000000000LL + now.tv_nsec - t->tv_nsec > GRAIN_NS;
}

static void refresh_network(struct network *w)
{
    struct stat st;
    if (fstat(w->folder_fd, &st) < 0 || (w->read && w->sure && same_time(&w->changed, &st.st_mtim)))
        return;
    bool sure = long_ago(&st.st_mtim);
    _cleanup_table_ struct table t = {0};
    struct reading reading = {w->folder_fd, &t};
    int r = endpoint_file_list(w->folder_fd, read_one, &reading, NULL);
    if (r < 0 || t.failed)
        return;
    sort_entries(&t);
    table_release(&w->table);
    w->table = t;
    t = (struct table){0};
    shrink(&w->table);
    w->changed = st.st_mtim;
    w->sure = sure;
    w->read = true;
}

void index_refresh(struct resolver_index *ix)
{
    for (size_t i = 0; i < ix->n; i++)
        refresh_network(&ix->networks[i]);
}

/* ---- finding ---- */

/* The first entry that is not before @name of @n bytes, or (@after) the first behind it. */
static size_t bound(const struct table *t, const char *name, size_t n, bool after)
{
    size_t low = 0, high = t->n_entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *own = t->text + t->entries[middle].name;
        int order = strncmp(own, name, n);
        if (order == 0 && own[n])
            order = 1;
        if (order < 0 || (order == 0 && after))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_in(const struct table *t, const char *name, size_t n, struct index_found *ret)
{
    size_t first = bound(t, name, n, false), last = bound(t, name, n, true);
    if (first == last)
        return false;
    *ret = (struct index_found){&t->entries[first], t->hosts, last - first};
    return true;
}

/* What stands before ".NETWORK", or 0. Networks' names may have capitals. */
static size_t without_network(const char *name, size_t n, const char *network)
{
    size_t suffix = strlen(network);
    if (n < suffix + 2 || name[n - suffix - 1] != '.')
        return 0;
    for (size_t i = 0; i < suffix; i++)
        if (name[n - suffix + i] != lower(network[i]))
            return 0;
    return n - suffix - 1;
}

bool index_find(const struct resolver_index *ix, const char *name, struct index_found *ret)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < ix->n; i++)
        if (find_in(&ix->networks[i].table, name, n, ret))
            return true;
    for (size_t i = 0; i < ix->n; i++) {
        size_t short_n = without_network(name, n, ix->networks[i].name);
        if (short_n > 0 && find_in(&ix->networks[i].table, name, short_n, ret))
            return true;
    }
    return false;
}

const struct index_host *index_host(const struct index_found *f, size_t i)
{
    return &f->hosts[f->first[i].host];
}

bool index_reverse(const struct resolver_index *ix, const struct ip_address *address, char *ret,
                   size_t size)
{
    for (size_t i = 0; i < ix->n; i++) {
        const struct table *t = &ix->networks[i].table;
        for (size_t h = 0; h < t->n_hosts; h++) {
            const struct index_host *host = &t->hosts[h];
            if (t->names[h] == NAMELESS ||
                !(ip_equal(&host->address, address) || ip_equal(&host->other, address)))
                continue;
            int n = snprintf(ret, size, "%s.%s", t->text + t->names[h], ix->networks[i].name);
            return n > 0 && (size_t)n < size;
        }
    }
    return false;
}
