/* Common parts of the differential fuzzers. A program is compiled once and run on the stock library and on evoxide:
 * everything visible is printed, never addresses, descriptors' numbers or times. */
#ifndef FZ_H
#define FZ_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <stdarg.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <sys/time.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static uint64_t fz_s = 88172645463325252ull;
static inline uint64_t rnd64(void) {
    fz_s ^= fz_s << 13;
    fz_s ^= fz_s >> 7;
    fz_s ^= fz_s << 17;
    return fz_s * 2685821657736338717ull;
}
static inline unsigned rnd(unsigned n) { return (unsigned)((rnd64() >> 33) % n); }
static inline int chance(unsigned percent) { return rnd(100) < percent; }
static void fz_seed(uint64_t s) {
    fz_s = s * 0x9E3779B97F4A7C15ull + 0x1234567;
    for (int i = 0; i < 8; i++)
        rnd64();
    if (!fz_s)
        fz_s = 1;
}
static uint32_t fz_hash(const void *p, size_t n) {
    const unsigned char *c = p;
    uint32_t h = 2166136261u;
    while (n--)
        h = (h ^ *c++) * 16777619u;
    return h;
}
static int fz_quiet;
static void say(const char *f, ...) {
    if (fz_quiet)
        return;
    va_list a;
    va_start(a, f);
    vprintf(f, a);
    va_end(a);
}
static void must(int ok, const char *what) {
    if (!ok) {
        printf("MUST FAILED: %s\n", what);
        fflush(stdout);
        abort();
    }
}
#endif
