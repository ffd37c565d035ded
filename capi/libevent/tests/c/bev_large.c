/* Socket bufferevents with more data than one read takes: what callbacks do in between counts at once. */
#include "bev_util.h"

#define ALL 65536
static int sv[2];
static struct bufferevent *b;
static struct event *other;
static size_t total, stop_at;
static char data[ALL];

static void fill(int fd)
{
	size_t i, done = 0;
	for (i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7 + i / 251);
	while (done < sizeof data) {
		ssize_t n = write(fd, data + done, sizeof data - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
}
static void begin(bufferevent_data_cb read)
{
	base = event_base_new();
	pair_of(sv);
	total = 0;
	stop_at = 16384;
	b = bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	fill(sv[1]);
}
static int take(struct bufferevent *bev)
{
	size_t n = in_len(bev);
	evbuffer_drain(bufferevent_get_input(bev), n);
	total += n;
	if (total < stop_at)
		return 0;
	stop_at += 16384;
	return 1;
}
static void just_take(struct bufferevent *bev, void *arg)
{
	(void)arg;
	take(bev);
}

static void disable_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (take(bev)) {
		bufferevent_disable(bev, EV_READ);
		SAY("disabled after %zu\n", total);
	}
}
CASE(disabled_in_between)
{
	int i;
	begin(disable_read);
	for (i = 0; i < 4; i++) {
		settle();
		bufferevent_enable(b, EV_READ);
	}
	close(sv[1]);
	settle();
	bufferevent_free(b);
	settle();
}

static void break_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (take(bev))
		event_base_loopbreak(base);
}
CASE(loop_broken_in_between)
{
	int i;
	begin(break_read);
	for (i = 0; i < 4; i++) {
		event_base_loop(base, 0);
		SAY("broken %d after %zu\n", event_base_got_break(base), total);
	}
	bufferevent_free(b);
	settle();
}

static void free_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (take(bev)) {
		SAY("freed after %zu\n", total);
		bufferevent_free(bev);
	}
}
CASE(freed_in_between)
{
	begin(free_read);
	settle();
	CHECK(!alive(sv[0]));
}

static void second_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (take(bev))
		SAY("second callback: %zu\n", total);
}
static void first_read(struct bufferevent *bev, void *arg)
{
	if (take(bev)) {
		SAY("first callback: %zu\n", total);
		bufferevent_setcb(bev, second_read, NULL, NULL, arg);
	}
}
CASE(callback_changed_in_between)
{
	begin(first_read);
	settle();
	bufferevent_free(b);
	settle();
}

static void on_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	SAY("other after %zu\n", total);
}
static void active_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (take(bev))
		event_active(other, EV_TIMEOUT, 1);
}
CASE(another_event_in_between)
{
	begin(active_read);
	other = event_new(base, -1, 0, on_other, NULL);
	settle();
	event_free(other);
	bufferevent_free(b);
	settle();
}
CASE(more_urgent_event_in_between)
{
	begin(active_read);
	bufferevent_free(b);
	event_base_free(base);
	base = event_base_new();
	event_base_priority_init(base, 3);
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], 0);
	bufferevent_setcb(b, active_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	fill(sv[1]);
	other = event_new(base, -1, 0, on_other, NULL);
	event_priority_set(other, 0);
	settle();
	event_priority_set(other, 2);
	fill(sv[1]);
	settle();
	event_free(other);
	bufferevent_free(b);
}

static void mark_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (in_len(bev) < 20000)
		return;
	SAY("full at %zu\n", in_len(bev));
	evbuffer_drain(bufferevent_get_input(bev), 20000);
}
CASE(high_mark)
{
	begin(mark_read);
	bufferevent_setwatermark(b, EV_READ, 0, 20000);
	settle();
	settle();
	SAY("left %zu\n", in_len(b));
	bufferevent_free(b);
	settle();
}

static void limit_read(struct bufferevent *bev, void *arg)
{
	if (take(bev)) {
		int r = bufferevent_set_rate_limit(bev, arg);
		SAY("limited after %zu: %d\n", total, r);
		bufferevent_setcb(bev, just_take, NULL, NULL, NULL);
	}
}
CASE(limited_in_between)
{
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, ms(10000));
	begin(limit_read);
	bufferevent_setcb(b, limit_read, NULL, NULL, cfg);
	settle();
	SAY("in all %zu\n", total);
	bufferevent_free(b);
	settle();
	ev_token_bucket_cfg_free(cfg);
}

