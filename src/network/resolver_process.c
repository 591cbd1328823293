#include "network/resolver_process.h"

#include "network/resolver_cage.h"
#include "network/resolver_tcp.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

struct process {
    struct loop loop;
    struct answerer answerer;
    struct forwarder forwarder;
    struct udp_server udp;
    struct tcp_server tcp;
    struct loop_timer idle, settled;
    void (*rest)(void);
};

_Static_assert((int)CAGE_MORE_MAX >= (int)TCP_CONNECTIONS_MAX, "all connections are kept");

/* When what only the start takes was done, and not before the first answers. */
enum { SETTLED_MS = 500 };

static void look_idle(void *data)
{
    struct process *p = data;
    uint64_t idle = loop_now_ms() - p->udp.last_ms;
    if (p->forwarder.n > 0 || p->tcp.n > 0)
        idle = 0;
    /* What comes now stays in the socket: the monitor sees it there. */
    if (idle >= RESOLVER_IDLE_MS)
        _exit(0);
    loop_timer_set(&p->loop, &p->idle, RESOLVER_IDLE_MS - idle);
}

static void rest(void *data)
{
    struct process *p = data;
    p->rest();
}

static int lock_in(const struct resolver_job *job, struct index_network *networks, int *held)
{
    int fds[CAGE_FOLDERS - CAGE_UDP + CAGE_NETWORKS_MAX + TCP_CONNECTIONS_MAX] = {
        job->udp, job->tcp, job->asks};
    size_t n = CAGE_FOLDERS - CAGE_UDP;
    if (job->n_networks > CAGE_NETWORKS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < job->n_networks; i++) {
        fds[n++] = job->networks[i].folder_fd;
        networks[i] = (struct index_network){CAGE_FOLDERS + (int)i, job->networks[i].name};
    }
    for (size_t i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        held[i] = job->held[i] < 0 ? -EBADF : CAGE_UDP + (int)n;
        if (held[i] >= 0)
            fds[n++] = job->held[i];
    }
    return resolver_cage_enter(fds, n, job->n_networks, NULL);
}

static int serve(const struct resolver_job *job, struct index_network *networks, const int *held)
{
    struct process p = {.loop = LOOP_INIT};
    p.answerer = (struct answerer){.index = index_new(networks, job->n_networks),
                                   .forwards = job->n_servers > 0};
    int r = p.answerer.index ? loop_open(&p.loop) : -ENOMEM;
    if (r == 0)
        r = forwarder_open(&p.forwarder, &p.loop, CAGE_ASKS, job->n_servers);
    if (r == 0)
        r = tcp_server_open(&p.tcp, &p.loop, CAGE_TCP, CAGE_ASKS, job->queue->connections, held,
                            &p.answerer, &p.forwarder);
    if (r == 0)
        r = udp_server_open(&p.udp, &p.loop, CAGE_UDP, job->queue, &p.answerer, &p.forwarder);
    p.idle = (struct loop_timer){.expired = look_idle, .data = &p};
    if (r == 0)
        loop_timer_set(&p.loop, &p.idle, RESOLVER_IDLE_MS);
    p.rest = job->rest;
    p.settled = (struct loop_timer){.expired = rest, .data = &p};
    if (r == 0 && job->rest)
        loop_timer_set(&p.loop, &p.settled, SETTLED_MS);
    while (r == 0)
        r = loop_turn(&p.loop);
    return r;
}

void resolver_process(const struct resolver_job *job)
{
    struct index_network networks[CAGE_NETWORKS_MAX];
    int held[TCP_CONNECTIONS_MAX];
    signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NAME, "skiff-names", 0, 0, 0);
    int r = lock_in(job, networks, held);
    if (r == 0)
        r = serve(job, networks, held);
    _exit(r == 0 ? 0 : 1);
}
