/*
 * For LD_PRELOAD: while the file named by FAULT_CTL exists, every fsync and fdatasync of a file below FAULT_PATH fails
 * with EIO; where the file holds the word "write", writes fail too. To be seen by a process that goes on running.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { NONE, SYNC, WRITE };

static int fault(void)
{
    const char *name = getenv("FAULT_CTL");
    char word[8] = {0};
    int file;
    ssize_t got;

    if (!name)
        return NONE;
    file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NONE;
    got = syscall(SYS_read, file, word, sizeof word - 1);
    close(file);
    return got > 0 && !strncmp(word, "write", 5) ? WRITE : SYNC;
}

static int concerned(int file)
{
    const char *below = getenv("FAULT_PATH");
    char link[64], name[4096];
    ssize_t length;

    if (!below)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, name, sizeof name - 1);
    if (length <= 0)
        return 0;
    name[length] = 0;
    return !strncmp(name, below, strlen(below));
}

static int sync_file(int file, const char *name)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (concerned(file) && fault() != NONE) {
        errno = EIO;
        return -1;
    }
    return real(file);
}

int fsync(int file) { return sync_file(file, "fsync"); }
int fdatasync(int file) { return sync_file(file, "fdatasync"); }

static int refuses(int file) { return concerned(file) && fault() == WRITE; }

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    if (refuses(file)) {
        errno = EIO;
        return -1;
    }
    return real(file, bytes, length, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return pwrite64(file, bytes, length, offset); }

ssize_t write(int file, const void *bytes, size_t length)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (file > 2 && refuses(file)) {
        errno = EIO;
        return -1;
    }
    return real(file, bytes, length);
}
