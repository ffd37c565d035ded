/* Paired bufferevents. */
#include "bev_util.h"

static struct bufferevent *p[2];
static void start(int options)
{
	base = event_base_new();
	SAY("pair_new %d\n", bufferevent_pair_new(base, options, p));
	bufferevent_setcb(p[0], log_read, log_write, log_event, "a");
	bufferevent_setcb(p[1], log_read, log_write, log_event, "b");
}

CASE(fresh)
{
	start(0);
	enabled("a", p[0]);
	enabled("b", p[1]);
	CHECK(bufferevent_pair_get_partner(p[0]) == p[1]);
	CHECK(bufferevent_pair_get_partner(p[1]) == p[0]);
	CHECK(bufferevent_getfd(p[0]) == -1);
	SAY("setfd %d\n", bufferevent_setfd(p[0], 3));
	CHECK(bufferevent_get_underlying(p[0]) == NULL);
	CHECK(bufferevent_get_base(p[0]) == base);
	SAY("priority_set %d\n", bufferevent_priority_set(p[0], 0));
	SAY("base_set %d\n", bufferevent_base_set(base, p[0]));
	SAY("connect %d\n", bufferevent_socket_connect(p[0], NULL, 0));
	bufferevent_free(p[0]);
	bufferevent_free(p[1]);
	event_base_free(base);
}
CASE(partner_of_socket)
{
	int sv[2];
	base = event_base_new();
	pair_of(sv);
	p[0] = bufferevent_socket_new(base, sv[0], 0);
	CHECK(bufferevent_pair_get_partner(p[0]) == NULL);
}
CASE(transfer)
{
	start(0);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "hello", 5);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
}
CASE(transfer_both_ways)
{
	start(0);
	bufferevent_enable(p[0], EV_READ);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_setcb(p[0], drain_read, NULL, log_event, "a");
	bufferevent_setcb(p[1], drain_read, NULL, log_event, "b");
	bufferevent_write(p[0], "to b", 4);
	bufferevent_write(p[1], "to a", 4);
	settle();
}
CASE(echo_over_pair)
{
	start(0);
	bufferevent_setcb(p[1], echo_read, NULL, log_event, "b");
	bufferevent_setcb(p[0], drain_read, NULL, log_event, "a");
	bufferevent_enable(p[0], EV_READ);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "one", 3);
	settle();
	bufferevent_write(p[0], "two", 3);
	settle();
}
CASE(reader_not_enabled)
{
	start(0);
	bufferevent_write(p[0], "hello", 5);
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	bufferevent_enable(p[1], EV_READ);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	settle();
}
CASE(writer_disabled)
{
	start(0);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_disable(p[0], EV_WRITE);
	bufferevent_write(p[0], "hello", 5);
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	bufferevent_enable(p[0], EV_WRITE);
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
}
CASE(high_watermark)
{
	start(0);
	bufferevent_setcb(p[1], NULL, NULL, log_event, "b");
	bufferevent_setwatermark(p[1], EV_READ, 0, 4);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "0123456789", 10);
	run_ms(5);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	evbuffer_drain(bufferevent_get_input(p[1]), 3);
	run_ms(5);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	evbuffer_drain(bufferevent_get_input(p[1]), 4);
	run_ms(5);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
}
CASE(low_watermark)
{
	start(0);
	bufferevent_setwatermark(p[1], EV_READ, 4, 0);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "abc", 3);
	settle();
	bufferevent_write(p[0], "d", 1);
	settle();
}
CASE(flush_normal_and_flush)
{
	start(0);
	bufferevent_enable(p[1], EV_READ);
	SAY("normal %d\n", bufferevent_flush(p[0], EV_WRITE, BEV_NORMAL));
	bufferevent_setwatermark(p[1], EV_READ, 0, 2);
	bufferevent_setcb(p[1], NULL, NULL, log_event, "b");
	bufferevent_write(p[0], "abcdef", 6);
	run_ms(5);
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	SAY("flush %d\n", bufferevent_flush(p[0], EV_WRITE, BEV_FLUSH));
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
	run_ms(5);
}
CASE(flush_finished_is_eof)
{
	start(0);
	bufferevent_enable(p[0], EV_READ);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "last", 4);
	SAY("flush %d\n", bufferevent_flush(p[0], EV_WRITE, BEV_FINISHED));
	settle();
	enabled("a", p[0]);
	enabled("b", p[1]);
	bufferevent_write(p[0], "more", 4);
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
}
CASE(flush_finished_read_side)
{
	start(0);
	bufferevent_enable(p[0], EV_READ);
	bufferevent_enable(p[1], EV_READ);
	SAY("flush %d\n", bufferevent_flush(p[0], EV_READ, BEV_FINISHED));
	settle();
	SAY("flush %d\n", bufferevent_flush(p[0], EV_READ | EV_WRITE, BEV_FINISHED));
	settle();
}
CASE(free_one_side)
{
	start(0);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "bye", 3);
	bufferevent_free(p[0]);
	SAY("no partner %d\n", bufferevent_pair_get_partner(p[1]) == NULL);
	settle();
	bufferevent_write(p[1], "alone", 5);
	settle();
	SAY("out %zu in %zu\n", out_len(p[1]), in_len(p[1]));
	SAY("flush %d\n", bufferevent_flush(p[1], EV_WRITE, BEV_FLUSH));
	bufferevent_free(p[1]);
	settle();
	event_base_free(base);
}
static void free_partner(struct bufferevent *x, void *arg)
{
	SAY("%s read %zu, frees the partner\n", (char *)arg, in_len(x));
	bufferevent_free(bufferevent_pair_get_partner(x));
}
CASE(free_partner_in_read)
{
	start(0);
	bufferevent_setcb(p[1], free_partner, NULL, log_event, "b");
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "x", 1);
	settle();
	SAY("no partner %d\n", bufferevent_pair_get_partner(p[1]) == NULL);
	bufferevent_free(p[1]);
	event_base_free(base);
}
CASE(free_self_in_read)
{
	start(0);
	bufferevent_setcb(p[1], free_data, NULL, log_event, "b");
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "x", 1);
	settle();
	CHECK(bufferevent_pair_get_partner(p[0]) == NULL);
	bufferevent_write(p[0], "y", 1);
	settle();
	bufferevent_free(p[0]);
	event_base_free(base);
}
CASE(callbacks_are_deferred)
{
	start(0);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "x", 1);
	SAY("after write\n");
	settle();
}
CASE(read_timeout)
{
	start(0);
	bufferevent_set_timeouts(p[1], ms(15), NULL);
	bufferevent_enable(p[1], EV_READ);
	run_ms(50);
	enabled("b", p[1]);
}
CASE(write_timeout)
{
	start(0);
	bufferevent_set_timeouts(p[0], NULL, ms(15));
	bufferevent_write(p[0], "nobody reads", 12);
	run_ms(50);
	enabled("a", p[0]);
}
CASE(timeouts_not_when_data_flows)
{
	int i;
	start(0);
	bufferevent_set_timeouts(p[1], ms(60), NULL);
	bufferevent_enable(p[1], EV_READ);
	for (i = 0; i < 4; i++) {
		bufferevent_write(p[0], "x", 1);
		run_ms(25);
	}
	SAY("then silence\n");
	run_ms(120);
}
CASE(big_chunk_through_pair)
{
	static char big[500000];
	start(0);
	bufferevent_setcb(p[0], NULL, NULL, NULL, NULL);
	bufferevent_setcb(p[1], NULL, NULL, NULL, NULL);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], big, sizeof big);
	settle();
	SAY("out %zu in %zu\n", out_len(p[0]), in_len(p[1]));
}
CASE(deferred_option)
{
	start(BEV_OPT_DEFER_CALLBACKS);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_write(p[0], "x", 1);
	settle();
}
CASE(threadsafe_pair)
{
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE);
	bufferevent_enable(p[1], EV_READ);
	bufferevent_lock(p[0]);
	bufferevent_write(p[1], "y", 1);
	bufferevent_write(p[0], "x", 1);
	bufferevent_unlock(p[0]);
	settle();
	bufferevent_free(p[0]);
	bufferevent_free(p[1]);
	settle();
	event_base_free(base);
}
/* A flush fills up to the partner's mark, and beyond it where the input is full already. */
CASE(flush_and_high_marks)
{
	static const short ways[] = { EV_READ, EV_WRITE, EV_READ | EV_WRITE };
	int mode, i, reading;
	for (mode = BEV_NORMAL; mode <= BEV_FLUSH; mode++)
		for (i = 0; i < 3; i++)
			for (reading = 0; reading < 2; reading++) {
				start(0);
				bufferevent_setcb(p[0], NULL, NULL, NULL, NULL);
				bufferevent_setcb(p[1], NULL, NULL, NULL, NULL);
				bufferevent_setwatermark(p[0], EV_READ, 0, 4);
				bufferevent_setwatermark(p[1], EV_READ, 0, 4);
				if (reading) {
					bufferevent_enable(p[0], EV_READ);
					bufferevent_enable(p[1], EV_READ);
				}
				bufferevent_write(p[0], "0123456789", 10);
				bufferevent_write(p[1], "abcdefghij", 10);
				SAY("flush %d\n", bufferevent_flush(p[0], ways[i], (enum bufferevent_flush_mode)mode));
				SAY("in %zu %zu, out %zu %zu\n", in_len(p[0]), in_len(p[1]), out_len(p[0]), out_len(p[1]));
				bufferevent_free(p[0]);
				bufferevent_free(p[1]);
				event_base_free(base);
			}
}
/* Which time-outs of an end are pending. */
static const char *timers(struct bufferevent *x)
{
	static const char *const names[] = { "none", "read", "write", "both" };
	return names[!!event_pending(&x->ev_read, EV_TIMEOUT, NULL) + 2 * !!event_pending(&x->ev_write, EV_TIMEOUT, NULL)];
}
/* A flush that moves nothing into an end with a mark and room below it starts that end's time-outs, enabled or not; new marks
 * leave those of a direction that is not enabled. */
