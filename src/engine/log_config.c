#include "engine/log_config.h"

#include "base/str.h"
#include "engine/engine.h"

#include <limits.h>
#include <string.h>

enum { DEFAULT_SIZE = 10 << 20, DEFAULT_FILES = 3, MOST_FILES = 10000, FACILITY_DAEMON = 3 };

static const struct {
    const char *name;
    enum log_driver driver;
} drivers[] = {
    {"file", LOG_DRIVER_FILE}, {"json-file", LOG_DRIVER_FILE},    {"local", LOG_DRIVER_FILE},
    {"none", LOG_DRIVER_NONE}, {"journald", LOG_DRIVER_JOURNALD}, {"syslog", LOG_DRIVER_SYSLOG},
};

static int driver_of(const char *name, enum log_driver *ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        if (str_eq(name, drivers[i].name)) {
            *ret = drivers[i].driver;
            return 0;
        }
    return err_set(e, EINVAL,
                   "unknown log driver \"%s\": it is file (json-file, local), none, journald or "
                   "syslog",
                   name);
}

/* ---- options ---- */

/* Docker's: a number and a letter, of thousands; "10MiB" of 1024s. */
static int read_size(const char *text, long long *ret)
{
    static const char letters[] = "bkmgt";
    if (str_eq(text, "-1")) {
        *ret = -1;
        return 0;
    }
    if (*text < '0' || *text > '9')
        return -EINVAL;
    char *end;
    double n = strtod(text, &end);
    end += *end == ' ';
    const char *letter = *end ? strchr(letters, *end | 0x20) : letters;
    if (!letter)
        return -EINVAL;
    const char *rest = *end ? end + 1 : end;
    bool binary = *rest == 'i' || *rest == 'I';
    rest += binary;
    rest += *rest == 'b' || *rest == 'B';
    for (long i = letter - letters; i > 0; i--)
        n *= binary ? 1024 : 1000;
    if (*rest || n < 1 || n > (double)(1LL << 60))
        return -EINVAL;
    *ret = (long long)n;
    return 0;
}

static int take_size(struct log_config *c, const char *value, struct err *e)
{
    return read_size(value, &c->max_size) == 0
               ? 0
               : err_set(e, EINVAL,
                         "log option \"max-size\": \"%s\" is not a number of bytes (10m), nor -1 "
                         "for no limit",
                         value);
}

static int take_files(struct log_config *c, const char *value, struct err *e)
{
    long long n;
    if (str_to_int64(value, 1, MOST_FILES, &n) < 0)
        return err_set(e, EINVAL, "log option \"max-file\": \"%s\" is not a number from 1 to %d",
                       value, MOST_FILES);
    c->max_files = (unsigned)n;
    return 0;
}

static const char *const facilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "",       "",       "",       "",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

static int take_facility(struct log_config *c, const char *value, struct err *e)
{
    long long number = -1;
    str_to_int64(value, 0, ARRAY_LEN(facilities) - 1, &number);
    for (size_t i = 0; number < 0 && i < ARRAY_LEN(facilities); i++)
        if (*value && str_eq(value, facilities[i]))
            number = (long long)i;
    if (number < 0)
        return err_set(e, EINVAL, "invalid syslog facility \"%s\"", value);
    c->syslog_facility = (unsigned)number;
    return 0;
}

static int take_format(struct log_config *c, const char *value, struct err *e)
{
    static const char *const formats[] = {[SYSLOG_LOCAL] = "",
                                          [SYSLOG_RFC3164] = "rfc3164",
                                          [SYSLOG_RFC5424] = "rfc5424",
                                          [SYSLOG_RFC5424_MICRO] = "rfc5424micro"};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_eq(value, formats[i])) {
            c->syslog_format = (enum syslog_format)i;
            return 0;
        }
    return err_set(e, EINVAL, "invalid syslog format \"%s\": rfc3164, rfc5424 or rfc5424micro",
                   value);
}

static int take_address(struct log_config *c, const char *value, struct err *e)
{
    const char *path = str_after(value, "unixgram://");
    path = path ? path : str_after(value, "unix://");
    if (!path || *path != '/')
        return err_set(e, EINVAL,
                       "syslog address \"%s\" is not supported: only unixgram:///PATH is", value);
    c->syslog_path = path;
    return 0;
}

static const struct {
    const char *name;
    unsigned drivers; /* a bit for each that knows it */
    int (*take)(struct log_config *, const char *value, struct err *);
} options[] = {
    {"max-size", 1 << LOG_DRIVER_FILE, take_size},
    {"max-file", 1 << LOG_DRIVER_FILE, take_files},
    {"syslog-address", 1 << LOG_DRIVER_SYSLOG, take_address},
    {"syslog-facility", 1 << LOG_DRIVER_SYSLOG, take_facility},
    {"syslog-format", 1 << LOG_DRIVER_SYSLOG, take_format},
    {"tag", 1 << LOG_DRIVER_FILE | 1 << LOG_DRIVER_JOURNALD | 1 << LOG_DRIVER_SYSLOG, NULL},
    {"labels", 1 << LOG_DRIVER_FILE | 1 << LOG_DRIVER_JOURNALD | 1 << LOG_DRIVER_SYSLOG, NULL},
    {"env", 1 << LOG_DRIVER_FILE | 1 << LOG_DRIVER_JOURNALD | 1 << LOG_DRIVER_SYSLOG, NULL},
};

