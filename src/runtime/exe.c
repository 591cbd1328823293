#include "runtime/exe.h"

#include "base/file.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <link.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

/* A sanitizer has marks of its own in our segments, and minds that they are copied. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* ---- in place ---- */

static uintptr_t page_down(uintptr_t address)
{
    return address & ~((uintptr_t)getpagesize() - 1);
}

static uintptr_t page_up(uintptr_t address)
{
    return page_down(address + (uintptr_t)getpagesize() - 1);
}

static int protection(const ElfW(Phdr) * h)
{
    return (h->p_flags & PF_R ? PROT_READ : 0) | (h->p_flags & PF_W ? PROT_WRITE : 0) |
           (h->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Code and constants: the same bytes at the same place, of the other file. The very page that is
 * executing may be among them; what is executed next is the same. */
static int remap_segment(const ElfW(Phdr) * h, uintptr_t base, int fd)
{
    uintptr_t start = page_down(base + h->p_vaddr);
    size_t len = page_up(base + h->p_vaddr + h->p_filesz) - start;
    off_t offset = (off_t)page_down(h->p_offset);
    void *p = mmap((void *)start, len, protection(h), MAP_PRIVATE | MAP_FIXED, fd, offset);
    return p == MAP_FAILED ? -errno : 0;
}

/* Data: a copy in memory that belongs to no file, moved over the old place. */
static int copy_segment(const ElfW(Phdr) * h, uintptr_t base)
{
    uintptr_t start = page_down(base + h->p_vaddr);
    size_t len = page_up(base + h->p_vaddr + h->p_filesz) - start;
    void *copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return -errno;
    memcpy(copy, (const void *)start, len);
    void *p = mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start);
    return p == MAP_FAILED ? -errno : 0;
}

static int leave_file(int fd)
{
    const ElfW(Ehdr) *header = (const void *)__ehdr_start;
    const ElfW(Phdr) *h = (const void *)(__ehdr_start + header->e_phoff);
    uintptr_t base = header->e_type == ET_DYN ? (uintptr_t)__ehdr_start : 0;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < header->e_phnum; i++)
        if (h[i].p_type == PT_LOAD && h[i].p_filesz > 0)
            r = h[i].p_flags & PF_W ? copy_segment(&h[i], base) : remap_segment(&h[i], base, fd);
    for (unsigned i = 0; r == 0 && i < header->e_phnum; i++) {
        if (h[i].p_type != PT_GNU_RELRO)
            continue;
        uintptr_t start = page_down(base + h[i].p_vaddr);
        size_t len = page_down(base + h[i].p_vaddr + h[i].p_memsz) - start;
        r = mprotect((void *)start, len, PROT_READ) < 0 ? -errno : 0;
    }
    return r;
}

void exe_rest(void)
{
    const ElfW(Ehdr) *header = (const void *)__ehdr_start;
    const ElfW(Phdr) *h = (const void *)(__ehdr_start + header->e_phoff);
    uintptr_t base = header->e_type == ET_DYN ? (uintptr_t)__ehdr_start : 0;
    malloc_trim(0);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (h[i].p_type != PT_LOAD || (h[i].p_flags & PF_W))
            continue;
        uintptr_t start = page_down(base + h[i].p_vaddr);
        madvise((void *)start, page_up(base + h[i].p_vaddr + h[i].p_filesz) - start, MADV_DONTNEED);
    }
}

/* The kernel maps what lies around a page that is used as well, up to 64 KiB, but never across the
 * border of an area. Advice that differs makes borders (madvise(2)): every other piece gets some.
 */
static void make_borders(uintptr_t start, uintptr_t end)
{
    enum { PIECE = 16 << 10 };
    uintptr_t at = start & ~(uintptr_t)(PIECE - 1);
    for (; at + PIECE < end; at += 2 * PIECE)
        if (at >= start)
            madvise((void *)at, PIECE, MADV_RANDOM);
}

