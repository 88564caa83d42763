/* A clock that a test can put forward, to be preloaded: the monotonic clocks are ahead by what the
 * file $CLOCK_AHEAD says, in milliseconds. So nobody waits for a limit of minutes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead_ms(void) {
    const char *path = getenv("CLOCK_AHEAD");
    char text[24] = "";
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    return len > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (failed != 0 || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
        return (int)failed;
    long ms = ahead_ms(), ns = now->tv_nsec + ms % 1000 * 1000000;
    now->tv_sec += ms / 1000 + ns / 1000000000;
    now->tv_nsec = ns % 1000000000;
    return 0;
}
