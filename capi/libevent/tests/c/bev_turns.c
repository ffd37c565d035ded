/* Socket bufferevents: timeouts, priorities, other descriptors, and the order of callbacks. */
#include "bev_util.h"

static int sv[2];
static struct bufferevent *b;
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}

CASE(read_timeout)
{
	start(0);
	CHECK(bufferevent_set_timeouts(b, ms(20), NULL) == 0);
	CHECK(b->timeout_read.tv_usec == 20000);
	bufferevent_enable(b, EV_READ);
	run_ms(60);
	enabled("b", b);
	pending("b", b);
	bufferevent_enable(b, EV_READ);
	run_ms(60);
}

CASE(read_timeout_not_while_disabled)
{
	start(0);
	bufferevent_set_timeouts(b, ms(15), ms(15));
	run_ms(40);
	SAY("nothing\n");
	bufferevent_enable(b, EV_READ);
	bufferevent_disable(b, EV_READ);
	run_ms(40);
	SAY("nothing\n");
}

CASE(read_timeout_restarts_on_data)
{
	int i;
	start(0);
	bufferevent_set_timeouts(b, ms(60), NULL);
	bufferevent_enable(b, EV_READ);
	for (i = 0; i < 4; i++) {
		put(sv[1], "x");
		run_ms(25);
	}
	SAY("then silence\n");
	run_ms(120);
}

CASE(read_timeout_while_suspended)
{
	start(0);
	bufferevent_setcb(b, once_read, log_write, log_event, "b");
	bufferevent_setwatermark(b, EV_READ, 0, 2);
	bufferevent_set_timeouts(b, ms(20), NULL);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcd");
	run_ms(60);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 2);
	run_ms(10);
	evbuffer_drain(bufferevent_get_input(b), 2);
	run_ms(60);
}

CASE(write_timeout)
{
	static char big[4000000];
	start(0);
	bufferevent_setcb(b, log_read, NULL, log_event, "b");
	bufferevent_set_timeouts(b, NULL, ms(25));
	bufferevent_write(b, "x", 1);
	run_ms(60);
	SAY("written in time\n");
	bufferevent_write(b, big, sizeof big);
	run_ms(80);
	enabled("b", b);
	pending("b", b);
	CHECK(out_len(b) > 0);
}

CASE(both_timeouts)
{
	static char big[4000000];
	start(0);
	bufferevent_setcb(b, log_read, NULL, log_event, "b");
	bufferevent_set_timeouts(b, ms(50), ms(15));
	bufferevent_enable(b, EV_READ | EV_WRITE);
	bufferevent_write(b, big, sizeof big);
	run_ms(120);
	enabled("b", b);
}

CASE(set_timeouts_while_pending)
{
	start(0);
	bufferevent_enable(b, EV_READ);
	settle();
	bufferevent_set_timeouts(b, ms(20), NULL);
	CHECK(event_pending(&b->ev_read, EV_TIMEOUT, NULL));
	run_ms(60);
	bufferevent_enable(b, EV_READ);
	bufferevent_set_timeouts(b, NULL, NULL);
	CHECK(!event_pending(&b->ev_read, EV_TIMEOUT, NULL));
	CHECK(b->timeout_read.tv_usec == 0);
	run_ms(50);
}

CASE(zero_timeout_means_none)
{
	struct timeval z = { 0, 0 };
	start(0);
	bufferevent_set_timeouts(b, &z, &z);
	bufferevent_enable(b, EV_READ);
	CHECK(!event_pending(&b->ev_read, EV_TIMEOUT, NULL));
	run_ms(30);
}

static void cb_counts(const struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	(void)buf;
	SAY("%s %zu +%zu -%zu\n", (char *)arg, i->orig_size, i->n_added, i->n_deleted);
}
static void cb_buffer(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg) { cb_counts(buf, i, arg); }
CASE(evbuffer_callbacks_on_both)
{
	start(0);
	evbuffer_add_cb(bufferevent_get_input(b), cb_buffer, "input");
	evbuffer_add_cb(bufferevent_get_output(b), cb_buffer, "output");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "hello");
	settle();
	evbuffer_drain(bufferevent_get_input(b), 2);
	bufferevent_write(b, "abc", 3);
	SAY("turn\n");
	settle();
}

CASE(priorities)
{
	base = event_base_new();
	event_base_priority_init(base, 4);
	pair_of(sv);
	b = logged(sv[0], 0, "b");
	SAY("%d\n", bufferevent_get_priority(b));
	SAY("%d %d\n", bufferevent_priority_set(b, 0), bufferevent_get_priority(b));
	SAY("%d %d\n", bufferevent_priority_set(b, 3), bufferevent_get_priority(b));
	SAY("%d %d\n", bufferevent_priority_set(b, 4), bufferevent_get_priority(b));
	SAY("%d %d\n", bufferevent_priority_set(b, -1), bufferevent_get_priority(b));
}

CASE(priority_order)
{
	int s2[2];
	struct bufferevent *c;
	base = event_base_new();
	event_base_priority_init(base, 3);
	pair_of(sv);
	pair_of(s2);
	b = logged(sv[0], 0, "low");
	c = logged(s2[0], 0, "high");
	bufferevent_priority_set(b, 2);
	bufferevent_priority_set(c, 0);
	bufferevent_enable(b, EV_READ);
	bufferevent_enable(c, EV_READ);
	put(sv[1], "a");
	put(s2[1], "b");
	settle();
}

