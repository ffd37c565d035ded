/* Random operations on evbuffers. usage: fz_buffer SEED NOPS */
#include "fz.h"
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/thread.h>
#define NB 5
static struct evbuffer *b[NB];
static struct event_base *base;
static int sp[2];
static int filefd;
static char fname[64];
static size_t flen;
static struct evbuffer_file_segment *segs[4];
static ev_off_t seglen[4];
static int frozen[NB][2];
struct cb {
    struct evbuffer_cb_entry *e;
    int id, buf, action, dead;
};
static struct cb cbs[256];
static int ncb, depth;
static int multi[NB];
static int nclean, refs_alive, nofiles;
static void fill(unsigned char *p, size_t n) {
    unsigned k = rnd(4);
    for (size_t i = 0; i < n; i++)
        p[i] = k == 0   ? 'a' + rnd(26)
               : k == 1 ? "\r\n\0ab"[rnd(5)]
               : k == 2 ? "xyzxyzxy\n"[rnd(9)]
                        : (unsigned char)rnd(256);
}
static size_t size(void) {
    switch (rnd(10)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return rnd(16);
    case 3: return 4096 - 50 + rnd(100);
    case 4: return rnd(20000);
    case 5: return 512 - 60 + rnd(80);
    case 6: return 1024 - 60 + rnd(80);
    case 7: return 16384 - 60 + rnd(100);
    default: return rnd(600);
    }
}
static void clean(const void *d, size_t n, void *a) {
    refs_alive--;
    nclean++;
    if (getenv("FZ_STRICT"))
        say("   cleanup #%d len=%zu hash=%08x\n", (int)(intptr_t)a, n, fz_hash(d, n));
    memset((void *)d, 0xDD, n);
    free((void *)d);
}
static void segclean(struct evbuffer_file_segment const *s, int flags, void *a) {
    (void)s;
    if (getenv("FZ_STRICT"))
        say("   segment cleanup #%d flags=%d\n", (int)(intptr_t)a, flags);
}
static void show(int i) {
    size_t n = evbuffer_get_length(b[i]);
    unsigned char *p = malloc(n + 1);
    ev_ssize_t k = evbuffer_copyout(b[i], p, n);
    say("   [%d] len=%zu copied=%zd hash=%08x\n", i, n, (ssize_t)k, k > 0 ? fz_hash(p, k) : 0);
    free(p);
}
static void oncb(struct evbuffer *x, const struct evbuffer_cb_info *in, void *a) {
    struct cb *c = a;
    if (x != b[c->buf]) {
        say("   cb %d after the buffer was freed: orig=%zu add=%zu del=%zu len=%zu\n", c->id, in->orig_size,
            in->n_added, in->n_deleted, evbuffer_get_length(x));
        return;
    }
    say("   cb %d on %d: orig=%zu add=%zu del=%zu len=%zu depth=%d\n", c->id, c->buf, in->orig_size, in->n_added,
        in->n_deleted, evbuffer_get_length(x), depth);
    static int actions;
    if (depth >= 3 || ++actions > 2000)
        return;
    depth++;
    switch (c->action) {
    case 1: evbuffer_add(x, "CB", 2); break;
    case 2: evbuffer_drain(x, 1 + rnd(8)); break;
    case 3:
        if (!c->dead) {
            c->dead = 1;
            say("   removes itself: %d\n", evbuffer_remove_cb_entry(x, c->e));
        }
        break;
    case 4: evbuffer_cb_clear_flags(x, c->e, EVBUFFER_CB_ENABLED); break;
    case 5: {
        struct evbuffer *y = b[(c->buf + 1) % NB];
        if (y && getenv("FZ_KNOWN"))
            evbuffer_add_buffer(y, x);
    } break;
    case 6: evbuffer_pullup(x, -1); break;
    case 7: {
        char t[9];
        evbuffer_remove(x, t, 3);
        evbuffer_prepend(x, "##", 2);
    } break;
    }
    depth--;
}
static void oldcb(struct evbuffer *x, size_t o, size_t n, void *a) {
    int i;
    for (i = 0; i < NB; i++)
        if (b[i] == x)
            break;
    say("   oldcb on %d: %zu -> %zu (%d)\n", i, o, n, (int)(intptr_t)a);
}
static void keep(struct evbuffer *x, const struct evbuffer_cb_info *in, void *a) {}
static void ptrsay(struct evbuffer_ptr *p) { say(" pos=%zd", (ssize_t)p->pos); }
static void op(int t) {
    int i = rnd(NB), j = rnd(NB);
    size_t n = size(), m = 0;
    static unsigned char buf[70000];
    ssize_t r;
    int q;
    switch (rnd(46)) {
    case 0:
    case 1:
    case 2:
        fill(buf, n);
        q = evbuffer_add(b[i], buf, n);
        say("%d add(%d,%zu)=%d\n", t, i, n, q);
        break;
    case 3:
        fill(buf, n);
        q = evbuffer_prepend(b[i], buf, n);
        say("%d prepend(%d,%zu)=%d\n", t, i, n, q);
        break;
    case 4:
        n = chance(3) ? (size_t)-1 - rnd(3) : n;
        q = evbuffer_expand(b[i], n);
        say("%d expand(%d,%zu)=%d\n", t, i, n, q);
        break;
    case 5:
    case 6: {
        struct evbuffer_iovec v[2];
        int nv = n ? 1 + rnd(2) : 1;
        int k = evbuffer_reserve_space(b[i], n, v, nv);
        if (k > 0) {
            size_t tot = 0;
            for (int x = 0; x < k; x++)
                tot += v[x].iov_len;
            must(tot >= n, "reserved enough");
            size_t want = n ? rnd(n + 1) : 0, left = want;
            fill(buf, want);
            unsigned char *from = buf;
            for (int x = 0; x < k; x++) {
                size_t c = left < v[x].iov_len ? left : v[x].iov_len;
                memcpy(v[x].iov_base, from, c);
                from += c;
                v[x].iov_len = c;
                left -= c;
            }
            unsigned mode = rnd(12);
            if (mode == 0) {
                say("%d reserve(%d,%zu) ok, not committed\n", t, i, n);
                break;
            }
            if (mode == 1)
                mode = 2;
            fz_quiet++;
            q = 0;
            fz_quiet--;
            q = evbuffer_commit_space(b[i], v, k);
            say("%d reserve(%d,%zu)>0 commit(%zu)%s=%d\n", t, i, n, want, mode == 1 ? " after add" : "",
                mode == 1 ? 0 : q);
            if (mode == 1) { /* whether that invalidates the space depends on the room behind: make it equal */
                evbuffer_drain(b[i], evbuffer_get_length(b[i]));
            }
        } else
            say("%d reserve(%d,%zu)=%d\n", t, i, n, k);
    } break;
    case 7:
    case 8:
        if (chance(10))
            n = (size_t)-1;
        if (chance(15))
            n = evbuffer_get_length(b[i]);
        q = evbuffer_drain(b[i], n);
        say("%d drain(%d,%zu)=%d\n", t, i, n, q);
        break;
    case 9:
    case 10:
        if (n > sizeof buf)
            n = sizeof buf;
        r = evbuffer_remove(b[i], buf, n);
        say("%d remove(%d,%zu)=%zd hash=%08x\n", t, i, n, r, r > 0 ? fz_hash(buf, r) : 0);
        break;
    case 11:
        r = evbuffer_copyout(b[i], buf, n);
        say("%d copyout(%d,%zu)=%zd hash=%08x\n", t, i, n, r, r > 0 ? fz_hash(buf, r) : 0);
        break;
    case 12: {
        struct evbuffer_ptr p;
        size_t L = evbuffer_get_length(b[i]);
        size_t at = rnd(L + 3);
        q = evbuffer_ptr_set(b[i], &p, at, EVBUFFER_PTR_SET);
        say("%d ptr_set(%d,%zu of %zu)=%d", t, i, at, L, q);
        ptrsay(&p);
        if (q == 0) {
            size_t d = rnd(L - at + 3);
            if (chance(50)) {
                q = evbuffer_ptr_set(b[i], &p, d, EVBUFFER_PTR_ADD);
                say(" add %zu=%d", d, q);
                ptrsay(&p);
            }
            r = evbuffer_copyout_from(b[i], q == 0 ? &p : NULL, buf, n);
            say(" copyout_from(%zu)=%zd %08x", n, r, r > 0 ? fz_hash(buf, r) : 0);
        }
        say("\n");
    } break;
    case 13: {
        ev_ssize_t k = chance(20) ? -1 : chance(5) ? -2 - (int)rnd(5) : (ev_ssize_t)n;
        unsigned char *p = evbuffer_pullup(b[i], k);
        size_t L = evbuffer_get_length(b[i]);
        say("%d pullup(%d,%zd)=%s %08x\n", t, i, (ssize_t)k, p ? "ok" : "NULL",
            p ? fz_hash(p, k < 0 ? L : (size_t)k) : 0);
    } break;
    case 14:
    case 15:
        q = evbuffer_add_buffer(b[i], b[j]);
        say("%d add_buffer(%d,%d)=%d\n", t, i, j, q);
        break;
    case 16:
        q = evbuffer_prepend_buffer(b[i], b[j]);
        say("%d prepend_buffer(%d,%d)=%d\n", t, i, j, q);
        break;
    case 17:
    case 18:
        if (chance(10))
            n = (size_t)-1 - rnd(2);
        r = evbuffer_remove_buffer(b[i], b[j], n);
        say("%d remove_buffer(%d,%d,%zu)=%zd\n", t, i, j, n, r);
        break;
    case 19:
        if (!nofiles || i == j || (!getenv("FZ_KNOWN") && multi[j]))
            break;
        multi[i] = 1;
        q = evbuffer_add_buffer_reference(b[i], b[j]);
        say("%d add_buffer_reference(%d,%d)=%d\n", t, i, j, q);
        break;
    case 20:
    case 21:
        if (!n)
            n = 1;
        {
            unsigned char *p = malloc(n);
            fill(p, n);
            static int id;
            int my = ++id;
            refs_alive++;
            q = evbuffer_add_reference(b[i], p, n, clean, (void *)(intptr_t)my);
            say("%d add_reference(%d,%zu,#%d)=%d\n", t, i, n, my, q);
            if (q) {
                refs_alive--;
                free(p);
            }
        }
        break;
    case 22: {
        size_t L;
        char *l;
        int style = rnd(5);
        size_t len0 = evbuffer_get_length(b[i]);
        l = evbuffer_readln(b[i], &L, style);
        say("%d readln(%d,%d)=%s %zu %08x\n", t, i, style, l ? "line" : "NULL", l ? L : 0, l ? fz_hash(l, L + 1) : 0);
        free(l);
        (void)len0;
    } break;
    case 23: {
        int style = rnd(5);
        size_t el = 99;
        struct evbuffer_ptr s, p;
        size_t L = evbuffer_get_length(b[i]);
        int have = chance(60) && evbuffer_ptr_set(b[i], &s, rnd(L + 1), EVBUFFER_PTR_SET) == 0;
        p = evbuffer_search_eol(b[i], have ? &s : NULL, &el, style);
        say("%d search_eol(%d,%d,%s) eol=%zu", t, i, style, have ? "from" : "0", p.pos < 0 ? 0 : el);
        ptrsay(&p);
        say("\n");
    } break;
    case 24: {
        char w[8];
        size_t wl = rnd(5);
        for (size_t k = 0; k < wl; k++)
            w[k] = "xyzab\n\r"[rnd(7)];
        struct evbuffer_ptr s, e, p;
        size_t L = evbuffer_get_length(b[i]);
        int hs = chance(60) && !evbuffer_ptr_set(b[i], &s, rnd(L + 1), EVBUFFER_PTR_SET),
            he = chance(60) && !evbuffer_ptr_set(b[i], &e, rnd(L + 1), EVBUFFER_PTR_SET);
        p = evbuffer_search_range(b[i], w, wl, hs ? &s : NULL, he ? &e : NULL);
        say("%d search_range(%d,len %zu, %zd..%zd)", t, i, wl, hs ? (ssize_t)s.pos : -1, he ? (ssize_t)e.pos : -1);
        ptrsay(&p);
        p = evbuffer_search(b[i], w, wl, hs ? &s : NULL);
        ptrsay(&p);
        say("\n");
    } break;
    case 25: {
        struct evbuffer_iovec v[300];
        size_t L = evbuffer_get_length(b[i]);
        int k = evbuffer_peek(b[i], chance(30) ? -1 : (ssize_t)n, NULL, v, 300);
        size_t got = 0;
        uint32_t h = 0;
        unsigned char *all = malloc(L + 1);
        for (int x = 0; x < k && x < 300; x++) {
            size_t c = v[x].iov_len;
            must(got + c <= L, "peeked too much");
            memcpy(all + got, v[x].iov_base, c);
            got += c;
        }
        h = fz_hash(all, got < n ? got : n);
        free(all);
        say("%d peek(%d,%zu of %zu) any=%d hash=%08x\n", t, i, n, L, L ? k > 0 : 0, h);
    } break;
    case 26: {
        int at = rnd(2);
        q = evbuffer_freeze(b[i], at);
        frozen[i][at] = 1;
        say("%d freeze(%d,%d)=%d\n", t, i, at, q);
    } break;
    case 27:
    case 28:
    case 29: {
        int at = rnd(2);
        q = evbuffer_unfreeze(b[i], at);
        frozen[i][at] = 0;
        say("%d unfreeze(%d,%d)=%d\n", t, i, at, q);
    } break;
    case 30: {
        ev_off_t off = rnd(flen), len = 1 + rnd(flen - off);
        int fd = open(fname, O_RDONLY);
        if (nofiles) {
            close(fd);
            break;
        }
        q = evbuffer_add_file(b[i], fd, off, len);
        say("%d add_file(%d,%zd,%zd)=%d\n", t, i, (ssize_t)off, (ssize_t)len, q);
        if (q) { /* who closes? */
            close(fd);
        }
    } break;
    case 31: {
        int s = rnd(4);
        if (segs[s]) {
            evbuffer_file_segment_free(segs[s]);
            segs[s] = NULL;
            say("%d segment_free(%d)\n", t, s);
        } else {
            ev_off_t off = rnd(flen), len = 1 + rnd(flen - off);
            unsigned fl = EVBUF_FS_CLOSE_ON_FREE | (nofiles || chance(50) ? EVBUF_FS_DISABLE_SENDFILE : 0) |
                          (chance(30) ? EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE : 0) |
                          (chance(30) ? EVBUF_FS_DISABLE_LOCKING : 0);
            if (nofiles)
                break;
            seglen[s] = len;
            segs[s] = evbuffer_file_segment_new(open(fname, O_RDONLY), off, len, fl);
            static int sid;
            if (segs[s])
                evbuffer_file_segment_add_cleanup_cb(segs[s], segclean, (void *)(intptr_t)++sid);
            say("%d segment_new(%d,%zd,%zd,%x)=%d #%d\n", t, s, (ssize_t)off, (ssize_t)len, fl, !!segs[s], sid);
        }
    } break;
    case 32: {
        int s = rnd(4);
        if (segs[s] && !frozen[i][0]) {
            ev_off_t off = rnd(seglen[s]);
            ev_off_t len = chance(30) ? (ev_off_t)-1 : (ev_off_t)rnd(seglen[s] - off + 1);
            q = evbuffer_add_file_segment(b[i], segs[s], off, len);
            say("%d add_file_segment(%d,%d,%zd,%zd)=%d\n", t, i, s, (ssize_t)off, (ssize_t)len, q);
            if (q)
                segs[s] = NULL;
        }
    } break;
    case 33:
    case 34:
        if (ncb < 250) {
            struct cb *c = &cbs[ncb];
            c->id = ncb;
            c->buf = i;
            c->action = chance(50) ? 0 : rnd(8);
            c->dead = 0;
            c->e = evbuffer_add_cb(b[i], oncb, c);
            say("%d add_cb(%d) id=%d action=%d\n", t, i, c->id, c->action);
            ncb++;
        }
        break;
    case 35:
    case 36:
        if (ncb) {
            struct cb *c = &cbs[rnd(ncb)];
            if (!c->dead) {
                c->dead = 1;
                if (chance(50))
                    q = evbuffer_remove_cb_entry(b[c->buf], c->e);
                else
                    q = evbuffer_remove_cb(b[c->buf], oncb, c);
                say("%d remove_cb(%d)=%d\n", t, c->id, q);
            }
        }
        break;
    case 37:
        if (ncb) {
            struct cb *c = &cbs[rnd(ncb)];
            if (!c->dead) {
                int f = EVBUFFER_CB_ENABLED;
                if (chance(50))
                    q = evbuffer_cb_set_flags(b[c->buf], c->e, f);
                else
                    q = evbuffer_cb_clear_flags(b[c->buf], c->e, f);
                say("%d cb_flags(%d)=%d\n", t, c->id, q);
            }
        }
        break;
    case 38:
        if (chance(30) && (getenv("FZ_KNOWN") || !base)) {
            evbuffer_setcb(b[i], chance(50) ? oldcb : NULL, (void *)(intptr_t)t);
            for (int k = 0; k < ncb; k++)
                if (cbs[k].buf == i)
                    cbs[k].dead = 1;
            say("%d setcb(%d)\n", t, i);
        }
        break;
    case 39:
    case 40:
        if (chance(50)) {
            unsigned char tmp[70000];
            r = evbuffer_write(b[i], sp[0]);
            say("%d write(%d)=%zd", t, i, r);
        } else {
            m = n;
            r = evbuffer_write_atmost(b[i], sp[0], chance(20) ? -1 : (ssize_t)m);
            say("%d write_atmost(%d,%zu)=%zd", t, i, m, r);
        }
        if (r < 0)
            say(" errno=%d", errno == EAGAIN ? 0 : 0);
        say("\n");
        {
            size_t got = 0;
            ssize_t k;
            while (got < sizeof buf && (k = read(sp[1], buf + got, sizeof buf - got)) > 0)
                got += k;
            say("   other end got %zu %08x\n", got, fz_hash(buf, got));
        }
        break;
    case 41:
    case 42: {
        fill(buf, n);
        size_t w = n > 30000 ? 30000 : n;
        ssize_t wr = w ? write(sp[1], buf, w) : 0;
        int hm = chance(30) ? -1 : (int)size();
        if (hm == 0)
            hm = 1;
        r = evbuffer_read(b[i], sp[0], hm);
        say("%d [%zd waits] read(%d,%d)=%zd %s\n", t, wr, i, hm, r,
            r < 0 && errno == EAGAIN ? "EAGAIN" : ""); /* leave nothing behind */
        {
            size_t got = 0;
            ssize_t k;
            while ((k = recv(sp[0], buf, sizeof buf, MSG_DONTWAIT)) > 0)
                got += k;
            say("   left %zu\n", got);
        }
    } break;
    case 43:
        if (chance(40) && (!base || getenv("FZ_FREE"))) {
            for (int k = 0; k < ncb; k++)
                if (cbs[k].buf == i)
                    cbs[k].dead = 1;
            {
                struct evbuffer *old = b[i];
                b[i] = NULL;
                evbuffer_free(old);
                b[i] = evbuffer_new();
            }
            frozen[i][0] = frozen[i][1] = 0;
            say("%d free(%d) & new\n", t, i);
            if (chance(30))
                say("   locking=%d\n", evbuffer_enable_locking(b[i], NULL));
        }
        break;
    case 44: {
        fill(buf, 300);
        struct iovec v[3] = {{buf, rnd(100)}, {buf + 100, rnd(100)}, {buf + 200, rnd(100)}};
        size_t r2 = evbuffer_add_iovec(b[i], (struct evbuffer_iovec *)v, rnd(4));
        say("%d add_iovec(%d)=%zu\n", t, i, r2);
    } break;
    case 45:
        switch (rnd(5)) {
        case 0:
            evbuffer_lock(b[i]);
            q = evbuffer_add_printf(b[i], "%d-%s-%*d", t, "printf", (int)rnd(700), 7);
            evbuffer_unlock(b[i]);
            say("%d add_printf(%d)=%d\n", t, i, q);
            break;
        case 1:
            if (base) {
                if (!getenv("FZ_KNOWN"))
                    evbuffer_add_cb(b[i], keep, NULL);
                q = evbuffer_defer_callbacks(b[i], base);
                say("%d defer(%d)=%d\n", t, i, q);
            }
            break;
        case 2:
            if (base) {
                say("%d loop\n", t);
                event_base_loop(base, EVLOOP_NONBLOCK);
            }
            break;
        case 3: {
            char *l = evbuffer_readline(b[i]);
            say("%d readline(%d)=%s %08x\n", t, i, l ? "line" : "NULL", l ? fz_hash(l, strlen(l)) : 0);
            free(l);
        } break;
        case 4: {
            unsigned char *f = evbuffer_find(b[i], (unsigned char *)"xy", 2);
            say("%d find(%d)=%s contiguous<=len %d\n", t, i, f ? "found" : "NULL",
                evbuffer_get_contiguous_space(b[i]) <= evbuffer_get_length(b[i]));
        } break;
        }
        break;
    }
}
int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    int nops = argc > 2 ? atoi(argv[2]) : 300;
    fz_seed(seed);
    signal(SIGPIPE, SIG_IGN);
    nofiles = seed % 4 < 2;
    if (seed % 3 == 0)
        evthread_use_pthreads();
    if (seed % 10 == 0)
        base = event_base_new();
    socketpair(AF_UNIX, SOCK_STREAM, 0, sp);
    fcntl(sp[0], F_SETFL, O_NONBLOCK);
    fcntl(sp[1], F_SETFL, O_NONBLOCK);
    int big = 1 << 20;
    setsockopt(sp[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    setsockopt(sp[1], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    snprintf(fname, sizeof fname, "/tmp/fz_buffer.%d", getpid());
    filefd = open(fname, O_RDWR | O_CREAT | O_TRUNC, 0600);
    flen = 200 + rnd(12000);
    for (size_t k = 0; k < flen; k++) {
        char c = 'A' + (k * 7 + k / 13) % 50;
        if (write(filefd, &c, 1) != 1)
            return 1;
    }
    for (int i = 0; i < NB; i++)
        b[i] = evbuffer_new();
    for (int t = 0; t < nops; t++) {
        fz_seed(seed * 1000003 + t);
        op(t);
        for (int i = 0; i < NB; i++)
            show(i);
        for (int i = 0; i < NB; i++)
            if (evbuffer_get_length(b[i]) > 150000) {
                evbuffer_unfreeze(b[i], 0);
                evbuffer_unfreeze(b[i], 1);
                frozen[i][0] = frozen[i][1] = 0;
                evbuffer_drain(b[i], (size_t)-1);
            }
    }
    if (base)
        for (int k = 0; k < 50; k++)
            event_base_loop(base, EVLOOP_NONBLOCK);
    for (int i = 0; i < NB; i++) {
        struct evbuffer *x = b[i];
        b[i] = NULL;
        evbuffer_free(x);
    }
    for (int i = 0; i < 4; i++)
        if (segs[i])
            evbuffer_file_segment_free(segs[i]);
    if (base) {
        for (int k = 0; k < 50; k++)
            event_base_loop(base, EVLOOP_NONBLOCK);
        event_base_free(base);
    }
    say("end\n");
    fprintf(stderr, "references alive %d\n", refs_alive);
    unlink(fname);
    return 0;
}
