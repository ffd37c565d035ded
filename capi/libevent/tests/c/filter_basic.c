/* Filtering bufferevents. */
#include "bev_util.h"
#include <ctype.h>

static int sv[2], freed;
static struct bufferevent *under, *f;

static enum bufferevent_filter_result upper(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit, enum bufferevent_flush_mode mode, void *ctx)
{
	char c;
	(void)limit, (void)mode, (void)ctx;
	if (!evbuffer_get_length(src))
		return BEV_NEED_MORE;
	while (evbuffer_remove(src, &c, 1) == 1) {
		c = (char)toupper(c);
		evbuffer_add(dst, &c, 1);
	}
	return BEV_OK;
}
/* Passes whole lines only. */
static enum bufferevent_filter_result lines(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit, enum bufferevent_flush_mode mode, void *ctx)
{
	struct evbuffer_ptr p;
	int any = 0;
	(void)limit, (void)ctx;
	while ((p = evbuffer_search(src, "\n", 1, NULL)).pos >= 0) {
		evbuffer_remove_buffer(src, dst, (size_t)p.pos + 1);
		any = 1;
	}
	if (mode == BEV_FINISHED && evbuffer_get_length(src)) {
		evbuffer_add_buffer(dst, src);
		any = 1;
	}
	return any ? BEV_OK : BEV_NEED_MORE;
}
static enum bufferevent_filter_result fail(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit, enum bufferevent_flush_mode mode, void *ctx)
{
	(void)src, (void)dst, (void)limit, (void)mode, (void)ctx;
	SAY("filter fails\n");
	return BEV_ERROR;
}
static enum bufferevent_filter_result traced(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit, enum bufferevent_flush_mode mode, void *ctx)
{
	size_t n = evbuffer_get_length(src);
	SAY("%s filter: %zu bytes, limit %zd, mode %d\n", (char *)ctx, n, limit, mode);
	if (!n)
		return BEV_NEED_MORE;
	if (limit >= 0 && n > (size_t)limit)
		n = (size_t)limit;
	evbuffer_remove_buffer(src, dst, n);
	return BEV_OK;
}
static void freed_ctx(void *ctx)
{
	SAY("context %s freed\n", (char *)ctx);
	freed++;
}
static void start(bufferevent_filter_cb in, bufferevent_filter_cb out, int options)
{
	base = event_base_new();
	pair_of(sv);
	under = bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE);
	f = bufferevent_filter_new(under, in, out, options, freed_ctx, "ctx");
	bufferevent_setcb(f, log_read, log_write, log_event, "f");
}