CASE(flush_starts_timeouts_where_a_mark_leaves_room)
{
	static const struct timeval long_time = { 1000, 0 };
	static const size_t marks[] = { 0, 1, 4 };
	unsigned i, enabled, out, ways;
	for (i = 0; i < 3; i++)
		for (enabled = 0; enabled < 4; enabled++)
			for (out = 0; out < 2; out++)
				for (ways = EV_READ; ways <= (EV_READ | EV_WRITE); ways += EV_READ) {
					start(0);
					bufferevent_setcb(p[0], NULL, NULL, NULL, NULL);
					bufferevent_setcb(p[1], NULL, NULL, NULL, NULL);
					bufferevent_enable(p[1], EV_READ);
					bufferevent_write(p[0], "abc", 3);
					settle();
					bufferevent_disable(p[0], EV_READ | EV_WRITE);
					bufferevent_disable(p[1], EV_READ | EV_WRITE);
					bufferevent_setwatermark(p[1], EV_READ, 0, marks[i]);
					if (out)
						bufferevent_write(p[1], "x", 1);
					bufferevent_enable(p[1], (short)(enabled * EV_READ));
					bufferevent_set_timeouts(p[0], &long_time, &long_time);
					bufferevent_set_timeouts(p[1], &long_time, &long_time);
					SAY("mark %zu, enabled %u, out %u, flush %u: %s", marks[i], enabled, out, ways, timers(p[1]));
					bufferevent_flush(p[0], (short)ways, BEV_FLUSH);
					SAY(", %s; partner %s", timers(p[1]), timers(p[0]));
					bufferevent_setwatermark(p[1], EV_READ, 0, 0);
					SAY("; no mark: %s\n", timers(p[1]));
					bufferevent_free(p[0]);
					bufferevent_free(p[1]);
					event_base_free(base);
				}
}
static void left(struct bufferevent *x, const struct timeval *at)
{
	struct timeval due, late = { 0, 10000 };
	/* The original goes by a clock that steps. */
	evutil_timeradd(at, &late, &late);
	if (!event_pending(&x->ev_read, EV_TIMEOUT, &due))
		SAY("none\n");
	else
		SAY("%s\n", evutil_timercmp(&due, &late, <) ? "goes on" : "begins again");
}
/* New marks let the read time-out begin again only where reading is enabled. */
CASE(marks_and_a_timeout_that_a_flush_started)
{
	static const struct timeval long_time = { 1000, 0 };
	struct timeval due;
	int enabled;
	for (enabled = 0; enabled < 2; enabled++) {
		start(0);
		bufferevent_disable(p[1], EV_READ);
		bufferevent_setwatermark(p[1], EV_READ, 0, 4);
		bufferevent_set_timeouts(p[1], &long_time, NULL);
		bufferevent_flush(p[0], EV_WRITE, BEV_FLUSH);
		if (enabled)
			bufferevent_enable(p[1], EV_READ);
		due.tv_sec = 0, due.tv_usec = 0;
		event_pending(&p[1]->ev_read, EV_TIMEOUT, &due);
		usleep(30000);
		bufferevent_setwatermark(p[1], EV_READ, 0, 0);
		left(p[1], &due);
		bufferevent_free(p[0]);
		bufferevent_free(p[1]);
		/* The flush left a callback in the queue, which holds its bufferevent. */
		event_base_loop(base, EVLOOP_NONBLOCK);
		event_base_free(base);
	}
}
