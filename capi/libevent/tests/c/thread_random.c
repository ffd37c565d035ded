/* Several threads and the callbacks themselves add, delete, activate and ask about events in any order while a loop runs. */
#include "case.h"
#include "loop_kit.h"
#include <event2/thread.h>
#include <pthread.h>

enum { SHARED = 10, OWN = 6, THREADS = 3, STEPS = 400 };

static struct event_base *base;
static struct event *shared[SHARED];
static int pairs[SHARED][2];
static const struct timeval *common;
static unsigned loop_seed;

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void step(struct event *ev, unsigned *seed)
{
	struct timeval left;
	unsigned pick = next(seed) % 12;

	if (pick < 2)
		event_add(ev, NULL);
	else if (pick < 4)
		event_add(ev, ms(next(seed) % 3));
	else if (pick == 4)
		event_add(ev, common);
	else if (pick == 5)
		event_add(ev, ms(1000));
	else if (pick < 8)
		event_del(ev);
	else if (pick == 8)
		event_remove_timer(ev);
	else if (pick == 9)
		event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, &left);
	else
		event_active(ev, pick == 10 ? EV_READ : EV_TIMEOUT, 1);
}

static void on_shared(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (next(&loop_seed) % 4 == 0)
		step(shared[next(&loop_seed) % SHARED], &loop_seed);
}

/* An event of one thread: after a delete by that thread its callback does not run. */
struct own {
	struct event *ev;
	int running;
};

static void on_own(evutil_socket_t fd, short what, void *arg)
{
	struct own *own = (struct own *)arg;

	(void)fd;
	(void)what;
	__atomic_store_n(&own->running, 1, __ATOMIC_SEQ_CST);
	if (next(&loop_seed) % 2)
		step(shared[next(&loop_seed) % SHARED], &loop_seed);
	__atomic_store_n(&own->running, 0, __ATOMIC_SEQ_CST);
}

static void *any_order(void *arg)
{
	unsigned seed = 77u + (unsigned)(size_t)arg;
	struct own own[OWN];
	long wrong = 0;
	int i, fd[2];

	pair(fd);
	put(fd[1], "x");
	for (i = 0; i < OWN; i++) {
		own[i].running = 0;
		own[i].ev = event_new(base, i % 2 ? fd[0] : -1, i % 2 ? EV_READ | (i & 2 ? EV_PERSIST : 0) : i & 2 ? EV_PERSIST : 0, on_own, &own[i]);
		event_priority_set(own[i].ev, i % 3);
	}
	for (i = 0; i < STEPS; i++) {
		struct own *mine = &own[next(&seed) % OWN];

		step(shared[next(&seed) % SHARED], &seed);
		step(mine->ev, &seed);
		if (i % 3 == 0) {
			event_del(mine->ev);
			wrong += __atomic_load_n(&mine->running, __ATOMIC_SEQ_CST);
			wrong += event_pending(mine->ev, EV_READ | EV_TIMEOUT, NULL) != 0;
		}
	}
	for (i = 0; i < OWN; i++)
		event_free(own[i].ev);
	close(fd[0]);
	close(fd[1]);
	return (void *)wrong;
}

static void *run_loop(void *arg)
{
	(void)arg;
	return (void *)(long)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static int running[2];

static void runs(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	put(running[1], "!");
}

CASE(any_order_of_calls)
{
	char c;
	pthread_t loop, t[THREADS];
	void *answer;
	int i;

	evthread_use_pthreads();
	base = event_base_new();
	event_base_priority_init(base, 3);
	common = event_base_init_common_timeout(base, ms(2));
	for (i = 0; i < SHARED; i++) {
		short what = i % 3 == 0 ? 0 : i % 3 == 1 ? EV_READ : EV_WRITE;

		pair(pairs[i]);
		put(pairs[i][1], "x");
		shared[i] = event_new(base, what ? pairs[i][0] : -1, what | (i % 2 ? EV_PERSIST : 0), on_shared, NULL);
		event_priority_set(shared[i], i % 3);
	}
	/* A loop that begins later than the break would not see it. */
	if (pipe(running) < 0)
		abort();
	event_base_once(base, -1, EV_TIMEOUT, runs, NULL, NULL);
	pthread_create(&loop, NULL, run_loop, NULL);
	if (read(running[0], &c, 1) != 1)
		abort();
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, any_order, (void *)(size_t)i);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &answer);
		SAY("wrong %ld\n", (long)answer);
	}
	event_base_loopbreak(base);
	pthread_join(loop, &answer);
	SAY("loop %ld\n", (long)answer);
	for (i = 0; i < SHARED; i++)
		event_free(shared[i]);
	SAY("added %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
	event_base_free(base);
	close(running[0]);
	close(running[1]);
	for (i = 0; i < SHARED; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	libevent_global_shutdown();
}
