/*
 * dns SERVER NAME [SECONDS [WINDOW]]: how many lookups of NAME a second the name server at SERVER
 * (port 53) answers when WINDOW are always under way (1: one after the other), and how long one
 * takes. Prints "LOOKUPS_A_SECOND P50_US P99_US LOST".
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { WINDOW_MAX = 1024, BATCH = 32, SAMPLES_MAX = 4 << 20, LOST_MS = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t make_query(const char *name, uint8_t *query)
{
    static const uint8_t head[12] = {0, 0, 1, 0, 0, 1};
    static const uint8_t rest[5] = {0, 0, 1, 0, 1};
    size_t n = sizeof(head);
    memcpy(query, head, n);
    while (*name && n < 200) {
        size_t label = strcspn(name, ".");
        query[n++] = (uint8_t)label;
        memcpy(query + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    memcpy(query + n, rest, sizeof(rest));
    return n + sizeof(rest);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

struct bench {
    int fd;
    uint8_t query[256];
    size_t length;
    double sent[WINDOW_MAX];
    bool waits[WINDOW_MAX];
    uint16_t round[WINDOW_MAX];
    float *samples;
    size_t n;
    unsigned long lost;
};

/* The question's number says which of the window it is, and which turn of that. */
static uint16_t number(const struct bench *b, unsigned i)
{
    return (uint16_t)(b->round[i] % (65536 / WINDOW_MAX) * WINDOW_MAX + i);
}

/* Sends those @n of the window, by one call for each BATCH of them. */
static void ask(struct bench *b, const unsigned *which, unsigned n)
{
    static uint8_t queries[BATCH][256];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    for (unsigned done = 0; done < n;) {
        unsigned k = 0;
        for (; k < BATCH && done < n; k++, done++) {
            unsigned i = which[done];
            uint16_t id = htons(number(b, i));
            memcpy(queries[k], b->query, b->length);
            memcpy(queries[k], &id, sizeof(id));
            parts[k] = (struct iovec){queries[k], b->length};
            messages[k].msg_hdr = (struct msghdr){.msg_iov = &parts[k], .msg_iovlen = 1};
            b->sent[i] = now();
            b->waits[i] = true;
        }
        (void)!sendmmsg(b->fd, messages, k, 0);
    }
}

static void take_answers(struct bench *b, unsigned window)
{
    static uint8_t answers[BATCH][1024];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    unsigned again[BATCH], n_again = 0;
    for (unsigned k = 0; k < BATCH; k++) {
        parts[k] = (struct iovec){answers[k], sizeof(answers[k])};
        messages[k].msg_hdr = (struct msghdr){.msg_iov = &parts[k], .msg_iovlen = 1};
    }
    int n = recvmmsg(b->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    double at = now();
    for (int k = 0; k < n; k++) {
        const uint8_t *answer = answers[k];
        unsigned id = (unsigned)(answer[0] << 8 | answer[1]), i = id % WINDOW_MAX;
        if (i >= window || !b->waits[i] || id != number(b, i))
            continue;
        if ((answer[3] & 15) != 0 || answer[7] == 0)
            b->lost++;
        if (b->n < SAMPLES_MAX)
            b->samples[b->n++] = (float)(at - b->sent[i]);
        b->waits[i] = false;
        b->round[i]++;
        again[n_again++] = i;
    }
    ask(b, again, n_again);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
    unsigned window = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 32;
    if (argc < 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || window < 1 ||
        window > WINDOW_MAX || !(b.samples = calloc(SAMPLES_MAX, sizeof(float)))) {
        fprintf(stderr, "usage: dns SERVER NAME [SECONDS [WINDOW]]\n");
        return 2;
    }
    b.length = make_query(argv[2], b.query);
    b.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (b.fd < 0 || connect(b.fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        perror("dns");
        return 1;
    }
    double began = now();
    unsigned all[WINDOW_MAX];
    for (unsigned i = 0; i < window; i++)
        all[i] = i;
    ask(&b, all, window);
    while (now() - began < seconds) {
        struct pollfd p = {.fd = b.fd, .events = POLLIN};
        if (poll(&p, 1, LOST_MS) == 0) {
            for (unsigned i = 0; i < window; i++)
                b.round[i]++;
            b.lost += window;
            ask(&b, all, window);
        }
        take_answers(&b, window);
    }
    double took = now() - began;
    qsort(b.samples, b.n, sizeof(float), compare);
    if (b.n == 0)
        return 1;
    printf("%.0f %.0f %.0f %lu\n", (double)b.n / took, (double)b.samples[b.n / 2] * 1e6,
           (double)b.samples[b.n * 99 / 100] * 1e6, b.lost);
    return 0;
}
