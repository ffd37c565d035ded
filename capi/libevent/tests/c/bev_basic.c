/* Socket bufferevents: creation, data, watermarks, limits. */
#include "bev_util.h"

static int sv[2];
static struct bufferevent *b;
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}

CASE(fresh_state)
{
	size_t lo = 9, hi = 9;
	bufferevent_data_cb r, w;
	bufferevent_event_cb e;
	void *arg;
	base = event_base_new();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], 0);
	enabled("b", b);
	pending("b", b);
	CHECK(bufferevent_getfd(b) == sv[0]);
	CHECK(bufferevent_get_base(b) == base);
	CHECK(bufferevent_get_underlying(b) == NULL);
	SAY("getwatermark %d", bufferevent_getwatermark(b, EV_READ, &lo, &hi));
	SAY(" %zu %zu\n", lo, hi);
	lo = hi = 9;
	SAY("getwatermark %d", bufferevent_getwatermark(b, EV_WRITE, &lo, &hi));
	SAY(" %zu %zu\n", lo, hi);
	lo = hi = 9;
	SAY("getwatermark both %d %zu %zu\n", bufferevent_getwatermark(b, EV_READ | EV_WRITE, &lo, &hi), lo, hi);
	bufferevent_getcb(b, &r, &w, &e, &arg);
	CHECK(!r && !w && !e && !arg);
	SAY("max single %zd %zd\n", bufferevent_get_max_single_read(b), bufferevent_get_max_single_write(b));
	SAY("max to %zd %zd\n", bufferevent_get_max_to_read(b), bufferevent_get_max_to_write(b));
	CHECK(bufferevent_get_read_limit(b) == EV_SSIZE_MAX);
	CHECK(bufferevent_get_write_limit(b) == EV_SSIZE_MAX);
	CHECK(bufferevent_get_token_bucket_cfg(b) == NULL);
	SAY("priority %d dns %d\n", bufferevent_get_priority(b), bufferevent_socket_get_dns_error(b));
	CHECK(bufferevent_get_input(b) != bufferevent_get_output(b));
	CHECK(b->input == bufferevent_get_input(b));
	CHECK(b->output == bufferevent_get_output(b));
	CHECK(b->enabled == EV_WRITE);
	CHECK(b->ev_base == base);
	CHECK(event_get_fd(&b->ev_read) == sv[0] && event_get_fd(&b->ev_write) == sv[0]);
	CHECK(event_get_base(&b->ev_read) == base);
	SAY("events %x %x\n", event_get_events(&b->ev_read), event_get_events(&b->ev_write));
	bufferevent_free(b);
	CHECK(alive(sv[0]));
	event_base_free(base);
	CHECK(alive(sv[0]));
}

CASE(close_on_free_timing)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_free(b);
	SAY("right after free %d\n", alive(sv[0]));
	settle();
	SAY("after a turn %d\n", alive(sv[0]));
	event_base_free(base);
}

CASE(close_on_free_without_turn)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(b, EV_READ);
	bufferevent_free(b);
	event_base_free(base);
	CHECK(!alive(sv[0]));
}

CASE(read_not_enabled)
{
	start(0);
	put(sv[1], "abc");
	settle();
	SAY("in %zu\n", in_len(b));
	CHECK(bufferevent_enable(b, EV_READ) == 0);
	enabled("b", b);
	pending("b", b);
	settle();
	SAY("in %zu\n", in_len(b));
	put(sv[1], "de");
	settle();
	CHECK(bufferevent_disable(b, EV_READ) == 0);
	pending("b", b);
	put(sv[1], "fgh");
	settle();
	SAY("in %zu\n", in_len(b));
	bufferevent_enable(b, EV_READ);
	settle();
	SAY("in %zu\n", in_len(b));
}

CASE(enable_write_empty)
{
	start(0);
	CHECK(bufferevent_enable(b, EV_WRITE) == 0);
	pending("b", b);
	settle();
	pending("b", b);
	CHECK(bufferevent_enable(b, EV_WRITE) == 0);
	settle();
	SAY("no callback without write\n");
	bufferevent_disable(b, EV_WRITE);
	settle();
	bufferevent_enable(b, EV_READ | EV_WRITE);
	settle();
}

CASE(enable_write_empty_no_writecb)
{
	start(0);
	bufferevent_setcb(b, log_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ | EV_WRITE);
	pending("b", b);
	settle();
	pending("b", b);
	bufferevent_setcb(b, log_read, log_write, log_event, "b");
	settle();
}

CASE(write_length_and_pending)
{
	start(0);
	CHECK(bufferevent_write(b, "hello", 5) == 0);
	SAY("out %zu\n", out_len(b));
	pending("b", b);
	get("peer", sv[1]);
	settle();
	pending("b", b);
	SAY("out %zu\n", out_len(b));
	get("peer", sv[1]);
}

