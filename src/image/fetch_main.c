/*
 * skiff-fetch: the part of skiff that has the network.
 *
 * Started by skiff-image, not by people, with a socket as standard input: messages (base/message.h)
 * that say what to ask of which registry, each answered before the next is read. See fetcher.h for
 * their form, and fetch_cage.h for what it can do besides.
 */
#include "base/file.h"
#include "base/message.h"
#include "image/fetch_cage.h"
#include "image/fetch_registry.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

enum { SOCKET = 0 };

static void tell(void *data, json_t *event)
{
    _cleanup_json_ json_t *own = event;
    if (own)
        (void)message_send(SOCKET, own, -1, NULL);
}

static int answer_failure(int code, const char *story, struct err *e)
{
    _cleanup_str_ struct str visible = {0};
    str_add_visible(&visible, story, "");
    _cleanup_json_ json_t *answer =
        json_pack("{s:i, s:s}", "code", code, "story", visible.s ? visible.s : "");
    if (!answer) /* a stranger's words need not be UTF-8 */
        answer =
            json_pack("{s:i, s:s}", "code", code, "story", "the registry's words are not text");
    return answer ? message_send(SOCKET, answer, -1, e) : err_nomem(e);
}

/* One message and its answer. 0 at the end. */
static int serve(struct registry **registry, struct err *e)
{
    _cleanup_json_ json_t *message = NULL, *answer = NULL;
    _cleanup_close_ int fd = -EBADF;
    _cleanup_err_ struct err story = ERR_INIT;
    int r = message_receive(SOCKET, &message, &fd, e);
    if (r <= 0)
        return r;
    if (str_eq(json_str(message, "op"), "place")) {
        registry_free(registry);
        r = registry_new(message, tell, NULL, registry, &story);
        answer = json_object();
    } else if (!*registry) {
        r = err_set(&story, EINVAL, "no registry was named");
    } else {
        r = registry_do(*registry, message, fd, &answer, &story);
    }
    /* Who reads what comes learns of its end before he is told that it is whole. */
    fd_close(&fd);
    r = r < 0 ? answer_failure(-r, err_text(&story), e) : message_send(SOCKET, answer, -1, e);
    return r < 0 ? r : 1;
}

/* Curl knows only the lower-case names of some of them, others know both. */
static void take_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"};
    static const char *const upper[] = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(upper[i]);
        if (value)
            setenv(names[i], value, 0);
    }
}

int main(int argc, char **argv)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct registry *registry = NULL;
    int r;
    json_setup();
    json_wipe_freed();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    take_proxies();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        r = err_set(&e, ENOMEM, "cannot set up libcurl");
    else
        r = fetch_cage_enter(&e);
    if (r < 0)
        (void)answer_failure(-r, err_text(&e), NULL);
    else
        do
            r = serve(&registry, &e);
        while (r > 0);
    registry_free(&registry);
    return r < 0;
}
