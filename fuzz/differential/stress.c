/* Many threads on threaded bases. usage: stress SECONDS */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/socket.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
static struct event_base *B[2];
#define LOAD(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)
static int stop;
static unsigned long calls, ops;
#define NEV 24
static struct event *ev[NEV];
static pthread_mutex_t em[NEV];
static int fds[NEV];
static struct bufferevent *bv[16];
static pthread_mutex_t bm[16];
static unsigned long wrote, readn;
static unsigned rr(unsigned *s) {
    *s = *s * 1103515245 + 12345;
    return *s >> 8;
}
static void cb(evutil_socket_t f, short w, void *a) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    char t[64];
    if (f >= 0 && (w & EV_READ))
        recv(f, t, sizeof t, MSG_DONTWAIT);
    static __thread unsigned s;
    long i = (long)a;
    if (rr(&s) % 8 == 0)
        event_del(ev[i]);
    if (rr(&s) % 64 == 0)
        event_base_loopcontinue(event_get_base(ev[i]));
}
static void *evthread(void *x) {
    unsigned s = (unsigned)(long)x * 7919 + 1;
    while (!LOAD(stop)) {
        int i = rr(&s) % NEV;
        struct timeval t = {0, rr(&s) % 3000};
        switch (rr(&s) % 10) {
        case 0:
        case 1: event_active(ev[i], EV_READ, 1); break;
        case 2:
        case 3: event_add(ev[i], rr(&s) % 2 ? &t : NULL); break;
        case 4: event_del(ev[i]); break;
        case 5: event_del_noblock(ev[i]); break;
        case 6: event_pending(ev[i], EV_READ | EV_TIMEOUT, &t); break;
        case 7: event_remove_timer(ev[i]); break;
        case 8: event_base_once(B[i % 2], -1, EV_TIMEOUT, cb, (void *)(long)i, &t); break;
        case 9:
            if (pthread_mutex_trylock(&em[i]) == 0) {
                char c = 1;
                send(fds[i], &c, 1, MSG_DONTWAIT);
                pthread_mutex_unlock(&em[i]);
            }
            break;
        }
        __atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
        if (LOAD(ops) % 1000 == 0)
            event_base_get_num_events(B[i % 2], 7);
    }
    return 0;
}
static void rd(struct bufferevent *b, void *a) {
    struct evbuffer *in = bufferevent_get_input(b);
    size_t n = evbuffer_get_length(in);
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    evbuffer_drain(in, n);
    __atomic_add_fetch(&readn, n, __ATOMIC_RELAXED);
}
static void wr(struct bufferevent *b, void *a) { __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED); }
static void evc(struct bufferevent *b, short w, void *a) { __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED); }
static void *bthread(void *x) {
    unsigned s = (unsigned)(long)x * 104729 + 3;
    char t[3000];
    memset(t, 'x', sizeof t);
    struct timeval tv = {0, 2000};
    while (!LOAD(stop)) {
        int i = rr(&s) % 16;
        switch (rr(&s) % 12) {
        case 0:
        case 1:
        case 2:
        case 3: {
            bufferevent_lock(bv[i]);
            if (evbuffer_get_length(bufferevent_get_output(bv[i])) < 100000) {
                size_t n = rr(&s) % 3000;
                if (!bufferevent_write(bv[i], t, n))
                    __atomic_add_fetch(&wrote, n, __ATOMIC_RELAXED);
            }
            bufferevent_unlock(bv[i]);
        } break;
        case 4: bufferevent_disable(bv[i], rr(&s) % 2 ? EV_READ : EV_WRITE); break;
        case 5:
        case 6: bufferevent_enable(bv[i], EV_READ | EV_WRITE); break;
        case 7: bufferevent_flush(bv[i], EV_WRITE, BEV_FLUSH); break;
        case 8: bufferevent_setwatermark(bv[i], EV_READ, rr(&s) % 10, 0); break;
        case 9: bufferevent_trigger(bv[i], EV_READ, BEV_TRIG_IGNORE_WATERMARKS); break;
        case 10: bufferevent_set_timeouts(bv[i], rr(&s) % 2 ? &tv : NULL, rr(&s) % 2 ? &tv : NULL); break;
        case 11: usleep(50); break;
        }
        __atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
    }
    return 0;
}
static int freed;
/* One for each bufferevent that its own callback frees; kept to the end, so that a late callback finds it. */
struct ended {
    struct ended *next;
    int times;
};
static struct ended *all_ended;
static struct ended *ended_new(void) {
    struct ended *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->next = __atomic_load_n(&all_ended, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all_ended, &e->next, e, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    return e;
}
static void efree(struct bufferevent *b, short w, void *a) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (w & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        struct ended *e = a;
        if (__atomic_add_fetch(&e->times, 1, __ATOMIC_SEQ_CST) != 1) {
            write(2, "CALLED AGAIN AFTER FREE\n", 24);
            abort();
        }
        bufferevent_free(b);
        __atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
    }
}
static void echo(struct bufferevent *b, void *a) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    bufferevent_write_buffer(b, bufferevent_get_input(b));
}
static void *life(void *x) {
    unsigned s = (unsigned)(long)x;
    long made = 0;
    while (!LOAD(stop)) {
        int p[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
            continue;
        evutil_make_socket_nonblocking(p[0]);
        int md = getenv("MODE") ? atoi(getenv("MODE")) : -1;
        int fl = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE | (rr(&s) % 2 ? BEV_OPT_DEFER_CALLBACKS : 0);
        if ((fl & BEV_OPT_DEFER_CALLBACKS) && rr(&s) % 2)
            fl |= BEV_OPT_UNLOCK_CALLBACKS;
        struct bufferevent *b = bufferevent_socket_new(B[rr(&s) % 2], p[0], fl), *u = b;
        int mode = rr(&s) % 4;
        if (md >= 0)
            mode = md;
        if (!b) {
            close(p[0]);
            close(p[1]);
            continue;
        }
        if (mode == 3) {
            b = bufferevent_filter_new(u, NULL, NULL, fl, NULL, NULL);
            if (!b)
                b = u;
        }
        if (mode == 0) {
            bufferevent_setcb(b, echo, NULL, efree, ended_new());
            bufferevent_enable(b, EV_READ | EV_WRITE);
            char c[100] = {0};
            write(p[1], c, 100);
            if (rr(&s) % 2)
                read(p[1], c, 100);
            close(p[1]);
        } else {
            bufferevent_setcb(b, echo, wr, evc, NULL);
            bufferevent_enable(b, EV_READ | EV_WRITE);
            char c[100] = {0};
            write(p[1], c, 100);
            bufferevent_write(b, c, 50);
            if (rr(&s) % 2)
                usleep(rr(&s) % 200);
            bufferevent_free(b);
            close(p[1]);
        }
        made++;
        if (getenv("SLOW") && made - LOAD(freed) > 200)
            usleep(1000);
        else if (made % 8 == 0)
            usleep(100);
        __atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
    }
    return 0;
}
static void finc(struct event *e, void *a) { __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED); }
static void ncb(evutil_socket_t f, short w, void *a) { __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED); }
static void *evlife(void *x) {
    unsigned s = (unsigned)(long)x + 77;
    while (!LOAD(stop)) {
        struct timeval t = {0, rr(&s) % 500};
        struct event *e = event_new(B[rr(&s) % 2], -1, rr(&s) % 2 ? EV_PERSIST : 0, ncb, NULL);
        if (!e)
            continue;
        event_add(e, &t);
        if (rr(&s) % 2)
            event_active(e, 1, 1);
        if (rr(&s) % 2)
            usleep(rr(&s) % 300);
        if (rr(&s) % 3 == 0)
            event_free_finalize(0, e, finc);
        else
            event_free(e);
        __atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
    }
    return 0;
}
static void *loop(void *x) {
    event_base_loop((struct event_base *)x, EVLOOP_NO_EXIT_ON_EMPTY);
    return 0;
}
static struct evbuffer *sh[2];
static void ebcb(struct evbuffer *b, const struct evbuffer_cb_info *i, void *a) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}
static void *ebthread(void *x) {
    unsigned s = (unsigned)(long)x + 5;
    char t[4000];
    memset(t, 1, sizeof t);
    while (!LOAD(stop)) {
        int i = rr(&s) % 2;
        switch (rr(&s) % 8) {
        case 0:
        case 1:
            if (evbuffer_get_length(sh[i]) < 200000)
                evbuffer_add(sh[i], t, rr(&s) % 4000);
            break;
        case 2: evbuffer_drain(sh[i], rr(&s) % 4000); break;
        case 3: evbuffer_remove(sh[i], t, rr(&s) % 4000); break;
        case 4: evbuffer_add_buffer(sh[i], sh[!i]); break;
        case 5: evbuffer_remove_buffer(sh[i], sh[!i], rr(&s) % 3000); break;
        case 6: evbuffer_prepend_buffer(sh[i], sh[!i]); break;
        case 7:
            evbuffer_copyout(sh[i], t, 100);
            {
                struct evbuffer_cb_entry *e = evbuffer_add_cb(sh[i], ebcb, NULL);
                if (e)
                    evbuffer_remove_cb_entry(sh[i], e);
            }
            break;
        }
        __atomic_add_fetch(&ops, 1, __ATOMIC_RELAXED);
    }
    return 0;
}
#include <execinfo.h>
static void onabort(int sg) {
    void *p[60];
    int n = backtrace(p, 60);
    write(2, "ABORT\n", 6);
    backtrace_symbols_fd(p, n, 2);
    signal(sg, SIG_DFL);
    raise(sg);
}
/* Every FAIL-th allocation fails, by chance. */
static unsigned fail_each;
static int fails(void) {
    static __thread unsigned s;
    if (!s)
        s = (unsigned)(uintptr_t)&s >> 4 | 1;
    return fail_each && rr(&s) % fail_each == 0;
}
static void *mem_alloc(size_t n) { return fails() ? NULL : malloc(n); }
static void *mem_grow(void *p, size_t n) { return fails() ? NULL : realloc(p, n); }
static void quiet_log(int severity, const char *text) {}
int main(int c, char **v) {
    event_set_mem_functions(mem_alloc, mem_grow, free);
    event_set_log_callback(quiet_log);
    signal(SIGABRT, onabort);
    signal(SIGSEGV, onabort);
    {
        void *p[2];
        backtrace(p, 2);
    }
    int secs = c > 1 ? atoi(v[1]) : 5;
    signal(SIGPIPE, SIG_IGN);
    evthread_use_pthreads();
    for (int i = 0; i < 2; i++)
        B[i] = event_base_new();
    for (int i = 0; i < NEV; i++) {
        pthread_mutex_init(&em[i], 0);
        int p[2] = {-1, -1};
        if (i % 3)
            socketpair(AF_UNIX, SOCK_STREAM, 0, p);
        fds[i] = p[1];
        ev[i] = event_new(B[i % 2], p[0], (i % 3 ? EV_READ : 0) | (i % 2 ? EV_PERSIST : 0), cb, (void *)(long)i);
    }
    for (int i = 0; i < 16; i += 2) {
        int fl = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE |
                 (i % 4 ? BEV_OPT_DEFER_CALLBACKS | (i % 8 == 2 ? BEV_OPT_UNLOCK_CALLBACKS : 0) : 0);
        if (i < 8) {
            int p[2];
            socketpair(AF_UNIX, SOCK_STREAM, 0, p);
            for (int k = 0; k < 2; k++) {
                evutil_make_socket_nonblocking(p[k]);
                bv[i + k] = bufferevent_socket_new(B[(i + k) % 2], p[k], fl);
            }
        } else
            bufferevent_pair_new(B[i / 2 % 2], fl, &bv[i]);
        for (int k = 0; k < 2; k++) {
            bufferevent_setcb(bv[i + k], rd, wr, evc, NULL);
            bufferevent_enable(bv[i + k], EV_READ | EV_WRITE);
        }
    }
    for (int i = 0; i < 2; i++) {
        sh[i] = evbuffer_new();
        evbuffer_enable_locking(sh[i], NULL);
        evbuffer_add_cb(sh[i], ebcb, NULL);
        if (c > 2)
            evbuffer_defer_callbacks(sh[i], B[0]);
    }
    fail_each = getenv("FAIL") ? atoi(getenv("FAIL")) : 0;
    int mask = getenv("MASK") ? atoi(getenv("MASK")) : 31;
    pthread_t th[40];
    int n = 0;
    for (int i = 0; i < 2; i++)
        pthread_create(&th[n++], 0, loop, B[i]);
    for (long i = 0; i < 4; i++)
        if (mask & 1)
            pthread_create(&th[n++], 0, evthread, (void *)i);
    for (long i = 0; i < 4; i++)
        if (mask & 2)
            pthread_create(&th[n++], 0, bthread, (void *)i);
    for (long i = 0; i < 2; i++)
        if (mask & 4)
            pthread_create(&th[n++], 0, life, (void *)i);
    for (long i = 0; i < 2; i++)
        if (mask & 8)
            pthread_create(&th[n++], 0, evlife, (void *)i);
    for (long i = 0; i < 2; i++)
        if (mask & 16)
            pthread_create(&th[n++], 0, ebthread, (void *)i);
    unsigned long last = 0;
    for (int k = 0, idle = 0; k < secs || idle; k++) {
        sleep(1);
        // A busy machine may stop all threads for a second or two.
        idle = LOAD(ops) == last ? idle + 1 : 0;
        if (idle == 15) {
            printf("STUCK\n");
            fflush(stdout);
            abort();
        }
        last = LOAD(ops);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 2; i < n; i++)
        pthread_join(th[i], 0);
    usleep(200000);
    for (int i = 0; i < 2; i++)
        event_base_loopbreak(B[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(th[i], 0);
    for (int i = 0; i < 16; i++)
        bufferevent_free(bv[i]);
    for (int i = 0; i < NEV; i++)
        event_free(ev[i]);
    for (int i = 0; i < 2; i++)
        evbuffer_free(sh[i]);
    for (int i = 0; i < 2; i++)
        event_base_free(B[i]);
    while (all_ended) {
        struct ended *e = all_ended;
        all_ended = e->next;
        free(e);
    }
    printf("done; ops > 0 %d calls > 0 %d read > 0 %d\n", ops > 0, calls > 0, readn > 0);
    fprintf(stderr, "ops %lu calls %lu wrote %lu read %lu freed %d\n", ops, calls, wrote, readn, freed);
    return calls > 0 ? 0 : 1; /* where nothing was called, nothing was tried */
}
