/*
 * How data flows over TLS: marks, limits, time-outs, records, and order.
 *
 * ctest: valgrind=filter_tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <poll.h>
#include <sys/stat.h>

/* Takes some of the input at each call; a whole high mark left there would have the callback run again and again. */
struct sipper {
	unsigned char *copy;
	size_t moved, most;
};

static void sip(struct bufferevent *bev, void *arg)
{
	struct sipper *s = arg;
	size_t have = evbuffer_get_length(bufferevent_get_input(bev));
	s->most = have > s->most ? have : s->most;
	s->moved += bufferevent_read(bev, s->copy + s->moved, have > 3000 ? 3000 : have);
}

/* A high mark holds the reader; what is inside the session comes when there is room. */
static void high_mark(int version, enum over over)
{
	struct world w;
	unsigned long sum;
	size_t size = 200000;
	unsigned char *data = message(size, &sum);
	struct sipper s = { malloc(size), 0, 0 };
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.server.bev, sip, NULL, NULL, &s);
	bufferevent_setwatermark(w.server.bev, EV_READ, 0, 5000);
	bufferevent_write(w.client.bev, data, size);
	AWAIT(&w, s.moved + evbuffer_get_length(bufferevent_get_input(w.server.bev)) >= size);
	s.moved += bufferevent_read(w.server.bev, s.copy + s.moved, size - s.moved);
	SAY("moved %d, intact %d, at most the mark %d\n", (int)s.moved, memcmp(s.copy, data, size) == 0, s.most <= 5000);
	free(data);
	free(s.copy);
	finish(&w);
}

BOTH_VERSIONS(high_mark_over_a_socket) { high_mark(version, SOCKETS); }
BOTH_VERSIONS(high_mark_over_a_filter) { high_mark(version, FILTERS); }
BOTH_VERSIONS(high_mark_over_a_pair) { high_mark(version, PAIRS); }

/* A low mark: the callback waits for so much. */
BOTH_VERSIONS(low_marks)
{
	struct world w;
	unsigned before;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.server.keep = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setwatermark(w.server.bev, EV_READ, 10, 0);
	bufferevent_write(w.client.bev, "12345", 5);
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.bev)) == 5);
	SAY("called %u\n", w.server.reads);
	bufferevent_write(w.client.bev, "67890", 5);
	AWAIT(&w, w.server.reads > 0);
	SAY("called %u at %d\n", w.server.reads, (int)w.server.got);
	before = w.client.writes;
	bufferevent_setwatermark(w.client.bev, EV_WRITE, 1000000, 0);
	bufferevent_write(w.client.bev, "x", 1);
	settle(&w);
	SAY("write callback with a low mark: %d\n", w.client.writes > before);
	finish(&w);
}

/* A rate limit slows a session down; it goes on when it may. */
static void limited(int version, enum over over)
{
	struct world w;
	unsigned long sum;
	size_t size = 60000;
	unsigned char *data = message(size, &sum);
	struct timeval tick = { 0, 5000 };
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(4000, 4000, 4000, 4000, &tick);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_set_rate_limit(w.server.bev, cfg);
	bufferevent_set_rate_limit(w.client.bev, cfg);
	bufferevent_write(w.client.bev, data, size);
	AWAIT(&w, w.server.got >= size);
	SAY("moved %d, intact %d\n", (int)w.server.got, w.server.sum == sum);
	bufferevent_set_rate_limit(w.server.bev, NULL);
	bufferevent_set_rate_limit(w.client.bev, NULL);
	ev_token_bucket_cfg_free(cfg);
	free(data);
	finish(&w);
}

BOTH_VERSIONS(rate_limit_over_a_filter) { limited(version, FILTERS); }

/* Limits below the session. */
BOTH_VERSIONS(rate_limit_below)
{
	struct world w;
	unsigned long sum;
	size_t size = 30000;
	unsigned char *data = message(size, &sum);
	struct timeval tick = { 0, 5000 };
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(4000, 4000, 4000, 4000, &tick);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_set_rate_limit(w.server.below, cfg);
	bufferevent_set_rate_limit(w.client.below, cfg);
	bufferevent_write(w.client.bev, data, size);
	AWAIT(&w, w.server.got >= size);
	SAY("moved %d, intact %d\n", (int)w.server.got, w.server.sum == sum);
	finish(&w);
	ev_token_bucket_cfg_free(cfg);
	free(data);
}

static void timeouts(int version, enum over over, short which, int busy)
{
	struct world w;
	struct timeval limit = { 0, 50000 };
	begin(&w, version);
	w.server.quiet = 1;
	w.server.keep = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	w.client.last = 0;
	if (busy) {
		static char data[4 << 20];
		bufferevent_disable(w.server.bev, EV_READ);
		if (w.server.below)
			bufferevent_disable(w.server.below, EV_READ);
		bufferevent_write(w.client.bev, data, sizeof(data));
		settle(&w);
	}
	bufferevent_set_timeouts(w.client.bev, which & EV_READ ? &limit : NULL, which & EV_WRITE ? &limit : NULL);
	AWAIT(&w, w.client.last != 0);
	SAY("enabled 0x%x\n", (unsigned)bufferevent_get_enabled(w.client.bev));
	finish(&w);
}

BOTH_VERSIONS(read_timeout) { timeouts(version, SOCKETS, EV_READ, 0); }
BOTH_VERSIONS(read_timeout_over_a_filter) { timeouts(version, FILTERS, EV_READ, 0); }
BOTH_VERSIONS(write_timeout) { timeouts(version, SOCKETS, EV_WRITE, 1); }

