/* Events and other threads: every call may come from anywhere and wakes the loop. */
#include "case.h"
#include "loop_kit.h"
#include <event2/thread.h>
#include <pthread.h>

static struct event_base *base;

static void *run_loop(void *arg)
{
	long *answer = arg;

	*answer = event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static pthread_t loop_thread;
static long loop_answer;
static int in_loop[2];

static void tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	put(in_loop[1], "!");
}

/* Starts a thread that runs the base; returns when its loop is really running. */
static void start(void)
{
	char c;

	evthread_use_pthreads();
	base = event_base_new();
	if (pipe(in_loop) < 0)
		abort();
	event_base_once(base, -1, EV_TIMEOUT, tell, NULL, NULL);
	pthread_create(&loop_thread, NULL, run_loop, &loop_answer);
	if (read(in_loop[0], &c, 1) != 1)
		abort();
}

static void finish(void)
{
	pthread_join(loop_thread, NULL);
	SAY("loop %ld exit %d break %d\n", loop_answer, event_base_got_exit(base), event_base_got_break(base));
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
	libevent_global_shutdown();
}

/* A callback that reports through the pipe, so that the test waits for it. */
static void report(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (const char *)arg, bits(what));
	put(in_loop[1], "!");
}

static void await(void)
{
	char c;

	if (read(in_loop[0], &c, 1) != 1)
		abort();
}

/* Gives the loop time to be in its wait; the test holds either way. */
static void let_it_wait(void)
{
	stall(20);
}

CASE(loopbreak_from_another_thread)
{
	start();
	let_it_wait();
	SAY("loopbreak %d\n", event_base_loopbreak(base));
	finish();
}

CASE(loopexit_from_another_thread)
{
	start();
	let_it_wait();
	SAY("loopexit %d\n", event_base_loopexit(base, NULL));
	finish();
}

CASE(timed_loopexit_from_another_thread)
{
	start();
	let_it_wait();
	SAY("loopexit %d\n", event_base_loopexit(base, ms(10)));
	finish();
}

CASE(active_from_another_thread)
{
	struct event *ev;
	int i;

	start();
	ev = event_new(base, -1, 0, report, "ev");
	for (i = 0; i < 3; i++) {
		let_it_wait();
		event_active(ev, EV_READ, 1);
		await();
	}
	event_base_loopbreak(base);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	SAY("got_break %d\n", event_base_got_break(base));
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

CASE(add_timer_from_another_thread)
{
	int answer;
	struct event *ev;

	start();
	ev = event_new(base, -1, 0, report, "timer");
	let_it_wait();
	answer = event_add(ev, ms(5));
	await();
	SAY("add %d\n", answer);
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

/* An earlier timer cuts a wait for a later one short. */
CASE(earlier_timer_from_another_thread)
{
	struct event *far, *near;

	start();
	far = event_new(base, -1, 0, report, "far");
	near = event_new(base, -1, 0, report, "near");
	event_add(far, ms(100000));
	let_it_wait();
	event_add(near, ms(5));
	await();
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	SAY("far pending %s\n", bits(event_pending(far, EV_TIMEOUT, NULL)));
	event_free(far);
	event_free(near);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

CASE(add_descriptor_from_another_thread)
{
	int answer;
	struct event *ev;
	int fd[2];

	start();
	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_READ, report, "io");
	let_it_wait();
	answer = event_add(ev, NULL);
	await();
	SAY("add %d\n", answer);
	answer = event_add(ev, NULL);
	await();
	SAY("add %d\n", answer);
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	close(in_loop[0]);
	close(in_loop[1]);
}

CASE(once_from_another_thread)
{
	int answer;
	int fd[2];

	start();
	pair(fd);
	put(fd[1], "x");
	let_it_wait();
	answer = event_base_once(base, -1, EV_TIMEOUT, report, "at once", NULL);
	await();
	SAY("once %d\n", answer);
	answer = event_base_once(base, -1, EV_TIMEOUT, report, "timer", ms(3));
	await();
	SAY("once %d\n", answer);
	answer = event_base_once(base, fd[0], EV_READ, report, "io", NULL);
	await();
	SAY("once %d\n", answer);
	event_base_loopexit(base, NULL);
	finish();
	close(fd[0]);
	close(fd[1]);
}

CASE(signal_event_added_from_another_thread)
{
	struct event *ev;

	start();
	ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, report, "signal");
	let_it_wait();
	SAY("add %d\n", event_add(ev, NULL));
	kill(getpid(), SIGUSR1);
	await();
	raise(SIGUSR1);
	await();
	event_del(ev);
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

CASE(delete_from_another_thread)
{
	struct event *ev, *mark;
	int fd[2];

	start();
	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, report, "never");
	mark = event_new(base, -1, 0, report, "mark");
	event_add(ev, NULL);
	let_it_wait();
	SAY("del %d\n", event_del(ev));
	put(fd[1], "x");
	event_active(mark, EV_READ, 1);
	await();
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	event_free(mark);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	close(in_loop[0]);
	close(in_loop[1]);
}

/* Callbacks that another thread holds up: */
static int gate[2];
static volatile int finished;

static void slow(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)fd;
	(void)what;
	(void)arg;
	put(in_loop[1], "!");
	if (read(gate[0], &c, 1) != 1)
		abort();
	stall(30);
	__atomic_store_n(&finished, 1, __ATOMIC_SEQ_CST);
}

