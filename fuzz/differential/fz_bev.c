/* Random operations on bufferevents (sockets, pairs, filters on them); what arrives is checked byte by byte, and what
 * can be seen once nothing moves any more is printed. usage: fz_bev SEED NOPS FZ_CHECK=1: print nothing but the last
 * line (for the features whose timing may differ: rate limits, frees in callbacks). */
#include "clock.h"
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/thread.h>
#include <event2/util.h>
#define NL 4
static struct event_base *base;
struct end {
    struct bufferevent *b;
    int link, side, alive, fd, flags, filters, err, pausecb;
    short seen;
    uint64_t sent, got, echoed;
    int rmode;
    short enabled;
    unsigned tag;
    int writecbs, watch;
};
static struct end E[NL][2];
static uint64_t gen[NL];
static int type[NL];
static uint64_t seed;
static int feat, check, incb, ncbs;
static unsigned tags;
enum { F_FILTER = 1, F_DEFER = 2, F_FREE = 4, F_RATE = 8, F_TIMEO = 16, F_MARKS = 32, FF_LOCK = 64, F_MOD = 128 };
static struct ev_token_bucket_cfg *rates[3];
static struct bufferevent_rate_limit_group *grp;
#define P(...)                                                                                                         \
    do {                                                                                                               \
        if (!check)                                                                                                    \
            say(__VA_ARGS__);                                                                                          \
    } while (0)
