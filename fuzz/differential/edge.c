/* Edge and hostile uses, each in a child of its own; prints how each ends. */
#include "fz.h"
#include <dlfcn.h>
#include <limits.h>
#include <alloca.h>
#include <pthread.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <event2/util.h>
static void quietlog(int s, const char *m) {}
static struct event_base *b;
static int n;
static long cnt;
static void cb(evutil_socket_t f, short w, void *a) {
    n++;
    char t[16];
    if (f >= 0 && (w & EV_READ) && !(w & EV_SIGNAL))
        read(f, t, 16);
}
static void sigcb(evutil_socket_t f, short w, void *a) { cnt++; }
static void onalrm(int s) { event_base_loopbreak(b); }
static void rd(struct bufferevent *x, void *a) {
    cnt += evbuffer_get_length(bufferevent_get_input(x));
    evbuffer_drain(bufferevent_get_input(x), 1 << 20);
}
static void ev(struct bufferevent *x, short w, void *a) { n |= w; }
static int accs, errs;
static void acc(struct evconnlistener *l, evutil_socket_t f, struct sockaddr *s, int z, void *a) {
    accs++;
    close(f);
}
static void aerr(struct evconnlistener *l, void *a) { errs++; }
static void storm(int hz, int threaded) {
    if (threaded)
        evthread_use_pthreads();
    b = event_base_new();
    struct event *s = evsignal_new(b, SIGALRM, sigcb, NULL);
    event_add(s, NULL);
    struct itimerval it = {{0, 1000000 / hz}, {0, 1000000 / hz}};
    setitimer(ITIMER_REAL, &it, 0);
    int p[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    struct event *e = event_new(b, p[0], EV_READ | EV_PERSIST, cb, NULL);
    struct timeval t = {0, 100}, x = {1, 0};
    event_add(e, NULL);
    struct event *tm = event_new(b, -1, EV_PERSIST, cb, NULL);
    event_add(tm, &t);
    event_base_loopexit(b, &x);
    while (!event_base_got_exit(b)) {
        event_base_loop(b, EVLOOP_ONCE);
        write(p[1], "x", 1);
        event_del(e);
        event_add(e, NULL);
    }
    memset(&it, 0, sizeof it);
    setitimer(ITIMER_REAL, &it, 0);
    printf("many %d timer %d\n", cnt > hz / 20, n > 100);
    event_free(s);
    event_free(e);
    event_free(tm);
    event_base_free(b);
}
static void *rdr(void *x) {
    event_base_loop(b, 0);
    return x;
}
static void run(int k) {
    int p[2], q;
    struct event *e;
    struct bufferevent *x, *y[2];
    struct evbuffer *B;
    struct timeval t = {0, 1000};
    pid_t c;
    switch (k) {
    case 0: storm(10000, 0); break;
    case 1: storm(10000, 1); break;
    case 2: {
        signal(SIGALRM, onalrm);
        b = event_base_new();
        struct itimerval it = {{0, 100}, {0, 100}};
        setitimer(ITIMER_REAL, &it, 0);
        e = event_new(b, -1, EV_PERSIST, cb, 0);
        struct timeval l = {10, 0};
        event_add(e, &l);
        for (int i = 0; i < 3000; i++) {
            q = event_base_dispatch(b);
        }
        printf("ended %d %d\n", q, event_base_got_break(b));
    } break;
    case 3:
        b = event_base_new();
        socketpair(AF_UNIX, SOCK_STREAM, 0, p);
        e = event_new(b, p[0], EV_READ | EV_PERSIST, cb, 0);
        event_add(e, 0);
        x = bufferevent_socket_new(b, p[1], 0);
        bufferevent_enable(x, EV_READ);
        bufferevent_write(x, "hello", 5);
        if ((c = fork()) == 0) {
            int r = event_reinit(b);
            event_base_loop(b, EVLOOP_NONBLOCK);
            printf("child reinit %d calls %d\n", r, n);
            event_free(e);
            bufferevent_free(x);
            event_base_free(b);
            fflush(stdout);
            _exit(0);
        }
        waitpid(c, 0, 0);
        event_base_loop(b, EVLOOP_NONBLOCK);
        printf("parent calls %d\n", n);
        break;
    case 4:
        b = event_base_new();
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p);
        e = event_new(b, p[0], EV_READ, cb, 0);
        event_add(e, &t);
        event_active(e, EV_READ, 1);
        struct event *s = evsignal_new(b, SIGUSR1, sigcb, 0);
        event_add(s, 0);
        if ((c = fork()) == 0) {
            event_base_free(b);
            fflush(stdout);
            _exit(3);
        }
        int st;
        waitpid(c, &st, 0);
        printf("freed in the child without reinit %d\n", WEXITSTATUS(st));
        raise(SIGUSR1);
        event_base_loop(b, EVLOOP_NONBLOCK);
        printf("sig %ld ev %d\n", cnt, n);
        event_base_free(b);
        break;
    case 5:
        b = event_base_new();
        socketpair(AF_UNIX, SOCK_STREAM, 0, p);
        e = event_new(b, p[0], EV_READ | EV_PERSIST, cb, 0);
        event_add(e, 0);
        {
            int old = p[0];
            close(p[0]);
            int z[2];
            socketpair(AF_UNIX, SOCK_STREAM, 0, z);
            if (z[0] != old) {
                dup2(z[0], old);
            }
            write(z[1], "x", 1);
            event_base_loop(b, EVLOOP_NONBLOCK);
            printf("closed behind, calls %d\n", n);
            q = event_del(e);
            q = q * 10 + event_add(e, 0);
            event_base_loop(b, EVLOOP_NONBLOCK);
            printf("after del and add %d calls %d\n", q, n);
        }
        break;
    case 6:
        b = event_base_new();
        for (int f = -5; f < 3; f++) {
            e = event_new(b, f < 0 ? f : 5000 + f, EV_READ, cb, 0);
            printf("add bad fd %d", event_add(e, 0));
            printf(" pending %d", event_pending(e, EV_READ, 0));
            printf(" del %d\n", event_del(e));
            event_free(e);
        }
        e = event_new(b, 1 << 30, EV_WRITE, cb, 0);
        printf("huge %d\n", event_add(e, 0));
        e = evsignal_new(b, 65, sigcb, 0);
        printf("sig 65 %d\n", e ? event_add(e, 0) : -9);
        e = evsignal_new(b, -1, sigcb, 0);
        printf("sig -1 %d\n", e ? event_add(e, 0) : -9);
        e = evsignal_new(b, SIGKILL, sigcb, 0);
        printf("sigkill %d\n", e ? event_add(e, 0) : -9);
        break;
    case 7: {
        struct rlimit r = {24, 24};
        setrlimit(RLIMIT_NOFILE, &r);
        b = event_base_new();
        struct sockaddr_in a = {0};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(0x7f000001);
        struct evconnlistener *l = evconnlistener_new_bind(b, acc, 0, LEV_OPT_CLOSE_ON_FREE, 64, (void *)&a, sizeof a);
        evconnlistener_set_error_cb(l, aerr);
        socklen_t z = sizeof a;
        getsockname(evconnlistener_get_fd(l), (void *)&a, &z);
        int f[30], m = 0;
        while (m < 30 && (f[m] = socket(AF_INET, SOCK_STREAM, 0)) >= 0) {
            connect(f[m], (void *)&a, sizeof a);
            m++;
        }
        int pid = fork();
        struct timeval u = {0, 50000};
        if (!pid)
            _exit(0);
        waitpid(pid, 0, 0);
        event_base_loopexit(b, &u);
        event_base_loop(b, EVLOOP_NONBLOCK | 0);
        printf("emfile: errors %d accepted %d\n", errs > 0, accs);
        for (int i = 0; i < m; i++)
            close(f[i]);
        struct event_base *b2;
        int many = 0;
        while ((b2 = event_base_new()))
            many++;
        printf("bases until none > 0 %d\n", many > 0);
    } break;
    case 8:
        for (int i = 0; i < 3; i++) {
            void *h = dlopen(getenv("FZ_LIB"), RTLD_NOW | RTLD_LOCAL);
            if (!h) {
                printf("no %s\n", dlerror());
                break;
            }
            struct event_base *(*nw)(void) = dlsym(h, "event_base_new");
            void (*fr)(struct event_base *) = dlsym(h, "event_base_free");
            struct event_base *z = nw();
            printf("dlopen %d base %d\n", i, !!z);
            fr(z);
            dlclose(h);
        }
        break;
    case 9:
        B = evbuffer_new();
        printf("add max %d\n", evbuffer_add(B, "x", SIZE_MAX));
        printf("prepend max %d\n", evbuffer_prepend(B, "x", SIZE_MAX));
        printf("expand %d\n", evbuffer_expand(B, SIZE_MAX));
        printf("expand half %d\n", evbuffer_expand(B, SIZE_MAX / 2));
        {
            struct evbuffer_iovec v[2];
            printf("reserve %d\n", evbuffer_reserve_space(B, -1, v, 2));
            printf("reserve %d\n", evbuffer_reserve_space(B, SSIZE_MAX, v, 1));
            printf("reserve 0 vecs %d\n", evbuffer_reserve_space(B, 10, v, 0));
        }
        evbuffer_add(B, "abc", 3);
        printf("drain %d len %zu\n", evbuffer_drain(B, SIZE_MAX), evbuffer_get_length(B));
        printf("pullup %d\n", !!evbuffer_pullup(B, 5));
        evbuffer_add(B, "abc", 3);
        printf("pullup %d\n", !!evbuffer_pullup(B, -77));
        {
            struct evbuffer_ptr ptr;
            printf("ptr_set %d\n", evbuffer_ptr_set(B, &ptr, SIZE_MAX, EVBUFFER_PTR_SET));
            evbuffer_ptr_set(B, &ptr, 2, EVBUFFER_PTR_SET);
            printf("ptr_add %d\n", evbuffer_ptr_set(B, &ptr, SIZE_MAX, EVBUFFER_PTR_ADD));
        }
        printf("read %d\n", evbuffer_read(B, 999, 100));
        printf("write %d\n", evbuffer_write(B, 999));
        printf("write_atmost %d\n", evbuffer_write_atmost(B, 1, 0));
        printf("remove_buffer self %d\n", evbuffer_remove_buffer(B, B, 2));
        printf("add self %d\n", evbuffer_add_buffer(B, B));
        printf("prepend self %d\n", evbuffer_prepend_buffer(B, B));
        printf("len %zu\n", evbuffer_get_length(B));
        printf("search long %zd\n", (ssize_t)evbuffer_search(B, "abcdef", 6, NULL).pos);
        printf("search empty %zd\n", (ssize_t)evbuffer_search(B, "", 0, NULL).pos);
        printf("copyout %zd\n", (ssize_t)evbuffer_copyout(B, alloca(10), 10));
        printf("commit %d\n", evbuffer_commit_space(B, &(struct evbuffer_iovec){"x", 1}, 1));
        printf("add_ref null %d\n", evbuffer_add_reference(B, NULL, 0, NULL, NULL));
        printf("add_iovec %zu\n", evbuffer_add_iovec(B, NULL, 0));
        break;
    case 10:
        b = event_base_new();
        x = bufferevent_socket_new(b, -1, 0);
        printf("w %d\n", bufferevent_write(x, "abc", 3));
        bufferevent_enable(x, EV_READ | EV_WRITE);
        event_base_loop(b, EVLOOP_NONBLOCK);
        bufferevent_setfd(x, 777);
        bufferevent_enable(x, EV_READ | EV_WRITE);
        event_base_loop(b, EVLOOP_NONBLOCK);
        printf("out %zu\n", evbuffer_get_length(bufferevent_get_output(x)));
        printf("max read %d\n", bufferevent_set_max_single_read(x, SIZE_MAX));
        printf("%d\n", bufferevent_set_max_single_write(x, 0));
        printf("pri %d\n", bufferevent_priority_set(x, 99));
        printf("baseset %d\n", bufferevent_base_set(b, x));
        bufferevent_setwatermark(x, EV_READ, SIZE_MAX, 1);
        printf("cfg %d\n", !!ev_token_bucket_cfg_new(SIZE_MAX, SIZE_MAX, 1, 1, 0));
        printf("cfg0 %d\n", !!ev_token_bucket_cfg_new(0, 0, 0, 0, 0));
        bufferevent_free(x);
        event_base_free(b);
        break;
    case 11:
        b = event_base_new();
        {
            struct timeval z[] = {{-1, 0}, {0, -5}, {0, 2000000}, {1L << 60, 0}, {LONG_MAX, 999999}, {0, 1 << 21}};
            for (int i = 0; i < 6; i++) {
                e = event_new(b, -1, 0, cb, 0);
                printf("odd time %d add %d", i, event_add(e, &z[i]));
                n = 0;
                event_base_loop(b, EVLOOP_NONBLOCK);
                printf(" calls %d pending %d\n", n, event_pending(e, EV_TIMEOUT, 0));
                event_del(e);
            }
        }
        break;
    case 12:
        b = event_base_new();
        {
            struct event *m[50];
            for (int i = 0; i < 50; i++) {
                m[i] = event_new(b, -1, 0, cb, 0);
                event_add(m[i], &t);
                event_active(m[i], 1, 1);
            }
            for (int i = 0; i < 25; i++)
                event_free(m[i]);
            event_base_free(b);
            for (int i = 25; i < 50; i++) {
                n += event_initialized(m[i]);
            }
            printf("after base free: %d\n", n);
            for (int i = 25; i < 50; i++) {
                event_base_set(b = event_base_new(), m[i]);
                free(m[i]);
            }
            printf("ok\n");
        }
        break;
    case 13:
        evthread_use_pthreads();
        b = event_base_new();
        {
            pthread_t th;
            e = event_new(b, -1, EV_PERSIST, cb, 0);
            struct timeval l = {100, 0};
            event_add(e, &l);
            pthread_create(&th, 0, rdr, 0);
            usleep(50000);
            event_base_free_nofinalize;
            event_active(e, 1, 1);
            usleep(20000);
            event_base_loopexit(b, 0);
            pthread_join(th, 0);
            printf("joined, calls %d\n", n);
        }
        break;
    case 14:
        b = event_base_new();
        bufferevent_pair_new(b, BEV_OPT_DEFER_CALLBACKS, y);
        bufferevent_setcb(y[0], rd, 0, ev, 0);
        bufferevent_setcb(y[1], rd, 0, ev, 0);
        bufferevent_enable(y[0], 6);
        bufferevent_enable(y[1], 6);
        bufferevent_write(y[0], "abc", 3);
        bufferevent_free(y[0]);
        event_base_loop(b, EVLOOP_NONBLOCK);
        printf("read %ld events %x\n", cnt, n);
        bufferevent_write(y[1], "abc", 3);
        event_base_loop(b, EVLOOP_NONBLOCK);
        bufferevent_free(y[1]);
        event_base_free(b);
        printf("ok\n");
        break;
    case 15:
        b = event_base_new();
        bufferevent_pair_new(b, 0, y);
        {
            struct bufferevent *f = bufferevent_filter_new(y[0], 0, 0, BEV_OPT_CLOSE_ON_FREE, 0, 0),
                               *g = bufferevent_filter_new(f, 0, 0, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS, 0,
                                                           0);
            bufferevent_setcb(g, rd, 0, ev, 0);
            bufferevent_enable(g, 6);
            bufferevent_enable(y[1], 6);
            bufferevent_write(y[1], "hello", 5);
            bufferevent_write(g, "x", 1);
            event_base_loop(b, EVLOOP_NONBLOCK);
            bufferevent_free(y[1]);
            event_base_loop(b, EVLOOP_NONBLOCK);
            bufferevent_free(g);
            event_base_free(b);
            printf("read %ld events %x\n", cnt, n);
        }
        break;
    }
}
#define NCASE 16
int main(int c, char **v) {
    event_set_log_callback(quietlog);
    signal(SIGPIPE, SIG_IGN);
    for (int k = 0; k < NCASE; k++) {
        if (c > 1 && atoi(v[1]) != k)
            continue;
        printf("case %d\n", k);
        fflush(stdout);
        pid_t p = fork();
        if (!p) {
            alarm(k < 3 ? 0 : 10);
            run(k);
            fflush(stdout);
            _exit(0);
        }
        int s;
        waitpid(p, &s, 0);
        printf("case %d ends: exit %d signal %d\n", k, WIFEXITED(s) ? WEXITSTATUS(s) : -1,
               WIFSIGNALED(s) ? WTERMSIG(s) : 0);
        fflush(stdout);
    }
    return 0;
}
