/* Bufferevents that are freed, and callbacks that are changed, while their loop runs in another thread. ctest: ours-only
 *
 * The original hangs or crashes here every few runs, so there is nothing to compare with. */
#include "bev_util.h"
#include <pthread.h>

static void *run_loop(void *arg)
{
	event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}
/* Lives of bufferevents while their loop runs in another thread: the loop may have popped an event of one that ends. */
enum life { PLAIN, DEFERRED, UNLOCKED, PAIR, FILTER, LIMITED };
static void lives(enum life life)
{
	static const int options[] = { 0, BEV_OPT_DEFER_CALLBACKS, BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS, 0, 0, 0 };
	int flags = BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE | options[life];
	struct timeval tick = { 0, 1000 };
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(10, 10, 10, 10, &tick);
	struct bufferevent_rate_limit_group *g;
	pthread_t loop;
	int i;
	evthread_use_pthreads();
	base = event_base_new();
	g = bufferevent_rate_limit_group_new(base, cfg);
	pthread_create(&loop, NULL, run_loop, base);
	for (i = 0; i < 400; i++) {
		struct bufferevent *one, *other = NULL, *ends[2];
		int s[2] = { -1, -1 };
		if (life == PAIR) {
			bufferevent_pair_new(base, flags, ends);
			one = ends[0], other = ends[1];
			bufferevent_setcb(other, echo_read, NULL, NULL, NULL);
			bufferevent_enable(other, EV_READ | EV_WRITE);
		} else {
			pair_of(s);
			one = bufferevent_socket_new(base, s[0], flags);
			if (life == FILTER)
				one = bufferevent_filter_new(one, NULL, NULL, flags, NULL, NULL);
		}
		bufferevent_setcb(one, echo_read, NULL, NULL, NULL);
		if (life == LIMITED) {
			if (i % 2)
				bufferevent_set_rate_limit(one, cfg);
			else
				bufferevent_add_to_rate_limit_group(one, g);
		}
		bufferevent_enable(one, EV_READ | EV_WRITE);
		if (other)
			bufferevent_write(other, "0123456789", 10);
		else
			put(s[1], "0123456789");
		bufferevent_write(one, "0123456789", 10);
		if (i % 4 == 0)
			poll(NULL, 0, 1);
		bufferevent_free(one);
		if (other)
			bufferevent_free(other);
		else
			close(s[1]);
	}
	event_base_loopexit(base, NULL); /* holds also where the loop has not begun yet */
	pthread_join(loop, NULL);
	/* What ended last leaves its group when the loop finalizes it. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	bufferevent_rate_limit_group_free(g);
	event_base_free(base);
	ev_token_bucket_cfg_free(cfg);
	SAY("ended\n");
}
CASE(lives_plain) { signal(SIGPIPE, SIG_IGN); lives(PLAIN); }
CASE(lives_deferred) { signal(SIGPIPE, SIG_IGN); lives(DEFERRED); }
CASE(lives_unlocked) { signal(SIGPIPE, SIG_IGN); lives(UNLOCKED); }
CASE(lives_pair) { lives(PAIR); }
CASE(lives_filter) { signal(SIGPIPE, SIG_IGN); lives(FILTER); }
CASE(lives_limited) { signal(SIGPIPE, SIG_IGN); lives(LIMITED); }
/* A callback without the lock gets the argument that it was set with. */
static int kinds[2], wrong;
static void first_read(struct bufferevent *x, void *arg)
{
	evbuffer_drain(bufferevent_get_input(x), 4096);
	if (arg != &kinds[0])
		wrong++;
}
static void second_read(struct bufferevent *x, void *arg)
{
	evbuffer_drain(bufferevent_get_input(x), 4096);
	if (arg != &kinds[1])
		wrong++;
}
static void *swap_callbacks(void *arg)
{
	int i;
	for (i = 0; i < 20000; i++)
		bufferevent_setcb(arg, i % 2 ? second_read : first_read, NULL, NULL, &kinds[i % 2]);
	return NULL;
}
CASE(unlocked_callback_and_argument)
{
	pthread_t loop, t;
	int i;
	int sv[2];
	struct bufferevent *b;
	evthread_use_pthreads();
	base = event_base_new();
	pair_of(sv);
	b = bufferevent_socket_new(base, sv[0], BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
	bufferevent_setcb(b, first_read, NULL, NULL, &kinds[0]);
	bufferevent_enable(b, EV_READ | EV_WRITE);
	pthread_create(&loop, NULL, run_loop, base);
	pthread_create(&t, NULL, swap_callbacks, b);
	for (i = 0; i < 200; i++)
		put(sv[1], "x");
	pthread_join(t, NULL);
	event_base_loopexit(base, NULL); /* holds also where the loop has not begun yet */
	pthread_join(loop, NULL);
	SAY("wrong %d\n", wrong);
	bufferevent_free(b);
	event_base_free(base);
}
