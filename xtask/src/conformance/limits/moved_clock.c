/* Preloaded into a server: its time of day is what the file that MOVED_CLOCK names says, in
 * microseconds since 1970; its other clocks are left alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *moved;

__attribute__((constructor)) static void find(void) {
    const char *path = getenv("MOVED_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    void *at = file < 0 ? MAP_FAILED : mmap(0, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) _exit(99);
    moved = at;
}

int clock_gettime(clockid_t id, struct timespec *to) {
    if (!moved || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return syscall(SYS_clock_gettime, id, to);
    int64_t now = *moved;
    to->tv_sec = now / 1000000;
    to->tv_nsec = now % 1000000 * 1000;
    return 0;
}

int gettimeofday(struct timeval *to, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    to->tv_sec = now.tv_sec;
    to->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