CASE(fresh)
{
	start(upper, upper, 0);
	CHECK(bufferevent_get_underlying(f) == under);
	CHECK(bufferevent_getfd(f) == sv[0]);
	CHECK(bufferevent_get_base(f) == base);
	enabled("f", f);
	enabled("under", under);
	SAY("setfd %d\n", bufferevent_setfd(f, sv[0]));
	SAY("priority_set %d\n", bufferevent_priority_set(f, 0));
	SAY("base_set %d\n", bufferevent_base_set(base, f));
}
CASE(input)
{
	start(upper, NULL, 0);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	enabled("under", under);
	put(sv[1], "shout");
	settle();
	SAY("under in %zu\n", in_len(under));
	close(sv[1]);
	settle();
}
CASE(output)
{
	start(NULL, upper, 0);
	bufferevent_write(f, "quiet", 5);
	SAY("out %zu, under %zu\n", out_len(f), out_len(under));
	settle();
	get("peer", sv[1]);
}
CASE(null_filters_pass)
{
	start(NULL, NULL, 0);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "in");
	bufferevent_write(f, "out", 3);
	settle();
	get("peer", sv[1]);
}
CASE(need_more)
{
	start(lines, lines, 0);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "half ");
	settle();
	SAY("under in %zu, f in %zu\n", in_len(under), in_len(f));
	put(sv[1], "line\nnext");
	settle();
	SAY("under in %zu, f in %zu\n", in_len(under), in_len(f));
	bufferevent_write(f, "ab", 2);
	settle();
	get("peer", sv[1]);
	SAY("out %zu\n", out_len(f));
	bufferevent_write(f, "c\nd", 3);
	settle();
	get("peer", sv[1]);
	SAY("out %zu\n", out_len(f));
	SAY("flush %d\n", bufferevent_flush(f, EV_WRITE, BEV_FINISHED));
	settle();
	get("peer", sv[1]);
}
CASE(eof_with_rest)
{
	start(lines, NULL, 0);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "one\ntail");
	close(sv[1]);
	settle();
	SAY("under in %zu, f in %zu\n", in_len(under), in_len(f));
	enabled("f", f);
	enabled("under", under);
	SAY("flush %d\n", bufferevent_flush(f, EV_READ, BEV_FINISHED));
	settle();
}
CASE(input_error)
{
	start(fail, NULL, 0);
	bufferevent_enable(f, EV_READ);
	put(sv[1], "abc");
	settle();
	SAY("f in %zu, under in %zu\n", in_len(f), in_len(under));
	enabled("f", f);
}
CASE(output_error)
{
	start(NULL, fail, 0);
	bufferevent_write(f, "abc", 3);
	settle();
	SAY("f out %zu\n", out_len(f));
	enabled("f", f);
	get("peer", sv[1]);
}
CASE(modes_and_limits)
{
	start(traced, traced, 0);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "abc");
	settle();
	bufferevent_write(f, "defg", 4);
	settle();
	SAY("flush %d\n", bufferevent_flush(f, EV_WRITE, BEV_FLUSH));
	SAY("flush %d\n", bufferevent_flush(f, EV_READ, BEV_FLUSH));
	SAY("flush %d\n", bufferevent_flush(f, EV_READ | EV_WRITE, BEV_FINISHED));
	settle();
}
CASE(high_watermark_limits_input)
{
	start(traced, NULL, 0);
	bufferevent_setcb(f, NULL, NULL, log_event, "f");
	bufferevent_setwatermark(f, EV_READ, 0, 4);
	bufferevent_enable(f, EV_READ);
	put(sv[1], "0123456789");
	run_ms(5);
	SAY("f in %zu, under in %zu\n", in_len(f), in_len(under));
	evbuffer_drain(bufferevent_get_input(f), 4);
	run_ms(5);
	SAY("f in %zu, under in %zu\n", in_len(f), in_len(under));
}
CASE(underlying_write_watermark)
{
	start(NULL, traced, 0);
	bufferevent_setwatermark(under, EV_WRITE, 0, 4);
	bufferevent_write(f, "0123456789", 10);
	settle();
	get("peer", sv[1]);
	SAY("f out %zu\n", out_len(f));
}
CASE(disabled_directions)
{
	start(upper, upper, 0);
	bufferevent_disable(f, EV_WRITE);
	enabled("under", under);
	bufferevent_write(f, "abc", 3);
	settle();
	SAY("f out %zu\n", out_len(f));
	get("peer", sv[1]);
	bufferevent_enable(f, EV_WRITE);
	settle();
	get("peer", sv[1]);
	put(sv[1], "def");
	settle();
	SAY("f in %zu under in %zu\n", in_len(f), in_len(under));
	bufferevent_enable(f, EV_READ);
	settle();
	bufferevent_disable(f, EV_READ);
	put(sv[1], "ghi");
	settle();
	SAY("f in %zu under in %zu\n", in_len(f), in_len(under));
}
CASE(free_without_close)
{
	start(upper, upper, 0);
	bufferevent_free(f);
	settle();
	CHECK(freed == 1);
	CHECK(alive(sv[0]));
	bufferevent_enable(under, EV_READ);
	put(sv[1], "abc");
	settle();
	SAY("under in %zu\n", in_len(under));
	bufferevent_write(under, "x", 1);
	settle();
	get("peer", sv[1]);
	bufferevent_free(under);
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_with_close)
{
	start(upper, upper, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_free(f);
	settle();
	CHECK(freed == 1);
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(no_free_context)
{
	base = event_base_new();
	pair_of(sv);
	under = bufferevent_socket_new(base, sv[0], 0);
	f = bufferevent_filter_new(under, NULL, NULL, 0, NULL, "ctx");
	bufferevent_free(f);
	bufferevent_free(under);
	settle();
	event_base_free(base);
	SAY("done\n");
}
CASE(free_filter_in_read)
{
	start(upper, upper, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(f, free_data, NULL, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "abc");
	settle();
	CHECK(freed == 1);
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_filter_in_event)
{
	start(upper, upper, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(f, log_read, log_write, free_event, "f");
	bufferevent_enable(f, EV_READ);
	close(sv[1]);
	settle();
	CHECK(freed == 1);
	event_base_free(base);
}
CASE(two_levels)
{
	struct bufferevent *g;
	start(upper, upper, BEV_OPT_CLOSE_ON_FREE);
	g = bufferevent_filter_new(f, lines, upper, BEV_OPT_CLOSE_ON_FREE, freed_ctx, "outer");
	bufferevent_setcb(g, drain_read, NULL, log_event, "g");
	bufferevent_enable(g, EV_READ);
	put(sv[1], "one\ntwo");
	settle();
	put(sv[1], "\n");
	bufferevent_write(g, "out\nrest", 8);
	settle();
	get("peer", sv[1]);
	bufferevent_free(g);
	settle();
	CHECK(freed == 2);
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(over_pair)
{
	struct bufferevent *p[2];
	base = event_base_new();
	bufferevent_pair_new(base, 0, p);
	f = bufferevent_filter_new(p[0], upper, upper, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	bufferevent_setcb(f, drain_read, NULL, log_event, "f");
	bufferevent_setcb(p[1], drain_read, NULL, log_event, "b");
	bufferevent_enable(f, EV_READ);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(f, "down", 4);
	bufferevent_write(p[1], "up", 2);
	settle();
	bufferevent_flush(p[1], EV_WRITE, BEV_FINISHED);
	settle();
	bufferevent_free(f);
	settle();
}
CASE(events_pass_through)
{
	start(upper, upper, 0);
	bufferevent_trigger_event(under, BEV_EVENT_CONNECTED, 0);
	settle();
	bufferevent_trigger_event(under, BEV_EVENT_ERROR | BEV_EVENT_WRITING, 0);
	settle();
}
CASE(filter_timeout)
{
	start(upper, upper, 0);
	bufferevent_set_timeouts(f, ms(15), NULL);
	bufferevent_enable(f, EV_READ);
	run_ms(40);
	enabled("f", f);
	enabled("under", under);
}
CASE(write_error_through_filter)
{
	signal(SIGPIPE, SIG_IGN);
	start(NULL, upper, 0);
	close(sv[1]);
	bufferevent_write(f, "abc", 3);
	settle();
	enabled("f", f);
}
CASE(large_through_filter)
{
	static char big[200000], tmp[65536];
	ssize_t n, total = 0;
	int i;
	start(NULL, upper, 0);
	bufferevent_setcb(f, NULL, NULL, log_event, "f");
	memset(big, 'a', sizeof big);
	bufferevent_write(f, big, sizeof big);
	for (i = 0; i < 200; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
			total += n;
	}
	SAY("total %zd %c\n", total, tmp[0]);
}
CASE(deferred_filter)
{
	start(upper, upper, BEV_OPT_DEFER_CALLBACKS);
	bufferevent_setcb(f, drain_read, log_write, log_event, "f");
	bufferevent_enable(f, EV_READ);
	put(sv[1], "abc");
	bufferevent_write(f, "def", 3);
	settle();
	get("peer", sv[1]);
	bufferevent_free(f);
	settle();
}
/* The write timeout runs from enabling and after output went through, with nothing to write, too. */
CASE(write_timeout_of_an_idle_filter)
{
	start(upper, upper, 0);
	bufferevent_set_timeouts(f, NULL, ms(15));
	run_ms(30);
	enabled("not enabled anew", f);
	bufferevent_enable(f, EV_WRITE);
	run_ms(40);
	enabled("after the timeout", f);
	bufferevent_enable(f, EV_WRITE);
	bufferevent_disable(f, EV_WRITE);
	run_ms(40);
}
CASE(write_timeout_after_output)
{
	start(NULL, NULL, 0);
	bufferevent_set_timeouts(f, NULL, ms(15));
	bufferevent_write(f, "abc", 3);
	run_ms(40);
	enabled("f", f);
}
static void flush_all(void)
{
	static const short ways[] = { EV_READ, EV_WRITE, EV_READ | EV_WRITE };
	int mode, i;
	for (mode = BEV_NORMAL; mode <= BEV_FINISHED; mode++)
		for (i = 0; i < 3; i++)
			SAY("mode %d, directions %d: %d\n", mode, ways[i], bufferevent_flush(f, ways[i], (enum bufferevent_flush_mode)mode));
	settle();
}
CASE(flush_without_functions)
{
	start(NULL, NULL, 0);
	flush_all();
	bufferevent_enable(f, EV_READ);
	flush_all();
	bufferevent_trigger(under, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	settle();
}
CASE(flush_with_functions)
{
	start(traced, traced, 0);
	flush_all();
	bufferevent_enable(f, EV_READ);
	flush_all();
}
static void log_bits(struct bufferevent *x, short what, void *arg)
{
	(void)x;
	SAY("%s event 0x%x\n", (char *)arg, (unsigned)what & 0xffff);
}
/* A program's own bits pass, at once and deferred. */
CASE(events_of_any_bits_pass)
{
	start(upper, upper, 0);
	bufferevent_setcb(f, NULL, NULL, log_bits, "f");
	bufferevent_trigger_event(under, 0x1200, 0);
	bufferevent_trigger_event(under, (short)~0, 0);
	bufferevent_trigger_event(f, 0x100, BEV_TRIG_DEFER_CALLBACKS);
	bufferevent_trigger_event(f, 0x2000, BEV_TRIG_DEFER_CALLBACKS);
	settle();
}
/* A flush of both directions starts the write time-out also where only input moved, or would have without a function. */
CASE(flush_of_both_directions_starts_both_timeouts)
{
	static const struct timeval long_time = { 1000, 0 };
	int input, mode, ways;
	for (input = 0; input < 2; input++)
		for (mode = BEV_NORMAL; mode <= BEV_FLUSH; mode++)
			for (ways = EV_READ; ways <= (EV_READ | EV_WRITE); ways += EV_READ) {
				start(input ? upper : NULL, upper, 0);
				bufferevent_set_timeouts(f, &long_time, &long_time);
				SAY("input %d, mode %d, directions %d:", input, mode, ways);
				bufferevent_flush(f, (short)ways, (enum bufferevent_flush_mode)mode);
				SAY(" %d %d\n", !!event_pending(&f->ev_read, EV_TIMEOUT, NULL),
				    !!event_pending(&f->ev_write, EV_TIMEOUT, NULL));
				bufferevent_free(f);
				bufferevent_free(under);
				event_base_loop(base, EVLOOP_NONBLOCK);
				event_base_free(base);
				close(sv[1]);
			}
}
