/*
 * The seam to TLS libraries, with a toy: a session that says HELO both ways, then sends records of a length byte and
 * XORed bytes, and ends with a record of length zero. The toy is built as a shared object of its own, from this file.
 */
#ifndef TOY
#include "bev_util.h"
#include <dlfcn.h>
#else
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#endif
#include "../../seam/evoxide_tls.h"

struct toy_api {
	struct bufferevent *(*on_fd)(struct event_base *, int fd, int mode, int options);
	struct bufferevent *(*on_bev)(struct bufferevent *, int mode, int options);
	unsigned long (*error)(struct bufferevent *);
	void (*slow)(struct bufferevent *, int n);
	int (*freed)(void);
	int (*dirty)(struct bufferevent *, int on);
};

#ifdef TOY
struct toy {
	int fd;
	struct bufferevent *below;
	int greeted, heard, slow, ended;
	unsigned char out[300], in[300], plain[300];
	size_t out_len, in_len, plain_len, plain_at;
	unsigned long error;
};
static int toys_freed;

static ssize_t raw_read(struct toy *t, void *p, size_t n)
{
	if (t->slow && n > (size_t)t->slow)
		n = (size_t)t->slow;
	if (!t->below)
		return recv(t->fd, p, n, 0);
	n = (size_t)evbuffer_remove(bufferevent_get_input(t->below), p, n);
	if (!n)
		return errno = EAGAIN, -1;
	return (ssize_t)n;
}
static ssize_t raw_write(struct toy *t, const void *p, size_t n)
{
	if (t->slow && n > (size_t)t->slow)
		n = (size_t)t->slow;
	if (!t->below)
		return send(t->fd, p, n, MSG_NOSIGNAL);
	return bufferevent_write(t->below, p, n) ? -1 : (ssize_t)n;
}
static ptrdiff_t flush_out(struct toy *t)
{
	while (t->out_len) {
		ssize_t n = raw_write(t, t->out, t->out_len);
		if (n < 0 && errno == EAGAIN)
			return EVOXIDE_TLS_WANT_WRITE;
		if (n < 0)
			return t->error = 77, EVOXIDE_TLS_ERROR;
		memmove(t->out, t->out + n, t->out_len - (size_t)n);
		t->out_len -= (size_t)n;
	}
	return 0;
}
static ptrdiff_t fill(struct toy *t, size_t want)
{
	while (t->in_len < want) {
		ssize_t n = raw_read(t, t->in + t->in_len, want - t->in_len);
		if (n < 0 && errno == EAGAIN)
			return EVOXIDE_TLS_WANT_READ;
		if (n == 0)
			return EVOXIDE_TLS_TRUNCATED;
		if (n < 0)
			return t->error = 78, EVOXIDE_TLS_ERROR;
		t->in_len += (size_t)n;
	}
	return 0;
}
static void toy_attach(void *s, int fd) { ((struct toy *)s)->fd = fd; }
static ptrdiff_t toy_handshake(void *s)
{
	struct toy *t = s;
	ptrdiff_t r;
	if (!t->greeted) {
		memcpy(t->out, "HELO", 4);
		t->out_len = 4;
		t->greeted = 1;
	}
	if ((r = flush_out(t)) < 0 || (r = fill(t, 4)) < 0)
		return r;
	if (memcmp(t->in, "HELO", 4))
		return t->error = 99, EVOXIDE_TLS_ERROR;
	t->in_len = 0;
	t->heard = 1;
	return 0;
}
static ptrdiff_t toy_read(void *s, void *data, size_t size)
{
	struct toy *t = s;
	size_t n, i;
	ptrdiff_t r;
	if (t->plain_at == t->plain_len) {
		if ((r = fill(t, 1)) < 0)
			return r;
		if (t->in[0] == 0)
			return EVOXIDE_TLS_CLOSED;
		if ((r = fill(t, 1u + t->in[0])) < 0)
			return r;
		t->plain_len = t->in[0];
		for (i = 0; i < t->plain_len; i++)
			t->plain[i] = t->in[i + 1] ^ 0x5a;
		t->plain_at = t->in_len = 0;
	}
	n = t->plain_len - t->plain_at;
	n = n < size ? n : size;
	memcpy(data, t->plain + t->plain_at, n);
	t->plain_at += n;
	return (ptrdiff_t)n;
}
static ptrdiff_t toy_write(void *s, const void *data, size_t size, int more)
{
	struct toy *t = s;
	ptrdiff_t r = flush_out(t);
	size_t i;
	(void)more;
	if (r < 0)
		return r;
	if (size > 200)
		size = 200;
	t->out[0] = (unsigned char)size;
	for (i = 0; i < size; i++)
		t->out[i + 1] = ((const unsigned char *)data)[i] ^ 0x5a;
	t->out_len = size + 1;
	r = flush_out(t); /* what is left goes out with the next call */
	return r == EVOXIDE_TLS_ERROR ? r : (ptrdiff_t)size;
}
static size_t toy_pending(void *s) { return ((struct toy *)s)->plain_len - ((struct toy *)s)->plain_at; }
static ptrdiff_t toy_shutdown(void *s, int last)
{
	(void)last;
	struct toy *t = s;
	if (flush_out(t) == 0) {
		t->out[0] = 0;
		t->out_len = 1;
		flush_out(t);
	}
	return 0;
}
static unsigned long toy_error(void *s)
{
	unsigned long e = ((struct toy *)s)->error;
	((struct toy *)s)->error = 0;
	return e;
}
static void toy_unconnected(void *s)
{
	((struct toy *)s)->error = 55;
}
static void toy_free(void *s, int close)
{
	(void)close;
	toys_freed++;
	free(s);
}
static const struct evoxide_tls_ops ops = { EVOXIDE_TLS_VERSION, sizeof ops, toy_attach, toy_handshake, toy_read, toy_write, toy_pending, toy_shutdown, toy_error, toy_unconnected, toy_free };
static const struct evoxide_tls_ops wrong = { EVOXIDE_TLS_VERSION + 1, sizeof ops, toy_attach, toy_handshake, toy_read, toy_write, toy_pending, toy_shutdown, toy_error, toy_unconnected, toy_free };