static unsigned char byteat(int l, int side, uint64_t k) {
    return (unsigned char)(k * 31 + (k >> 8) * 17 + l * 7 + side * 3 + gen[l] * 11);
}
static void action(void);
static void killend(struct end *e);
static void take(struct end *e, struct evbuffer *in, size_t n) {
    unsigned char t[8192];
    while (n) {
        int k = evbuffer_remove(in, t, n < sizeof t ? n : sizeof t);
        if (k <= 0)
            break;
        n -= k;
        for (int i = 0; i < k; i++) {
            if (t[i] != byteat(e->link, !e->side, e->got)) {
                printf("WRONG BYTE link %d side %d at %llu\n", e->link, e->side, (unsigned long long)e->got);
                fflush(stdout);
                abort();
            }
            e->got++;
        }
    }
    if (e->got > E[e->link][!e->side].sent) {
        printf("MORE THAN WAS SENT link %d\n", e->link);
        abort();
    }
}
static void send_(struct end *e, size_t n) {
    unsigned char *t = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        t[i] = byteat(e->link, e->side, e->sent + i);
    int how = rnd(3), q;
    e->sent += n;
    unsigned long long g = gen[e->link];
    if (how == 0)
        q = bufferevent_write(e->b, t, n);
    else if (how == 1)
        q = evbuffer_add(bufferevent_get_output(e->b), t, n);
    else {
        struct evbuffer *x = evbuffer_new();
        evbuffer_add(x, t, n);
        q = bufferevent_write_buffer(e->b, x);
        if (q)
            printf("write_buffer failed\n");
        evbuffer_free(x);
    }
    if (q) {
        if (g == gen[e->link] && e->alive)
            e->sent -= n;
        P("  write failed\n");
    }
    free(t);
}
static void onread(struct bufferevent *b, void *a) {
    if (ncbs > 60000) {
        event_base_loopbreak(base);
        return;
    }
    struct end *e = a;
    uint64_t keep = fz_s;
    incb++;
    ncbs++;
    must(e->alive && e->b == b, "read callback of a freed one");
    struct evbuffer *in = bufferevent_get_input(b);
    size_t n = evbuffer_get_length(in);
    if (e->rmode == 0)
        take(e, in, n);
    else if (e->rmode == 1) {
        if (check)
            take(e, in, n > 100 ? 100 : n);
    } else if (e->rmode == 2) {
        take(e, in, n);
        uint64_t due = e->got / 100;
        if (due > e->echoed && e->sent < 60000) {
            send_(e, due - e->echoed);
            e->echoed = due;
        }
    }
    if ((feat & F_MOD) && ncbs < 3000 && chance(30))
        action();
    incb--;
    if (!check)
        fz_s = keep;
}
static void onwrite(struct bufferevent *b, void *a) {
    struct end *e = a;
    incb++;
    ncbs++;
    must(e->alive && e->b == b, "write callback of a freed one");
    e->writecbs++;
    if ((feat & F_MOD) && ncbs < 3000 && chance(20))
        action();
    incb--;
}
static void onevent(struct bufferevent *b, short what, void *a) {
    struct end *e = a;
    incb++;
    ncbs++;
    must(e->alive && e->b == b, "event callback of a freed one");
    e->seen |= what;
    P("  event %d.%d %x\n", e->link, e->side, what);
    if ((feat & F_FREE) && ncbs < 3000 && chance(40)) {
        if (chance(50))
            killend(e);
        else
            killend(&E[rnd(NL)][rnd(2)]);
    } else if ((feat & F_MOD) && ncbs < 3000 && chance(20))
        action();
    incb--;
}
static int filt_n;
static enum bufferevent_filter_result pass(struct evbuffer *s, struct evbuffer *d, ev_ssize_t lim,
                                           enum bufferevent_flush_mode m, void *a) {
    size_t n = evbuffer_get_length(s), k = n;
    if (lim >= 0 && (size_t)lim < k)
        k = lim;
    if (a && k > 700)
        k = 700;
    if (!k)
        return n ? BEV_ERROR == 3 ? BEV_ERROR : BEV_OK : BEV_NEED_MORE;
    filt_n++;
    unsigned char t[700];
    if (a) {
        size_t left = k;
        while (left) {
            size_t c = left > 700 ? 700 : left;
            evbuffer_remove(s, t, c);
            evbuffer_add(d, t, c);
            left -= c;
        }
    } else
        evbuffer_remove_buffer(s, d, k);
    return BEV_OK;
}
static int ctxs;
static void freectx(void *p) {
    ctxs--;
    free(p);
}
static void setup(struct end *e) {
    bufferevent_setcb(e->b, onread, onwrite, onevent, e);
    e->enabled = EV_READ | EV_WRITE;
    bufferevent_enable(e->b, e->enabled);
}
static void make(int l) {
    gen[l]++;
    int fl = BEV_OPT_CLOSE_ON_FREE | ((feat & F_DEFER) && chance(50) ? BEV_OPT_DEFER_CALLBACKS : 0) |
             ((feat & FF_LOCK) && chance(70) ? BEV_OPT_THREADSAFE : 0);
    if ((feat & FF_LOCK) && (fl & BEV_OPT_THREADSAFE) && (fl & BEV_OPT_DEFER_CALLBACKS) && chance(50))
        fl |= BEV_OPT_UNLOCK_CALLBACKS;
    struct bufferevent *b[2];
    type[l] = chance(40);
    int fd[2] = {-1, -1};
    if (type[l]) {
        must(!bufferevent_pair_new(base, fl, b), "pair");
    } else {
        int p[2];
        must(!socketpair(AF_UNIX, SOCK_STREAM, 0, p), "socketpair");
        for (int k = 0; k < 2; k++) {
            fd[k] = 100 + l * 2 + k;
            dup2(p[k], fd[k]);
            close(p[k]);
            evutil_make_socket_nonblocking(fd[k]);
            int big = 1 << 20;
            setsockopt(fd[k], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
            b[k] = bufferevent_socket_new(base, fd[k], fl);
            must(!!b[k], "socket_new");
        }
    }
    for (int k = 0; k < 2; k++) {
        struct end *e = &E[l][k];
        memset(e, 0, sizeof *e);
        e->link = l;
        e->side = k;
        e->b = b[k];
        e->fd = fd[k];
        e->alive = 1;
        e->flags = fl;
        if (feat & F_FILTER) {
            int nf = rnd(3);
            while (nf--) {
                void *ctx = malloc(5);
                ctxs++;
                struct bufferevent *f =
                    bufferevent_filter_new(e->b, chance(30) ? NULL : pass, chance(30) ? NULL : pass, fl, freectx, ctx);
                must(!!f, "filter");
                e->b = f;
                e->filters++;
            }
        }
        setup(e);
    }
    P("  make %d %s filters %d %d flags %x\n", l, type[l] ? "pair" : "socket", E[l][0].filters, E[l][1].filters, fl);
}
static void killend(struct end *e) {
    if (!e->alive)
        return;
    e->alive = 0;
    P("  free %d.%d\n", e->link, e->side);
    struct bufferevent *b = e->b;
    e->b = NULL;
    if (chance(30)) {
        bufferevent_incref(b);
        bufferevent_free(b);
        bufferevent_decref(b);
    } else
        bufferevent_free(b);
}
/* No two time-outs are due at the same moment, whose order would be nobody's. */
static struct timeval ms(int m) {
    static int uniq;
    uniq = (uniq + 7) % 997;
    struct timeval t = {m / 1000, m % 1000 * 1000 + 1 + uniq};
    return t;
}
static void action(void) {
    int l = rnd(NL);
    struct end *e = &E[l][rnd(2)];
    int q;
    if (!e->alive)
        return;
    switch (rnd(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
        size_t n = chance(20) ? 5000 + rnd(40000) : rnd(600);
        P("  send %d.%d %zu\n", l, e->side, n);
        send_(e, n);
    } break;
    case 5:
    case 6: {
        short w = chance(50) ? EV_READ : chance(50) ? EV_WRITE : EV_READ | EV_WRITE;
        q = bufferevent_disable(e->b, w);
        P("  disable %d.%d %x = %d\n", l, e->side, w, q);
    } break;
    case 7:
    case 8:
    case 9: {
        short w = chance(50) ? EV_READ : chance(50) ? EV_WRITE : EV_READ | EV_WRITE;
        q = bufferevent_enable(e->b, w);
        P("  enable %d.%d %x = %d\n", l, e->side, w, q);
    } break;
    case 10:
    case 11:
        if (feat & F_MARKS) {
            size_t lo = chance(50) ? 0 : rnd(500), hi = chance(50) ? 0 : lo + 1 + rnd(3000);
            short w = chance(50) ? EV_READ : EV_WRITE;
            if (e->filters)
                hi = 0;
            bufferevent_setwatermark(e->b, w, lo, hi);
            P("  marks %d.%d %x %zu %zu\n", l, e->side, w, lo, hi);
        }
        break;
    case 12:
        e->rmode = rnd(3);
        P("  mode %d.%d %d\n", l, e->side, e->rmode);
        break;
    case 13: {
        P("  take %d.%d\n", l, e->side);
        take(e, bufferevent_get_input(e->b), rnd(3000));
    } break;
    case 14: {
        int m = rnd(3);
        if (m == BEV_FINISHED && !chance(20))
            m = BEV_FLUSH;
        short w = chance(50) ? EV_READ : chance(50) ? EV_WRITE : EV_READ | EV_WRITE;
        q = bufferevent_flush(e->b, w, m);
        P("  flush %d.%d %x %d = %d\n", l, e->side, w, m, e->filters ? 0 : q);
    } break;
    case 15:
        if (feat & F_TIMEO) {
            struct timeval r = ms(10 + rnd(50)), w = ms(10 + rnd(50));
            int a = chance(70), b = chance(70);
            q = bufferevent_set_timeouts(e->b, a ? &r : NULL, b ? &w : NULL);
            P("  timeouts %d.%d %d %d = %d\n", l, e->side, a ? (int)r.tv_usec : -1, b ? (int)w.tv_usec : -1, q);
        }
        break;
    case 16:
        if (feat & F_RATE) {
            int k = rnd(4);
            if (k == 3)
                q = bufferevent_set_rate_limit(e->b, NULL);
            else
                q = bufferevent_set_rate_limit(e->b, rates[k]);
            if (chance(30)) {
                if (chance(50))
                    bufferevent_add_to_rate_limit_group(e->b, grp);
                else
                    bufferevent_remove_from_rate_limit_group(e->b);
            }
        }
        break;
    case 17: {
        q = bufferevent_priority_set(e->b, rnd(3));
        P("  priority %d.%d = %d\n", l, e->side, q);
    } break;
    case 18: {
        bufferevent_data_cb r, w;
        bufferevent_event_cb v;
        void *a;
        bufferevent_getcb(e->b, &r, &w, &v, &a);
        if (!a)
            bufferevent_setcb(e->b, onread, onwrite, onevent, e);
        else if (chance(40)) {
            bufferevent_setcb(e->b, chance(50) ? onread : NULL, chance(50) ? onwrite : NULL, onevent, e);
        } else
            bufferevent_setcb(e->b, onread, onwrite, onevent, e);
        P("  setcb %d.%d\n", l, e->side);
    } break;
    case 19:
        if (chance(50))
            bufferevent_trigger(e->b, chance(50) ? EV_READ : EV_WRITE,
                                chance(50)   ? BEV_TRIG_IGNORE_WATERMARKS
                                : chance(50) ? BEV_TRIG_DEFER_CALLBACKS
                                             : 0);
        else
            bufferevent_trigger_event(e->b, 0x8000 >> 8, chance(50) ? BEV_TRIG_DEFER_CALLBACKS : 0);
        P("  trigger %d.%d\n", l, e->side);
        break;
    case 20:
        if ((feat & F_FREE) || !incb) {
            if (chance(30))
                killend(e);
        }
        break;
    case 21:
        if (feat & FF_LOCK) {
            bufferevent_lock(e->b);
            if (e->alive)
                send_(e, rnd(50));
            bufferevent_unlock(e->b);
            P("  locked send %d.%d\n", l, e->side);
        }
        break;
    case 22: {
        short en = bufferevent_get_enabled(e->b);
        P("  enabled %d.%d %x underlying %d fd %d prio %d partner %d\n", l, e->side, en,
          !!bufferevent_get_underlying(e->b), bufferevent_getfd(e->b), bufferevent_get_priority(e->b),
          !!bufferevent_pair_get_partner(e->b));
    } break;
    case 23:
        if (e->fd >= 0 && chance(25) && !e->filters) {
            if (chance(50)) {
                P("  shutdown %d.%d\n", l, e->side);
                shutdown(e->fd, SHUT_WR);
            } else {
                P("  setfd -1 and back %d.%d\n", l, e->side);
                bufferevent_setfd(e->b, -1);
                bufferevent_setfd(e->b, e->fd);
            }
        }
        break;
    }
}
static void settle(void) {
    for (int k = 0; k < 60; k++) {
        int n = ncbs;
        if (ncbs > 60000) {
            printf("enough\n");
            fflush(stdout);
            _exit(0);
        }
        event_base_loop(base, EVLOOP_NONBLOCK);
        if (n == ncbs && k > 3)
            break;
    }
}
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    int nops = argc > 2 ? atoi(argv[2]) : 200;
    check = !!getenv("FZ_CHECK");
    feat = (seed & 1 ? F_FILTER : 0) | (seed & 2 ? F_DEFER : 0) | (seed & 4 ? F_MARKS : 0) | (seed & 8 ? F_TIMEO : 0);
    if (check)
        feat = (int)(seed * 2654435761u >> 9) & 255;
    if (getenv("FZ_FEAT"))
        feat = atoi(getenv("FZ_FEAT"));
    fz_seed(seed);
    signal(SIGPIPE, SIG_IGN);
    if (feat & FF_LOCK)
        evthread_use_pthreads();
    struct event_config *c = event_config_new();
    for (const char **m = (const char *[]){"epoll", "poll", "select", NULL}; *m; m++)
        if (getenv("FZ_METHOD") && strcmp(*m, getenv("FZ_METHOD")))
            event_config_avoid_method(c, *m);
    base = event_base_new_with_config(c);
    event_config_free(c);
    event_base_priority_init(base, 3);
    for (int k = 0; k < 3; k++) {
        struct timeval t = ms(10);
        rates[k] = ev_token_bucket_cfg_new(100 << k * 3, 200 << k * 3, 100 << k * 3, 200 << k * 3, &t);
    }
    grp = bufferevent_rate_limit_group_new(base, rates[2]);
    bufferevent_rate_limit_group_set_min_share(grp, 1);
    for (int l = 0; l < NL; l++)
        make(l);
    for (int t = 0; t < nops; t++) {
        fz_seed(seed * 1000003 + t);
        P("%d\n", t);
        int k = 1 + rnd(3);
        while (k--)
            action();
        settle();
        if (chance(20)) {
            int n = rnd(40);
            P(" %d ms pass\n", n);
            vclock_ns += n * 1000000ll;
            settle();
        }
        for (int l = 0; l < NL; l++) {
            for (int s = 0; s < 2; s++) {
                struct end *e = &E[l][s];
                if (e->alive)
                    P(" %d.%d sent %llu got %llu in %zu out %zu en %x\n", l, s, (unsigned long long)e->sent,
                      (unsigned long long)e->got, evbuffer_get_length(bufferevent_get_input(e->b)),
                      evbuffer_get_length(bufferevent_get_output(e->b)), bufferevent_get_enabled(e->b));
            }
            if ((!E[l][0].alive || !E[l][1].alive) && chance(30)) {
                killend(&E[l][0]);
                killend(&E[l][1]);
                settle();
                make(l);
            }
        }
    }
    for (int l = 0; l < NL; l++)
        for (int s = 0; s < 2; s++)
            killend(&E[l][s]);
    settle();
    bufferevent_rate_limit_group_free(grp);
    for (int k = 0; k < 3; k++)
        ev_token_bucket_cfg_free(rates[k]);
    event_base_free(base);
    printf("end, contexts left %d\n", ctxs);
    return 0;
}
