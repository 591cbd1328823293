/*
 * libFuzzer target: any bytes as the archive around images. It is scanned as skiff-image's
 * locked-in process does it, and what comes out is read as documents: manifest.json, index.json,
 * manifests.
 */
#include "base/err.h"
#include "base/file.h"
#include "image/archive_images.h"
#include "image/archive_scan.h"
#include "image/platform.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
    const uint8_t *data;
    size_t size;
    char *heads; /* what the scanner told */
    size_t n;
    char *text; /* of the document that was asked for last */
};

static const char *document(void *data, const char *name, ssize_t *ret, struct err *e)
{
    struct found *f = data;
    struct archive_head head;
    (void)e;
    *ret = -ENOENT;
    for (size_t at = 0; at + sizeof(head) <= f->n; at += head.name + head.target) {
        memcpy(&head, f->heads + at, sizeof(head));
        at += sizeof(head);
        if (head.name == 0 || head.name > ARCHIVE_NAME_MAX || head.target > ARCHIVE_NAME_MAX ||
            at + head.name + head.target > f->n)
            abort();
        if (head.target || head.name != strlen(name) || memcmp(f->heads + at, name, head.name) != 0)
            continue;
        if (head.at > f->size || head.size > f->size - head.at)
            abort();
        free(f->text);
        f->text = calloc(1, head.size + 1);
        if (!f->text)
            abort();
        memcpy(f->text, f->data + head.at, head.size);
        *ret = (ssize_t)head.size;
        return f->text;
    }
    return NULL;
}

static void read_images(struct found *f, enum archive_form form)
{
    _cleanup_archive_images_ struct archive_images images = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *platform = NULL;
    if (platform_parse("linux/amd64", &platform, NULL) < 0)
        abort();
    int r = archive_images_read(form, document, f, platform, false, &images, &e);
    json_decref(platform);
    if (r < 0 && !e.text)
        abort();
    for (size_t i = 0; i < images.n; i++)
        if (!images.v[i].config || images.v[i].layers.failed)
            abort();
}

/* Once from a file, where contents stay, and once as it comes. */
static int scan(const uint8_t *data, size_t size, bool again, int out)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_close_ int in = memfd_create("fuzz", MFD_CLOEXEC);
    if (in < 0 || fd_write_all_at(in, data, size, 0) < 0)
        abort();
    struct archive_scan s = {.in_fd = in, .out_fd = out, .again = again, .size_max = 1LL << 30};
    int r = archive_scan(&s, &e);
    if (r < 0 && !e.text)
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct found f = {.data = data, .size = size};
    json_setup();
    _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    _cleanup_close_ int heads = memfd_create("heads", MFD_CLOEXEC);
    if (null < 0 || heads < 0)
        abort();
    int once = scan(data, size, false, null), twice = scan(data, size, true, heads);
    if ((once < 0) != (twice < 0))
        abort();
    if (twice == 0) {
        if (lseek(heads, 0, SEEK_SET) < 0 || fd_read_all(heads, 1 << 28, &f.heads, &f.n) < 0)
            abort();
        read_images(&f, ARCHIVE_TARRED);
        read_images(&f, ARCHIVE_FOLDER_OF_ONE);
    }
    free(f.heads);
    free(f.text);
    return 0;
}
