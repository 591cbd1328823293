/*
 * names_host NETNS [--internal] [--dns ADDRESS] [NETWORK=FOLDER...]: stands for the monitor of a
 * container in that network namespace. Says "open MICROSECONDS" when names are served there, and
 * "fork PID MICROSECONDS" whenever a resolver was wanted. Ends with its standard input.
 */
#include "base/loop.h"
#include "network/resolver.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

enum { NETWORKS_MAX = 8 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *what, const struct err *e)
{
    fprintf(stderr, "names_host: %s: %s\n", what, err_text(e));
    exit(1);
}

/* The child's PID stands in what procfs says of its pidfd. */
static int pid_of(int pidfd)
{
    char path[64], line[256];
    int pid = -1;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Pid: %d", &pid) == 1)
            break;
    return pid;
}

int main(int argc, char **argv)
{
    struct index_network networks[NETWORKS_MAX];
    struct ip_address servers[UPSTREAMS_MAX];
    struct resolver_config c = {.networks = networks, .servers = servers};
    struct resolver r = RESOLVER_CLOSED;
    _cleanup_err_ struct err e = ERR_INIT;
    for (int i = 2; i < argc; i++) {
        char *folder = strchr(argv[i], '=');
        if (strcmp(argv[i], "--internal") == 0) {
            c.internal = true;
        } else if (strcmp(argv[i], "--dns") == 0 && i + 1 < argc && c.n_servers < UPSTREAMS_MAX) {
            if (ip_address_parse(argv[++i], &servers[c.n_servers++]) < 0)
                fail("no address", &e);
        } else if (folder && c.n_networks < NETWORKS_MAX) {
            *folder++ = '\0';
            networks[c.n_networks].name = argv[i];
            networks[c.n_networks++].folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
    }
    int netns = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    double began = now_us();
    if (resolver_open(netns, &r, &e) < 0)
        fail("open", &e);
    printf("open %.0f\n", now_us() - began);
    fflush(stdout);
    for (;;) {
        struct pollfd fds[] = {{.fd = r.fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        char byte;
        if (poll(fds, 2, -1) < 0 || (fds[1].revents && read(0, &byte, 1) <= 0))
            break;
        int wanted = resolver_turn(&r, &e);
        if (wanted < 0)
            fail("turn", &e);
        if (wanted == 0)
            continue;
        began = now_us();
        if (resolver_fork(&r, &c, &e) < 0)
            fprintf(stderr, "names_host: fork: %s\n", err_text(&e));
        printf("fork %d %.0f\n", pid_of(r.child), now_us() - began);
        fflush(stdout);
    }
    resolver_close(&r);
    return 0;
}
