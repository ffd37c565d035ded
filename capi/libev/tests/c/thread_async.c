/* ev_async_send and ev_feed_signal from other threads; loops in threads.
   ctest: ldflags=-pthread */
#include "evcase.h"
#include <pthread.h>

static struct ev_loop *loop;
static ev_async a, quit;
static ev_signal s;
static int got;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int queued, taken;

static void
queue_cb(struct ev_loop *l, ev_async *w, int revents)
{
	(void)l, (void)w, (void)revents;
	pthread_mutex_lock(&lock);
	taken += queued;
	queued = 0;
	pthread_mutex_unlock(&lock);
	if (taken == 4000)
		ev_break(l, EVBREAK_ALL);
}

static void *
sender(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		queued++;
		pthread_mutex_unlock(&lock);
		ev_async_send(loop, &a);
	}
	return NULL;
}

CASE(nothing_sent_is_lost)
{
	pthread_t th[4];
	int i;
	loop = new_loop();
	ev_async_init(&a, queue_cb);
	ev_async_start(loop, &a);
	for (i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, sender, NULL);
	ev_run(loop, 0);
	for (i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	SAY("taken %d\n", taken);
	ev_async_stop(loop, &a);
	ev_loop_destroy(loop);
}

static void
quit_cb(struct ev_loop *l, ev_async *w, int revents)
{
	(void)w, (void)revents;
	ev_break(l, EVBREAK_ALL);
}

static void *
other_loop(void *arg)
{
	struct ev_loop *mine = arg;
	ev_run(mine, 0);
	got = 1;
	return NULL;
}

CASE(a_loop_in_another_thread_is_told_to_end)
{
	pthread_t th;
	loop = new_loop();
	ev_async_init(&quit, quit_cb);
	ev_async_start(loop, &quit);
	pthread_create(&th, NULL, other_loop, loop);
	usleep(10000);
	ev_async_send(loop, &quit);
	pthread_join(th, NULL);
	SAY("ended %d\n", got);
	ev_async_stop(loop, &quit);
	ev_loop_destroy(loop);
}

static void
sig_cb(struct ev_loop *l, ev_signal *w, int revents)
{
	log_signal(l, w, revents);
	ev_signal_stop(l, w);
}

static void *
feeder(void *arg)
{
	(void)arg;
	usleep(10000);
	ev_feed_signal(SIGUSR1);
	return NULL;
}

CASE(feed_signal_from_a_thread)
{
	pthread_t th;
	loop = new_loop();
	ev_signal_init(&s, sig_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	pthread_create(&th, NULL, feeder, NULL);
	SAY("left %d\n", ev_run(loop, 0));
	pthread_join(th, NULL);
	ev_loop_destroy(loop);
}

static void *
timer_loop(void *arg)
{
	int *n = arg, i;
	struct ev_loop *mine = ev_loop_new(0);
	ev_timer t;
	for (i = 0; i < 20; i++) {
		ev_init(&t, NULL);
		ev_timer_init(&t, log_timer, 0.0005, 0.);
		t.data = "tick";
		ev_set_cb(&t, (void (*)(struct ev_loop *, ev_timer *, int))quit_cb);
		ev_timer_start(mine, &t);
		ev_run(mine, 0);
		++*n;
	}
	ev_loop_destroy(mine);
	return NULL;
}

CASE(a_loop_per_thread)
{
	pthread_t th[4];
	int n[4] = { 0, 0, 0, 0 }, i;
	for (i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, timer_loop, &n[i]);
	for (i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	SAY("%d %d %d %d\n", n[0], n[1], n[2], n[3]);
}

/* A loop that threads share, as the manual's locking example has it. */
static void
l_release(struct ev_loop *l) EV_NOEXCEPT
{
	(void)l;
	pthread_mutex_unlock(&lock);
}

static void
l_acquire(struct ev_loop *l) EV_NOEXCEPT
{
	(void)l;
	pthread_mutex_lock(&lock);
}

static void *
run_shared(void *arg)
{
	(void)arg;
	l_acquire(loop);
	ev_run(loop, 0);
	l_release(loop);
	return NULL;
}

static void
nothing(struct ev_loop *l, ev_async *w, int revents)
{
	(void)l, (void)w, (void)revents;
}

static void
end_cb(struct ev_loop *l, ev_timer *w, int revents)
{
	log_timer(l, w, revents);
	ev_break(l, EVBREAK_ALL);
}

CASE(watchers_started_while_another_thread_waits)
{
	pthread_t th;
	ev_timer t;
	loop = new_loop();
	ev_async_init(&a, nothing);
	ev_async_start(loop, &a);
	ev_set_loop_release_cb(loop, l_release, l_acquire);
	pthread_create(&th, NULL, run_shared, NULL);
	usleep(10000);
	ev_timer_init(&t, end_cb, 0.01, 0.);
	t.data = "t";
	pthread_mutex_lock(&lock);
	ev_timer_start(loop, &t);
	ev_async_send(loop, &a);
	pthread_mutex_unlock(&lock);
	pthread_join(th, NULL);
	ev_async_stop(loop, &a);
	ev_loop_destroy(loop);
}
