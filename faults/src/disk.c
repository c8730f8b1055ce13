// A disk that fails or hangs, for one folder of one process: preloaded, see `disk.rs`.
//
// Each call reads the faults from the file LIANLU_DISK_CONTROL: words such as `sync=eio`, `write=hold` (until the file
// changes), `write=500` (milliseconds) and `only=.spans` (a part of the path). Every operation that meets a fault adds a
// byte to LIANLU_DISK_BEGUN, and one to LIANLU_DISK_ENDED when it goes on.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define EIO_NOW -1
#define HOLD -2

static void count(const char *variable) {
    const char *path = getenv(variable);
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd >= 0) {
        syscall(SYS_write, fd, "x", 1);
        syscall(SYS_close, fd);
    }
}

// The fault of this operation on this path: none (0), EIO_NOW, HOLD, or a delay in milliseconds.
static long fault_of(const char *operation, const char *path, const char *control) {
    char words[256] = {0};
    int fd = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY);
    if (fd < 0)
        return 0;
    syscall(SYS_read, fd, words, sizeof words - 1);
    syscall(SYS_close, fd);
    char *rest = words, *word;
    long result = 0;
    int once = 0;
    while ((word = strsep(&rest, " \n"))) {
        size_t length = strlen(operation);
        if (!strncmp(word, "only=", 5) && !strstr(path, word + 5))
            return 0;
        once |= !strcmp(word, "once");
        if (!strncmp(word, operation, length) && word[length] == '=')
            result = !strcmp(word + length + 1, "eio")    ? EIO_NOW
                     : !strcmp(word + length + 1, "hold") ? HOLD
                                                          : atol(word + length + 1);
    }
    if (result && once)
        unlink(control);
    return result;
}

// True if this operation on this path fails. Waits first if it is to be held or delayed.
static int fails_at(const char *operation, const char *path) {
    const char *folder = getenv("LIANLU_DISK_FOLDER"), *control = getenv("LIANLU_DISK_CONTROL");
    if (!folder || !control || strncmp(path, folder, strlen(folder)))
        return 0;
    long fault = fault_of(operation, path, control);
    if (!fault)
        return 0;
    count("LIANLU_DISK_BEGUN");
    const struct timespec pause = {0, 5 * 1000000};
    for (long slept = 0, first = fault; fault == first && (fault == HOLD || slept < fault); slept += 5) {
        nanosleep(&pause, NULL);
        fault = fault_of(operation, path, control);
    }
    count("LIANLU_DISK_ENDED");
    return fault == EIO_NOW;
}

static int fails(const char *operation, int file) {
    // `readdir` does not change it at the end of a folder.
    int before = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    int result = fails_at(operation, path);
    errno = before;
    return result;
}

#define FAIL_IF(test, result) do { if (test) { errno = EIO; return result; } } while (0)

ssize_t write(int fd, const void *bytes, size_t length) {
    FAIL_IF(fails("write", fd), -1);
    return NEXT(write)(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    FAIL_IF(fails("write", fd), -1);
    return NEXT(pwrite64)(fd, bytes, length, at);
}

ssize_t read(int fd, void *bytes, size_t length) {
    FAIL_IF(fails("read", fd), -1);
    return NEXT(read)(fd, bytes, length);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    FAIL_IF(fails("read", fd), -1);
    return NEXT(pread64)(fd, bytes, length, at);
}

int fsync(int fd) {
    FAIL_IF(fails("sync", fd), -1);
    return NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    FAIL_IF(fails("sync", fd), -1);
    return NEXT(fdatasync)(fd);
}

struct dirent64 *readdir64(DIR *folder) {
    FAIL_IF(fails("list", dirfd(folder)), NULL);
    return NEXT(readdir64)(folder);
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    FAIL_IF(path[0] == '/' && fails_at("stat", path), -1);
    return NEXT(statx)(folder, path, flags, mask, found);
}
