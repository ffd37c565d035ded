/* Events and other threads: every call may come from anywhere and wakes the loop. */
#include "case.h"
#include "scene.h"

/* Ends of the loop. The pause lets the loop be in its wait; the scene holds either way. */
SCENE(loopbreak_from_another_thread, "thread; stall 20; break; finish")
SCENE(loopexit_from_another_thread, "thread; stall 20; exit; finish")
SCENE(timed_loopexit_from_another_thread, "thread; stall 20; exit 10; finish")
SCENE(loopbreak_while_a_callback_runs,
    "thread; event slow - G; event second - 0; active slow; await; active second; break; open; finish; pending second")

/* Things to wait for. */
SCENE(active_from_another_thread,
    "thread; event e - 0; stall 20; active e; await; stall 20; active e; await; stall 20; active e; await; break; finish")
SCENE(add_timer_from_another_thread, "thread; event timer - 0; stall 20; add timer 5; await; exit; finish")
/* An earlier timer cuts a wait for a later one short. */
SCENE(earlier_timer_from_another_thread,
    "thread; event far - 0; event near - 0; add far 100000; stall 20; add near 5; await; exit; finish; pending far")
SCENE(add_descriptor_from_another_thread,
    "thread; pair a; put a1 x; event io a0 R; stall 20; add io; await; add io; await; exit; finish")
SCENE(once_from_another_thread,
    "thread; pair a; put a1 x; stall 20; once immediate - T; await; once timer - T 3; await; once io a0 R; await; exit; finish")
SCENE(signal_event_added_from_another_thread,
    "thread; event signal USR1 SP; stall 20; add signal; raise USR1; await; raise USR1; await; del signal; exit; finish")
SCENE(add_while_the_callback_runs,
    "thread; event slow - G; event other - 0; active slow; await; add other 1; pending other; open; await; exit; finish; finished")
/* The running event, activated by another thread, runs again afterwards. */
SCENE(active_while_its_callback_runs,
    "thread; event slow - G; active slow; await; active slow W; open; await; open; exit; finish; finished")

/* Deletion: whether it waits for a callback that runs in the loop's thread. */
SCENE(delete_from_another_thread,
    "thread; pair a; event never a0 RP; event mark - 0; add never; stall 20; del never; put a1 x; active mark; await; exit; finish")
SCENE(del_waits_for_the_callback, "thread; event slow - G; active slow; await; open; del slow; finished; exit; finish")
SCENE(free_waits_for_the_callback, "thread; event slow - G; active slow; await; open; free slow; finished; exit; finish")
SCENE(del_noblock_does_not_wait,
    "thread; event slow - G; active slow; await; noblock slow; finished; open; block slow; finished; exit; finish")
/* An event made with EV_FINALIZE: event_del does not wait, event_del_block does. */
SCENE(finalize_flag_and_del,
    "thread; event slow - GF; active slow; await; del slow; finished; open; block slow; finished; exit; finish")
/* The finalizer comes after the running callback. */
SCENE(finalize_while_the_callback_runs,
    "thread; event slow - GF; active slow; await; finalize slow; finished; open; await; exit; finish")
/* Another event's deletion does not wait. */
SCENE(del_of_another_event_does_not_wait,
    "thread; event slow - G; event other - 0; active slow; await; add other 100000; del other; finished; open; free other; exit;"
    "finish")
/* From the callback's own thread it never waits for itself. */
SCENE(del_inside_the_callback_does_not_deadlock,
    "thread; event own - P; on own 1 del own; on own 1 block own; on own 1 free own; add own 1; await; exit; finish")

/* Signal callbacks are called several times; a blocking delete from outside ends that. */
static int signal_calls, called[2];

static void slow_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	signal_calls++;
	put(called[1], "!");
	stall(50);
}

static struct event_base *base;
static pthread_t loop_thread;
static int loop_answer;

static void *run_loop(void *arg)
{
	(void)arg;
	loop_answer = event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	put(called[1], "!");
}

static void await(void)
{
	char c;

	if (read(called[0], &c, 1) != 1)
		abort();
}

/* Starts a thread that runs the base; returns when its loop is really running. */
static void start(void)
{
	evthread_use_pthreads();
	base = event_base_new();
	if (pipe(called) < 0)
		abort();
	event_base_once(base, -1, EV_TIMEOUT, tell, NULL, NULL);
	pthread_create(&loop_thread, NULL, run_loop, NULL);
	await();
}

static void finish(void)
{
	pthread_join(loop_thread, NULL);
	SAY("loop %d exit %d break %d\n", loop_answer, event_base_got_exit(base), event_base_got_break(base));
	event_base_free(base);
	close(called[0]);
	close(called[1]);
	libevent_global_shutdown();
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
	event_free(ev);
	event_base_loopexit(base, NULL);
	finish();
	CHECK(signal_calls < 100);
}

/* Many threads do the same at the same time. */
enum { THREADS = 4, ROUNDS = 300 };

static void everywhere(void *(*function)(void *))
{
	pthread_t t[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, function, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

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
	start();
	everywhere(many_once);
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
	start();
	everywhere(add_and_delete);
	SAY("added %d active %d\n", added(base), active(base));
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
	start();
	everywhere(activate_and_free);
	SAY("added %d active %d\n", added(base), active(base));
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
	struct event *ev;

	start();
	ev = event_new(base, -1, EV_PERSIST, nothing, NULL);
	event_add(ev, ms(1));
	everywhere(asks);
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
	close(called[0]);
	close(called[1]);
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
