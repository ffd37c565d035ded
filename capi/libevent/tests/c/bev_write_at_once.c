/*
 * What is written in callbacks, and what may stop it: every case prints what
 * is the same whether a write is tried at once or in the next turn.
 */
#include "bev_util.h"
#include <setjmp.h>

static int fds[2], other[2];
static struct bufferevent *bev, *bev2;
static struct bufferevent *b1, *b2;

static void start(int options)
{
	base = event_base_new();
	pair_of(fds);
	bev = bufferevent_socket_new(base, fds[0], options);
	bufferevent_enable(bev, EV_READ);
}

static void end(void)
{
	if (bev)
		bufferevent_free(bev);
	settle();
	close(fds[1]);
	event_base_free(base);
}

static void write_then_free(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_write(b, "lost", 4);
	SAY("freed\n");
	bufferevent_free(b);
	bev = NULL;
}

CASE(free_in_the_read_callback_never_flushes)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, write_then_free, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	end();
}

static void write_then_disable(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "kept", 4);
	bufferevent_disable(b, EV_WRITE);
}

CASE(disabled_in_the_read_callback)
{
	start(0);
	bufferevent_setcb(bev, write_then_disable, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	bufferevent_enable(bev, EV_WRITE);
	settle();
	get("peer", fds[1]);
	close(fds[0]);
	end();
}

static void write_then_setfd(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "moved", 5);
	bufferevent_setfd(b, other[0]);
}

CASE(another_descriptor_in_the_read_callback)
{
	start(0);
	pair_of(other);
	bufferevent_setcb(bev, write_then_setfd, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("old peer", fds[1]);
	get("new peer", other[1]);
	put(fds[1], "not heard");
	settle();
	end();
}

static void write_then_no_fd(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "stays", 5);
	bufferevent_setfd(b, -1);
	SAY("fd %d out %zu\n", (int)bufferevent_getfd(b), out_len(b));
}

CASE(no_descriptor_after_the_read_callback)
{
	start(0);
	bufferevent_setcb(bev, write_then_no_fd, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	SAY("out %zu\n", out_len(bev));
	end();
	close(fds[0]);
}

static void write_then_break(struct bufferevent *b, void *arg)
{
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "afterwards", 10);
	if (arg)
		event_base_loopexit(base, NULL);
	else
		event_base_loopbreak(base);
}

CASE(loopbreak_in_the_read_callback)
{
	start(0);
	bufferevent_setcb(bev, write_then_break, NULL, log_event, NULL);
	put(fds[1], "x");
	SAY("loop %d break %d\n", event_base_loop(base, 0), event_base_got_break(base));
	get("peer", fds[1]);
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	settle();
	get("peer", fds[1]);
	end();
	close(fds[0]);
}

CASE(loopexit_in_the_read_callback)
{
	start(0);
	bufferevent_setcb(bev, write_then_break, NULL, log_event, (void *)"exit");
	put(fds[1], "x");
	SAY("loop %d exit %d\n", event_base_loop(base, 0), event_base_got_exit(base));
	settle();
	get("peer", fds[1]);
	end();
	close(fds[0]);
}

static jmp_buf out;

static void write_then_jump(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "jumped", 6);
	longjmp(out, 1);
}

