/*
 * Functions that cannot be used safely are compile errors. Included in every file by the compiler's
 * command line, after the system headers it needs have been read.
 */
#ifndef SKIFF_BASE_BANNED_H
#define SKIFF_BASE_BANNED_H

#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Macros of the headers above, in some of their modes. */
#undef alloca
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets strtok
#pragma GCC poison system popen tmpnam tempnam mktemp atoi atol atoll alloca
#pragma GCC poison getpwnam getpwuid getgrnam getgrgid getgrouplist initgroups dlopen

#endif
