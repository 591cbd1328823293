#include "engine/monitor_networks.h"

#include "engine/lookup.h"
#include "engine/network_settings.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { AGAIN_MS = 20, TRIES = 100 };

static json_t *networks_now(void *data)
{
    const struct monitor_networks *n = data;
    json_t *settings = NULL;
    network_settings_read(n->engine, n->record->id, &settings, NULL);
    return settings;
}

static void stop_answering(struct monitor_networks *n)
{
    if (n->beside->resolver.fd >= 0)
        loop_watch(n->loop, &n->questions, 0);
    resolver_close(&n->beside->resolver);
}

static void asked(void *data, uint32_t events)
{
    struct monitor_networks *n = data;
    (void)events;
    if (lookup_turn(&n->beside->resolver, n->engine, n->record, networks_now, n, NULL) < 0)
        stop_answering(n);
}

static void answer(struct monitor_networks *n)
{
    int fd = n->beside->resolver.fd;
    if (fd < 0)
        return;
    loop_source_init(&n->questions, fd, asked, n);
    loop_watch(n->loop, &n->questions, EPOLLIN);
}

static void inherit(void *data);

/* Who shared another's namespace and has got what that one had of networks answers for names in
 * there from now on. The former's last resolver may still have the port for a moment. */
static void inherit_names(struct monitor_networks *n)
{
    struct beside *b = n->beside;
    _cleanup_close_ int netns =
        endpoints_have_inherited(&b->endpoints) ? namespace_open(n->pid, NS_NETWORK) : -EBADF;
    if (netns < 0)
        return;
    int r = resolver_open(netns, &b->resolver, NULL);
    if (r == -ENOTRECOVERABLE)
        _exit(1);
    if (r == 0)
        answer(n);
    if (r != -EADDRINUSE || n->tries++ == TRIES)
        return;
    n->again = (struct loop_timer){.expired = inherit, .data = n};
    loop_timer_set(n->loop, &n->again, AGAIN_MS);
}

static void inherit(void *data)
{
    inherit_names(data);
}

void monitor_networks_begin(struct monitor_networks *n, pid_t pid)
{
    n->pid = pid;
    n->tries = 0;
    answer(n);
}

void monitor_networks_end(struct monitor_networks *n)
{
    n->pid = 0;
    loop_timer_cancel(n->loop, &n->again);
    stop_answering(n);
}

void monitor_networks_review(struct monitor_networks *n)
{
    endpoints_review_claims(&n->beside->endpoints);
    resolver_changed(&n->beside->resolver);
    if (n->beside->resolver.fd < 0 && n->pid != 0)
        inherit_names(n);
}
