/* Socket bufferevents in odd company: files, blocking descriptors, pipes, references, proxies, breaks of the loop. */
#include "bev_util.h"

static int sv[2];
static struct bufferevent *b;
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}
static size_t drain_all(int fd, char *keep, size_t size)
{
	size_t n = 0;
	ssize_t r;
	int i;
	for (i = 0; i < 400; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((r = read(fd, keep + n, size - n)) > 0)
			n += (size_t)r;
	}
	return n;
}

CASE(file_through_output)
{
	static char data[100000], have[200000];
	char path[] = "/tmp/evXXXXXX";
	int fd = mkstemp(path), i;
	unlink(path);
	for (i = 0; i < (int)sizeof data; i++)
		data[i] = (char)(i * 31 + i / 977);
	if (write(fd, data, sizeof data) != (ssize_t)sizeof data)
		abort();
	start(0);
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	bufferevent_write(b, "head", 4);
	CHECK(evbuffer_add_file(bufferevent_get_output(b), fd, 0, sizeof data) == 0);
	bufferevent_write(b, "tail", 4);
	CHECK(drain_all(sv[1], have, sizeof have) == sizeof data + 8);
	CHECK(!memcmp(have, "head", 4) && !memcmp(have + 4, data, sizeof data) && !memcmp(have + 4 + sizeof data, "tail", 4));
	CHECK(!alive(fd));
}
static void lent(const void *p, size_t n, void *arg)
{
	(void)p;
	SAY("%s of %zu released\n", (char *)arg, n);
}
CASE(reference_through_output)
{
	static const char text[] = "lent bytes";
	start(0);
	evbuffer_add_reference(bufferevent_get_output(b), text, 10, lent, "text");
	SAY("queued\n");
	settle();
	get("peer", sv[1]);
}
CASE(reference_unsent)
{
	static const char text[] = "lent bytes";
	start(0);
	bufferevent_disable(b, EV_WRITE);
	evbuffer_add_reference(bufferevent_get_output(b), text, 10, lent, "text");
	bufferevent_free(b);
	SAY("freed\n");
	settle();
}
CASE(blocking_descriptor)
{
	start(0);
	fcntl(sv[0], F_SETFL, 0);
	bufferevent_setcb(b, echo_read, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "one");
	settle();
	get("peer", sv[1]);
	put(sv[1], "two");
	settle();
	get("peer", sv[1]);
}
CASE(blocking_descriptor_full)
{
	/* the loop must not hang in a write */
	static char big[20000];
	int i, room = 0;
	start(0);
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	while (write(sv[0], big, sizeof big) > 0)
		room++;
	fcntl(sv[0], F_SETFL, 0);
	bufferevent_write(b, "x", 1);
	for (i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	CHECK(room > 0 && out_len(b) == 1);
}
CASE(pipe_ends)
{
	int p[2];
	struct bufferevent *w;
	if (pipe2(p, O_NONBLOCK))
		abort();
	base = event_base_new();
	b = logged(p[0], BEV_OPT_CLOSE_ON_FREE, "reader");
	w = logged(p[1], BEV_OPT_CLOSE_ON_FREE, "writer");
	bufferevent_setcb(b, drain_read, NULL, log_event, "reader");
	bufferevent_enable(b, EV_READ);
	bufferevent_write(w, "through a pipe", 14);
	settle();
	bufferevent_free(w);
	settle();
}
static struct bufferevent *left, *right;
static void pass_on(struct bufferevent *x, void *arg)
{
	(void)arg;
	bufferevent_read_buffer(x, bufferevent_get_output(x == left ? right : left));
}
static void end_both(struct bufferevent *x, short what, void *arg)
{
	(void)arg;
	SAY("%s event:%s\n", x == left ? "left" : "right", what_name(what));
}
CASE(proxy)
{
	static char big[300000], have[300000];
	int s2[2], i;
	size_t n = 0, sent = 0;
	ssize_t r;
	base = event_base_new();
	pair_of(sv);
	pair_of(s2);
	left = bufferevent_socket_new(base, sv[0], 0);
	right = bufferevent_socket_new(base, s2[0], 0);
	bufferevent_setcb(left, pass_on, NULL, end_both, NULL);
	bufferevent_setcb(right, pass_on, NULL, end_both, NULL);
	bufferevent_enable(left, EV_READ | EV_WRITE);
	bufferevent_enable(right, EV_READ | EV_WRITE);
	for (i = 0; i < (int)sizeof big; i++)
		big[i] = (char)(i * 13 + i / 255);
	for (i = 0; i < 4000 && n < sizeof have; i++) {
		if (sent < sizeof big && (r = write(sv[1], big + sent, sizeof big - sent)) > 0)
			sent += (size_t)r;
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((r = read(s2[1], have + n, sizeof have - n)) > 0)
			n += (size_t)r;
	}
	SAY("%zu %d\n", n, memcmp(big, have, sizeof big));
	put(s2[1], "and back");
	settle();
	get("left peer", sv[1]);
	close(sv[1]);
	settle();
}
static void breaks(struct bufferevent *x, void *arg)
{
	SAY("%s read, writes and breaks the loop\n", (char *)arg);
	evbuffer_drain(bufferevent_get_input(x), 100);
	bufferevent_write(x, "later", 5);
	event_base_loopbreak(base);
}
CASE(break_with_a_write_queued)
{
	start(0);
	bufferevent_setcb(b, breaks, log_write, NULL, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "x");
	event_base_dispatch(base);
	SAY("out %zu\n", out_len(b));
	pending("b", b);
	settle();
	get("peer", sv[1]);
}
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	bufferevent_write(arg, "tick", 4);
	SAY("timer: out %zu\n", out_len(arg));
}
CASE(write_from_a_timer)
{
	start(0);
	event_base_once(base, -1, EV_TIMEOUT, on_timer, b, ms(5));
	run_ms(30);
	get("peer", sv[1]);
}
static void frees_it(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	bufferevent_write(arg, "never", 5);
	bufferevent_free(arg);
}
CASE(free_with_a_write_queued_in_the_loop)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	event_base_once(base, -1, EV_TIMEOUT, frees_it, b, ms(5));
	run_ms(30);
	get("peer", sv[1]);
	CHECK(!alive(sv[0]));
}
static void changed(struct evbuffer *e, const struct evbuffer_cb_info *i, void *arg)
{
	SAY("%s changed: +%zu -%zu, now %zu\n", (char *)arg, i->n_added, i->n_deleted, evbuffer_get_length(e));
}
CASE(deferred_buffer_callbacks)
{
	start(0);
	evbuffer_add_cb(bufferevent_get_output(b), changed, "output");
	evbuffer_defer_callbacks(bufferevent_get_output(b), base);
	bufferevent_write(b, "abc", 3);
	SAY("written\n");
	settle();
	get("peer", sv[1]);
}
CASE(write_in_buffer_callback_of_input)
{
	start(0);
	evbuffer_add_cb(bufferevent_get_input(b), changed, "input");
	bufferevent_setcb(b, echo_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "echo");
	settle();
	get("peer", sv[1]);
}
CASE(once_flag)
{
	start(0);
	bufferevent_setcb(b, echo_read, log_write, NULL, "b");
	bufferevent_enable(b, EV_READ);
	settle();
	put(sv[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	get("peer", sv[1]);
}
CASE(timeouts_do_not_disturb_an_echo)
{
	int i;
	start(0);
	bufferevent_set_timeouts(b, ms(80), ms(80));
	bufferevent_setcb(b, echo_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ | EV_WRITE);
	for (i = 0; i < 6; i++) {
		put(sv[1], "x");
		run_ms(20);
	}
	get("peer", sv[1]);
	SAY("then silence\n");
	run_ms(200);
}
CASE(reenabled_after_timeout)
{
	start(0);
	bufferevent_set_timeouts(b, ms(10), NULL);
	bufferevent_setcb(b, drain_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	run_ms(40);
	put(sv[1], "late");
	settle();
	SAY("not read\n");
	bufferevent_enable(b, EV_READ);
	settle();
	run_ms(40);
}
CASE(priority_with_a_write_queued)
{
	base = event_base_new();
	event_base_priority_init(base, 3);
	pair_of(sv);
	b = logged(sv[0], 0, "b");
	bufferevent_enable(b, EV_READ | EV_WRITE);
	SAY("set %d\n", bufferevent_priority_set(b, 0));
	SAY("now %d\n", bufferevent_get_priority(b));
	bufferevent_write(b, "x", 1);
	SAY("set %d\n", bufferevent_priority_set(b, 2));
	SAY("now %d\n", bufferevent_get_priority(b));
	pending("b", b);
	settle();
	get("peer", sv[1]);
}
CASE(base_set_with_a_write_queued)
{
	struct event_base *other = event_base_new();
	start(0);
	bufferevent_write(b, "x", 1);
	SAY("base_set %d\n", bufferevent_base_set(other, b));
	settle();
	event_base_loop(other, EVLOOP_NONBLOCK);
	get("peer", sv[1]);
}
static int seen_events;
static int seen(const struct event_base *x, const struct event *e, void *arg)
{
	(void)x, (void)e, (void)arg;
	seen_events++;
	return 0;
}
CASE(debug_mode)
{
	event_enable_debug_mode();
	start(0);
	bufferevent_enable(b, EV_READ | EV_WRITE);
	bufferevent_write(b, "x", 1);
	settle();
	event_base_foreach_event(base, seen, NULL);
	SAY("events %d\n", seen_events);
	bufferevent_setfd(b, sv[0]);
	settle();
	bufferevent_free(b);
	settle();
	get("peer", sv[1]);
	event_base_free(base);
}
CASE(dump_with_streams)
{
	FILE *f = tmpfile();
	start(0);
	bufferevent_enable(b, EV_READ);
	settle();
	event_base_dump_events(base, f);
	SAY("dumped %d\n", ftell(f) > 0);
	fclose(f);
}

static void named(struct bufferevent *x, short what, void *arg)
{
	(void)x;
	SAY("%s 0x%x\n", (char *)arg, (unsigned)what);
}
/* A new descriptor sets the events' priority back, not that of deferred callbacks. */
CASE(deferred_priority_outlives_the_descriptor)
{
	int priority, other[2];
	struct bufferevent *x;
	for (priority = 0; priority < 3; priority += 2) {
		base = event_base_new();
		event_base_priority_init(base, 3);
		pair_of(sv);
		pair_of(other);
		b = bufferevent_socket_new(base, sv[0], BEV_OPT_DEFER_CALLBACKS);
		x = bufferevent_socket_new(base, other[0], BEV_OPT_DEFER_CALLBACKS);
		bufferevent_setcb(b, NULL, NULL, named, (void *)"changed");
		bufferevent_setcb(x, NULL, NULL, named, (void *)"plain");
		bufferevent_priority_set(b, priority);
		bufferevent_setfd(b, -1);
		bufferevent_setfd(b, sv[0]);
		SAY("priority %d, now %d\n", priority, bufferevent_get_priority(b));
		bufferevent_trigger_event(priority ? b : x, 0x80, 0);
		bufferevent_trigger_event(priority ? x : b, 0x80, 0);
		settle();
		bufferevent_free(b);
		bufferevent_free(x);
		event_base_free(base);
	}
}