CASE(longjmp_out_of_the_read_callback)
{
	start(0);
	bufferevent_setcb(bev, write_then_jump, NULL, log_event, (void *)"b");
	put(fds[1], "x");
	if (setjmp(out) == 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	/* Its loop is still running, as far as the base knows, so nobody looks further. */
	_exit(0);
}

static int left;

static void write_again(struct bufferevent *b, void *arg)
{
	(void)arg;
	if (left-- > 0)
		bufferevent_write(b, "w", 1);
}

static void other_read(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	SAY("other reads, left %s\n", left > 0 ? "some" : "none");
}

/* A write callback that always writes does not keep others waiting. */
CASE(a_writing_write_callback_does_not_starve)
{
	start(0);
	pair_of(other);
	bev2 = bufferevent_socket_new(base, other[0], 0);
	bufferevent_setcb(bev2, other_read, NULL, NULL, NULL);
	bufferevent_enable(bev2, EV_READ);
	left = 50;
	bufferevent_setcb(bev, echo_read, write_again, log_event, (void *)"b");
	put(fds[1], "x");
	put(other[1], "x");
	settle();
	while (left > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	settle();
	get("peer", fds[1]);
	bufferevent_free(bev2);
	end();
}

static struct bufferevent *third;
static int volleys, third_read;

/* Two write callbacks that write to each other. */
static void write_to_the_other(struct bufferevent *b, void *arg)
{
	(void)arg;
	if (volleys == 0)
		put(fds[1], "x");
	if (++volleys < 100 && !third_read)
		bufferevent_write(b == b1 ? b2 : b1, "v", 1);
}

static void third_reads(struct bufferevent *b, void *arg)
{
	(void)b;
	(void)arg;
	third_read = 1;
}

static void volley(int options)
{
	int one[2], two[2];
	volleys = third_read = 0;
	start(0);
	third = bev;
	bufferevent_setcb(third, third_reads, NULL, NULL, NULL);
	pair_of(one);
	pair_of(two);
	b1 = bufferevent_socket_new(base, one[0], options | BEV_OPT_CLOSE_ON_FREE);
	b2 = bufferevent_socket_new(base, two[0], options | BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b1, NULL, write_to_the_other, NULL, NULL);
	bufferevent_setcb(b2, NULL, write_to_the_other, NULL, NULL);
	bufferevent_write(b1, "v", 1);
	while (!third_read && volleys < 100)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("the third %s\n", volleys < 10 ? "was read soon" : "had to wait");
	bufferevent_free(b1);
	bufferevent_free(b2);
	end();
	close(fds[0]);
	close(one[1]);
	close(two[1]);
}

CASE(two_write_callbacks_that_write_to_each_other_do_not_starve)
{
	volley(0);
}

CASE(nor_do_deferred_ones)
{
	volley(BEV_OPT_DEFER_CALLBACKS);
}

static void log_errno(struct bufferevent *b, short what, void *arg)
{
	int e = errno;
	SAY("%s event:%s, errno %s\n", (char *)arg, what_name(what),
	    what & BEV_EVENT_ERROR ? e == EPIPE ? "EPIPE" : e == ECONNRESET ? "ECONNRESET" : "other" : "-");
	enabled(arg, b);
}

CASE(broken_pipe_tells_the_writer)
{
	signal(SIGPIPE, SIG_IGN);
	start(0);
	bufferevent_setcb(bev, log_read, log_write, log_errno, (void *)"b");
	bufferevent_disable(bev, EV_READ);
	shutdown(fds[1], SHUT_RD);
	bufferevent_write(bev, "x", 1);
	settle();
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	end();
}

static void echo_errno(struct bufferevent *b, void *arg)
{
	(void)arg;
	SAY("read %zu\n", in_len(b));
	bufferevent_write_buffer(b, bufferevent_get_input(b));
}

CASE(broken_pipe_in_the_answer)
{
	signal(SIGPIPE, SIG_IGN);
	start(0);
	bufferevent_setcb(bev, echo_errno, log_write, log_errno, (void *)"b");
	put(fds[1], "x");
	shutdown(fds[1], SHUT_RD);
	settle();
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	end();
}

CASE(peer_is_gone_when_it_is_answered)
{
	signal(SIGPIPE, SIG_IGN);
	start(0);
	bufferevent_setcb(bev, echo_errno, log_write, log_errno, (void *)"b");
	put(fds[1], "x");
	close(fds[1]);
	settle();
	SAY("out %zu\n", out_len(bev));
	pending("b", bev);
	fds[1] = -1;
	end();
}

static void free_on_event(struct bufferevent *b, short what, void *arg)
{
	SAY("%s event:%s\n", (char *)arg, what_name(what));
	bufferevent_free(b);
	bev = NULL;
}

CASE(freed_by_the_event_of_the_answer)
{
	signal(SIGPIPE, SIG_IGN);
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, echo_errno, log_write, free_on_event, (void *)"b");
	put(fds[1], "x");
	shutdown(fds[1], SHUT_RD);
	settle();
	SAY("%s\n", bev ? "there" : "gone");
	end();
}

CASE(freed_by_the_write_callback_of_the_answer)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, echo_read, free_data, log_event, (void *)"b");
	put(fds[1], "answer me");
	settle();
	get("peer", fds[1]);
	bev = NULL;
	end();
}

/* An output callback that adds more whenever something is sent. */
static void more(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	(void)arg;
	if (info->n_deleted && left-- > 0)
		evbuffer_add(buf, "m", 1);
}

CASE(output_callback_adds_more)
{
	start(0);
	left = 5;
	evbuffer_add_cb(bufferevent_get_output(bev), more, NULL);
	bufferevent_setcb(bev, echo_read, NULL, log_event, (void *)"b");
	put(fds[1], "first");
	settle();
	SAY("left %d out %zu\n", left, out_len(bev));
	get("peer", fds[1]);
	pending("b", bev);
	end();
}

