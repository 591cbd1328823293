#include "engine/log.h"

#include "base/file.h"
#include "engine/log_config.h"
#include "engine/log_file.h"
#include "engine/log_journald.h"
#include "engine/log_syslog.h"

#include <string.h>

struct log {
    const struct engine *engine;
    enum log_driver driver;
    struct log_file file;
    struct log_journald *journald;
    struct log_syslog *syslog;
    int told; /* the error that log-error tells of; 0: there is no such file */
    char id[ID_LEN + 1];
};

static int open_driver(struct log *l, const struct container_record *c,
                       const struct log_config *config, struct err *e)
{
    switch (config->driver) {
    case LOG_DRIVER_JOURNALD:
        return log_journald_open(c->document, &l->journald, e);
    case LOG_DRIVER_SYSLOG:
        return log_syslog_open(c->document, config, &l->syslog, e);
    case LOG_DRIVER_FILE:
    case LOG_DRIVER_NONE:
        break;
    }
    log_file_init(&l->file, c->dir_fd, config->max_size, config->max_files);
    return 0;
}

int log_open(const struct engine *en, const struct container_record *c, struct log **ret,
             struct err *e)
{
    struct log_config config;
    *ret = NULL;
    int r = log_config_read(json_at(c->document, "HostConfig"), &config, e);
    if (r < 0 || config.driver == LOG_DRIVER_NONE)
        return r;
    struct log *l = calloc(1, sizeof(*l));
    if (!l)
        return err_nomem(e);
    l->engine = en;
    l->driver = config.driver;
    memcpy(l->id, c->id, sizeof(l->id));
    r = open_driver(l, c, &config, e);
    if (r < 0) {
        free(l);
        return err_wrap(e, "failed to initialize logging driver");
    }
    *ret = l;
    return 0;
}

/* Writes down what cannot be logged, or that all can again. */
static void tell(struct log *l, int error)
{
    _cleanup_free_ char *path = str_printf("containers/%s/log-error", l->id);
    if (!path || error == l->told)
        return;
    l->told = error;
    if (error == 0) {
        unlinkat(l->engine->run_fd, path, 0);
        return;
    }
    _cleanup_err_ struct err story = ERR_INIT;
    err_sys(&story, error, "the container's output is not logged");
    file_replace(l->engine->run_fd, path, err_text(&story), strlen(err_text(&story)), 0600, 0,
                 NULL);
}

void log_write(struct log *l, enum log_stream stream, const void *bytes, size_t n)
{
    if (!l || n == 0)
        return;
    int error = 0;
    switch (l->driver) {
    case LOG_DRIVER_FILE:
        log_file_write(&l->file, stream, bytes, n);
        error = l->file.error;
        break;
    case LOG_DRIVER_JOURNALD:
        error = log_journald_write(l->journald, stream, bytes, n);
        break;
    case LOG_DRIVER_SYSLOG:
        error = log_syslog_write(l->syslog, stream, bytes, n);
        break;
    case LOG_DRIVER_NONE:
        break;
    }
    tell(l, error);
}

void log_close(struct log **l)
{
    if (!*l)
        return;
    if ((*l)->driver == LOG_DRIVER_FILE)
        log_file_close(&(*l)->file);
    log_journald_close(&(*l)->journald);
    log_syslog_close(&(*l)->syslog);
    free(*l);
    *l = NULL;
}

char *log_trouble(const struct engine *en, const char *id)
{
    char *text = NULL;
    _cleanup_free_ char *path = str_printf("containers/%s/log-error", id);
    if (!path)
        return NULL;
    int r = file_read(en->run_fd, path, 4096, &text, NULL, NULL);
    return r == 0 ? text : r == -ENOMEM ? NULL : strdup("");
}
