#include "image/fetcher.h"

#include "base/file.h"
#include "base/message.h"
#include "image/fetcher_spawn.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Beside our own program. */
static int find_program(char **ret, struct err *e)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    if (n <= 0 || n == sizeof(self))
        return err_sys(e, n < 0 ? errno : ENAMETOOLONG, "cannot find our own program");
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    *ret = str_printf("%.*s/skiff-fetch", slash ? (int)(slash - self) : 0, self);
    return *ret ? 0 : err_nomem(e);
}

int fetcher_start(struct fetcher *ret, struct err *e)
{
    _cleanup_free_ char *program = NULL;
    int r = find_program(&program, e);
    return r < 0 ? r : fetcher_spawn(program, &ret->pid, &ret->fd, e);
}

void fetcher_release(struct fetcher *f)
{
    fd_close(&f->fd);
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        process_wait(f->pid);
    }
    *f = FETCHER_INIT;
}

/* Seconds without a byte after which a registry is given up. */
static long long stall_seconds(void)
{
    long long n;
    const char *text = getenv("SKIFF_REGISTRY_TIMEOUT");
    return text && str_to_int64(text, 1, 86400, &n) == 0 ? n : 60;
}

/* To the machine itself plain HTTP is as good as any, and is asked first: nothing that is secret
 * is sent before it has answered. */
static json_t *schemes_of(const struct endpoint *place)
{
    bool https = place->flags & ENDPOINT_HTTPS, http = place->flags & ENDPOINT_HTTP;
    if (https && http)
        return registry_host_is_loopback(place->host) ? json_pack("[s, s]", "http", "https")
                                                      : json_pack("[s, s]", "https", "http");
    return json_pack("[s]", http ? "http" : "https");
}

int fetcher_place(struct fetcher *f, const struct endpoint *place, const struct credentials *who,
                  struct err *e)
{
    const struct certificates *c = &place->certificates;
    _cleanup_json_ json_t *answer = NULL;
    json_t *message =
        json_pack("{s:s, s:s, s:o, s:b, s:I, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "op",
                  "place", "host", place->host, "schemes", schemes_of(place), "unverified",
                  (place->flags & ENDPOINT_ANY_CERTIFICATE) != 0, "stall",
                  (json_int_t)stall_seconds(), "ca", c->authorities, "cert", c->client, "key",
                  c->key, "username", who->user, "password", who->password, "identity_token",
                  who->identity_token, "registry_token", who->registry_token);
    int r = fetcher_ask(f, message, -1, e);
    return r < 0 ? r : fetcher_wait(f, NULL, NULL, &answer, e);
}

int fetcher_ask(struct fetcher *f, json_t *message, int with_fd, struct err *e)
{
    _cleanup_json_ json_t *own = message;
    _cleanup_err_ struct err story = ERR_INIT;
    int r = own ? message_send(f->fd, own, with_fd, &story) : err_nomem(&story);
    if (r == -EPIPE)
        return err_set(e, ECONNRESET, "\"skiff-fetch\" ended without an answer");
    if (r < 0 && e)
        *e = TAKE(story, ERR_INIT);
    return r;
}

int fetcher_read(struct fetcher *f, fetcher_event *tell, void *data, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = message_receive(f->fd, &answer, NULL, e);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, ECONNRESET, "\"skiff-fetch\" ended without an answer");
    if (json_str(answer, "event")) {
        if (tell)
            tell(data, answer);
        return 1;
    }
    long long code = json_int(answer, "code", 0);
    if (code != 0)
        return err_set(e, code > 0 && code < 4096 ? (int)code : EIO, "%.2000s",
                       json_str(answer, "story") ? json_str(answer, "story") : "");
    *ret = TAKE_PTR(answer);
    return 0;
}

int fetcher_wait(struct fetcher *f, fetcher_event *tell, void *data, json_t **ret, struct err *e)
{
    int r;
    do
        r = fetcher_read(f, tell, data, ret, e);
    while (r == 1);
    return r;
}

int fetcher_text(struct fetcher *f, json_t *message, size_t limit, char **ret_text, size_t *ret_n,
                 json_t **ret_facts, struct err *e)
{
    int fds[2];
    _cleanup_json_ json_t *facts = NULL, *own = message;
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    if (!own || json_object_set_new(own, "limit", json_integer((json_int_t)limit)) < 0 ||
        json_object_set_new(own, "silent", json_true()) < 0)
        return err_nomem(e);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0];
    _cleanup_close_ int to = fds[1];
    int r = fetcher_ask(f, json_incref(own), to, e);
    fd_close(&to);
    if (r < 0)
        return r;
    int read = fd_read_all(from, limit, &text, &n);
    fd_close(&from);
    r = fetcher_wait(f, NULL, NULL, &facts, e);
    if (r < 0)
        return r;
    if (read < 0)
        return err_sys(e, -read, "cannot read what the registry sends");
    *ret_text = TAKE_PTR(text);
    *ret_n = n;
    if (ret_facts)
        *ret_facts = TAKE_PTR(facts);
    return 0;
}
