/* Random operations on libev watchers over a virtual clock, also inside callbacks. usage: fz_ev SEED NOPS */
#include "clock.h"
#include <ev.h>
#define N 6
static struct ev_loop *L, *sub;
static uint64_t seed;
static int depth, cbs, uniq;
static ev_io io[N];
static ev_timer tm[N];
static ev_periodic pe[N];
static ev_idle id[3];
static ev_prepare pr[3];
static ev_check ch[3];
static ev_async as[2];
static ev_cleanup cu;
static ev_timer guard;
static int fdof(int k) { return 100 + k; }
static void action(void);
static void opensock(int f) {
    int p[2];
    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, p), "sp");
    for (int k = 0; k < 2; k++) {
        int big = 4096;
        setsockopt(p[k], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
        dup2(p[k], fdof(2 * f + k));
        close(p[k]);
        fcntl(fdof(2 * f + k), F_SETFL, O_NONBLOCK);
    }
}
static void after(const char *w, int i, int rev) {
    cbs++;
    say("  %s %d rev %x\n", w, i, rev);
    if (cbs > 20000 || depth > 2)
        return;
    int k = rnd(4);
    k = k == 3 ? 2 : k == 2 ? 1 : 0;
    depth++;
    while (k--)
        action();
    depth--;
}
#define CB(name, type, arr)                                                                                            \
    static void name(struct ev_loop *l, type *w, int rev) {                                                            \
        must(l == L, "loop");                                                                                          \
        after(#name, (int)(w - arr), rev);                                                                             \
    }
CB(oio, ev_io, io)
CB(otm, ev_timer, tm)
CB(ope, ev_periodic, pe) CB(oid, ev_idle, id) CB(opr, ev_prepare, pr) CB(och, ev_check, ch)
    CB(oas, ev_async, as) static void ocu(struct ev_loop *l, ev_cleanup *w, int rev) {
    say("  cleanup %x\n", rev);
}
static void og(struct ev_loop *l, ev_timer *w, int r) {
    static int k;
    if (cbs > 20000)
        ev_break(l, EVBREAK_ALL);
}
static void oonce(int rev, void *a) {
    cbs++;
    say("  once %d rev %x\n", (int)(intptr_t)a, rev);
}
static ev_tstamp resched(ev_periodic *w, ev_tstamp now) {
    int i = (int)(w - pe);
    return now + 0.004 * (i + 1) + 0.00037 * (i + 1);
}
static double dt(void) {
    uniq = (uniq + 7) % 997;
    return chance(10) ? 0.000001 * (uniq + 1) : 0.001 * rnd(30) + 0.000001 * (uniq + 1);
}
static void *W(int *kind, int *idx) {
    switch (*kind = rnd(7)) {
    case 0: return &io[*idx = rnd(N)];
    case 1: return &tm[*idx = rnd(N)];
    case 2: return &pe[*idx = rnd(N)];
    case 3: return &id[*idx = rnd(3)];
    case 4: return &pr[*idx = rnd(3)];
    case 5: return &ch[*idx = rnd(3)];
    default: return &as[*idx = rnd(2)];
    }
}
static void start(int k, void *w) {
    switch (k) {
    case 0: ev_io_start(L, w); break;
    case 1: ev_timer_start(L, w); break;
    case 2: ev_periodic_start(L, w); break;
    case 3: ev_idle_start(L, w); break;
    case 4: ev_prepare_start(L, w); break;
    case 5: ev_check_start(L, w); break;
    case 6: ev_async_start(L, w); break;
    }
}
static void stop(int k, void *w) {
    switch (k) {
    case 0: ev_io_stop(L, w); break;
    case 1: ev_timer_stop(L, w); break;
    case 2: ev_periodic_stop(L, w); break;
    case 3: ev_idle_stop(L, w); break;
    case 4: ev_prepare_stop(L, w); break;
    case 5: ev_check_stop(L, w); break;
    case 6: ev_async_stop(L, w); break;
    }
}
static void action(void) {
    int k, i;
    ev_watcher *w;
    const char *in = depth ? "    " : "";
    switch (rnd(26)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        w = W(&k, &i);
        start(k, w);
        say("%sstart %d.%d active %d\n", in, k, i, !!ev_is_active(w));
        break;
    case 5:
    case 6:
    case 7:
        w = W(&k, &i);
        stop(k, w);
        say("%sstop %d.%d active %d pending %d\n", in, k, i, !!ev_is_active(w), !!ev_is_pending(w));
        break;
    case 8:
        w = W(&k, &i);
        if (!ev_is_active(w) && !ev_is_pending(w)) {
            int p = (int)rnd(5) - 2;
            ev_set_priority(w, p);
            say("%spriority %d.%d %d\n", in, k, i, p);
        }
        break;
    case 9:
        w = W(&k, &i);
        {
            int rev = k == 0 ? EV_READ : k == 1 ? EV_TIMER : EV_CUSTOM;
            ev_feed_event(L, w, rev);
            say("%sfeed %d.%d %x\n", in, k, i, rev);
        }
        break;
    case 10:
        w = W(&k, &i);
        {
            int q = ev_clear_pending(L, w);
            say("%sclear %d.%d %x\n", in, k, i, q);
        }
        break;
    case 11:
        w = W(&k, &i);
        if (depth < 2) {
            say("%sinvoke %d.%d\n", in, k, i);
            ev_invoke(L, w, EV_CUSTOM);
        }
        break;
    case 12:
        i = rnd(N);
        {
            int act = ev_is_active(&io[i]);
            ev_io_stop(L, &io[i]);
            int fd = fdof(rnd(2 * 3)), e = chance(50) ? EV_READ : chance(50) ? EV_WRITE : EV_READ | EV_WRITE;
            if (chance(50))
                ev_io_set(&io[i], fd, e);
            else if (!ev_is_active(&io[i]))
                ev_io_modify(&io[i], e);
            if (act)
                ev_io_start(L, &io[i]);
            say("%sio_set %d fd %d ev %x active %d\n", in, i, fd, io[i].events & 3, act);
        }
        break;
    case 13:
        i = rnd(N);
        {
            ev_timer_stop(L, &tm[i]);
            double a = dt(), r = chance(50) ? 0 : dt();
            ev_timer_set(&tm[i], a, r);
            if (chance(70))
                ev_timer_start(L, &tm[i]);
            say("%stimer_set %d %.6f %.6f active %d\n", in, i, a, r, !!ev_is_active(&tm[i]));
        }
        break;
    case 14:
        i = rnd(N);
        {
            if (chance(50))
                tm[i].repeat = chance(30) ? 0. : dt();
            ev_timer_again(L, &tm[i]);
            say("%sagain %d active %d\n", in, i, !!ev_is_active(&tm[i]));
        }
        break;
    case 15:
        i = rnd(N);
        if (ev_is_active(&tm[i]))
            say("%sremaining %d %.3f\n", in, i, ev_timer_remaining(L, &tm[i]));
        break;
    case 16:
        i = rnd(N);
        {
            ev_periodic_stop(L, &pe[i]);
            int m = rnd(3);
            double o = dt();
            if (m == 0)
                ev_periodic_set(&pe[i], ev_now(L) + o, 0., 0);
            else if (m == 1)
                ev_periodic_set(&pe[i], o, 0.01 + dt(), 0);
            else
                ev_periodic_set(&pe[i], 0., 0., resched);
            if (chance(70))
                ev_periodic_start(L, &pe[i]);
            say("%speriodic_set %d mode %d active %d at +%.3f\n", in, i, m, !!ev_is_active(&pe[i]),
                ev_is_active(&pe[i]) ? ev_periodic_at(&pe[i]) - ev_now(L) : 0.);
        }
        break;
    case 17:
        i = rnd(N);
        if (pe[i].interval || pe[i].reschedule_cb) {
            ev_periodic_again(L, &pe[i]);
            say("%speriodic_again %d +%.3f\n", in, i, ev_periodic_at(&pe[i]) - ev_now(L));
        }
        break;
    case 18:
        i = rnd(2);
        if (!ev_is_active(&as[i]))
            break;
        ev_async_send(L, &as[i]);
        say("%sasync_send %d pending %d\n", in, i, ev_async_pending(&as[i]));
        break;
    case 19:
        if (depth) {
            int how = chance(70) ? EVBREAK_ONE : EVBREAK_ALL;
            ev_break(L, how);
            say("%sbreak %d\n", in, how);
        }
        break;
    case 20:
        if (depth && depth < 2 && cbs < 15000) {
            say("%snested run depth %d\n", in, ev_depth(L));
            int q = ev_run(L, chance(50) ? EVRUN_NOWAIT : EVRUN_ONCE);
            say("%snested run = %d depth %d\n", in, !!q, ev_depth(L));
        }
        break;
    case 21:
    case 22: {
        int f = fdof(rnd(6));
        char t[3000];
        memset(t, 1, sizeof t);
        if (chance(50)) {
            ssize_t z = write(f, t, chance(70) ? 1 + rnd(30) : 3000);
            say("%swrite %d %zd\n", in, f, z);
        } else {
            ssize_t z = read(f, t, sizeof t);
            say("%sread %d %zd\n", in, f, z);
        }
    } break;
    case 23: {
        static int oid;
        int fd = chance(50) ? -1 : fdof(rnd(6));
        double t = fd < 0 || chance(50) ? dt() : -1.;
        ev_once(L, fd, fd < 0 ? 0 : chance(50) ? EV_READ : EV_WRITE, t, oonce, (void *)(intptr_t)++oid);
        say("%sonce %d\n", in, oid);
    } break;
    case 24:
        if (chance(20) && depth < 2) {
            say("%sinvoke_pending\n", in);
            ev_invoke_pending(L);
        }
        break;
    case 25:
        switch (rnd(5)) {
        case 0:
            if (chance(50)) {
                ev_unref(L);
                ev_ref(L);
            }
            break;
        case 1: ev_now_update(L); break;
        case 2:
            if (depth) {
                vclock_ns += rnd(5) * 1000000ll;
                say("%stime passes\n", in);
            }
            break;
        case 3:
            ev_suspend(L);
            vclock_ns += rnd(5) * 1000000ll;
            ev_resume(L);
            say("%ssuspended\n", in);
            break;
        case 4:
            if (chance(20)) {
                ev_loop_fork(L);
                say("%sloop_fork\n", in);
            }
            break;
        }
        break;
    }
}
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    int nops = argc > 2 ? atoi(argv[2]) : 300;
    fz_raw = !!getenv("FZ_RAW");
    fz_seed(seed);
    signal(SIGPIPE, SIG_IGN);
    vclock_ns += 123457;
    vstep = 100000;
    const char *method = getenv("FZ_METHOD") ? getenv("FZ_METHOD") : "epoll";
    int backend = !strcmp(method, "poll")     ? EVBACKEND_POLL
                  : !strcmp(method, "select") ? EVBACKEND_SELECT
                                              : EVBACKEND_EPOLL;
    L = seed % 2 ? ev_default_loop(backend) : ev_loop_new(backend | (seed % 3 == 0 ? EVFLAG_NOTIMERFD : 0));
    must(!!L, "loop");
    for (int f = 0; f < 3; f++)
        opensock(f);
    if (seed % 5 == 0 && getenv("FZ_COLLECT")) {
        ev_set_io_collect_interval(L, 0.002);
        ev_set_timeout_collect_interval(L, 0.003);
    }
    for (int i = 0; i < N; i++) {
        ev_io_init(&io[i], oio, fdof(i), i % 2 ? EV_READ : EV_WRITE);
        ev_timer_init(&tm[i], otm, dt(), i % 2 ? dt() : 0.);
        ev_periodic_init(&pe[i], ope, 0., 0.02 + 0.001 * i + 0.0000137 * (i + 1), 0);
    }
    for (int i = 0; i < 3; i++) {
        ev_idle_init(&id[i], oid);
        ev_prepare_init(&pr[i], opr);
        ev_check_init(&ch[i], och);
    }
    for (int i = 0; i < 2; i++)
        ev_async_init(&as[i], oas);
    ev_cleanup_init(&cu, ocu);
    ev_cleanup_start(L, &cu);
    ev_timer_init(&guard, og, 0.0500071, 0.0500071);
    ev_timer_start(L, &guard);
    ev_unref(L);
    ev_ref(L);
    for (int t = 0; t < nops; t++) {
        fz_seed(seed * 1000003 + t);
        say("%d ", t);
        if (chance(35)) {
            int f = chance(50) ? EVRUN_NOWAIT : EVRUN_ONCE;
            say("run %d\n", f);
            int q = ev_run(L, f);
            say(" run = %d iteration depth %d\n", !!q, ev_depth(L));
        } else {
            action();
            say("\n");
        }
        if (cbs > 20000)
            break;
    }
    say("end\n");
    if (!(seed % 2))
        ev_loop_destroy(L);
    return 0;
}
