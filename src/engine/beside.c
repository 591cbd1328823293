#include "engine/beside.h"

#include "runtime/netns_maker.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_SIZE = 256 << 10 };

char *container_cgroup_path(const json_t *document)
{
    const char *parent = json_str(document, "HostConfig.CgroupParent");
    if (!parent || !*parent)
        parent = "/skiff";
    size_t n = strlen(parent);
    return str_printf("%s%s%s%s", parent[0] == '/' ? "" : "/", parent,
                      parent[n - 1] == '/' ? "" : "/", json_str(document, "Id"));
}

static int make_network(struct beside *b, struct err *e)
{
    b->netns = netns_make(e);
    if (b->netns < 0)
        return b->netns;
    return b->cable ? beside_connect(b, e) : 0;
}

int beside_connect(struct beside *b, struct err *e)
{
    int r = endpoints_attach(&b->endpoints, b->netns, e);
    return r == 0 ? resolver_open(b->netns, &b->resolver, e) : r;
}

static void *run(void *data)
{
    struct beside *b = data;
    b->result = b->own_network ? make_network(b, &b->err)
                               : cgroup_create(b->cgroup_path, &b->cgroup, &b->err);
    return NULL;
}

/* With a stack of our own: the C library would keep its for the next thread, and the monitor, which
 * is forked from us, would hold what was used of it for all its life. Its lowest page is a guard.
 */
static bool begin_thread(struct beside *b)
{
    pthread_attr_t attributes;
    b->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (b->stack == MAP_FAILED)
        return false;
    mprotect(b->stack, (size_t)getpagesize(), PROT_NONE);
    bool begun = false;
    if (pthread_attr_init(&attributes) == 0) {
        mallopt(M_ARENA_MAX, 1);
        begun = pthread_attr_setstack(&attributes, b->stack, STACK_SIZE) == 0 &&
                pthread_create(&b->thread, &attributes, run, b) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (!begun)
        munmap(b->stack, STACK_SIZE);
    return begun;
}

int beside_begin(struct beside *b, const struct engine *en, const struct container_record *record,
                 const struct mode modes[NS_KINDS], struct err *e)
{
    bool own_user = modes[NS_USER].kind != MODE_HOST;
    *b = BESIDE_INIT;
    b->record = record;
    b->cable = modes[NS_NETWORK].cable;
    /* One that belongs to the container's user namespace is made in there. */
    b->own_network = modes[NS_NETWORK].kind == MODE_PRIVATE && !own_user;
    b->cgroup_path = container_cgroup_path(record->document);
    if (!b->cgroup_path)
        return err_nomem(e);
    int r = b->cable ? endpoints_plan(en, record, &b->endpoints, e) : 0;
    if (r < 0)
        return r;

    /* With a second thread about, a process that is made by the system call alone must not
     * allocate: the heap may be locked at that moment. */
    bool others = own_user || modes[NS_IPC].kind == MODE_CONTAINER;
    b->in_thread = !others && begin_thread(b);
    if (!b->in_thread)
        run(b);
    return 0;
}

static void join(struct beside *b)
{
    if (b->in_thread) {
        pthread_join(b->thread, NULL);
        munmap(b->stack, STACK_SIZE);
    }
    b->in_thread = false;
}

int beside_join(struct beside *b, struct err *e)
{
    int r = b->own_network ? cgroup_create(b->cgroup_path, &b->cgroup, e) : 0;
    join(b);
    if (r < 0)
        return r;
    return b->result < 0 ? err_set(e, -b->result, "%s", err_text(&b->err)) : 0;
}

void beside_release(struct beside *b)
{
    cgroup_free(TAKE_PTR(b->cgroup));
    resolver_close(&b->resolver);
    endpoints_release(&b->endpoints);
    fd_close(&b->netns);
    err_release(&b->err);
    free(TAKE_PTR(b->cgroup_path));
}

void beside_end(struct beside *b)
{
    if (b->endpoints.attached)
        endpoints_end(&b->endpoints);
    beside_release(b);
}

void beside_undo(struct beside *b)
{
    join(b);
    if (b->cgroup)
        cgroup_remove(b->cgroup, CGROUP_REMOVE_KILL, NULL);
    beside_end(b);
}
