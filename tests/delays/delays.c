/* Delays and times system calls on files below a folder; preloaded into a server and its children.
 *
 * DELAYS names a file that is mapped by all processes: which call, where, its delay, how often it was made and how
 * long that took. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As written by `tests/delays/__init__.py`. */
struct control {
    char call[16];
    char below[496];
    int32_t milliseconds;
    int32_t count;
    int64_t nanoseconds;
    /* What a second transfers, beside the delay; 0 for no limit. */
    int64_t bytes;
};

static volatile struct control *control;

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("DELAYS");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED)
        control = at;
}

static int wanted(const char *call)
{
    return control && strcmp((const char *)control->call, call) == 0;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int delay(const char *path)
{
    const char *below = (const char *)control->below;
    if (strncmp(path, below, strlen(below)) != 0)
        return 0;
    __atomic_add_fetch((int32_t *)&control->count, 1, __ATOMIC_SEQ_CST);
    struct timespec left = {control->milliseconds / 1000, control->milliseconds % 1000 * 1000000L};
    while (control->milliseconds > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    return 1;
}

static ssize_t path_of(int fd, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
    return length;
}

/* When the call began, for `end`; 0 for one that is not timed. */
static int64_t delay_fd(const char *call, int fd)
{
    char path[PATH_MAX];
    if (!wanted(call))
        return 0;
    int64_t began = now();
    return path_of(fd, path, sizeof path) > 0 && delay(path) ? began : 0;
}

static void transfer(ssize_t size)
{
    int64_t bytes = control->bytes;
    if (bytes <= 0 || size <= 0)
        return;
    double seconds = (double)size / (double)bytes;
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void end(int64_t began, ssize_t size)
{
    if (began)
        transfer(size);
    if (began)
        __atomic_add_fetch((int64_t *)&control->nanoseconds, now() - began, __ATOMIC_SEQ_CST);
}

static void delay_name(const char *call, int folder, const char *name)
{
    char path[2 * PATH_MAX];
    if (!wanted(call))
        return;
    if (name[0] == '/') {
        delay(name);
    } else if (folder != AT_FDCWD) {
        ssize_t length = path_of(folder, path, PATH_MAX);
        if (length > 0) {
            snprintf(path + length, sizeof path - length, "/%s", name);
            delay(path);
        }
    }
}

#define NEXT(name) static __typeof__(&name) next; if (!next) next = (__typeof__(next))dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                                  \
    int name(const char *path, int flags, ...)                                      \
    {                                                                               \
        NEXT(name);                                                                 \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;     \
        va_end(more);                                                               \
        delay_name("open", AT_FDCWD, path);                                         \
        return next(path, flags, mode);                                             \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                \
    int name(int folder, const char *path, int flags, ...)                          \
    {                                                                               \
        NEXT(name);                                                                 \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;     \
        va_end(more);                                                               \
        delay_name("open", folder, path);                                           \
        return next(folder, path, flags, mode);                                     \
    }
OPENAT(openat)
OPENAT(openat64)

#define STAT(name, type)                                                            \
    int name(const char *path, struct type *found)                                  \
    {                                                                               \
        NEXT(name);                                                                 \
        delay_name("stat", AT_FDCWD, path);                                         \
        return next(path, found);                                                   \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define FSTAT(name, type)                                                           \
    int name(int fd, struct type *found)                                            \
    {                                                                               \
        NEXT(name);                                                                 \
        delay_fd("stat", fd);                                                       \
        return next(fd, found);                                                     \
    }
FSTAT(fstat, stat)
FSTAT(fstat64, stat64)

#define FSTATAT(name, type)                                                         \
    int name(int folder, const char *path, struct type *found, int flags)           \
    {                                                                               \
        NEXT(name);                                                                 \
        delay_name("stat", folder, path);                                           \
        return next(folder, path, found, flags);                                    \
    }
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, stat64)

#define AT_OFFSET(name, call, result, data)                                         \
    result name(int fd, data, size_t size, __typeof__((off64_t)0) offset)           \
    {                                                                               \
        NEXT(name);                                                                 \
        int64_t began = delay_fd(call, fd);                                         \
        result done = next(fd, buffer, size, offset);                               \
        end(began, done);                                                                 \
        return done;                                                                \
    }
AT_OFFSET(pread, "pread", ssize_t, void *buffer)
AT_OFFSET(pread64, "pread", ssize_t, void *buffer)
AT_OFFSET(pwrite, "pwrite", ssize_t, const void *buffer)
AT_OFFSET(pwrite64, "pwrite", ssize_t, const void *buffer)

#define VECTOR(name, call)                                                          \
    ssize_t name(int fd, const struct iovec *parts, int count, off64_t offset)      \
    {                                                                               \
        NEXT(name);                                                                 \
        int64_t began = delay_fd(call, fd);                                         \
        ssize_t done = next(fd, parts, count, offset);                              \
        end(began, done);                                                                 \
        return done;                                                                \
    }
VECTOR(preadv, "pread")
VECTOR(preadv64, "pread")

#define VECTOR2(name, call)                                                         \
    ssize_t name(int fd, const struct iovec *parts, int count, off64_t offset, int flags) \
    {                                                                               \
        NEXT(name);                                                                 \
        int64_t began = delay_fd(call, fd);                                         \
        ssize_t done = next(fd, parts, count, offset, flags);                       \
        end(began, done);                                                                 \
        return done;                                                                \
    }
VECTOR2(preadv2, "pread")
VECTOR2(preadv64v2, "pread")

int fsync(int fd)
{
    NEXT(fsync);
    delay_fd("pwrite", fd);
    return next(fd);
}

int flock(int fd, int how)
{
    NEXT(flock);
    delay_fd("flock", fd);
    return next(fd, how);
}
