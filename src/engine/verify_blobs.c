/* The blobs of images, read again by skiff-image, which has the library for digests. */
#include "base/file.h"
#include "engine/verify_private.h"
#include "kernel/process.h"

#include <fcntl.h>
#include <string.h>

enum { SAID_LIMIT = 16 << 20 };

static _Noreturn void run_helper(const struct engine *en, int to)
{
    char fd[32], verify[] = "verify";
    _cleanup_free_ char *path = str_printf("%s/skiff-image", en->libexec);
    snprintf(fd, sizeof(fd), "--root-fd=%d", en->root_fd);
    char *args[] = {path, verify, fd, NULL};
    fcntl(en->root_fd, F_SETFD, 0);
    dup2(to, STDOUT_FILENO);
    if (path)
        execv(path, args);
    _exit(127);
}

static int ask_helper(const struct engine *en, char **ret, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, errno, "cannot make a pipe");
    _cleanup_close_ int from = fds[0], to = fds[1];
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(e, errno, "cannot fork");
    if (pid == 0)
        run_helper(en, to);
    fd_close(&to);
    int r = fd_read_all(from, SAID_LIMIT, ret, NULL);
    fd_close(&from);
    int status = process_wait(pid);
    if (status != 0)
        return err_set(e, EIO, "\"%s/skiff-image\" failed with status %d", en->libexec, status);
    return r < 0 ? err_sys(e, -r, "cannot read what \"%s/skiff-image\" says", en->libexec) : 0;
}

void verify_blobs(struct verify *v)
{
    _cleanup_free_ char *said = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (ask_helper(v->en, &said, &e) < 0) {
        verify_add(v, "image", "blobs", NULL, "their digests are not compared: %s", err_text(&e));
        return;
    }
    for (char *at = said, *line; (line = strsep(&at, "\n"));) {
        char *name = strsep(&line, " ");
        if (line)
            verify_add(v, "image", name, NULL,
                       "%s: remove the images that need it, and pull or import them again", line);
    }
}