void exe_rest_small(void)
{
    const ElfW(Ehdr) *header = (const void *)__ehdr_start;
    const ElfW(Phdr) *h = (const void *)(__ehdr_start + header->e_phoff);
    uintptr_t base = header->e_type == ET_DYN ? (uintptr_t)__ehdr_start : 0;
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (h[i].p_type == PT_LOAD && !(h[i].p_flags & PF_W))
            make_borders(page_down(base + h[i].p_vaddr),
                         page_up(base + h[i].p_vaddr + h[i].p_filesz));
    exe_rest();
}

/* Where the kernel has noted our code, data, arguments and so on: it wants all of it said again.
 * proc_pid_stat(5), fields 26 to 51. */
static int read_layout(struct prctl_mm_map *ret)
{
    _cleanup_free_ char *stat = NULL;
    if (file_read(AT_FDCWD, "/proc/self/stat", 4096, &stat, NULL, NULL) < 0)
        return -EIO;
    unsigned long long field[52] = {0};
    char *at = strrchr(stat, ')');
    for (unsigned i = 3; at && i < ARRAY_LEN(field); i++) {
        at = strchr(at, ' ');
        field[i] = at ? strtoull(++at, NULL, 10) : 0;
    }
    if (!at)
        return -EIO;
    *ret = (struct prctl_mm_map){
        .start_code = field[26],
        .end_code = field[27],
        .start_stack = field[28],
        .start_data = field[45],
        .end_data = field[46],
        .start_brk = field[47],
        .arg_start = field[48],
        .arg_end = field[49],
        .env_start = field[50],
        .env_end = field[51],
        .brk = (unsigned long long)(uintptr_t)sbrk(0),
    };
    return 0;
}

/* A process may say which file it executes as long as it has nothing of the old one mapped any
 * more (prctl(2), PR_SET_MM_MAP, Linux 3.18; needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE, and a
 * kernel that can checkpoint). So we let go of our file, and name the other mount's. */
static int swap_file(int mount_fd)
{
    char path[32];
    struct prctl_mm_map map;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", mount_fd);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read_layout(&map) < 0)
        return -EIO;
    int r = leave_file(fd);
    if (r < 0)
        return r;
    map.exe_fd = (unsigned)fd;
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) < 0 ? -errno : 0;
}

/* ---- which way ---- */

static int is_protected(void)
{
    struct statvfs fs;
    _cleanup_close_ int self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (self < 0 || fstatvfs(self, &fs) < 0)
        return -errno;
    return (fs.f_flag & ST_RDONLY) != 0;
}

/* A detached mount is its holder's to change and to move, whoever else has a descriptor on it, so
 * that one with CAP_SYS_ADMIN in some user namespace could make it writable again by /proc/PID/exe.
 * Not one that hangs on another, which nobody has got: that belongs to our mount namespace's
 * processes alone (mount_setattr(2), open_tree(2), move_mount(2); Linux 6.15 lets a mount be
 * attached to a detached one). */
static int hang_up(int mount_fd)
{
    int hook = mount_clone(mount_fd, "", false, NULL);
    return hook < 0 ? hook : mount_attach(mount_fd, hook, NULL);
}

int exe_protect(char *const argv[], struct err *e)
{
    /* Our processes are closed to everybody without CAP_SYS_PTRACE in the initial user namespace,
     * and so are those that they fork. In a user namespace that we make, until its first execve,
     * the one who made it would be enough: any root, in a container that sees us (CVE-2016-9962).
     */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(e, errno, "cannot close this process to others");

    int r = is_protected();
    if (r < 0)
        return err_sys(e, -r, "cannot open \"/proc/self/exe\"");
    if (r > 0)
        return 0;

    /* Not closed: the kernel takes a detached mount apart when its last descriptor goes, and makes
     * whoever closes that wait for a grace period. At our end nobody waits for us any more. */
    int copy = mount_clone(AT_FDCWD, "/proc/self/exe", false, e);
    if (copy < 0)
        return err_wrap(e, "cannot protect this program's file");
    uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    r = mount_change(copy, attrs, 0, false, e);
    if (r < 0)
        return err_wrap(e, "cannot protect this program's file");

    if (!SANITIZED && hang_up(copy) == 0 && swap_file(copy) == 0 && is_protected() == 1)
        return 0;
    /* execve closes the descriptors: the mount is nowhere then, and cannot be changed by anybody.
     */
    syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
    return err_sys(e, errno, "cannot execute this program again");
}
