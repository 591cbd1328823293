/*
 * libFuzzer target: what a registry answers to the question for an image, as four texts with a zero
 * byte between them: the platform that is wanted, the media type, the document, and a
 * configuration. What is chosen of an index has a digest and a size.
 */
#include "image/manifest.c"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody is asked here. */
int fetcher_ask(struct fetcher *f, json_t *message, int with_fd, struct err *e)
{
    (void)f, (void)with_fd;
    json_decref(message);
    return err_set(e, ENOSYS, "no registry");
}

int fetcher_wait(struct fetcher *f, fetcher_event *tell, void *data, json_t **ret, struct err *e)
{
    (void)f, (void)tell, (void)data, (void)ret;
    return err_set(e, ENOSYS, "no registry");
}

int fetcher_text(struct fetcher *f, json_t *message, size_t limit, char **ret_text, size_t *ret_n,
                 json_t **ret_facts, struct err *e)
{
    (void)f, (void)limit, (void)ret_text, (void)ret_n, (void)ret_facts;
    json_decref(message);
    return err_set(e, ENOSYS, "no registry");
}

static char *next_text(char **at, const char *end)
{
    char *text = *at;
    *at = text + strlen(text) < end ? text + strlen(text) + 1 : text + strlen(text);
    return text;
}

static void check_index(const struct document *d, const json_t *platform)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *entry = NULL;
    if (choose(d, "fuzz", platform, &entry, &e) < 0)
        return;
    if (!digest_is_valid(json_str(entry, "digest")) || json_int(entry, "size", -1) < 0)
        abort();
}

static void check_image(const struct document *d, const char *text, const json_t *platform)
{
    _cleanup_err_ struct err e = ERR_INIT;
    struct document config = {0};
    if (layout_check_manifest(d->value, d->type, "fuzz", &e) == 0 &&
        json_parse(text, strlen(text), "fuzz", &config.value, NULL) == 0)
        (void)check_config(&config, d, platform, true, &e);
    document_release(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *copy = malloc(size + 1);
    _cleanup_json_ json_t *platform = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    struct document d = {0};
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    char *at = copy;
    const char *wanted = next_text(&at, copy + size), *type = next_text(&at, copy + size);
    const char *text = next_text(&at, copy + size), *config = next_text(&at, copy + size);
    if (platform_parse(wanted, &platform, NULL) < 0 && platform_parse(NULL, &platform, NULL) < 0)
        abort();
    if (json_parse(text, strlen(text), "fuzz", &d.value, NULL) == 0 && json_is_object(d.value) &&
        (d.type = plain_type(type)) && settle_type(&d, "fuzz", &e) == 0) {
        if (is_index_type(d.type))
            check_index(&d, platform);
        else
            check_image(&d, config, platform);
    }
    document_release(&d);
    return 0;
}
