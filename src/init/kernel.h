/*
 * The kernel without a C library, for a program that wants to stay a few KiB: one function per
 * number of arguments, results as the kernel gives them (a negative errno on failure, syscall(2)).
 * x86_64 and aarch64 enter the kernel here; elsewhere INIT_LIBC is defined and libc does it.
 */
#ifndef SKIFF_INIT_KERNEL_H
#define SKIFF_INIT_KERNEL_H

#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long kernel4(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

/* clone(2) with every pointer null: five arguments, the last in r8. */
static inline long kernel_fork(long signal)
{
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_clone), "D"(signal), "S"(0L), "d"(0L), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

/* The kernel leaves argc, argv and envp on the stack; the ABI wants it 16-aligned at the call. */
__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
        "endbr64\nxor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall init_start\n");

#elif defined(__aarch64__)

static inline long kernel5(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static inline long kernel4(long number, long a, long b, long c, long d)
{
    return kernel5(number, a, b, c, d, 0);
}

static inline long kernel_fork(long signal)
{
    return kernel5(SYS_clone, signal, 0, 0, 0, 0);
}

__asm__(".text\n.globl _start\n.type _start, %function\n_start:\n"
        "hint #34\nmov x29, #0\nmov x30, #0\nmov x0, sp\nbl init_start\n");

#else

#define INIT_LIBC 1
#include <errno.h>
#include <unistd.h>

static inline long kernel4(long number, long a, long b, long c, long d)
{
    long result = syscall(number, a, b, c, d);

    return result < 0 ? -errno : result;
}

static inline long kernel_fork(long signal)
{
    (void)signal;
    return fork();
}

#endif
#endif
