/* Random operations on events over a virtual clock, also inside callbacks. usage: fz_event SEED NOPS
 * FZ_RAW=1: reports in the kernel's order. */
#include "clock.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/event_compat.h>
#include <event2/thread.h>
#include <event2/util.h>
#define NE 14
#define NF 4
static struct event_base *base;
struct slot {
    struct event *e;
    int heap, assigned, fin, hadtv, fd, mask, gen;
    struct event store;
};
static struct slot S[NE];
static int edge[NF], nprio = 1, timeouts_ok, callbacks, incb, uniq, broke, sigs_on, running = -1;
static uint64_t seed;
static struct event *guard;
static int onceon[NF], fdtimeouts;
static int fdof(int k) { return 100 + k; } /* 2*NF ends */
static void opensock(int f) {
    int p[2];
    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, p), "socketpair");
    for (int k = 0; k < 2; k++) {
        int big = 4096;
        setsockopt(p[k], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
        dup2(p[k], fdof(2 * f + k));
        close(p[k]);
        fcntl(fdof(2 * f + k), F_SETFL, O_NONBLOCK);
    }
    edge[f] = chance(25) && (getenv("FZ_KNOWN") || seed % 5 != 1);
}
static void action(int depth);
static int inloop;
static void limit(void) {
    callbacks++;
    if (++inloop > 300) {
        if (fdtimeouts) {
            say("too many\n");
            fflush(stdout);
            _exit(0);
        }
        event_base_loopbreak(base);
    }
}
static void cb(evutil_socket_t fd, short what, void *arg) {
    struct slot *s;
    int i;
    if ((char *)arg >= (char *)S && (char *)arg < (char *)(S + NE)) {
        s = arg;
        i = s - S;
        if (arg == &s->store)
            ;
    } else {
        i = (int)(intptr_t)arg;
        s = NULL;
    }
    limit();
    incb++;
    int was = running;
    running = i;
    say("  cb %d fd %d what %x cur=%d\n", i, (int)fd, what & 0xff, s ? event_base_get_running_event(base) == s->e : -1);
    if (callbacks < 40000) {
        if (chance(20) && fd >= 100) {
            char t[64];
            ssize_t k = read(fd, t, sizeof t);
            say("   read %zd\n", k);
        }
        int k = rnd(4);
        k = k == 3 ? 2 : k == 2 ? 1 : 0;
        while (k--)
            action(1);
    }
    running = was;
    incb--;
}
static void selfcb(evutil_socket_t fd, short what, void *arg) {
    limit();
    int i;
    for (i = 0; i < NE; i++)
        if (S[i].e == arg)
            break;
    must(i < NE, "self argument");
    say("  self cb %d fd %d what %x\n", i, (int)fd, what & 0xff);
}
static void oncecb(evutil_socket_t fd, short what, void *arg) {
    limit();
    if (fd >= 100)
        onceon[(fd - 100) / 2]--;
    say("  once %d fd %d what %x\n", (int)(intptr_t)arg, (int)fd, what & 0xff);
}
static void fincb(struct event *e, void *arg) {
    struct slot *s = S;
    while (s < S + NE && s->e != e)
        s++;
    must(s < S + NE, "finalizer's event");
    must(arg == (void *)s || arg == (void *)e, "finalizer's argument");
    say("  finalizer %d\n", (int)(s - S));
    s->fin = 0;
    s->assigned = 0;
    s->e = NULL;
    s->hadtv = 0;
}
static void finfreecb(struct event *e, void *arg) {
    struct slot *s = S;
    while (s < S + NE && s->e != e)
        s++;
    must(s < S + NE, "finalizer's event");
    must(arg == (void *)s || arg == (void *)e, "finalizer's argument");
    say("  finalizer(free) %d\n", (int)(s - S));
    s->fin = 0;
    s->assigned = 0;
    s->e = NULL;
    s->hadtv = 0;
}
static void guardcb(evutil_socket_t fd, short what, void *arg) {}
static const struct timeval *common;
static struct timeval tvrand(void) {
    struct timeval t;
    if (common)
        return *common;
    int ms = chance(15) ? 0 : rnd(40);
    // A microsecond more or less that the method is asked for must not show: `select` in clock.h goes by steps of 4.
    uniq = (uniq + 7) % 241;
    t.tv_sec = ms / 1000;
    t.tv_usec = ms * 1000 + 2 + 4 * uniq;
    return t;
}
static int early; /* the method tells of a peer's end by itself */
static void choose(struct slot *s) {
    s->hadtv = 0;
    if (chance(30)) {
        s->fd = -1;
        s->mask = chance(40) ? EV_PERSIST : 0;
        return;
    }
    int k = rnd(2 * NF);
    s->fd = fdof(k);
    int one = nprio > 1;
    int m = one ? (chance(50) ? EV_READ : EV_WRITE)
                : (chance(60) ? EV_READ : 0) | (chance(50) ? EV_WRITE : 0) | (chance(20) && early ? EV_CLOSED : 0);
    if (chance(55)) {
        m |= EV_PERSIST;
        if (one)
            m |= (chance(30) ? EV_READ : 0) | (chance(20) && early ? EV_CLOSED : 0);
    }
    if (edge[k / 2])
        m |= EV_ET;
    if (!(m & (EV_READ | EV_WRITE | EV_CLOSED)))
        m |= EV_READ;
    s->mask = m;
}
static void make(int i) {
    struct slot *s = &S[i];
    choose(s);
    s->heap = chance(50);
    s->gen++;
    int self = chance(10);
    event_callback_fn f = self ? selfcb : cb;
    void *a = self ? event_self_cbarg() : s;
    int q = 0;
    if (s->heap) {
        s->e = event_new(base, s->fd, s->mask, f, a);
        must(!!s->e, "event_new");
    } else {
        s->e = &s->store;
        q = event_assign(s->e, base, s->fd, s->mask, f, a);
    }
    s->assigned = 1;
    s->fin = 0;
    say("   make %d %s fd %d mask %x = %d pri %d\n", i, s->heap ? "new" : "assign", s->fd, s->mask, q,
        event_get_priority(s->e));
}
static void unmake(int i) {
    struct slot *s = &S[i];
    if (!s->assigned || s->fin)
        return;
    if (s->heap)
        event_free(s->e);
    else {
        event_del(s->e);
        event_debug_unassign(s->e);
    }
    s->assigned = 0;
    s->e = NULL;
    say("   unmake %d\n", i);
}
static int quiet(void) { return !incb && event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) == 0; }
struct seen {
    int n, id[64];
};
static int each(const struct event_base *b, const struct event *e, void *a) {
    struct seen *z = a;
    for (int i = 0; i < NE; i++)
        if (S[i].assigned && S[i].e == e && z->n < 60)
            z->id[z->n++] = i;
    return 0;
}
/* Signals, in every seventh program. */
static struct event *sigs[4];
static int called[4];
static void sigevent(evutil_socket_t n, short what, void *arg) {
    limit();
    int i = (int)(intptr_t)arg;
    say("  signal %d of %d what %x\n", i, n == SIGUSR1 ? 1 : 2, what & 0xff);
    called[i] = 1;
    if (chance(20)) {
        // The deletion of another that was called before takes the rest of the original's calls.
        int k = rnd(4);
        if (k == i || !called[k] || getenv("FZ_KNOWN"))
            event_del(sigs[k]);
    }
}
static void sigaction_(const char *in) {
    int i = rnd(4), q;
    if (!sigs[i])
        sigs[i] = event_new(base, i % 2 ? SIGUSR1 : SIGUSR2, EV_SIGNAL | (i / 2 ? EV_PERSIST : 0), sigevent,
                            (void *)(intptr_t)i);
    switch (rnd(5)) {
    case 0:
    case 1:
        q = event_add(sigs[i], NULL);
        say("%sadd signal %d %d\n", in, i, q);
        break;
    case 2:
        q = event_del(sigs[i]);
        say("%sdel signal %d %d\n", in, i, q);
        break;
    case 3:
        for (q = 1 + rnd(3); q; q--)
            raise(i % 2 ? SIGUSR1 : SIGUSR2);
        say("%sraise %d\n", in, i % 2 ? 1 : 2);
        break;
    case 4: say("%spending signal %d %x\n", in, i, event_pending(sigs[i], EV_SIGNAL, NULL)); break;
    }
}
static void action(int depth) {
    if (sigs_on && chance(15)) {
        sigaction_(depth ? "    " : "");
        return;
    }
    int i = rnd(NE);
    struct slot *s = &S[i];
    int q;
    struct timeval tv;
    const char *in = depth ? "    " : "";
    if (s->fin)
        return;
    if (!s->assigned) {
        make(i);
        return;
    }
    switch (rnd(34)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        if ((fdtimeouts && !(s->mask & EV_ET) && (!incb || !s->hadtv) && chance(50)) || s->fd < 0) {
            tv = tvrand();
            if (s->fd < 0 && chance(5)) {
                q = event_add(s->e, NULL);
            } else {
                s->hadtv = 1;
                q = event_add(s->e, &tv);
            }
            say("%sadd %d tv=%d %d", in, i, (int)tv.tv_usec, q);
            struct timeval t, g;
            t.tv_sec = 0;
            q = event_pending(s->e, EV_TIMEOUT, &t);
            gettimeofday(&g, NULL);
            if (!getenv("FZ_KNOWN") && q && incb)
                t = g;
            say(" %x due in %ld us\n", q, q ? (t.tv_sec - g.tv_sec) * 1000000 + t.tv_usec - g.tv_usec : 0);
        } else {
            q = event_add(s->e, NULL);
            say("%sadd %d %d\n", in, i, q);
        }
        break;
    case 6:
    case 7:
    case 8:
        q = chance(70) ? event_del(s->e) : chance(50) ? event_del_block(s->e) : event_del_noblock(s->e);
        say("%sdel %d %d\n", in, i, q);
        break;
    case 9:
    case 10: {
        int r = chance(50)                                                      ? EV_READ
                : chance(50) && (getenv("FZ_KNOWN") || !(s->mask & EV_PERSIST)) ? EV_TIMEOUT
                                                                                : EV_WRITE;
        if (chance(10))
            r |= EV_CLOSED;
        event_active(s->e, r, 1 + rnd(3));
        say("%sactive %d %x\n", in, i, r);
    } break;
    case 11:
        if (timeouts_ok) {
            q = event_remove_timer(s->e);
            say("%sremove_timer %d %d\n", in, i, q);
        }
        break;
    case 12:
        q = event_priority_set(s->e, rnd(nprio + 1));
        say("%spriority_set %d %d now %d\n", in, i, q, event_get_priority(s->e));
        break;
    case 13:
        unmake(i);
        make(i);
        break;
    case 14: unmake(i); break;
    case 15:
    case 16:
    case 17: {
        int k = rnd(2 * NF);
        char t[3000];
        memset(t, 'x', sizeof t);
        ssize_t w = write(fdof(k), t, chance(70) ? 1 + rnd(40) : 3000);
        say("%swrite %d %zd\n", in, fdof(k), w);
    } break;
    case 18:
    case 19:
    case 20: {
        int k = rnd(2 * NF);
        char t[20000];
        ssize_t w = read(fdof(k), t, chance(50) ? sizeof t : rnd(60));
        say("%sread %d %zd\n", in, fdof(k), w);
    } break;
    case 21: {
        int f = rnd(NF);
        if (chance(40)) {
            if (onceon[f])
                break;
            for (int k = 0; k < NE; k++)
                if (S[k].assigned && !S[k].fin && S[k].fd >= fdof(2 * f) && S[k].fd <= fdof(2 * f + 1))
                    unmake(k);
                else if (S[k].fin && S[k].fd >= fdof(2 * f) && S[k].fd <= fdof(2 * f + 1))
                    return;
            close(fdof(2 * f));
            close(fdof(2 * f + 1));
            opensock(f);
            say("%sreopen %d edge %d\n", in, f, edge[f]);
        } else {
            int h = chance(50) ? SHUT_WR : SHUT_RD;
            q = shutdown(fdof(2 * f + rnd(2)), h);
            say("%sshutdown %d %d\n", in, h, q);
        }
    } break;
    case 22: {
        static int oid = 1000;
        if (chance(50)) {
            tv = tvrand();
            q = event_base_once(base, -1, EV_TIMEOUT, oncecb, (void *)(intptr_t)++oid, &tv);
        } else {
            int k;
            for (k = 0; k < 2 * NF; k++)
                if (!edge[k / 2])
                    break;
            if (k == 2 * NF)
                break;
            k = rnd(2 * NF);
            if (edge[k / 2])
                break;
            q = event_base_once(base, fdof(k), chance(50) ? EV_READ : EV_WRITE, oncecb, (void *)(intptr_t)++oid, NULL);
            if (!q)
                onceon[k / 2]++;
        }
        say("%sonce %d %d\n", in, oid, q);
    } break;
    case 23:
        if (!s->heap) {
            if (s->assigned && chance(60)) {
                s->fin = 1;
                q = event_finalize(0, s->e, fincb); /* argument: the event's own */
                say("%sfinalize %d %d\n", in, i, q);
            }
        } else {
            s->fin = 1;
            q = event_free_finalize(0, s->e, finfreecb);
            say("%sfree_finalize %d %d\n", in, i, q);
        }
        break;
    case 24:
        if (incb) {
            switch (rnd(4)) {
            case 0:
                if (fdtimeouts)
                    break;
                q = event_base_loopbreak(base);
                say("%sbreak %d got %d\n", in, q, event_base_got_break(base));
                broke = 1;
                break;
            case 1:
                if (seed % 8 == 3 && !getenv("FZ_KNOWN"))
                    break;
                q = event_base_loopexit(base, NULL);
                say("%sexit %d\n", in, q);
                break;
            case 2:
                if (fdtimeouts)
                    break;
                q = event_base_loopcontinue(base);
                say("%scontinue %d\n", in, q);
                break;
            case 3:
                tv = tvrand();
                q = event_base_loopexit(base, &tv);
                say("%sexit in time %d\n", in, q);
                break;
            }
        }
        break;
    case 25: {
        int k = rnd(2 * NF);
        short w = chance(50) ? EV_READ : EV_WRITE;
        event_base_active_by_fd(base, fdof(k), w);
        say("%sactive_by_fd %d %x\n", in, fdof(k), w);
    } break;
    case 26:
        if (quiet()) {
            struct seen z = {0};
            q = event_base_foreach_event(base, each, &z);
            for (int a = 1; a < z.n; a++)
                for (int b = a; b > 0 && S[z.id[b - 1]].fd < 0 && S[z.id[b]].fd < 0 && z.id[b - 1] > z.id[b]; b--) {
                    int t = z.id[b];
                    z.id[b] = z.id[b - 1];
                    z.id[b - 1] = t;
                }
            say("foreach");
            for (int a = 0; a < z.n; a++)
                say(" %d", z.id[a]);
            say("\n");
        }
        break;
    case 27:
    case 28:
        if (quiet() || !s->hadtv) {
            q = event_pending(s->e, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL | EV_CLOSED, NULL);
            if (!quiet())
                q &= ~EV_TIMEOUT;
            say("%spending %d %x\n", in, i, q);
        }
        break;
    case 29:
        if (quiet())
            say("events: %d active, %d added, %d virtual\n", event_base_get_num_events(base, 1),
                event_base_get_num_events(base, 4), event_base_get_num_events(base, 2));
        break;
    case 30:
        if (incb) {
            q = event_base_loop(base, EVLOOP_NONBLOCK);
            say("%sloop in loop %d\n", in, q);
        }
        break;
    case 31: {
        struct timeval c;
        event_base_gettimeofday_cached(base, &c);
        struct timeval g;
        gettimeofday(&g, NULL);
        say("%scached now %d\n", in, (int)((g.tv_sec - c.tv_sec) * 1000 + (g.tv_usec - c.tv_usec) / 1000));
        if (chance(30))
            event_base_update_cache_time(base);
    } break;
    case 32:
        if (incb && chance(40)) {
            int n = rnd(8);
            vclock_ns += n * 1000000ll;
            say("%stime passes %d\n", in, n);
        }
        break;
    case 33:
        if (s->fd < 0 && timeouts_ok && quiet()) {
            struct timeval t, g;
            q = event_pending(s->e, EV_TIMEOUT, &t);
            gettimeofday(&g, NULL);
            say("due %d %d in %ld us\n", i, q, q ? (t.tv_sec - g.tv_sec) * 1000000 + t.tv_usec - g.tv_usec : 0);
        }
        break;
    }
}
static void logcb(int sev, const char *m) {
    say("  log %d %s\n", sev, strstr(m, "Epoll") ? "epoll" : strstr(m, "reentrant") ? "reentrant" : m);
}
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    int nops = argc > 2 ? atoi(argv[2]) : 300;
    fz_raw = !!getenv("FZ_RAW");
    fz_seed(seed);
    signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(logcb);
    if (seed % 3 == 0)
        evthread_use_pthreads();
    if (seed % 11 == 0)
        event_enable_debug_mode();
    timeouts_ok = seed % 4 != 0;
    struct event_config *c = event_config_new();
    const char *method = getenv("FZ_METHOD") ? getenv("FZ_METHOD") : "epoll";
    for (const char **m = (const char *[]){"epoll", "poll", "select", NULL}; *m; m++)
        if (strcmp(*m, method))
            event_config_avoid_method(c, *m);
    early = !strcmp(method, "epoll");
    int fl = 0;
    if (seed % 5 == 1)
        fl |= EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST;
    if (seed % 6 == 1)
        fl |= EVENT_BASE_FLAG_NO_CACHE_TIME;
    event_config_set_flag(c, fl);
    if (seed % 8 == 3) {
        event_config_set_max_dispatch_interval(c, NULL, 1 + rnd(3), rnd(2));
    }
    fdtimeouts = timeouts_ok && seed % 2 == 0 && seed % 8 != 3;
    base = event_base_new_with_config(c);
    event_config_free(c);
    must(!!base, "base");
    if (seed % 2) {
        nprio = 3;
        event_base_priority_init(base, 3);
    }
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigs_on = seed % 7 == 2;
    // One duration: the order of several queues and of other timers is not the original's by intention.
    if (seed % 7 == 3) {
        struct timeval t = {0, 17002};
        common = event_base_init_common_timeout(base, &t);
    }
    for (int f = 0; f < NF; f++)
        opensock(f);
    guard = event_new(base, -1, EV_PERSIST, guardcb, NULL);
    struct timeval g = {0, 50002};
    event_add(guard, &g);
    event_priority_set(guard, nprio - 1);
    for (int t = 0; t < nops; t++) {
        fz_seed(seed * 1000003 + t);
        say("%d ", t);
        if (chance(30)) {
            int f = chance(50) ? EVLOOP_NONBLOCK : EVLOOP_ONCE;
            say("loop %d\n", f);
            inloop = 0;
            int q = event_base_loop(base, f);
            say(" loop = %d break %d exit %d\n", q, event_base_got_break(base),
                event_base_got_break(base) ? 0 : event_base_got_exit(base));
        } else {
            action(0);
            say("\n");
        }
        if (callbacks > 40000) {
            say("enough callbacks\n");
            break;
        }
    }
    if (seed % 2)
        for (int i = 0; i < NE; i++)
            unmake(i);
    for (int i = 0; i < 4; i++)
        if (sigs[i])
            event_free(sigs[i]);
    say("free\n");
    event_free(guard);
    event_base_free(base);
    base = NULL;
    return 0;
}