CASE(write_in_read_callback)
{
	start(0);
	bufferevent_setcb(b, echo_read, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "ping");
	settle();
	get("peer", sv[1]);
	put(sv[1], "pong");
	settle();
	get("peer", sv[1]);
}

static void len_after(struct bufferevent *x, void *arg)
{
	(void)arg;
	evbuffer_drain(bufferevent_get_input(x), 100);
	bufferevent_write(x, "12345", 5);
	SAY("out in callback %zu\n", out_len(x));
	pending("x", x);
	bufferevent_write(x, "67", 2);
	SAY("out in callback %zu\n", out_len(x));
}
CASE(output_length_in_callback)
{
	start(0);
	bufferevent_setcb(b, len_after, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "x");
	settle();
	get("peer", sv[1]);
}

CASE(write_disabled)
{
	start(0);
	bufferevent_disable(b, EV_WRITE);
	enabled("b", b);
	bufferevent_write(b, "hello", 5);
	pending("b", b);
	settle();
	SAY("out %zu\n", out_len(b));
	bufferevent_enable(b, EV_WRITE);
	pending("b", b);
	settle();
	SAY("out %zu\n", out_len(b));
	get("peer", sv[1]);
}

CASE(write_then_disable)
{
	start(0);
	bufferevent_write(b, "hello", 5);
	bufferevent_disable(b, EV_WRITE);
	pending("b", b);
	settle();
	SAY("out %zu\n", out_len(b));
	get("peer", sv[1]);
}

CASE(write_zero_bytes)
{
	start(0);
	CHECK(bufferevent_write(b, "", 0) == 0);
	pending("b", b);
	settle();
}

CASE(output_frozen_at_start)
{
	char c;
	start(0);
	bufferevent_disable(b, EV_WRITE);
	bufferevent_write(b, "abc", 3);
	CHECK(evbuffer_drain(bufferevent_get_output(b), 1) == -1);
	CHECK(evbuffer_remove(bufferevent_get_output(b), &c, 1) == -1);
	CHECK(evbuffer_prepend(bufferevent_get_output(b), "x", 1) == -1);
	CHECK(evbuffer_add(bufferevent_get_output(b), "def", 3) == 0);
	SAY("out %zu\n", out_len(b));
	CHECK(evbuffer_add(bufferevent_get_input(b), "x", 1) == -1);
	CHECK(evbuffer_prepend(bufferevent_get_input(b), "x", 1) == 0);
	CHECK(bufferevent_read(b, &c, 1) == 1 && c == 'x');
}

CASE(add_to_output_directly)
{
	start(0);
	evbuffer_add_printf(bufferevent_get_output(b), "%d-%s", 42, "z");
	pending("b", b);
	settle();
	get("peer", sv[1]);
}

CASE(write_buffer_and_read_buffer)
{
	struct evbuffer *e;
	start(0);
	e = evbuffer_new();
	evbuffer_add(e, "from buffer", 11);
	CHECK(bufferevent_write_buffer(b, e) == 0);
	SAY("left %zu\n", evbuffer_get_length(e));
	settle();
	get("peer", sv[1]);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "to buffer");
	settle();
	evbuffer_add(e, "-", 1);
	CHECK(bufferevent_read_buffer(b, e) == 0);
	SAY("%.*s\n", (int)evbuffer_get_length(e), (char *)evbuffer_pullup(e, -1));
	SAY("in %zu\n", in_len(b));
	evbuffer_free(e);
}

CASE(read_sizes)
{
	char s[8];
	start(0);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdef");
	settle();
	SAY("%zu\n", bufferevent_read(b, s, 0));
	SAY("%zu\n", bufferevent_read(b, s, 4));
	SAY("%zu\n", bufferevent_read(b, s, 8));
	SAY("%zu\n", bufferevent_read(b, s, 8));
}

CASE(low_read_watermark)
{
	start(0);
	bufferevent_setwatermark(b, EV_READ, 5, 0);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	SAY("in %zu\n", in_len(b));
	put(sv[1], "de");
	settle();
	put(sv[1], "f");
	settle();
}

CASE(high_read_watermark)
{
	size_t lo, hi;
	start(0);
	bufferevent_setcb(b, once_read, log_write, log_event, "b");
	bufferevent_setwatermark(b, EV_READ, 0, 4);
	CHECK(bufferevent_getwatermark(b, EV_READ, &lo, &hi) == 0 && lo == 0 && hi == 4);
	CHECK(b->wm_read.high == 4);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdefgh");
	run_ms(8);
	SAY("in %zu\n", in_len(b));
	pending("b", b);
	enabled("b", b);
	evbuffer_drain(bufferevent_get_input(b), 1);
	pending("b", b);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 4);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
}