static void note_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev, (void)arg;
	SAY("echo event:%s\n", what_name(what));
}
static void check_echo(void)
{
	static char have[ALL + 1];
	size_t n = 0;
	ssize_t r;
	int i;
	for (i = 0; i < 400 && n < ALL; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((r = read(sv[1], have + n, sizeof have - n)) > 0)
			n += (size_t)r;
	}
	settle();
	CHECK(n == ALL && !memcmp(have, data, ALL));
	SAY("left %zu %zu\n", in_len(b), out_len(b));
	pending("b", b);
	bufferevent_free(b);
	settle();
}
CASE(end_behind_the_data)
{
	begin(echo_read);
	bufferevent_setcb(b, echo_read, NULL, note_end, NULL);
	shutdown(sv[1], SHUT_WR);
	check_echo();
}
CASE(echoed_in_pieces)
{
	begin(echo_read);
	bufferevent_set_max_single_write(b, 1000);
	check_echo();
}
CASE(written_by_the_default)
{
	begin(echo_read);
	bufferevent_disable(b, EV_READ);
	bufferevent_write(b, data, ALL);
	SAY("queued %zu\n", out_len(b));
	pending("b", b);
	check_echo();
}

/* Callbacks that read once into a small buffer, whatever there is. */
static size_t size_of_small = 4096, held_up;
static int calls;
static void small_read(struct bufferevent *bev, void *arg)
{
	char small[4096];
	(void)arg;
	calls++;
	total += bufferevent_read(bev, small, size_of_small);
}
CASE(small_buffer)
{
	begin(small_read);
	settle();
	settle();
	SAY("%zu of %d, left %zu\n", total, ALL, in_len(b));
	bufferevent_free(b);
	settle();
}
CASE(smaller_buffer)
{
	begin(small_read);
	size_of_small = 1000;
	settle();
	settle();
	SAY("%zu in %d calls, left %zu\n", total, calls, in_len(b));
	bufferevent_free(b);
	settle();
}
CASE(small_buffer_deferred)
{
	begin(small_read);
	bufferevent_free(b);
	event_base_free(base);
	base = event_base_new();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], BEV_OPT_DEFER_CALLBACKS);
	bufferevent_setcb(b, small_read, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	fill(sv[1]);
	settle();
	settle();
	SAY("%zu of %d, left %zu\n", total, ALL, in_len(b));
	bufferevent_free(b);
	settle();
}
static void slow_read(struct bufferevent *bev, void *arg)
{
	small_read(bev, arg);
	bufferevent_disable(bev, EV_READ);
	held_up++;
}
CASE(small_buffer_with_pauses)
{
	int i;
	begin(slow_read);
	for (i = 0; i < 40; i++) {
		settle();
		if (i < 6)
			SAY("%zu after %zu pauses\n", total, held_up);
		bufferevent_enable(b, EV_READ);
	}
	SAY("%zu of %d, left %zu\n", total, ALL, in_len(b));
	bufferevent_free(b);
	settle();
}
static void breaking_read(struct bufferevent *bev, void *arg)
{
	small_read(bev, arg);
	event_base_loopbreak(base);
}
CASE(small_buffer_and_breaks)
{
	int i;
	begin(breaking_read);
	for (i = 0; i < 16; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("%zu of %d, left %zu\n", total, ALL, in_len(b));
	bufferevent_free(b);
	settle();
}
static void waiting_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (in_len(bev) < ALL)
		return;
	SAY("all at once: %zu\n", in_len(bev));
	calls++;
	evbuffer_drain(bufferevent_get_input(bev), ALL - 10);
}
CASE(what_is_left_is_not_told_twice)
{
	begin(waiting_read);
	settle();
	settle();
	SAY("calls %d, left %zu\n", calls, in_len(b));
	bufferevent_free(b);
	settle();
}
static void one_line(struct bufferevent *bev, void *arg)
{
	char *line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
	(void)arg;
	SAY("line '%s', left %zu\n", line ? line : "-", in_len(bev));
	free(line);
}
CASE(one_line_in_each_call)
{
	begin(one_line);
	bufferevent_disable(b, EV_READ);
	settle();
	bufferevent_free(b);
	settle();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], 0);
	bufferevent_setcb(b, one_line, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "one\ntwo\nthree\n");
	settle();
	put(sv[1], "four\n");
	settle();
	bufferevent_free(b);
	settle();
}
