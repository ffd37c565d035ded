/* Calls from signal handlers while the loop is busy: loopbreak, loopexit without a time, event_active. */
#include "case.h"
#include "loop_kit.h"
#include <sys/time.h>

static struct event_base *base;
static struct event *user, *a, *b;
static volatile sig_atomic_t fired, wanted;
static int ran, turns;

static void storm(int micros)
{
	struct itimerval it;

	memset(&it, 0, sizeof it);
	it.it_interval.tv_usec = it.it_value.tv_usec = micros;
	setitimer(ITIMER_REAL, &it, NULL);
}

static void activate(int sig)
{
	(void)sig;
	fired++;
	event_active(user, EV_READ, 1);
}

static void counted(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ran++;
}

/* Keeps the base busy: the handler interrupts sections of every kind. */
static void busy(evutil_socket_t fd, short what, void *arg)
{
	int i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < 50; i++) {
		event_add(b, ms(i));
		event_active(b, EV_WRITE, 1);
		event_del(b);
	}
	if (++turns < 4000 && fired < 300)
		event_add(a, ms(0));
}

CASE(event_active_in_a_handler)
{
	struct sigaction sa;

	base = event_base_new();
	user = event_new(base, -1, EV_PERSIST, counted, NULL);
	a = event_new(base, -1, 0, busy, NULL);
	b = event_new(base, -1, 0, counted, NULL);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = activate;
	sigaction(SIGALRM, &sa, NULL);
	event_add(a, ms(0));
	storm(200);
	event_base_dispatch(base);
	storm(0);
	stall(50);
	event_base_loop(base, EVLOOP_NONBLOCK);
	CHECK(fired > 0);
	CHECK(ran > 0 && ran <= fired);
	CHECK(active(base) == 0);
	fired = 0;
	ran = 0;
	raise(SIGALRM);
	event_base_loop(base, EVLOOP_NONBLOCK);
	CHECK(ran == 1);
	event_free(user);
	event_free(a);
	event_free(b);
	event_base_free(base);
}

CASE(event_active_in_a_handler_wakes_a_waiting_loop)
{
	struct sigaction sa;
	struct event *far;

	base = event_base_new();
	user = event_new(base, -1, 0, breaker, base);
	far = event_new(base, -1, 0, counted, NULL);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = activate;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	event_add(far, ms(100000));
	storm(20000);
	CHECK(event_base_dispatch(base) == 0);
	storm(0);
	CHECK(event_base_got_break(base));
	event_free(user);
	event_free(far);
	event_base_free(base);
}

static void leave(int sig)
{
	(void)sig;
	fired++;
	if (wanted)
		event_base_loopexit(base, NULL);
	else
		event_base_loopbreak(base);
}

static void forever(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(b, ms(1000));
	event_del(b);
	event_add(a, ms(0));
}

static void leaves(int by_exit)
{
	struct sigaction sa;
	int i;

	base = event_base_new();
	a = event_new(base, -1, 0, forever, NULL);
	b = event_new(base, -1, 0, counted, NULL);
	wanted = by_exit;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = leave;
	sigaction(SIGALRM, &sa, NULL);
	event_add(a, ms(0));
	for (i = 0; i < 50; i++) {
		storm(500);
		if (event_base_dispatch(base) != 0)
			SAY("NO the loop ended by itself\n");
		storm(0);
		if (!(by_exit ? event_base_got_exit(base) : event_base_got_break(base)))
			SAY("NO it ended for another reason\n");
	}
	event_free(a);
	event_free(b);
	event_base_free(base);
	SAY("ok 50 loops ended\n");
}

CASE(loopbreak_in_a_handler)
{
	leaves(0);
}

CASE(loopexit_in_a_handler)
{
	leaves(1);
}

static struct event timers[8];
static volatile sig_atomic_t armed, hits;

static void activate_one(int sig)
{
	(void)sig;
	if (armed)
		event_active(&timers[hits++ % 8], EV_READ, 1);
}

/* Adds, moves between lists and heap, and deletes, while the handler makes any of them active. */
static void juggle(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval *common = arg;
	int i, k;

	(void)fd;
	(void)what;
	armed = 1;
	for (k = 0; k < 1000; k++) {
		for (i = 0; i < 8; i++) {
			event_add(&timers[i], ms(10000));
			event_add(&timers[i], ms(1));
			if (k & 5)
				event_add(&timers[i], common);
			if (k & 2)
				event_del(&timers[i]);
		}
	}
	armed = 0;
}

CASE(timers_made_active_while_they_are_moved)
{
	const struct timeval *common;
	struct sigaction sa;
	int i, round, wrong = 0;

	base = event_base_new();
	common = event_base_init_common_timeout(base, ms(5000));
	for (i = 0; i < 8; i++)
		event_assign(&timers[i], base, -1, i & 1 ? EV_PERSIST : 0, counted, NULL);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = activate_one;
	sigaction(SIGALRM, &sa, NULL);
	storm(50);
	for (round = 0; round < 100; round++) {
		event_base_once(base, -1, EV_TIMEOUT, juggle, (void *)common, NULL);
		event_base_loop(base, EVLOOP_NONBLOCK);
		for (i = 0; i < 8; i++)
			event_del(&timers[i]);
		event_base_loop(base, EVLOOP_NONBLOCK);
		for (i = 0; i < 8; i++)
			event_del(&timers[i]);
		wrong += event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_ADDED) != 0;
	}
	storm(0);
	CHECK(wrong == 0);
	event_base_free(base);
}