CASE(setfd)
{
	int s2[2];
	start(0);
	pair_of(s2);
	bufferevent_enable(b, EV_READ);
	put(s2[1], "new");
	CHECK(bufferevent_setfd(b, s2[0]) == 0);
	CHECK(bufferevent_getfd(b) == s2[0]);
	pending("b", b);
	settle();
	put(sv[1], "old");
	settle();
	bufferevent_write(b, "out", 3);
	settle();
	get("new", s2[1]);
	CHECK(bufferevent_setfd(b, -1) == 0);
	CHECK(bufferevent_getfd(b) == -1);
	pending("b", b);
	bufferevent_write(b, "later", 5);
	pending("b", b);
	settle();
	SAY("out %zu\n", out_len(b));
	CHECK(bufferevent_setfd(b, sv[0]) == 0);
	settle();
	get("old", sv[1]);
	CHECK(alive(s2[0]));
}

CASE(no_fd_then_setfd)
{
	base = event_base_new();
	b = logged(-1, 0, "b");
	CHECK(bufferevent_getfd(b) == -1);
	SAY("enable %d\n", bufferevent_enable(b, EV_READ | EV_WRITE));
	enabled("b", b);
	bufferevent_write(b, "abc", 3);
	pending("b", b);
	settle();
	pair_of(sv);
	CHECK(bufferevent_setfd(b, sv[0]) == 0);
	pending("b", b);
	settle();
	get("peer", sv[1]);
	put(sv[1], "in");
	settle();
}

CASE(base_set)
{
	struct event_base *other = event_base_new();
	start(0);
	CHECK(bufferevent_base_set(other, b) == 0);
	CHECK(bufferevent_get_base(b) == other);
	CHECK(event_get_base(&b->ev_write) == other);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	SAY("now the other\n");
	event_base_loop(other, EVLOOP_NONBLOCK);
}

CASE(set_and_get_cb)
{
	bufferevent_data_cb r, w;
	bufferevent_event_cb e;
	void *arg;
	start(0);
	bufferevent_getcb(b, &r, &w, &e, &arg);
	CHECK(r == log_read && w == log_write && e == log_event && !strcmp(arg, "b"));
	bufferevent_getcb(b, NULL, NULL, NULL, NULL);
	bufferevent_setcb(b, NULL, NULL, NULL, NULL);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	SAY("in %zu\n", in_len(b));
	CHECK(b->readcb == NULL);
	bufferevent_setcb(b, log_read, NULL, NULL, "late");
	settle();
	CHECK(b->readcb == log_read && !strcmp(b->cbarg, "late"));
	put(sv[1], "d");
	settle();
}

CASE(partial_then_disable_reads_rest_later)
{
	static char big[3000000];
	char tmp[70000];
	ssize_t n, total = 0;
	int i;
	start(0);
	bufferevent_setcb(b, NULL, NULL, NULL, NULL);
	bufferevent_write(b, big, sizeof big);
	settle();
	bufferevent_disable(b, EV_WRITE);
	pending("b", b);
	for (i = 0; i < 50; i++) {
		while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
			total += n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	CHECK(total + (ssize_t)out_len(b) == (ssize_t)sizeof big && out_len(b) > 0);
	bufferevent_enable(b, EV_WRITE);
	for (i = 0; i < 500; i++) {
		while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
			total += n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	SAY("total %zd, out %zu\n", total, out_len(b));
}

static void again(struct bufferevent *x, void *arg)
{
	char t[4096];
	(void)arg;
	while (read(sv[1], t, sizeof t) > 0)
		;
	bufferevent_write(x, "y", 1);
}
CASE(writing_write_callback_does_not_starve)
{
	struct timeval tv = { 0, 10000 };
	start(0);
	bufferevent_setcb(b, NULL, again, NULL, "b");
	bufferevent_write(b, "x", 1);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	SAY("the loop ended\n");
}
CASE(order_of_read_and_write_callbacks)
{
	start(0);
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "in");
	bufferevent_write(b, "out", 3);
	settle();
}

CASE(order_of_two_streams)
{
	int s2[2];
	struct bufferevent *c;
	start(0);
	pair_of(s2);
	c = logged(s2[0], 0, "c");
	bufferevent_write(b, "1", 1);
	bufferevent_write(c, "2", 1);
	settle();
	bufferevent_enable(b, EV_READ);
	bufferevent_enable(c, EV_READ);
	settle();
	put(sv[1], "1");
	put(s2[1], "2");
	settle();
}

CASE(lock_is_recursive)
{
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE);
	bufferevent_lock(b);
	bufferevent_lock(b);
	bufferevent_unlock(b);
	bufferevent_unlock(b);
	bufferevent_write(b, "x", 1);
	settle();
}

CASE(unlock_without_defer)
{
	base = event_base_new();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], BEV_OPT_UNLOCK_CALLBACKS);
	SAY("%s\n", b ? "made" : "refused");
	b = bufferevent_socket_new(base, sv[0], BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_DEFER_CALLBACKS);
	SAY("%s\n", b ? "made" : "refused");
}

CASE(loop_ends_when_idle)
{
	start(0);
	bufferevent_write(b, "x", 1);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("loop %d\n", event_base_dispatch(base));
	get("peer", sv[1]);
}
