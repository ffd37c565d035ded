/* Lifetimes: freeing in every callback, references, closing the descriptor, other threads. */
#include "bev_util.h"
#include <pthread.h>

static int sv[2];
static struct bufferevent *b;
static void start(int options)
{
	base = event_base_new();
	pair_of(sv);
	b = logged(sv[0], options, "b");
}

CASE(free_in_read)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, free_data, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	close(sv[1]);
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_write)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, log_read, free_data, log_event, "b");
	bufferevent_write(b, "abc", 3);
	settle();
	get("peer", sv[1]);
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_event)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, log_read, log_write, free_event, "b");
	bufferevent_enable(b, EV_READ);
	close(sv[1]);
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_timeout)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, log_read, log_write, free_event, "b");
	bufferevent_set_timeouts(b, ms(10), NULL);
	bufferevent_enable(b, EV_READ);
	run_ms(30);
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_deferred_read)
{
	start(BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	bufferevent_setcb(b, free_data, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	bufferevent_write(b, "x", 1);
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_deferred_event)
{
	start(BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	bufferevent_setcb(b, log_read, log_write, free_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	close(sv[1]);
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(free_in_trigger)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, free_data, log_write, log_event, "b");
	bufferevent_trigger(b, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
	settle();
	CHECK(!alive(sv[0]));
}
static void free_in_buffer_cb(struct evbuffer *e, const struct evbuffer_cb_info *i, void *arg)
{
	(void)e;
	if (!i->n_added)
		return;
	SAY("%s added %zu, freed\n", (char *)arg, i->n_added);
	bufferevent_free(b);
}
CASE(free_in_input_buffer_callback)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	evbuffer_add_cb(bufferevent_get_input(b), free_in_buffer_cb, "input");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
static struct bufferevent *other;
static void free_other(struct bufferevent *x, void *arg)
{
	(void)x;
	SAY("%s read, frees the other\n", (char *)arg);
	if (other)
		bufferevent_free(other);
	other = NULL;
}
CASE(free_another_active_one)
{
	int s2[2];
	start(0);
	pair_of(s2);
	other = logged(s2[0], 0, "other");
	bufferevent_setcb(b, free_other, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	bufferevent_enable(other, EV_READ);
	put(sv[1], "1");
	put(s2[1], "2");
	settle();
	SAY("done\n");
	event_base_free(base);
}
static void write_then_free(struct bufferevent *x, void *arg)
{
	(void)arg;
	bufferevent_write(x, "unsent", 6);
	bufferevent_free(x);
}
CASE(free_never_flushes)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b, write_then_free, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "x");
	settle();
	get("peer", sv[1]);
	event_base_free(base);
}
CASE(incref_keeps)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_incref(b);
	bufferevent_enable(b, EV_READ);
	bufferevent_free(b);
	settle();
	CHECK(alive(sv[0]));
	put(sv[1], "abc");
	settle();
	SAY("no callbacks after free\n");
	pending("b", b);
	SAY("decref %d\n", bufferevent_decref(b));
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
CASE(decref_counts)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_incref(b);
	bufferevent_incref(b);
	SAY("decref %d %d\n", bufferevent_decref(b), bufferevent_decref(b));
	SAY("decref %d\n", bufferevent_decref(b));
	settle();
	CHECK(!alive(sv[0]));
	event_base_free(base);
}
static void close_fd(struct bufferevent *x, void *arg)
{
	(void)arg;
	SAY("read %zu, closes its descriptor\n", in_len(x));
	close(bufferevent_getfd(x));
	bufferevent_setfd(x, -1);
}
CASE(close_fd_in_read)
{
	start(0);
	bufferevent_setcb(b, close_fd, log_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	pending("b", b);
	bufferevent_free(b);
	event_base_free(base);
}
static void change_cb(struct bufferevent *x, void *arg)
{
	SAY("%s first callback\n", (char *)arg);
	bufferevent_setcb(x, drain_read, log_write, log_event, "second");
}
CASE(change_callbacks_in_callback)
{
	start(0);
	bufferevent_setcb(b, change_cb, log_write, log_event, "first");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	put(sv[1], "def");
	settle();
	close(sv[1]);
	settle();
}
static void disable_cb(struct bufferevent *x, void *arg)
{
	(void)arg;
	SAY("read %zu\n", in_len(x));
	bufferevent_disable(x, EV_READ);
}
CASE(disable_in_read)
{
	start(0);
	bufferevent_setcb(b, disable_cb, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
	put(sv[1], "def");
	close(sv[1]);
	settle();
	SAY("quiet\n");
	bufferevent_enable(b, EV_READ);
	settle();
}
static void flush_cb(struct bufferevent *x, void *arg)
{
	(void)arg;
	SAY("flush in callback %d\n", bufferevent_flush(x, EV_READ | EV_WRITE, BEV_FINISHED));
}
CASE(flush_in_callback)
{
	start(0);
	bufferevent_setcb(b, flush_cb, flush_cb, NULL, "b");
	bufferevent_enable(b, EV_READ);
	bufferevent_write(b, "x", 1);
	put(sv[1], "abc");
	settle();
}
static void nested(struct bufferevent *x, void *arg)
{
	SAY("%s read, loop again: %d\n", (char *)arg, event_base_loop(base, EVLOOP_NONBLOCK));
	evbuffer_drain(bufferevent_get_input(x), 100);
}
static void quiet_log(int severity, const char *msg) { (void)severity; (void)msg; }
CASE(loop_inside_callback)
{
	event_set_log_callback(quiet_log);
	start(0);
	bufferevent_setcb(b, nested, NULL, NULL, "b");
	bufferevent_enable(b, EV_READ);
	put(sv[1], "abc");
	settle();
}
CASE(base_freed_first)
{
	start(BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(b, EV_READ);
	settle();
	event_base_free(base);
	SAY("base gone\n");
	CHECK(alive(sv[0]));
}
static void *late_write(void *arg)
{
	poll(NULL, 0, 20);
	bufferevent_write(arg, "from thread", 11);
	return NULL;
}
static void stop_write(struct bufferevent *x, void *arg)
{
	SAY("%s written, %zu out\n", (char *)arg, out_len(x));
	event_base_loopbreak(base);
}
CASE(thread_write_wakes_the_loop)
{
	pthread_t t;
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE);
	bufferevent_setcb(b, log_read, stop_write, log_event, "b");
	bufferevent_enable(b, EV_READ);
	pthread_create(&t, NULL, late_write, b);
	event_base_dispatch(base);
	pthread_join(t, NULL);
	get("peer", sv[1]);
	bufferevent_free(b);
	event_base_free(base);
}
static void *many_writes(void *arg)
{
	int i;
	for (i = 0; i < 2000; i++)
		bufferevent_write(arg, "0123456789", 10);
	return NULL;
}
CASE(threads_write_at_once)
{
	pthread_t t[3];
	char tmp[65536];
	ssize_t n, total = 0;
	int i;
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE);
	bufferevent_setcb(b, NULL, NULL, log_event, "b");
	bufferevent_enable(b, EV_READ);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, many_writes, b);
	for (i = 0; i < 5000 && total < 60000; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		while ((n = read(sv[1], tmp, sizeof tmp)) > 0)
			total += n;
		if (i > 100)
			poll(NULL, 0, 1);
	}
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	SAY("total %zd\n", total);
	bufferevent_free(b);
	event_base_free(base);
}
static int held;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static void *try_lock(void *arg)
{
	bufferevent_lock(arg);
	pthread_mutex_lock(&mu);
	SAY("other thread has the lock, callback ended: %d\n", held);
	pthread_mutex_unlock(&mu);
	bufferevent_unlock(arg);
	return NULL;
}
static pthread_t locker;
static void hold(struct bufferevent *x, void *arg)
{
	(void)arg;
	pthread_create(&locker, NULL, try_lock, x);
	poll(NULL, 0, 30);
	held = 1;
	evbuffer_drain(bufferevent_get_input(x), 100);
}
CASE(callback_holds_the_lock)
{
	evthread_use_pthreads();
	start(BEV_OPT_THREADSAFE);
	bufferevent_setcb(b, hold, NULL, NULL, NULL);
	bufferevent_enable(b, EV_READ);
	put(sv[1], "x");
	settle();
	pthread_join(locker, NULL);
}
CASE(echo_many)
{
	int s[50][2], i, round, ok = 0;
	char t[64];
	base = event_base_new();
	for (i = 0; i < 50; i++) {
		pair_of(s[i]);
		b = bufferevent_socket_new(base, s[i][0], BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(b, echo_read, NULL, NULL, NULL);
		bufferevent_enable(b, EV_READ | EV_WRITE);
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 50; i++) {
			snprintf(t, sizeof t, "message %d on %d", round, i);
			put(s[i][1], t);
		}
		settle();
		for (i = 0; i < 50; i++) {
			char want[64], have[64] = "";
			snprintf(want, sizeof want, "message %d on %d", round, i);
			if (read(s[i][1], have, sizeof have) > 0 && !strcmp(want, have))
				ok++;
		}
	}
	SAY("%d echoed\n", ok);
}