static void idle_timeouts(int version, enum over over, short which)
{
	struct world w;
	struct timeval limit = { 0, 40000 }, end = { 0, 200000 };
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	settle(&w);
	w.client.last = 0;
	bufferevent_set_timeouts(w.client.bev, NULL, &limit);
	bufferevent_disable(w.client.bev, which);
	bufferevent_enable(w.client.bev, which);
	event_base_loopexit(w.base, &end);
	event_base_dispatch(w.base);
	SAY("event 0x%x, enabled 0x%x\n", (unsigned)w.client.last, (unsigned)bufferevent_get_enabled(w.client.bev));
	finish(&w);
}

BOTH_VERSIONS(write_timeout_with_an_empty_output) { idle_timeouts(version, SOCKETS, EV_WRITE); }
BOTH_VERSIONS(write_timeout_with_an_empty_output_over_a_filter) { idle_timeouts(version, FILTERS, EV_WRITE); }

/* A peer that says nothing: the handshake is timed too. */
BOTH_VERSIONS(timeout_of_a_handshake)
{
	struct world w;
	struct timeval limit = { 0, 40000 };
	evutil_socket_t fd[2];
	begin(&w, version);
	connected_sockets(fd);
	w.client.quiet = 1;
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, fd[0], SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.client);
	bufferevent_set_timeouts(w.client.bev, &limit, &limit);
	AWAIT(&w, w.client.last != 0);
	SAY("event 0x%x, enabled 0x%x\n", (unsigned)w.client.last, (unsigned)bufferevent_get_enabled(w.client.bev));
	evutil_closesocket(fd[1]);
	finish(&w);
}

/* Pieces, references and files leave in order. */
BOTH_VERSIONS(files_and_references_in_order)
{
	struct world w;
	unsigned long sum, again = 0;
	size_t size = 90000, i;
	unsigned char *data = message(size, &sum);
	char path[] = "/tmp/ssl_flow.XXXXXX";
	int fd = mkstemp(path);
	struct evbuffer *out;
	CHECK(write(fd, data + 30000, 30000) == 30000);
	unlink(path);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	out = bufferevent_get_output(w.client.bev);
	evbuffer_add(out, data, 10);
	evbuffer_add_reference(out, data + 10, 29990, NULL, NULL);
	evbuffer_add_file(out, fd, 0, 30000);
	evbuffer_add_reference(out, data + 60000, 29999, NULL, NULL);
	evbuffer_add(out, data + 89999, 1);
	AWAIT(&w, w.server.got >= size);
	for (i = 0; i < size; i++)
		again = (again ^ data[i]) * 16777619u & 0xffffffff;
	SAY("moved %d, intact %d\n", (int)w.server.got, w.server.sum == again);
	finish(&w);
	free(data);
}

/* Both directions at once, more than any buffer below holds. */
static void both_ways(int version, enum over over)
{
	struct world w;
	unsigned long sum;
	size_t size = 2 << 20;
	unsigned char *data = message(size, &sum);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, data, size);
	bufferevent_write(w.server.bev, data, size);
	AWAIT(&w, w.server.got >= size && w.client.got >= size);
	SAY("moved %d %d, intact %d %d\n", (int)w.client.got, (int)w.server.got, w.client.sum == sum, w.server.sum == sum);
	free(data);
	finish(&w);
}

BOTH_VERSIONS(both_ways_over_sockets) { both_ways(version, SOCKETS); }
BOTH_VERSIONS(both_ways_over_filters) { both_ways(version, FILTERS); }
BOTH_VERSIONS(both_ways_over_a_pair) { both_ways(version, PAIRS); }
BOTH_VERSIONS(both_ways_nested) { both_ways(version, NESTED); }

/* flush: the return values, and that what waits is sent. */
BOTH_VERSIONS(flush_normal)
{
	struct world w;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, "flushed", 7);
	SAY("flush %d", bufferevent_flush(w.client.bev, EV_WRITE, BEV_NORMAL));
	SAY(" %d\n", bufferevent_flush(w.client.bev, EV_READ | EV_WRITE, BEV_FLUSH));
	AWAIT(&w, w.server.got == 7);
	SAY("ended %u\n", w.server.ended);
	finish(&w);
}

/* flush with BEV_FINISHED tells the peer that no more comes. */
static void finished(int version, enum over over)
{
	struct world w;
	begin(&w, version);
	w.client.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, "last", 4);
	AWAIT(&w, w.server.got == 4);
	SAY("flush %d\n", bufferevent_flush(w.client.bev, EV_WRITE, BEV_FINISHED));
	settle(&w);
	SAY("ended %u\n", w.server.ended);
	finish(&w);
}

BOTH_VERSIONS(flush_finished) { finished(version, SOCKETS); }
BOTH_VERSIONS(flush_finished_over_a_filter) { finished(version, FILTERS); }

/* What TLS decrypted while reading was disabled, or more than one record at once, comes without the peer's help. */
static void waiting_records(int version, enum over over)
{
	struct world w;
	int i;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_disable(w.server.bev, EV_READ);
	for (i = 0; i < 20; i++) {
		bufferevent_write(w.client.bev, "0123456789", 10);
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	settle(&w);
	SAY("got %d while disabled\n", (int)w.server.got);
	bufferevent_enable(w.server.bev, EV_READ);
	AWAIT(&w, w.server.got >= 200);
	SAY("got %d\n", (int)w.server.got);
	finish(&w);
}

BOTH_VERSIONS(waiting_records_over_a_socket) { waiting_records(version, SOCKETS); }
BOTH_VERSIONS(waiting_records_over_a_filter) { waiting_records(version, FILTERS); }
