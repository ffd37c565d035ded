/* Timers armed, moved and freed by other threads while the loop waits, is about to wait, or runs them. */
#include "case.h"
#include "loop_kit.h"
#include <event2/thread.h>
#include <pthread.h>

static struct event_base *base;
static struct event *evs[8];
static int fd[2];

static void say(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	SAY("%s %s\n", (char *)arg, bits(what));
}

static void say_and_end(evutil_socket_t s, short what, void *arg)
{
	say(s, what, arg);
	event_base_loopbreak(base);
}

static void late(evutil_socket_t s, short what, void *arg)
{
	say(s, what, arg);
	drain(fd[0]);
}

static void begin(void)
{
	evthread_use_pthreads();
	base = event_base_new();
	pair(fd);
	evs[0] = event_new(base, fd[0], EV_READ | EV_PERSIST, late, (void *)"much later");
	event_add(evs[0], NULL);
	evs[1] = evtimer_new(base, say, (void *)"long");
	event_add(evs[1], ms(5000));
	evs[2] = event_new(base, -1, 0, say_and_end, (void *)"short");
}

static void finish(void)
{
	int i;
	for (i = 0; i < 8; i++)
		if (evs[i])
			event_free(evs[i]);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void nap(int n)
{
	poll(NULL, 0, n);
}

/* What the other thread does once the loop waits; then it gives the loop a reason to wake in any case. */
static void run_beside(void *(*what)(void *))
{
	pthread_t t;
	pthread_create(&t, NULL, what, NULL);
	event_base_dispatch(base);
	pthread_join(t, NULL);
}

static void wake_anyway(void)
{
	nap(300);
	put(fd[1], "x");
}

static void *add_short(void *arg)
{
	(void)arg;
	nap(30);
	event_add(evs[2], ms(10));
	wake_anyway();
	return NULL;
}

CASE(an_earlier_timer_wakes_the_loop)
{
	begin();
	run_beside(add_short);
	finish();
}

static void *add_after_the_clock(void *arg)
{
	(void)arg;
	nap(30);
	event_base_update_cache_time(base);
	event_add(evs[2], ms(10));
	wake_anyway();
	return NULL;
}

CASE(an_earlier_timer_wakes_the_loop_after_the_clock_was_read)
{
	begin();
	run_beside(add_after_the_clock);
	finish();
}

static void *move_long(void *arg)
{
	(void)arg;
	nap(30);
	event_base_update_cache_time(base);
	event_add(evs[1], ms(10));
	event_add(evs[2], ms(20));
	wake_anyway();
	return NULL;
}

CASE(a_timer_moved_earlier_wakes_the_loop)
{
	begin();
	run_beside(move_long);
	finish();
}

static void *add_common(void *arg)
{
	(void)arg;
	nap(30);
	event_add(evs[2], event_base_init_common_timeout(base, ms(10)));
	wake_anyway();
	return NULL;
}

CASE(a_common_timer_wakes_the_loop)
{
	begin();
	run_beside(add_common);
	finish();
}

static void *add_to_descriptor(void *arg)
{
	(void)arg;
	nap(30);
	event_add(evs[0], ms(40));
	event_add(evs[2], ms(60));
	wake_anyway();
	return NULL;
}

CASE(a_timeout_of_a_descriptor_wakes_the_loop)
{
	begin();
	run_beside(add_to_descriptor);
	finish();
}

static void *exit_soon(void *arg)
{
	(void)arg;
	nap(30);
	event_base_loopexit(base, ms(10));
	wake_anyway();
	return NULL;
}

CASE(loopexit_with_a_time_wakes_the_loop)
{
	begin();
	run_beside(exit_soon);
	SAY("exit %d\n", event_base_got_exit(base));
	finish();
}

static void *free_all(void *arg)
{
	(void)arg;
	nap(30);
	event_free(evs[1]);
	event_free(evs[0]);
	evs[0] = evs[1] = NULL;
	nap(300);
	SAY("the other thread has waited\n");
	event_base_loopbreak(base);
	return NULL;
}

CASE(the_last_timer_freed_by_another_thread)
{
	begin();
	run_beside(free_all);
	SAY("break %d\n", event_base_got_break(base));
	finish();
}

static int in_callback, gone;

static void slow(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	(void)what;
	(void)arg;
	__atomic_store_n(&in_callback, 1, __ATOMIC_SEQ_CST);
	nap(80);
	SAY("freed meanwhile: %d\n", __atomic_load_n(&gone, __ATOMIC_SEQ_CST));
}

static void *free_the_running(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&in_callback, __ATOMIC_SEQ_CST))
		nap(1);
	event_del(evs[3]);
	__atomic_store_n(&gone, 1, __ATOMIC_SEQ_CST);
	SAY("pending %s\n", bits(event_pending(evs[3], EV_TIMEOUT, NULL)));
	event_free(evs[3]);
	evs[3] = NULL;
	event_add(evs[2], ms(1));
	return NULL;
}

/* A persistent timer is in the list again while its callback runs. */
CASE(a_running_persistent_timer_is_freed)
{
	begin();
	evs[3] = event_new(base, -1, EV_PERSIST, slow, NULL);
	event_add(evs[3], ms(1));
	run_beside(free_the_running);
	finish();
}

enum { THREADS = 3, EACH = 16, ROUNDS = 1500 };
static int fired[THREADS];

static void tally(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	(void)what;
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static void *churn(void *arg)
{
	int *mine = arg;
	struct event *e[EACH] = { NULL };
	unsigned long seed = (unsigned long)(mine - fired) * 7919 + 1;
	int i;
	for (i = 0; i < ROUNDS; i++) {
		unsigned k, how;
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		k = (unsigned)(seed >> 33) % EACH;
		how = (unsigned)(seed >> 40) % 8;
		if (!e[k])
			e[k] = event_new(base, -1, how & 1 ? EV_PERSIST : 0, tally, mine);
		if (how < 4)
			event_add(e[k], ms(how));
		else if (how == 4)
			event_active(e[k], EV_READ, 1);
		else if (how == 5)
			event_del(e[k]);
		else if (how == 6)
			event_remove_timer(e[k]);
		else {
			event_free(e[k]);
			e[k] = NULL;
		}
	}
	for (i = 0; i < EACH; i++)
		if (e[i])
			event_free(e[i]);
	return NULL;
}

CASE(threads_churn_timers)
{
	pthread_t t[THREADS];
	int i;
	begin();
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, churn, &fired[i]);
	event_base_loopexit(base, ms(100));
	event_base_dispatch(base);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	SAY("left %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
	finish();
}