static struct bufferevent *on_fd(struct event_base *base, int fd, int mode, int options)
{
	struct toy *t = calloc(1, sizeof *t);
	if (evoxide_tls_socket_new(base, fd, &wrong, t, mode, options))
		abort();
	return evoxide_tls_socket_new(base, fd, &ops, t, mode, options);
}
static struct bufferevent *on_bev(struct bufferevent *below, int mode, int options)
{
	struct toy *t = calloc(1, sizeof *t);
	t->below = below;
	return evoxide_tls_filter_new(below, &ops, t, mode, options);
}
static unsigned long error_of(struct bufferevent *b)
{
	void *t = evoxide_tls_session(b, &ops);
	if (!t || evoxide_tls_session(b, &wrong))
		abort();
	return toy_error(t);
}
static void slow(struct bufferevent *b, int n) { ((struct toy *)evoxide_tls_session(b, &ops))->slow = n; }
static int freed_count(void) { return toys_freed; }
__attribute__((visibility("default"))) const struct toy_api toy_api = { on_fd, on_bev, error_of, slow, freed_count, evoxide_tls_dirty_shutdown };
#else

static const struct toy_api *toy;
static int sv[2];
static struct bufferevent *a, *b;

static void load(void)
{
	char dir[] = "/tmp/evXXXXXX", so[64], cmd[2048];
	void *h;
	if (!mkdtemp(dir))
		abort();
	snprintf(so, sizeof so, "%s/toy.so", dir);
	snprintf(cmd, sizeof cmd, "cc -shared -fPIC -DTOY -o %s '%s'", so, __FILE__);
	if (system(cmd) || !(h = dlopen(so, RTLD_NOW))) {
		SAY("the toy cannot be built: %s\n", dlerror());
		exit(1);
	}
	unlink(so);
	rmdir(dir);
	toy = dlsym(h, "toy_api");
	base = event_base_new();
}
static void both(void)
{
	load();
	pair_of(sv);
	a = toy->on_fd(base, sv[0], EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	b = toy->on_fd(base, sv[1], EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(a, drain_read, log_write, log_event, "a");
	bufferevent_setcb(b, drain_read, log_write, log_event, "b");
}

CASE(handshake_then_data)
{
	both();
	bufferevent_enable(b, EV_READ);
	bufferevent_write(a, "queued before", 13);
	settle();
	bufferevent_write(a, "second", 6);
	settle();
	bufferevent_enable(a, EV_READ);
	bufferevent_write(b, "answer", 6);
	settle();
	CHECK(bufferevent_getfd(a) == sv[0]);
	CHECK(bufferevent_get_underlying(a) == NULL);
	bufferevent_free(a);
	settle();
	bufferevent_free(b);
	settle();
	SAY("freed %d\n", toy->freed());
	CHECK(!alive(sv[0]) && !alive(sv[1]));
	event_base_free(base);
}
CASE(cipher_on_the_wire)
{
	char t[16] = "";
	load();
	pair_of(sv);
	a = toy->on_fd(base, sv[0], EVOXIDE_TLS_OPEN, 0);
	bufferevent_write(a, "AB", 2);
	settle();
	CHECK(read(sv[1], t, sizeof t) == 3);
	SAY("%d %#x %#x\n", t[0], t[1], t[2]);
}
CASE(bytes_one_at_a_time)
{
	both();
	toy->slow(a, 1);
	toy->slow(b, 1);
	bufferevent_enable(a, EV_READ);
	bufferevent_enable(b, EV_READ);
	bufferevent_write(a, "slowly but surely", 17);
	settle();
}
static size_t got;
static void take(struct bufferevent *x, void *arg)
{
	(void)arg;
	got += in_len(x);
	evbuffer_drain(bufferevent_get_input(x), in_len(x));
}
CASE(a_megabyte)
{
	static char big[1 << 20];
	int i;
	both();
	bufferevent_setcb(a, NULL, NULL, NULL, NULL);
	bufferevent_setcb(b, take, NULL, NULL, NULL);
	bufferevent_enable(b, EV_READ);
	bufferevent_write(a, big, sizeof big);
	for (i = 0; i < 3000 && got < sizeof big; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("got %zu, left %zu\n", got, out_len(a));
}
CASE(cut_transport)
{
	both();
	bufferevent_enable(a, EV_READ);
	settle();
	bufferevent_setfd(b, -1);
	close(sv[1]);
	settle();
}
CASE(cut_transport_allowed)
{
	both();
	SAY("dirty %d", toy->dirty(a, -1));
	SAY(" %d\n", toy->dirty(a, 1));
	bufferevent_enable(a, EV_READ);
	settle();
	bufferevent_setfd(b, -1);
	close(sv[1]);
	settle();
}
CASE(bad_handshake)
{
	load();
	pair_of(sv);
	a = toy->on_fd(base, sv[0], EVOXIDE_TLS_HANDSHAKE, 0);
	bufferevent_setcb(a, drain_read, log_write, log_event, "a");
	put(sv[1], "WHAT");
	settle();
	SAY("error %lu\n", toy->error(a));
	SAY("then %lu\n", toy->error(a));
}
CASE(read_disabled_until_later)
{
	both();
	bufferevent_write(a, "patience", 8);
	settle();
	SAY("in %zu\n", in_len(b));
	bufferevent_enable(b, EV_READ);
	settle();
}
CASE(high_mark_with_pending_bytes)
{
	both();
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	bufferevent_setwatermark(b, EV_READ, 0, 4);
	bufferevent_enable(b, EV_READ);
	bufferevent_write(a, "0123456789", 10);
	run_ms(5);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 4);
	run_ms(5);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 4);
	run_ms(5);
	SAY("in %zu\n", in_len(b));
}
CASE(over_bufferevents)
{
	struct bufferevent *p[2];
	load();
	bufferevent_pair_new(base, 0, p);
	a = toy->on_bev(p[0], EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	b = toy->on_bev(p[1], EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(a, drain_read, NULL, log_event, "a");
	bufferevent_setcb(b, drain_read, NULL, log_event, "b");
	CHECK(bufferevent_get_underlying(a) == p[0]);
	bufferevent_enable(a, EV_READ);
	bufferevent_enable(b, EV_READ);
	bufferevent_write(a, "down the pair", 13);
	settle();
	bufferevent_write(b, "and back", 8);
	settle();
	bufferevent_free(a);
	settle();
	bufferevent_free(b);
	settle();
	SAY("freed %d\n", toy->freed());
	event_base_free(base);
}
CASE(connect_then_handshake)
{
	struct sockaddr_in addr;
	int lfd, s;
	load();
	lfd = listen_tcp(&addr);
	a = toy->on_fd(base, -1, EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(a, drain_read, NULL, log_event, "a");
	bufferevent_enable(a, EV_READ);
	bufferevent_write(a, "hi", 2);
	SAY("connect %d\n", bufferevent_socket_connect(a, (struct sockaddr *)&addr, sizeof addr));
	run_ms(10);
	s = accept(lfd, NULL, NULL);
	b = toy->on_fd(base, s, EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	fcntl(s, F_SETFL, O_NONBLOCK);
	bufferevent_setcb(b, drain_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	run_ms(20);
}
CASE(connect_refused)
{
	struct sockaddr_in addr;
	load();
	dead_tcp(&addr);
	a = toy->on_fd(base, -1, EVOXIDE_TLS_HANDSHAKE, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(a, drain_read, NULL, log_event, "a");
	bufferevent_socket_connect(a, (struct sockaddr *)&addr, sizeof addr);
	run_ms(10);
}
CASE(timeouts)
{
	load();
	pair_of(sv);
	a = toy->on_fd(base, sv[0], EVOXIDE_TLS_OPEN, 0);
	bufferevent_setcb(a, drain_read, NULL, log_event, "a");
	bufferevent_set_timeouts(a, ms(10), NULL);
	bufferevent_enable(a, EV_READ);
	run_ms(40);
}
static void free_it(struct bufferevent *x, void *arg)
{
	SAY("%s freed in its callback\n", (char *)arg);
	bufferevent_free(x);
}
CASE(free_in_every_callback)
{
	both();
	bufferevent_setcb(b, free_it, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	bufferevent_setcb(a, NULL, free_it, NULL, "a");
	bufferevent_write(a, "x", 1);
	settle();
	SAY("freed %d\n", toy->freed());
	event_base_free(base);
}
CASE(free_when_connected)
{
	both();
	bufferevent_setcb(a, NULL, NULL, free_event, "a");
	bufferevent_setcb(b, NULL, NULL, free_event, "b");
	bufferevent_write(a, "unsent", 6);
	settle();
	SAY("freed %d\n", toy->freed());
	event_base_free(base);
}
#endif