static int calls;
static void count_read(struct bufferevent *x, void *arg)
{
	(void)arg;
	if (++calls == 5)
		evbuffer_drain(bufferevent_get_input(x), 100);
}
CASE(full_input_calls_again_until_drained)
{
	start(0);
	bufferevent_setwatermark(b, EV_READ, 0, 4);
	bufferevent_setcb(b, count_read, NULL, NULL, NULL);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcd");
	settle();
	SAY("calls %d, in %zu\n", calls, in_len(b));
	pending("b", b);
}

CASE(raise_high_watermark_resumes)
{
	start(0);
	bufferevent_setcb(b, once_read, log_write, log_event, "b");
	bufferevent_setwatermark(b, EV_READ, 0, 4);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdefghijkl");
	run_ms(8);
	bufferevent_setwatermark(b, EV_READ, 0, 6);
	run_ms(8);
	bufferevent_setwatermark(b, EV_READ, 0, 0);
	pending("b", b);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
}

CASE(lower_high_watermark_suspends)
{
	start(0);
	bufferevent_setcb(b, once_read, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdefgh");
	run_ms(8);
	bufferevent_setwatermark(b, EV_READ, 0, 3);
	pending("b", b);
	put(sv[1], "xyz");
	run_ms(8);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 5);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
	evbuffer_drain(bufferevent_get_input(b), 1);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
}

CASE(watermark_while_suspended_disable_enable)
{
	start(0);
	bufferevent_setcb(b, once_read, log_write, log_event, "b");
	bufferevent_setwatermark(b, EV_READ, 0, 2);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abcdef");
	run_ms(8);
	bufferevent_disable(b, EV_READ);
	bufferevent_enable(b, EV_READ);
	pending("b", b);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
	bufferevent_disable(b, EV_READ);
	evbuffer_drain(bufferevent_get_input(b), 2);
	pending("b", b);
	run_ms(8);
	bufferevent_enable(b, EV_READ);
	run_ms(8);
	SAY("in %zu\n", in_len(b));
}

CASE(low_write_watermark)
{
	static char big[300000];
	char tmp[50000];
	int i;
	ssize_t n, total = 0;
	start(0);
	bufferevent_setwatermark(b, EV_WRITE, 1000000, 0);
	bufferevent_write(b, "abc", 3);
	settle();
	bufferevent_setwatermark(b, EV_WRITE, 0, 0);
	bufferevent_setcb(b, NULL, log_write, NULL, "b");
	for (i = 0; i < 10; i++)
		bufferevent_write(b, big, sizeof big);
	settle();
	SAY("kernel full: %d\n", out_len(b) > 0);
	pending("b", b);
	for (i = 0; i < 1000 && out_len(b); i++) {
		while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
			total += n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	settle();
	while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
		total += n;
	SAY("total %zd\n", total);
}

CASE(big_transfer_in_order)
{
	static unsigned char data[1 << 20], got[1 << 20];
	size_t i, at = 0;
	ssize_t n;
	start(0);
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	for (i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	bufferevent_write(b, data, 1000);
	bufferevent_write(b, data + 1000, sizeof data - 1000);
	for (i = 0; i < 100000 && at < sizeof data; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = read(sv[1], got + at, 7777);
		if (n > 0)
			at += (size_t)n;
	}
	SAY("%zu %d\n", at, memcmp(data, got, sizeof data));
	settle();
	pending("b", b);
}

CASE(max_single)
{
	static char big[100000];
	start(0);
	CHECK(bufferevent_set_max_single_read(b, 10) == 0);
	SAY("%zd\n", bufferevent_get_max_single_read(b));
	SAY("%zd\n", bufferevent_get_max_to_read(b));
	bufferevent_enable(b, EV_READ);
	put(sv[1], "0123456789abcdefghij+++");
	settle();
	CHECK(bufferevent_set_max_single_read(b, 0) == 0);
	SAY("%zd\n", bufferevent_get_max_single_read(b));
	CHECK(bufferevent_set_max_single_read(b, (size_t)EV_SSIZE_MAX + 1) == 0);
	SAY("%zd\n", bufferevent_get_max_single_read(b));
	CHECK(bufferevent_set_max_single_write(b, 7) == 0);
	SAY("%zd\n", bufferevent_get_max_single_write(b));
	SAY("%zd\n", bufferevent_get_max_to_write(b));
	bufferevent_write(b, big, 20);
	settle();
	bufferevent_set_max_single_write(b, 0);
	SAY("%zd\n", bufferevent_get_max_single_write(b));
	bufferevent_write(b, big, 20000);
	settle();
}

CASE(default_max_single_read)
{
	static char big[40000];
	start(0);
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	CHECK(write(sv[1], big, sizeof big) == sizeof big);
	settle();
	SAY("in %zu\n", in_len(b));
}
