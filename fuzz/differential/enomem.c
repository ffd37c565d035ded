/* The n-th allocation of the library fails (and, with "all", every later one). usage: enomem SCENARIO N [all] */
#include "fz.h"
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
static long n, at, all;
static int armed;
static int fail(void) {
    if (!armed)
        return 0;
    n++;
    return all ? n >= at : n == at;
}
static void *m(size_t s) { return fail() ? (errno = ENOMEM, NULL) : malloc(s); }
static void *r(void *p, size_t s) { return fail() ? (errno = ENOMEM, NULL) : realloc(p, s); }
static void cb(evutil_socket_t f, short w, void *a) {}
/* Sends back what came, some hundred times: the two ends of a pair would go on for ever. */
static void rd(struct bufferevent *b, void *a) {
    static int echoed;
    if (echoed++ < 300)
        bufferevent_read_buffer(b, a ? a : bufferevent_get_output(b));
    else
        evbuffer_drain(bufferevent_get_input(b), 1 << 30);
}
static void ev(struct bufferevent *b, short w, void *a) {}
static void acc(struct evconnlistener *l, evutil_socket_t f, struct sockaddr *s, int sl, void *a) {
    struct bufferevent *b = bufferevent_socket_new(a, f, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!b) {
        close(f);
        return;
    }
    bufferevent_setcb(b, rd, NULL, ev, NULL);
    bufferevent_enable(b, EV_READ | EV_WRITE);
    bufferevent_free(b);
}
static void ecb(struct evbuffer *b, const struct evbuffer_cb_info *i, void *a) {}
static void sl(evutil_socket_t f, short w, void *a) {}
int main(int c, char **v) {
    int sc = atoi(v[1]);
    at = atol(v[2]);
    all = c > 3;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    event_set_mem_functions(m, r, free);
    event_set_log_callback((event_log_cb)(void *)cb);
    alarm(5);
    if (sc & 8)
        evthread_use_pthreads();
    sc &= 7;
    struct event_base *b;
    if (sc == 0)
        armed = 1;
    b = event_base_new();
    if (!b) {
        puts("no base");
        return 0;
    }
    armed = 1;
    char t[9000];
    memset(t, 'x', 9000);
    switch (sc) {
    case 0:
    case 1: {
        event_base_priority_init(b, 3);
        struct event *e[20];
        int p[2];
        socketpair(AF_UNIX, SOCK_STREAM, 0, p);
        struct timeval tv = {0, 1000};
        for (int i = 0; i < 20; i++) {
            e[i] = event_new(b,
                             i % 3    ? p[i % 2]
                             : i == 6 ? SIGUSR1
                                      : -1,
                             i == 6  ? EV_SIGNAL | EV_PERSIST
                             : i % 3 ? EV_READ | EV_PERSIST
                                     : 0,
                             cb, NULL);
            if (e[i]) {
                event_add(e[i], i % 2 ? &tv : NULL);
                event_active(e[i], 1, 1);
            }
            event_base_once(b, -1, EV_TIMEOUT, cb, NULL, &tv);
            struct timeval ct = {i + 1, 0};
            event_base_init_common_timeout(b, &ct);
        }
        raise(SIGUSR1);
        event_base_loop(b, EVLOOP_NONBLOCK);
        event_base_loop(b, EVLOOP_ONCE);
        event_base_loopexit(b, &tv);
        for (int i = 0; i < 20; i++)
            if (e[i]) {
                if (i % 4 == 0)
                    event_free_finalize(0, e[i], (event_finalize_callback_fn)(void *)cb);
                else
                    event_free(e[i]);
            }
        event_base_loop(b, EVLOOP_NONBLOCK);
        event_reinit(b);
    } break;
    case 2: {
        struct evbuffer *x = evbuffer_new(), *y = evbuffer_new();
        if (x && y) {
            for (int i = 0; i < 30; i++) {
                evbuffer_add(x, t, 50 + i * 200);
                evbuffer_add_reference(x, t, 100, NULL, NULL);
                evbuffer_prepend(x, t, 300);
                evbuffer_add_cb(x, ecb, NULL);
                evbuffer_add_printf(x, "%s %d", t, i);
                evbuffer_remove_buffer(x, y, 400);
                evbuffer_add_buffer_reference(y, x);
                evbuffer_pullup(y, 500);
                evbuffer_expand(x, 10000);
                struct evbuffer_iovec io[2];
                evbuffer_reserve_space(x, 5000, io, 2);
                free(evbuffer_readln(y, NULL, EVBUFFER_EOL_LF));
                evbuffer_add_file_segment(x, NULL + 0 ? 0 : evbuffer_file_segment_new(open("/etc/passwd", 0), 0, 50, EVBUF_FS_CLOSE_ON_FREE) ?: (struct evbuffer_file_segment *)0, 0, 0) ;
                evbuffer_add_file(x, open("/etc/passwd", 0), 0, 40);
                evbuffer_add_buffer(x, y);
                evbuffer_drain(x, 3000);
            }
        }
        if (x) {
            evbuffer_defer_callbacks(x, b);
            evbuffer_add(x, t, 9);
            event_base_loop(b, EVLOOP_NONBLOCK);
            evbuffer_free(x);
        }
        if (y)
            evbuffer_free(y);
    } break;
    case 3:
    case 4:
    case 5:
        for (int k = 0; k < 6; k++) {
            struct bufferevent *q[2] = {0};
            if (sc == 4) {
                if (bufferevent_pair_new(b, k & 1 ? BEV_OPT_DEFER_CALLBACKS : 0, q))
                    continue;
            } else {
                int p[2];
                socketpair(AF_UNIX, SOCK_STREAM, 0, p);
                for (int i = 0; i < 2; i++) {
                    evutil_make_socket_nonblocking(p[i]);
                    q[i] = bufferevent_socket_new(b, p[i],
                                                  BEV_OPT_CLOSE_ON_FREE | (k & 1 ? BEV_OPT_DEFER_CALLBACKS : 0) |
                                                      (k & 2 ? BEV_OPT_THREADSAFE : 0));
                    if (!q[i])
                        close(p[i]);
                }
            }
            for (int i = 0; i < 2; i++)
                if (q[i]) {
                    if (sc == 5) {
                        struct bufferevent *f =
                            bufferevent_filter_new(q[i], NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
                        if (f)
                            q[i] = f;
                    }
                    bufferevent_setcb(q[i], rd, NULL, ev, NULL);
                    struct timeval tv = {0, 500};
                    bufferevent_set_timeouts(q[i], &tv, &tv);
                    struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
                    if (cfg)
                        bufferevent_set_rate_limit(q[i], cfg);
                    bufferevent_enable(q[i], EV_READ | EV_WRITE);
                    bufferevent_write(q[i], t, 5000);
                    if (cfg) {
                        event_base_loop(b, EVLOOP_NONBLOCK);
                        bufferevent_set_rate_limit(q[i], NULL);
                        ev_token_bucket_cfg_free(cfg);
                    }
                    bufferevent_setwatermark(q[i], EV_READ, 1, 100);
                }
            for (int l = 0; l < 4; l++)
                event_base_loop(b, EVLOOP_NONBLOCK);
            for (int i = 0; i < 2; i++)
                if (q[i])
                    bufferevent_free(q[i]);
            event_base_loop(b, EVLOOP_NONBLOCK);
        }
        break;
    case 6: {
        struct sockaddr_in s = {0};
        s.sin_family = AF_INET;
        s.sin_addr.s_addr = htonl(0x7f000001);
        struct evconnlistener *l = evconnlistener_new_bind(
            b, acc, b, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | (at % 2 ? LEV_OPT_THREADSAFE : 0), 5, (void *)&s,
            sizeof s);
        if (!l) {
            puts("no listener");
            break;
        }
        socklen_t z = sizeof s;
        getsockname(evconnlistener_get_fd(l), (void *)&s, &z);
        int f[3];
        for (int i = 0; i < 3; i++) {
            f[i] = socket(AF_INET, SOCK_STREAM, 0);
            connect(f[i], (void *)&s, sizeof s);
        }
        struct bufferevent *q = bufferevent_socket_new(b, -1, BEV_OPT_CLOSE_ON_FREE);
        if (q) {
            bufferevent_setcb(q, rd, NULL, ev, NULL);
            bufferevent_socket_connect(q, (void *)&s, sizeof s);
            bufferevent_write(q, t, 100);
        }
        for (int i = 0; i < 5; i++) {
            struct timeval tv = {0, 1000};
            if (event_base_loopexit(b, &tv)) {
                usleep(1000);
                event_base_loop(b, EVLOOP_NONBLOCK);
            } else
                event_base_loop(b, 0);
        }
        if (q)
            bufferevent_free(q);
        evconnlistener_free(l);
    } break;
    }
    armed = all ? 1 : 0;
    event_base_free(b);
    puts("ok");
    return 0;
}
