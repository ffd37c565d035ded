/* Streams and listeners used by several threads. */
#include "bev_util.h"
#include <pthread.h>

static int sv[2];
static struct bufferevent *b;
static size_t total;
static void count(struct bufferevent *x, void *arg)
{
	size_t n = in_len(x);
	(void)arg;
	total += n;
	evbuffer_drain(bufferevent_get_input(x), n);
}
static void *run_loop(void *arg)
{
	event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}
static void setup(int options)
{
	evthread_use_pthreads();
	base = event_base_new();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], options | BEV_OPT_THREADSAFE);
	bufferevent_setcb(b, count, NULL, NULL, NULL);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}
static void *writer(void *arg)
{
	int i;
	for (i = 0; i < 300; i++)
		bufferevent_write(arg, "0123456789", 10);
	return NULL;
}
static size_t drain(int fd, size_t want)
{
	char t[65536];
	size_t n = 0;
	ssize_t r;
	struct pollfd p = { fd, POLLIN, 0 };
	while (n < want && poll(&p, 1, 3000) == 1 && (r = read(fd, t, sizeof t)) > 0)
		n += (size_t)r;
	return n;
}
static void three_writers(int options)
{
	pthread_t loop, t[3];
	int i;
	setup(options);
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, writer, b);
	SAY("received %zu\n", drain(sv[1], 9000));
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(three_writers_and_a_loop) { three_writers(0); }
CASE(three_writers_deferred_unlocked) { three_writers(BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS); }
static void *toggle(void *arg)
{
	int i;
	for (i = 0; i < 200; i++) {
		bufferevent_disable(arg, EV_READ);
		bufferevent_enable(arg, EV_READ);
		bufferevent_setwatermark(arg, EV_READ, 0, (size_t)(i % 3) * 100);
	}
	bufferevent_setwatermark(arg, EV_READ, 0, 0);
	return NULL;
}
CASE(toggled_while_reading)
{
	pthread_t loop, t;
	int i;
	size_t seen = 0;
	setup(0);
	pthread_create(&loop, NULL, run_loop, base);
	pthread_create(&t, NULL, toggle, b);
	for (i = 0; i < 100; i++)
		put(sv[1], "0123456789");
	pthread_join(t, NULL);
	for (i = 0; i < 300 && seen < 1000; i++) {
		bufferevent_lock(b);
		seen = total;
		bufferevent_unlock(b);
		poll(NULL, 0, 5);
	}
	SAY("seen %zu\n", seen);
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	bufferevent_free(b);
	event_base_free(base);
}
CASE(freed_by_another_thread)
{
	pthread_t loop;
	int i;
	struct bufferevent *bs[20];
	int s[20][2];
	evthread_use_pthreads();
	base = event_base_new();
	for (i = 0; i < 20; i++) {
		pair_of(s[i]);
		bs[i] = bufferevent_socket_new(base, s[i][0], BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(bs[i], echo_read, NULL, NULL, NULL);
		bufferevent_enable(bs[i], EV_READ | EV_WRITE);
	}
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 20; i++) {
		put(s[i][1], "hello");
		bufferevent_free(bs[i]);
	}
	for (i = 0; i < 20; i++) {
		char t[16];
		struct pollfd p = { s[i][1], POLLIN, 0 };
		while (poll(&p, 1, 3000) == 1 && read(s[i][1], t, sizeof t) > 0)
			;
		close(s[i][1]);
	}
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	event_base_free(base);
	SAY("all closed\n");
}
CASE(group_shared_by_threads)
{
	pthread_t loop, t[2];
	struct bufferevent_rate_limit_group *g;
	struct ev_token_bucket_cfg *cfg;
	struct timeval tick = { 0, 5000 };
	int i;
	setup(0);
	cfg = ev_token_bucket_cfg_new(2000, 2000, 2000, 2000, &tick);
	g = bufferevent_rate_limit_group_new(base, cfg);
	bufferevent_add_to_rate_limit_group(b, g);
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, writer, b);
	SAY("received %zu\n", drain(sv[1], 6000));
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	event_base_loopbreak(base);
	pthread_join(loop, NULL);
	bufferevent_remove_from_rate_limit_group(b);
	bufferevent_rate_limit_group_free(g);
	bufferevent_free(b);
	ev_token_bucket_cfg_free(cfg);
	event_base_free(base);
}
