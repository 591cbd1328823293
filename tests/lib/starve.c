/*
 * Memory that runs out: malloc, calloc and realloc of which the Nth in a process fails.
 *
 *     SKIFF_MALLOC_FAIL=N    the Nth alone
 *     SKIFF_MALLOC_FAIL=N+   the Nth and all after it
 *     SKIFF_MALLOC_HIT=FILE  of one byte at least: its first becomes "x" when one has failed
 *
 * Linked into a program with -Wl,--wrap (which reaches into the C library's archive too), or, as a
 * shared object, preloaded into a dynamic one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef STARVE_PRELOADED
#define REAL(function) __libc_##function
#define OURS(function) function
#else
#define REAL(function) __real_##function
#define OURS(function) __wrap_##function
#endif

void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void *OURS(malloc)(size_t n);
void *OURS(calloc)(size_t n, size_t size);
void *OURS(realloc)(void *p, size_t n);

static atomic_long counted;
static bool started;
static char *hit; /* mapped: a process in its sandbox opens and writes nothing */

/* What the C library allocates before there is a program is its own matter. */
__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("SKIFF_MALLOC_HIT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    hit = map == MAP_FAILED ? NULL : map;
    if (fd >= 0)
        close(fd);
    started = true;
}

static bool starved(void)
{
    const char *wish = getenv("SKIFF_MALLOC_FAIL");
    if (!wish || !started)
        return false;
    char *end;
    long from = strtol(wish, &end, 10);
    long n = atomic_fetch_add(&counted, 1) + 1;
    if (n != from && !(*end == '+' && n > from))
        return false;
    if (hit)
        *hit = 'x';
    errno = ENOMEM;
    return true;
}

void *OURS(malloc)(size_t n)
{
    return starved() ? NULL : REAL(malloc)(n);
}

void *OURS(calloc)(size_t n, size_t size)
{
    return starved() ? NULL : REAL(calloc)(n, size);
}

void *OURS(realloc)(void *p, size_t n)
{
    return starved() ? NULL : REAL(realloc)(p, n);
}
