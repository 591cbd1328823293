/*
 * Where a container's output goes, as its document says in HostConfig.LogConfig: {"Type": …,
 * "Config": {…}}, Docker's --log-driver and --log-opt.
 *
 *     file      files in the container's folder (log_file.h); "json-file" and "local" are Docker's
 *               names for that
 *     none      nowhere
 *     journald  systemd's journal
 *     syslog    the machine's syslog daemon
 */
#ifndef SKIFF_ENGINE_LOG_CONFIG_H
#define SKIFF_ENGINE_LOG_CONFIG_H

#include "base/json.h"

enum log_driver { LOG_DRIVER_FILE, LOG_DRIVER_NONE, LOG_DRIVER_JOURNALD, LOG_DRIVER_SYSLOG };

/* How a message of syslog's begins. */
enum syslog_format { SYSLOG_LOCAL, SYSLOG_RFC3164, SYSLOG_RFC5424, SYSLOG_RFC5424_MICRO };

/* Is said when nobody says anything. */
#define LOG_DRIVER_DEFAULT "file"

struct log_config {
    enum log_driver driver;
    long long max_size; /* bytes of a file; -1: no limit */
    unsigned max_files;
    enum syslog_format syslog_format;
    unsigned syslog_facility;
    const char *syslog_path; /* in the document; NULL: /dev/log */
};

/* Reads and checks the LogConfig of @host_config; one that is missing, or without a type, is the
 * default. -EINVAL names the driver or the option that is not known or not understood. */
int log_config_read(const json_t *host_config, struct log_config *ret, struct err *e);

/* The tag by which journald and syslog know the container: option "tag" with "{{.Name}}" and the
 * like replaced, else its short ID. The caller's to free; NULL when memory ran out. */
char *log_config_tag(const json_t *document);

/* What is told beside the output: the labels and variables that options "labels" and "env" name,
 * and the tag if one was asked for. A fresh object of strings; NULL when memory ran out. */
json_t *log_config_attributes(const json_t *document);

#endif