CASE(low_mark_of_the_output)
{
	static char big[400000];
	int size = 4096;
	start(0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	bufferevent_setwatermark(bev, EV_WRITE, 100000, 0);
	bufferevent_setcb(bev, NULL, NULL, log_event, (void *)"b");
	bufferevent_write(bev, big, sizeof big);
	settle();
	CHECK(out_len(bev) > 100000 && out_len(bev) < sizeof big);
	pending("b", bev);
	while (out_len(bev)) {
		static char b[65536];
		while (read(fds[1], b, sizeof b) > 0)
			;
		settle();
	}
	pending("b", bev);
	end();
}

CASE(writes_outside_the_loop)
{
	start(0);
	bufferevent_setcb(bev, NULL, log_write, log_event, (void *)"b");
	bufferevent_write(bev, "one", 3);
	pending("b", bev);
	bufferevent_disable(bev, EV_WRITE);
	pending("b", bev);
	settle();
	get("peer", fds[1]);
	bufferevent_enable(bev, EV_WRITE);
	pending("b", bev);
	bufferevent_write(bev, "two", 3);
	SAY("priority %d\n", bufferevent_priority_set(bev, 0));
	pending("b", bev);
	settle();
	get("peer", fds[1]);
	bufferevent_write(bev, "three", 5);
	SAY("drained %d\n", evbuffer_drain(bufferevent_get_output(bev), 100));
	SAY("out %zu\n", out_len(bev));
	SAY("flushed %d\n", bufferevent_flush(bev, EV_WRITE, BEV_FLUSH));
	end();
}

static void add_callbacks(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_enable(b, EV_WRITE);
	bufferevent_setcb(b, log_read, log_write, log_event, (void *)"set later");
}

/* Enabling asks to hear that the descriptor is writable; the callback may be set afterwards. */
CASE(callbacks_set_after_enabling)
{
	start(0);
	bufferevent_enable(bev, EV_WRITE);
	bufferevent_setcb(bev, add_callbacks, log_write, log_event, (void *)"b");
	settle();
	SAY("in a callback\n");
	put(fds[1], "x");
	settle();
	SAY("long after\n");
	bufferevent_setcb(bev, log_read, NULL, log_event, (void *)"b");
	settle();
	bufferevent_setcb(bev, log_read, log_write, log_event, (void *)"b");
	settle();
	SAY("enabled again\n");
	bufferevent_enable(bev, EV_WRITE);
	settle();
	end();
}

CASE(moved_to_another_base)
{
	struct event_base *second;
	start(0);
	second = event_base_new();
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	SAY("moved %d\n", bufferevent_base_set(second, bev));
	bufferevent_enable(bev, EV_WRITE);
	bufferevent_write(bev, "x", 1);
	SAY("moved %d\n", bufferevent_base_set(base, bev));
	event_base_loop(second, EVLOOP_NONBLOCK);
	event_base_loop(second, EVLOOP_NONBLOCK);
	get("peer", fds[1]);
	bufferevent_free(bev);
	event_base_loop(second, EVLOOP_NONBLOCK);
	event_base_free(second);
	close(fds[1]);
	event_base_free(base);
}

static void forward(struct bufferevent *b, void *arg)
{
	struct bufferevent *to = *(struct bufferevent **)arg;
	bufferevent_read_buffer(b, bufferevent_get_output(to));
}

/* A chain of forwarders, the way proxies are made; each sends to the next. */
CASE(forwarding_between_two)
{
	char b[64];
	int i;
	start(0);
	pair_of(other);
	bev2 = bufferevent_socket_new(base, other[0], 0);
	b1 = bev;
	b2 = bev2;
	bufferevent_setcb(bev, forward, NULL, log_event, &b2);
	bufferevent_setcb(bev2, forward, NULL, log_event, &b1);
	bufferevent_enable(bev2, EV_READ);
	for (i = 0; i < 3; i++) {
		snprintf(b, sizeof b, "message %d", i);
		put(fds[1], b);
		settle();
		get("other end", other[1]);
		put(other[1], b);
		settle();
		get("first end", fds[1]);
	}
	bufferevent_free(bev2);
	end();
}

static void free_the_other(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(bev2, "never", 5);
	bufferevent_write(b, "own", 3);
	bufferevent_free(bev2);
	SAY("freed the other\n");
}

CASE(another_one_is_freed_with_its_write_queued)
{
	start(0);
	pair_of(other);
	bev2 = bufferevent_socket_new(base, other[0], BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, free_the_other, NULL, log_event, NULL);
	bufferevent_setcb(bev2, NULL, log_write, log_event, (void *)"other");
	put(fds[1], "x");
	settle();
	get("own", fds[1]);
	get("other", other[1]);
	end();
}

static void run_kind(int options)
{
	start(options | BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, echo_read, log_write, log_event, (void *)"b");
	put(fds[1], "echo");
	settle();
	get("peer", fds[1]);
	bufferevent_setcb(bev, write_then_disable, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	SAY("out %zu\n", out_len(bev));
	bufferevent_enable(bev, EV_WRITE);
	settle();
	get("peer", fds[1]);
	bufferevent_setcb(bev, write_then_free, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	end();
}

CASE(kinds_of_options)
{
	SAY("deferred\n");
	run_kind(BEV_OPT_DEFER_CALLBACKS);
	evthread_use_pthreads();
	SAY("with threads\n");
	run_kind(0);
	SAY("with a lock\n");
	run_kind(BEV_OPT_THREADSAFE);
	SAY("deferred with a lock\n");
	run_kind(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS);
	SAY("unlocked\n");
	run_kind(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
}

CASE(rate_limits_hold_what_is_written)
{
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(1000, 1000, 8, 8, ms(30));
	start(0);
	bufferevent_setcb(bev, echo_read, NULL, log_event, (void *)"b");
	bufferevent_set_rate_limit(bev, cfg);
	put(fds[1], "12345678");
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	get("peer", fds[1]);
	bufferevent_write(bev, "abcdefghijkl", 12);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	get("at once", fds[1]);
	SAY("out %zu\n", out_len(bev));
	run_ms(100);
	get("later", fds[1]);
	SAY("out %zu\n", out_len(bev));
	bufferevent_set_rate_limit(bev, NULL);
	ev_token_bucket_cfg_free(cfg);
	end();
}

static void write_with_timeout(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "answer", 6);
}

CASE(write_timeout_after_an_answer)
{
	static char big[1 << 20];
	start(0);
	bufferevent_set_timeouts(bev, NULL, ms(20));
	bufferevent_setcb(bev, write_with_timeout, NULL, log_event, (void *)"b");
	put(fds[1], "x");
	run_ms(50);
	get("peer", fds[1]);
	enabled("b", bev);
	/* Too much for the socket: the rest times out. */
	bufferevent_write(bev, big, sizeof big);
	run_ms(80);
	enabled("b", bev);
	CHECK(out_len(bev) > 0);
	pending("b", bev);
	end();
}

static void answer_in_parts(struct bufferevent *b, void *arg)
{
	int i;
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	for (i = 0; i < 5; i++)
		bufferevent_write(b, "part ", 5);
	SAY("out %zu pending %d\n", out_len(b), !!event_pending(&b->ev_write, EV_WRITE, NULL));
	evbuffer_prepend(bufferevent_get_output(b), "all: ", 5);
	evbuffer_drain(bufferevent_get_output(b), 2);
}

CASE(several_writes_and_changes_in_one_callback)
{
	start(0);
	bufferevent_setcb(bev, answer_in_parts, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	end();
}

static void take_back(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(b), 100);
	bufferevent_write(b, "taken back", 10);
	evbuffer_drain(bufferevent_get_output(b), 10);
}

CASE(output_taken_back_in_the_callback)
{
	start(0);
	bufferevent_setcb(bev, take_back, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	pending("b", bev);
	bufferevent_write(bev, "y", 1);
	settle();
	get("peer", fds[1]);
	end();
}

static void set_other_callbacks(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(b, bufferevent_get_input(b));
	bufferevent_setcb(b, log_read, free_data, free_event, (void *)"new");
}

CASE(other_callbacks_set_in_the_callback)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, set_other_callbacks, log_write, log_event, (void *)"old");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	bev = NULL;
	end();
}

static void run_inner(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(b, bufferevent_get_input(b));
	SAY("inner loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
}

CASE(loop_called_in_the_callback)
{
	start(0);
	bufferevent_setcb(bev, run_inner, log_write, log_event, (void *)"b");
	put(fds[1], "x");
	settle();
	get("peer", fds[1]);
	end();
}

CASE(half_closed_peer_gets_its_answer)
{
	start(0);
	bufferevent_setcb(bev, echo_read, log_write, log_event, (void *)"b");
	put(fds[1], "last words");
	shutdown(fds[1], SHUT_WR);
	settle();
	get("peer", fds[1]);
	enabled("b", bev);
	bufferevent_write(bev, "more", 4);
	settle();
	get("peer", fds[1]);
	end();
}

CASE(answers_over_tcp_to_a_peer_that_reset)
{
	struct sockaddr_in a;
	struct linger no = { 1, 0 };
	int l, c;
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	l = listen_tcp(&a);
	c = socket(AF_INET, SOCK_STREAM, 0);
	connect(c, (struct sockaddr *)&a, sizeof a);
	fds[0] = accept(l, NULL, NULL);
	evutil_make_socket_nonblocking(fds[0]);
	bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, log_read, log_write, log_errno, (void *)"b");
	bufferevent_enable(bev, EV_READ);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &no, sizeof no);
	close(c);
	settle();
	pending("b", bev);
	bufferevent_write(bev, "x", 1);
	settle();
	pending("b", bev);
	bufferevent_free(bev);
	settle();
	close(l);
	event_base_free(base);
}