static int take_option(struct log_config *c, const char *driver, const char *name,
                       const json_t *value, struct err *e)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < ARRAY_LEN(options); i++)
        if (str_eq(name, options[i].name) && options[i].drivers & 1u << c->driver)
            return options[i].take ? options[i].take(c, text, e) : 0;
    return err_set(e, EINVAL, "unknown log opt '%s' for %s log driver", name, driver);
}

/* The field of a "{{.Field}}" that @text begins with, and what follows; NULL when it does not. */
static const char *take_field(const char *text, char ret[32])
{
    text = str_after(text, "{{");
    if (!text)
        return NULL;
    text += strspn(text, " ");
    size_t n = *text == '.' ? strcspn(text, " }") : 0;
    if (n < 2 || n > 31)
        return NULL;
    memcpy(ret, text + 1, n - 1);
    ret[n - 1] = '\0';
    text += n;
    return str_after(text + strspn(text, " "), "}}");
}

static const char *const fields[] = {"ID",          "FullID",    "Name",      "ImageID",
                                     "ImageFullID", "ImageName", "DaemonName"};

static int check_tag(const char *tag, struct err *e)
{
    char field[32];
    while (tag && (tag = strstr(tag, "{{"))) {
        const char *rest = take_field(tag, field);
        size_t i = 0;
        while (rest && i < ARRAY_LEN(fields) && !str_eq(field, fields[i]))
            i++;
        if (!rest || i == ARRAY_LEN(fields))
            return err_set(e, EINVAL,
                           "log option \"tag\": \"%s\": what can be named is {{.ID}}, {{.FullID}}, "
                           "{{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}} and "
                           "{{.DaemonName}}",
                           tag);
        tag = rest;
    }
    return 0;
}

int log_config_read(const json_t *host_config, struct log_config *ret, struct err *e)
{
    struct log_config c = {
        .max_size = DEFAULT_SIZE, .max_files = DEFAULT_FILES, .syslog_facility = FACILITY_DAEMON};
    const char *type = json_str(host_config, "LogConfig.Type");
    if (!type || !*type)
        type = LOG_DRIVER_DEFAULT;
    int r = driver_of(type, &c.driver, e);
    const char *name;
    json_t *value;
    json_object_foreach (json_at(host_config, "LogConfig.Config"), name, value)
        if (r == 0)
            r = take_option(&c, type, name, value, e);
    if (r == 0)
        r = check_tag(json_str(host_config, "LogConfig.Config.tag"), e);
    if (r == 0)
        *ret = c;
    return r;
}

/* ---- what is told beside the output ---- */

static void add_short(struct str *out, const char *id)
{
    const char *digits = strchr(id, ':');
    digits = digits ? digits + 1 : id;
    str_addn(out, digits, strnlen(digits, SHORT_ID_LEN));
}

static void add_field(struct str *out, const char *field, const json_t *document)
{
    const char *id = json_str(document, "Id"), *image = json_str(document, "Image");
    const char *name = json_str(document, "Name"), *reference = json_str(document, "Config.Image");
    if (str_eq(field, "ID"))
        add_short(out, id ? id : "");
    else if (str_eq(field, "FullID"))
        str_add(out, id ? id : "");
    else if (str_eq(field, "Name"))
        str_add(out, name ? name + (*name == '/') : "");
    else if (str_eq(field, "ImageID"))
        add_short(out, image ? image : "");
    else if (str_eq(field, "ImageFullID"))
        str_add(out, image ? image : "");
    else if (str_eq(field, "ImageName"))
        str_add(out, reference ? reference : "");
    else
        str_add(out, "skiff");
}

char *log_config_tag(const json_t *document)
{
    char field[32];
    _cleanup_str_ struct str out = {0};
    const char *tag = json_str(document, "HostConfig.LogConfig.Config.tag");
    for (const char *rest = tag && *tag ? tag : "{{.ID}}"; *rest;) {
        const char *after = take_field(rest, field);
        if (after)
            add_field(&out, field, document);
        else
            str_addn(&out, rest, 1);
        rest = after ? after : rest + 1;
    }
    return str_steal(&out);
}

/* The value of NAME in a list of "NAME=VALUE". */
static const char *variable(const json_t *env, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach (env, i, item) {
        const char *text = json_string_value(item);
        const char *rest = text ? str_after(text, name) : NULL;
        if (rest && *rest == '=')
            return rest + 1;
    }
    return NULL;
}

/* Adds those of @list, "a,b,c", that the container has. */
static int add_named(json_t *to, const char *list, const json_t *labels, const json_t *env)
{
    _cleanup_free_ char *copy = strdup(list ? list : "");
    char *rest = copy;
    if (!copy)
        return -ENOMEM;
    for (const char *name; (name = strsep(&rest, ","));) {
        const char *value =
            labels ? json_string_value(json_object_get(labels, name)) : variable(env, name);
        if (*name && value && json_object_set_new(to, name, json_string(value)) < 0)
            return -ENOMEM;
    }
    return 0;
}

json_t *log_config_attributes(const json_t *document)
{
    _cleanup_json_ json_t *all = json_object();
    const json_t *o = json_at(document, "HostConfig.LogConfig.Config");
    const char *tag = json_str(o, "tag");
    if (!all ||
        add_named(all, json_str(o, "labels"), json_at(document, "Config.Labels"), NULL) < 0 ||
        add_named(all, json_str(o, "env"), NULL, json_at(document, "Config.Env")) < 0)
        return NULL;
    if (tag && *tag) {
        _cleanup_free_ char *text = log_config_tag(document);
        if (!text || json_object_set_new(all, "tag", json_string(text)) < 0)
            return NULL;
    }
    return TAKE_PTR(all);
}
