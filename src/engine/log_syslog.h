/*
 * The log as messages of the machine's syslog daemon.
 *
 * Sources: RFC 3164, RFC 5424; the default is what syslog(3) sends, without a host's name.
 */
#ifndef SKIFF_ENGINE_LOG_SYSLOG_H
#define SKIFF_ENGINE_LOG_SYSLOG_H

#include "engine/log_config.h"
#include "engine/log_entry.h"

struct log_syslog;

int log_syslog_open(const json_t *document, const struct log_config *config,
                    struct log_syslog **ret, struct err *e);

/* What one read(2) gave. 0, or the positive errno with which messages are lost. */
int log_syslog_write(struct log_syslog *s, enum log_stream stream, const char *bytes, size_t n);

void log_syslog_close(struct log_syslog **s);

#endif