static void begin_slow(struct event **ev, short events)
{
	if (pipe(gate) < 0)
		abort();
	start();
	*ev = event_new(base, -1, events, slow, NULL);
	event_active(*ev, EV_READ, 1);
	await();
}

static void end_slow(struct event *ev)
{
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	event_free(ev);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
	close(gate[0]);
	close(gate[1]);
}

CASE(del_waits_for_the_callback)
{
	struct event *ev;

	begin_slow(&ev, 0);
	put(gate[1], "!");
	SAY("del %d\n", event_del(ev));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	end_slow(ev);
}

CASE(free_waits_for_the_callback)
{
	struct event *ev;

	begin_slow(&ev, 0);
	put(gate[1], "!");
	event_free(ev);
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	ev = event_new(base, -1, 0, slow, NULL);
	end_slow(ev);
}

CASE(del_noblock_does_not_wait)
{
	struct event *ev;

	begin_slow(&ev, 0);
	SAY("del %d\n", event_del_noblock(ev));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	put(gate[1], "!");
	SAY("del %d\n", event_del_block(ev));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	end_slow(ev);
}

/* An event made with EV_FINALIZE: event_del does not wait, event_del_block does. */
CASE(finalize_flag_and_del)
{
	struct event *ev;

	begin_slow(&ev, EV_FINALIZE);
	SAY("del %d\n", event_del(ev));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	put(gate[1], "!");
	SAY("del_block %d\n", event_del_block(ev));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	end_slow(ev);
}

static void finalized(struct event *ev, void *arg)
{
	(void)ev;
	(void)arg;
	SAY("finalizer, callback finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	put(in_loop[1], "!");
}

/* The finalizer comes after the running callback. */
CASE(finalize_while_the_callback_runs)
{
	struct event *ev;

	begin_slow(&ev, EV_FINALIZE);
	SAY("finalize %d\n", event_free_finalize(0, ev, finalized));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	put(gate[1], "!");
	await();
	ev = event_new(base, -1, 0, slow, NULL);
	end_slow(ev);
}

static void del_own(evutil_socket_t fd, short what, void *arg)
{
	struct event **ev = arg;

	(void)fd;
	SAY("inside %s: del %d\n", bits(what), event_del(*ev));
	SAY("del_block %d\n", event_del_block(*ev));
	event_free(*ev);
	put(in_loop[1], "!");
}

/* From the callback's own thread it never waits for itself. */
CASE(del_inside_the_callback_does_not_deadlock)
{
	struct event *ev;

	start();
	ev = event_new(base, -1, EV_PERSIST, del_own, &ev);
	event_add(ev, ms(1));
	await();
	event_base_loopexit(base, NULL);
	finish();
}

/* Another event's deletion does not wait. */
CASE(del_of_another_event_does_not_wait)
{
	struct event *ev, *other;

	begin_slow(&ev, 0);
	other = event_new(base, -1, 0, report, "other");
	event_add(other, ms(100000));
	SAY("del other %d\n", event_del(other));
	SAY("finished %d\n", __atomic_load_n(&finished, __ATOMIC_SEQ_CST));
	put(gate[1], "!");
	event_free(other);
	end_slow(ev);
}

CASE(add_while_the_callback_runs)
{
	struct event *ev, *other;

	begin_slow(&ev, 0);
	other = event_new(base, -1, 0, report, "other");
	SAY("add %d\n", event_add(other, ms(1)));
	SAY("pending %s\n", bits(event_pending(other, EV_TIMEOUT, NULL)));
	put(gate[1], "!");
	await();
	event_free(other);
	end_slow(ev);
}

/* The running event, activated by another thread, runs again afterwards. */
CASE(active_while_its_callback_runs)
{
	struct event *ev;

	begin_slow(&ev, 0);
	event_active(ev, EV_WRITE, 1);
	put(gate[1], "!");
	await();
	put(gate[1], "!");
	SAY("ran again\n");
	end_slow(ev);
}

/* Signal callbacks are called several times; a blocking delete from outside ends that. */
static int signal_calls;

static void slow_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	signal_calls++;
	put(in_loop[1], "!");
	stall(50);
}

