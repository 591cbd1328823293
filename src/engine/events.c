#include "engine/events.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* What is no UTF-8 or finds no memory is left out: the event is told all the same. */
static void put(json_t *object, const char *key, const char *value)
{
    if (value)
        json_object_set_new(object, key, json_string(value));
}

static void put_attributes(json_t *object, const struct event_attribute *attributes)
{
    for (; attributes && attributes->name; attributes++)
        put(object, attributes->name, attributes->value);
}

/* Makes room when the file is full. Several may come here with the same file, and one of them gets
 * its lock; who comes later finds that it is not "events" any more. */
static void rotate(const struct engine *en, int fd)
{
    struct stat mine, named;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &mine) < 0 ||
        fstatat(en->root_fd, "events", &named, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
        renameat(en->root_fd, "events", en->root_fd, "events.1");
}

static void append(const struct engine *en, const char *line, size_t n)
{
    _cleanup_close_ int fd =
        openat(en->root_fd, "events", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line, n) > 0 && lseek(fd, 0, SEEK_CUR) >= EVENTS_LIMIT)
        rotate(en, fd);
}

/* Takes over @attributes. */
static void emit(const struct engine *en, const char *type, const char *action, const char *id,
                 json_t *attributes)
{
    _cleanup_json_ json_t *event =
        json_pack("{s:I, s:s, s:s, s:s, s:o}", "timeNano", (json_int_t)now_ns(), "Type", type,
                  "Action", action, "ID", id, "Attributes", attributes);
    _cleanup_free_ char *text = json_text(event, JSON_COMPACT);
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || n >= EVENT_LINE_LIMIT)
        return;
    text[n] = '\n'; /* its length is known: no second copy for one byte */
    append(en, text, n + 1);
}

void event_emit(const struct engine *en, const char *type, const char *action, const char *id,
                const struct event_attribute *attributes)
{
    json_t *object = json_object();
    put_attributes(object, attributes);
    emit(en, type, action, id, object);
}

/* All or none: half of the labels would say something else. */
static void put_labels(json_t *object, const json_t *labels)
{
    size_t size = 0;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)labels, key, value)
        size += strlen(key) + json_string_length(value);
    if (size <= EVENT_LABEL_LIMIT && json_is_object(labels))
        json_object_update(object, (json_t *)(uintptr_t)labels);
}

void event_emit_container(const struct engine *en, const struct container_record *c,
                          const char *action, const struct event_attribute *more)
{
    json_t *object = json_object();
    put_labels(object, json_at(c->document, "Config.Labels"));
    put(object, "image", json_str(c->document, "Config.Image"));
    put(object, "name", record_name(c));
    put_attributes(object, more);
    emit(en, "container", action, c->id, object);
}

json_t *event_document(const json_t *event)
{
    const char *type = json_str(event, "Type"), *action = json_str(event, "Action");
    const char *id = json_str(event, "ID");
    json_t *attributes = json_object_get(event, "Attributes");
    long long ns = json_int(event, "timeNano", 0);
    bool container = str_eq(type, "container");
    bool named = container || str_eq(type, "image");
    return json_pack("{s:s*, s:s*, s:s*, s:s, s:s, s:{s:s, s:O}, s:s, s:I, s:I}", "status",
                     named ? action : NULL, "id", named ? id : NULL, "from",
                     container ? json_str(attributes, "image") : NULL, "Type", type, "Action",
                     action, "Actor", "ID", id, "Attributes", attributes, "scope", "local", "time",
                     (json_int_t)(ns / 1000000000), "timeNano", (json_int_t)ns);
}
