#include "base/file.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "cli/image_helper.h"
#include "engine/events.h"
#include "image/reference.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct import_options {
    struct option_list change;
    const char *message, *platform;
};

static const struct option_def import_table[] = {
    {"change", 'c', OPTION_LIST, offsetof(struct import_options, change), "INSTRUCTION",
     "Apply a Dockerfile instruction: CMD, ENTRYPOINT, ENV, …", "Options"},
    {"message", 'm', OPTION_STRING, offsetof(struct import_options, message), "TEXT",
     "Comment of the image", NULL},
    {"platform", 0, OPTION_STRING, offsetof(struct import_options, platform), "OS/ARCH",
     "Set the platform", NULL},
    {0},
};

/* The arguments of skiff-image, which takes the archive apart. */
static int helper_arguments(struct cli *c, const struct import_options *o, const char *file,
                            const char *name, struct strv *args)
{
    image_helper_arguments(c, "import", c->engine.root_fd, args);
    for (size_t i = 0; i < o->change.n; i++)
        strv_addf(args, "--change=%s", o->change.v[i]);
    if (o->message)
        strv_addf(args, "--message=%s", o->message);
    if (o->platform)
        strv_addf(args, "--platform=%s", o->platform);
    if (name)
        strv_addf(args, "--name=%s", name);
    strv_add(args, "--");
    strv_add(args, file);
    return args->failed ? -ENOMEM : 0;
}

/* How far the helper has come, which opens the archive itself. */
struct reading {
    struct counting line;
    pid_t pid;
    struct stat archive;
};

/* "pos:" of a descriptor; 0 when it cannot be read. */
static unsigned long long position(pid_t pid, const char *fd)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/fdinfo/%s", pid, fd);
    _cleanup_free_ char *text = NULL;
    if (!path || file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0)
        return 0;
    const char *pos = str_after(text, "pos:");
    return pos ? strtoull(pos, NULL, 10) : 0;
}

static void show_reading(void *data)
{
    struct reading *reading = data;
    _cleanup_free_ char *path = str_printf("/proc/%d/fd", reading->pid);
    DIR *dir = path ? opendir(path) : NULL;
    struct dirent *entry;
    struct stat st;
    while (dir && (entry = readdir(dir)))
        if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
            st.st_dev == reading->archive.st_dev && st.st_ino == reading->archive.st_ino)
            counting_show(&reading->line, position(reading->pid, entry->d_name));
    if (dir)
        closedir(dir);
}

static void watch_reading(const struct image_helper *helper, const char *file)
{
    struct reading reading = {.pid = helper->pid};
    if (!isatty(STDERR_FILENO) || stat(file, &reading.archive) < 0 ||
        !S_ISREG(reading.archive.st_mode))
        return;
    counting_begin(&reading.line, "Importing");
    image_helper_watch(helper, COUNTING_MS, show_reading, &reading);
    counting_end(&reading.line);
}

static int import_told(struct cli *c, const char *id, const char *name, struct err *e)
{
    char text[DIGEST_LEN + 1];
    snprintf(text, sizeof(text), "%s", id);
    _cleanup_reference_ struct reference reference = {0};
    _cleanup_free_ char *full = NULL;
    event_emit(&c->engine, "image", "import", text,
               (struct event_attribute[]){{"name", text}, {0}});
    if (name && reference_parse(name, &reference, NULL) == 0 && (full = reference_full(&reference)))
        event_emit(&c->engine, "image", "tag", text,
                   (struct event_attribute[]){{"name", reference_short(full)}, {0}});
    return cli_print(id, e);
}

static int run_import(struct cli *c, int argc, char **argv, struct err *e)
{
    struct import_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_import, argc, argv, &o, &words, &n, e);
    if (r == 0 && n == 2 && str_eq(words[1], IMAGE_HOST))
        r = err_set(e, EINVAL, "the image name \"%s\" is the built-in image's", IMAGE_HOST);
    _cleanup_strv_ struct strv args = {0};
    if (r == 0 && helper_arguments(c, &o, words[0], n == 2 ? words[1] : NULL, &args) < 0)
        r = err_nomem(e);
    _cleanup_free_ char *id = NULL;
    _cleanup_image_helper_ struct image_helper helper = IMAGE_HELPER_INIT;
    struct image_helper_files files = IMAGE_HELPER_FILES;
    files.root_fd = c->engine.root_fd;
    if (r == 1)
        r = 0;
    else if (r == 0)
        r = image_helper_start(args.v, &files, &helper, e);
    if (r == 0 && helper.pid > 0)
        watch_reading(&helper, words[0]);
    if (r == 0 && helper.pid > 0)
        r = image_helper_finish(&helper, &id, NULL, e);
    if (r == 0 && id)
        r = import_told(c, id, n == 2 ? words[1] : NULL, e);
    options_release(import_table, &o);
    return r;
}

const struct cli_command cmd_import = {
    .line = "import [OPTIONS] FILE|- [REPOSITORY[:TAG]]",
    .summary = "Make an image of a root file system's tar archive",
    .more = "The archive is plain, or packed with gzip, bzip2, xz or zstd; \"-\" is standard\n"
            "input.",
    .options = import_table,
    .min = 1,
    .max = 2,
    .first = WORD_FILE,
    .rest = WORD_IMAGE,
    .flags = NEEDS_ENGINE,
    .run = run_import,
};