CASE(del_ends_the_signal_calls)
{
	struct event *ev;

	start();
	ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, slow_signal, NULL);
	event_add(ev, NULL);
	event_active(ev, EV_SIGNAL, 100);
	await();
	SAY("del %d\n", event_del(ev));
	CHECK(signal_calls < 100);
	event_base_loopexit(base, NULL);
	pthread_join(loop_thread, NULL);
	CHECK(signal_calls < 100);
	event_free(ev);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

enum { THREADS = 4, ROUNDS = 300 };

static int done_count;

static void counted(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (++done_count == THREADS * ROUNDS)
		event_base_loopexit(base, NULL);
}

static void *many_once(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		event_base_once(base, -1, EV_TIMEOUT, counted, NULL, i & 1 ? NULL : ms(0));
	return NULL;
}

CASE(many_threads_schedule_once)
{
	pthread_t t[THREADS];
	int i;

	start();
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, many_once, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	finish();
	SAY("ran %d\n", done_count);
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void *add_and_delete(void *arg)
{
	int fd[2], i;
	struct event *ev, *timer;

	(void)arg;
	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST, nothing, NULL);
	timer = event_new(base, -1, EV_PERSIST, nothing, NULL);
	for (i = 0; i < ROUNDS; i++) {
		event_add(ev, i & 1 ? NULL : ms(1));
		event_add(timer, ms(i % 3));
		event_active(ev, EV_READ, 1);
		if (i % 7 == 0)
			event_remove_timer(ev);
		event_del(ev);
		event_del(timer);
	}
	event_free(ev);
	event_free(timer);
	close(fd[0]);
	close(fd[1]);
	return NULL;
}

CASE(many_threads_add_and_delete)
{
	pthread_t t[THREADS];
	int i;

	start();
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, add_and_delete, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	SAY("added %d active %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
	event_base_loopbreak(base);
	finish();
}

/* An event with a timeout that is activated may wait for any thread to enqueue it, while its owner frees it. */
static void *activate_and_free(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		struct event *ev = event_new(base, -1, i & 1 ? EV_PERSIST : 0, nothing, NULL);

		event_add(ev, ms(i % 3));
		event_active(ev, EV_READ, 1);
		event_free(ev);
	}
	return NULL;
}

CASE(many_threads_activate_and_free)
{
	pthread_t t[THREADS];
	int i;

	start();
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, activate_and_free, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	SAY("added %d active %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
	event_base_loopbreak(base);
	finish();
}

static void *asks(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
		event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 0);
		event_base_got_exit(base);
		event_base_get_npriorities(base);
	}
	return NULL;
}

CASE(questions_from_other_threads)
{
	pthread_t t[THREADS];
	struct event *ev;
	int i;

	start();
	ev = event_new(base, -1, EV_PERSIST, nothing, NULL);
	event_add(ev, ms(1));
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, asks, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	event_del(ev);
	event_free(ev);
	event_base_loopbreak(base);
	finish();
}

/* Two bases, each with its thread, wake each other in turn. */
static struct event *ping_ev, *pong_ev;
static struct event_base *pong_base;
static int volley;

static void ping(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (++volley >= 200) {
		event_base_loopbreak(pong_base);
		event_base_loopbreak(base);
	} else {
		event_active(pong_ev, EV_READ, 1);
	}
}

static void pong(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_active(ping_ev, EV_READ, 1);
}

CASE(two_loops_play_ping_pong)
{
	start();
	pong_base = event_base_new();
	ping_ev = event_new(base, -1, 0, ping, NULL);
	pong_ev = event_new(pong_base, -1, 0, pong, NULL);
	event_active(ping_ev, EV_READ, 1);
	SAY("pong loop %d\n", event_base_loop(pong_base, EVLOOP_NO_EXIT_ON_EMPTY));
	pthread_join(loop_thread, NULL);
	SAY("volleys %d\n", volley);
	event_free(ping_ev);
	event_free(pong_ev);
	event_base_free(pong_base);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
}

CASE(make_notifiable)
{
	evthread_use_pthreads();
	base = event_base_new();
	SAY("%d\n", evthread_make_base_notifiable(base));
	SAY("%d\n", evthread_make_base_notifiable(base));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	libevent_global_shutdown();
}

/* A timed exit and a break from elsewhere while a callback runs. */
CASE(loopbreak_while_a_callback_runs)
{
	struct event *ev, *second;

	begin_slow(&ev, 0);
	second = event_new(base, -1, 0, report, "second");
	event_active(second, EV_READ, 1);
	SAY("loopbreak %d\n", event_base_loopbreak(base));
	put(gate[1], "!");
	pthread_join(loop_thread, NULL);
	SAY("loop %ld break %d\n", loop_answer, event_base_got_break(base));
	SAY("second pending %s\n", bits(event_pending(second, EV_READ, NULL)));
	event_free(second);
	event_free(ev);
	event_base_free(base);
	close(in_loop[0]);
	close(in_loop[1]);
	close(gate[0]);
	close(gate[1]);
}
