/* A virtual clock: the program exports clock_gettime, gettimeofday, epoll_wait and so on, which then serve the library
 * too. Waiting moves the clock. Reports are sorted by descriptor unless FZ_RAW is set, so that the order in which the
 * kernel lists ready descriptors does not matter. */
#ifndef CLOCK_H
#define CLOCK_H
#include "fz.h"
#include <dlfcn.h>
#include <sys/epoll.h>
#include <poll.h>
#include <sys/syscall.h>
static int64_t vclock_ns = 1000000000000ll;
static const int64_t wall_off = 2000000000ll * 1000000000ll;
static int vclock_on = 1, fz_raw, vwaits, vforever;
#define EXPORT __attribute__((visibility("default")))
EXPORT int clock_gettime(clockid_t c, struct timespec *t) {
    if (!vclock_on || c == CLOCK_PROCESS_CPUTIME_ID || c == CLOCK_THREAD_CPUTIME_ID)
        return syscall(SYS_clock_gettime, c, t);
    int64_t n = vclock_ns;
    if (c == CLOCK_REALTIME || c == CLOCK_REALTIME_COARSE)
        n += wall_off;
    t->tv_sec = n / 1000000000;
    t->tv_nsec = n % 1000000000;
    return 0;
}
EXPORT int gettimeofday(struct timeval *t, void *z) {
    (void)z;
    struct timespec s;
    clock_gettime(CLOCK_REALTIME, &s);
    t->tv_sec = s.tv_sec;
    t->tv_usec = s.tv_nsec / 1000;
    return 0;
}
EXPORT time_t time(time_t *p) {
    struct timespec s;
    clock_gettime(CLOCK_REALTIME, &s);
    if (p)
        *p = s.tv_sec;
    return s.tv_sec;
}
static struct {
    int ep, fd;
    uint64_t data;
} vmap[4096];
static int vmap_n;
EXPORT int epoll_ctl(int ep, int op, int fd, struct epoll_event *e) {
    int i;
    if (e && op != EPOLL_CTL_DEL) {
        for (i = 0; i < vmap_n; i++)
            if (vmap[i].ep == ep && vmap[i].fd == fd)
                break;
        if (i == vmap_n && vmap_n < 4096)
            vmap_n++;
        if (i < 4096) {
            vmap[i].ep = ep;
            vmap[i].fd = fd;
            vmap[i].data = e->data.u64;
        }
    }
    return syscall(SYS_epoll_ctl, ep, op, fd, e);
}
static int vfd(int ep, uint64_t data) {
    for (int i = 0; i < vmap_n; i++)
        if (vmap[i].ep == ep && vmap[i].data == data)
            return vmap[i].fd;
    return 1 << 20;
}
static int vwait(int ep, struct epoll_event *ev, int max, int64_t ns) {
    struct epoll_event all[1024];
    if (max > 1024)
        max = 1024;
    vwaits++;
    int n = syscall(SYS_epoll_pwait, ep, all, max, 0, NULL, 8);
    if (n == 0 && ns) {
        if (ns < 0) {
            vforever++;
            if (vforever > 20000) {
                printf("WAITS FOREVER\n");
                fflush(stdout);
                _exit(9);
            }
        } else
            vclock_ns += ns;
    }
    if (n > 0) {
        vforever = 0;
        if (!fz_raw)
            for (int i = 1; i < n; i++)
                for (int j = i; j > 0 && vfd(ep, all[j - 1].data.u64) > vfd(ep, all[j].data.u64); j--) {
                    struct epoll_event t = all[j];
                    all[j] = all[j - 1];
                    all[j - 1] = t;
                }
        memcpy(ev, all, n * sizeof *ev);
    }
    return n;
}
EXPORT int epoll_wait(int ep, struct epoll_event *ev, int max, int ms) {
    return vwait(ep, ev, max, ms < 0 ? -1 : ms * 1000000ll);
}
EXPORT int epoll_pwait(int ep, struct epoll_event *ev, int max, int ms, const sigset_t *s) {
    (void)s;
    return vwait(ep, ev, max, ms < 0 ? -1 : ms * 1000000ll);
}
EXPORT int epoll_pwait2(int ep, struct epoll_event *ev, int max, const struct timespec *t, const sigset_t *s) {
    (void)s;
    return vwait(ep, ev, max, t ? t->tv_sec * 1000000000ll + t->tv_nsec : -1);
}
EXPORT int nanosleep(const struct timespec *t, struct timespec *r) {
    (void)r;
    vclock_ns += t->tv_sec * 1000000000ll + t->tv_nsec;
    return 0;
}
/* One ready descriptor at a time, in turn: the original begins at a random one. `vturn` is told of each that is ready,
 * and `vchosen` says whose turn it is. */
static int vlast, vnext, vfirst;
static void vturn(int fd) {
    if (fd > vlast && (vnext < 0 || fd < vnext))
        vnext = fd;
    if (vfirst < 0 || fd < vfirst)
        vfirst = fd;
}
static int vchosen(void) { return vlast = vnext >= 0 ? vnext : vfirst; }
static void vnothing(int forever) {
    if (forever && ++vforever > 20000) {
        printf("WAITS FOREVER\n");
        fflush(stdout);
        _exit(9);
    }
}
EXPORT int poll(struct pollfd *p, nfds_t n, int ms) {
    vwaits++;
    int r = syscall(SYS_poll, p, n, 0);
    if (r == 0 && ms > 0)
        vclock_ns += ms * 1000000ll;
    if (r == 0)
        vnothing(ms < 0);
    if (r > 1 && !fz_raw) {
        vnext = vfirst = -1;
        for (nfds_t i = 0; i < n; i++)
            if (p[i].revents)
                vturn(p[i].fd);
        int only = vchosen();
        r = 0;
        for (nfds_t i = 0; i < n; i++)
            if (p[i].fd != only)
                p[i].revents = 0;
            else
                r += !!p[i].revents;
    }
    return r;
}
/* What `select` rounds the time up to that it waits for. */
static int64_t vstep = 4000;
EXPORT int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *t) {
    vwaits++;
    struct timeval z = {0, 0};
    int k = syscall(SYS_select, n, r, w, x, &z);
    // A kernel never wakes early, and a microsecond more or less that is asked for makes no difference.
    if (k == 0 && t) {
        int64_t step = vstep;
        vclock_ns = (vclock_ns + t->tv_sec * 1000000000ll + t->tv_usec * 1000ll + step) / step * step;
    }
    if (k == 0)
        vnothing(!t);
    fd_set *set[3] = {r, w, x};
    if (k > 1 && !fz_raw) {
        vnext = vfirst = -1;
        for (int i = 0; i < 3; i++)
            for (int fd = 0; set[i] && fd < n; fd++)
                if (FD_ISSET(fd, set[i]))
                    vturn(fd);
        int only = vchosen();
        k = 0;
        for (int i = 0; i < 3; i++)
            for (int fd = 0; set[i] && fd < n; fd++) {
                if (fd != only)
                    FD_CLR(fd, set[i]);
                else
                    k += !!FD_ISSET(fd, set[i]);
            }
    }
    return k;
}
#endif
