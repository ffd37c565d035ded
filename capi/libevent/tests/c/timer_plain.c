/* Timers that wait for nothing else: what happens to one between its adding and its end, in every order. */
#include "case.h"
#include "timer_kit.h"

CASE(counts_of_timers_that_are_due_together)
{
	int i;
	base = event_base_new();
	for (i = 0; i < 40; i++) {
		evs[i] = timer("t");
		event_add(evs[i], ms(i % 3));
	}
	counts("added");
	nap(8);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("run");
	most("run");
	SAY("cleared %d\n", event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_ADDED, 1));
	most("cleared");
	event_add(evs[0], ms(1));
	most("added");
	for (i = 0; i < 40; i++)
		event_free(evs[i]);
	counts("freed");
	most("freed");
	event_base_free(base);
}

static void see_counts(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	counts(arg);
}

CASE(counts_inside_callbacks)
{
	int i;
	base = event_base_new();
	for (i = 0; i < 4; i++) {
		evs[i] = event_new(base, -1, i == 2 ? EV_PERSIST : 0, see_counts, (void *)"in");
		event_add(evs[i], ms(i + 1));
	}
	nap(8);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("after");
	most("after");
	for (i = 0; i < 4; i++)
		event_free(evs[i]);
	event_base_free(base);
}

static int names_seen;

static int see(const struct event_base *b, const struct event *e, void *arg)
{
	(void)b;
	(void)arg;
	SAY("%s pending %s\n", (char *)event_get_callback_arg(e), bits(event_pending(e, EV_TIMEOUT | EV_READ, NULL)));
	names_seen++;
	return 0;
}

static void walk_then_free(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("%s\n", (char *)arg);
	event_base_foreach_event(base, see, NULL);
}

CASE(foreach_in_a_callback_that_armed_one)
{
	base = event_base_new();
	evs[0] = event_new(base, -1, 0, walk_then_free, (void *)"first");
	event_add(evs[0], ms(1));
	nap(3);
	event_base_loop(base, EVLOOP_ONCE);
	evs[1] = timer("second");
	event_add(evs[1], ms(500));
	event_base_foreach_event(base, see, NULL);
	event_add(evs[0], ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	event_free(evs[0]);
	event_free(evs[1]);
	event_base_free(base);
}

static void arm_and_drop(evutil_socket_t fd, short what, void *arg)
{
	int i;
	(void)fd;
	(void)arg;
	SAY("arming %s\n", bits(what));
	/* In the list, in every order of leaving it. */
	for (i = 1; i < 8; i++)
		event_add(evs[i], ms(i));
	event_del(evs[1]);
	event_del(evs[7]);
	event_del(evs[4]);
	event_add(evs[4], ms(1));
	event_free(evs[5]);
	evs[5] = NULL;
	event_add(evs[2], ms(20));
	event_add(evs[6], ms(0));
	counts("armed");
}

CASE(leaving_the_list_in_every_order)
{
	static const char *names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	int i;
	base = event_base_new();
	for (i = 0; i < 8; i++)
		evs[i] = timer(names[i]);
	event_assign(evs[0], base, -1, 0, arm_and_drop, NULL);
	event_add(evs[0], ms(0));
	event_base_dispatch(base);
	counts("done");
	for (i = 0; i < 8; i++)
		if (evs[i])
			event_free(evs[i]);
	event_base_free(base);
}

static void free_all_but_self(evutil_socket_t fd, short what, void *arg)
{
	int i;
	(void)fd;
	(void)what;
	SAY("freeing from %s\n", (char *)arg);
	for (i = 0; i < 20; i++) {
		event_free(evs[i]);
		evs[i] = NULL;
	}
	counts("freed");
}

/* All are due in one turn; the first to run frees all of them, itself too. */
CASE(the_first_frees_all)
{
	int i;
	base = event_base_new();
	for (i = 0; i < 20; i++) {
		evs[i] = event_new(base, -1, i % 2 ? EV_PERSIST : 0, free_all_but_self, (void *)"one of them");
		event_add(evs[i], ms(1 + i % 4));
	}
	nap(10);
	SAY("%d\n", event_base_dispatch(base));
	counts("after");
	event_base_free(base);
}

CASE(base_freed_with_timers_pending)
{
	struct event here[6];
	int i;
	base = event_base_new();
	for (i = 0; i < 6; i++) {
		event_assign(&here[i], base, -1, i & 1 ? EV_PERSIST : 0, say, (void *)"never");
		event_add(&here[i], ms(i < 3 ? 0 : 1000));
	}
	event_active(&here[1], EV_TIMEOUT, 1);
	event_active(&here[5], EV_READ, 1);
	event_base_once(base, -1, EV_TIMEOUT, say, (void *)"never", ms(10));
	event_base_loopexit(base, ms(1000));
	counts("before");
	event_base_free(base);
	/* The structs may be used for another base at once. */
	base = event_base_new();
	for (i = 0; i < 6; i++) {
		event_assign(&here[i], base, -1, 0, say, (void *)"now");
		event_add(&here[i], ms(0));
	}
	event_base_dispatch(base);
	event_base_free(base);
}

static void move_self(evutil_socket_t fd, short what, void *arg)
{
	static int left = 3;
	(void)fd;
	SAY("%s %s pending %s\n", (char *)arg, bits(what), bits(event_pending(evs[0], EV_TIMEOUT, NULL)));
	if (left--)
		event_add(evs[0], ms(left));
}

CASE(added_again_in_its_own_callback)
{
	base = event_base_new();
	evs[0] = evtimer_new(base, move_self, (void *)"self");
	event_add(evs[0], ms(1));
	event_base_dispatch(base);
	counts("done");
	event_free(evs[0]);
	event_base_free(base);
}

static void add_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	SAY("other pending %s\n", bits(event_pending(evs[1], EV_TIMEOUT, NULL)));
	event_add(evs[1], ms(30));
	SAY("other pending %s\n", bits(event_pending(evs[1], EV_TIMEOUT, NULL)));
	counts("moved");
}

/* Both are due; the first moves the second, which then does not run in this turn. */
CASE(moved_while_it_is_active)
{
	base = event_base_new();
	evs[0] = evtimer_new(base, add_other, (void *)"first");
	evs[1] = timer("second");
	event_add(evs[0], ms(1));
	event_add(evs[1], ms(2));
	nap(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("turn\n");
	event_base_dispatch(base);
	event_free(evs[0]);
	event_free(evs[1]);
	event_base_free(base);
}

static void remove_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	SAY("removed %d\n", event_remove_timer(evs[1]));
	SAY("other pending %s\n", bits(event_pending(evs[1], EV_TIMEOUT, NULL)));
}

CASE(remove_timer_of_one_that_is_active)
{
	base = event_base_new();
	evs[0] = evtimer_new(base, remove_other, (void *)"first");
	evs[1] = timer("second");
	event_add(evs[0], ms(1));
	event_add(evs[1], ms(2));
	nap(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("turn");
	event_add(evs[1], ms(2));
	SAY("removed %d\n", event_remove_timer(evs[1]));
	SAY("removed %d\n", event_remove_timer(evs[1]));
	counts("removed");
	event_free(evs[0]);
	event_free(evs[1]);
	event_base_free(base);
}

CASE(activated_while_it_is_pending)
{
	base = event_base_new();
	evs[0] = timer("timer");
	event_add(evs[0], ms(5));
	event_active(evs[0], EV_READ, 1);
	SAY("pending %s\n", bits(event_pending(evs[0], EV_TIMEOUT | EV_READ, NULL)));
	counts("active");
	event_add(evs[0], ms(7));
	SAY("pending %s\n", bits(event_pending(evs[0], EV_TIMEOUT | EV_READ, NULL)));
	event_base_dispatch(base);
	counts("run");
	event_add(evs[0], ms(5));
	event_active(evs[0], EV_TIMEOUT, 1);
	SAY("pending %s\n", bits(event_pending(evs[0], EV_TIMEOUT | EV_READ, NULL)));
	event_add(evs[0], ms(2));
	SAY("pending %s\n", bits(event_pending(evs[0], EV_TIMEOUT | EV_READ, NULL)));
	event_base_dispatch(base);
	counts("run");
	event_free(evs[0]);
	event_base_free(base);
}

static void persists(evutil_socket_t fd, short what, void *arg)
{
	static int runs;
	(void)fd;
	SAY("%s %s pending %s\n", (char *)arg, bits(what), bits(event_pending(evs[0], EV_TIMEOUT, NULL)));
	if (++runs == 4)
		event_del(evs[0]);
	else if (runs == 2)
		event_active(evs[0], EV_WRITE, 1);
}

CASE(persistent_and_activated)
{
	base = event_base_new();
	evs[0] = event_new(base, -1, EV_PERSIST, persists, (void *)"persistent");
	event_active(evs[0], EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("activated only");
	event_add(evs[0], ms(2));
	event_active(evs[0], EV_READ, 1);
	event_base_dispatch(base);
	counts("done");
	/* Its interval is remembered: what was activated by hand becomes pending. */
	event_active(evs[0], EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("activated after a delete");
	event_free(evs[0]);
	event_base_free(base);
}

CASE(priorities_of_timers)
{
	static const char *names[] = { "low", "middle", "high", "late" };
	int i;
	base = event_base_new();
	event_base_priority_init(base, 3);
	for (i = 0; i < 4; i++) {
		evs[i] = timer(names[i]);
		SAY("default %d\n", event_get_priority(evs[i]));
	}
	event_priority_set(evs[0], 2);
	event_add(evs[0], ms(1));
	event_add(evs[1], ms(1));
	event_add(evs[2], ms(2));
	event_add(evs[3], ms(3));
	SAY("pending: %d\n", event_priority_set(evs[2], 0));
	SAY("too much: %d\n", event_priority_set(evs[3], 3));
	nap(8);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("once");
	SAY("active: %d\n", event_priority_set(evs[0], 0));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("thrice");
	for (i = 0; i < 4; i++)
		event_free(evs[i]);
	event_base_free(base);
}

/* The most there are lies between what the descriptors bring and what the timers take. */
CASE(most_of_timers_that_are_active_when_they_are_due)
{
	int fd[2], i;
	base = event_base_new();
	pair(fd);
	put(fd[1], "x");
	evs[0] = event_new(base, fd[0], EV_READ, say, (void *)"descriptor");
	event_add(evs[0], NULL);
	for (i = 1; i < 4; i++) {
		evs[i] = timer("timer");
		event_add(evs[i], ms(i));
		event_active(evs[i], EV_WRITE, 1);
	}
	most("before");
	nap(10);
	event_base_loop(base, EVLOOP_NONBLOCK);
	most("after");
	for (i = 0; i < 4; i++)
		event_free(evs[i]);
	event_base_free(base);
}

CASE(active_by_fd_with_a_timeout)
{
	struct event e;
	const struct timeval *common;
	base = event_base_new();
	common = event_base_init_common_timeout(base, ms(300));
	event_assign(&e, base, 777, 0, say, (void *)"numbered timer");
	event_add(&e, ms(500));
	evs[0] = timer("timer");
	event_add(evs[0], ms(500));
	evs[1] = event_new(base, 777, EV_PERSIST, say, (void *)"numbered persistent");
	event_add(evs[1], ms(400));
	evs[2] = event_new(base, 777, 0, say, (void *)"numbered common");
	event_add(evs[2], common);
	event_base_active_by_fd(base, 777, EV_TIMEOUT);
	counts("by 777");
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("run");
	event_base_active_by_fd(base, -1, EV_TIMEOUT);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("by -1");
	event_del(&e);
	event_free(evs[0]);
	event_free(evs[1]);
	event_free(evs[2]);
	event_base_free(base);
}

/* The original tells of common timeouts after the others of the same turn. */
CASE(common_timeouts_come_by_their_time)
{
	const struct timeval *five, *nine;
	int fd[2];
	base = event_base_new();
	pair(fd);
	five = event_base_init_common_timeout(base, ms(5));
	nine = event_base_init_common_timeout(base, ms(9));
	evs[0] = timer("nine, common");
	event_add(evs[0], nine);
	evs[1] = timer("five, common");
	event_add(evs[1], five);
	evs[2] = timer("seven");
	event_add(evs[2], ms(7));
	evs[3] = event_new(base, fd[0], EV_READ, say, (void *)"six, descriptor");
	event_add(evs[3], ms(6));
	evs[4] = timer("three");
	event_add(evs[4], ms(3));
	evs[5] = event_new(base, fd[0], EV_READ, say, (void *)"eight, descriptor");
	event_add(evs[5], ms(8));
	evs[6] = event_new(base, fd[0], EV_READ, say, (void *)"ten, common, descriptor");
	event_add(evs[6], event_base_init_common_timeout(base, ms(10)));
	evs[7] = timer("eleven");
	event_add(evs[7], ms(11));
	nap(20);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("run");
	most("run");
	{
		int i;
		for (i = 0; i < 8; i++)
			event_free(evs[i]);
	}
	event_base_free(base);
}

static int sum_late, last_late, wrong_late;

static void in_order(evutil_socket_t fd, short what, void *arg)
{
	int n = (int)(intptr_t)arg;
	(void)fd;
	(void)what;
	wrong_late += n < last_late;
	last_late = n;
	sum_late++;
}

enum { MANY = 3000 };
static struct event many[MANY];

static void arm_many(evutil_socket_t fd, short what, void *arg)
{
	int i;
	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < MANY; i++) {
		int at = 1 + (i * 7919) % MANY;
		struct timeval tv = { at % 50 ? 0 : 5, 30000 + at * 5 };
		event_assign(&many[i], base, -1, 0, in_order, (void *)(intptr_t)at);
		evtimer_add(&many[i], &tv);
	}
	for (i = 0; i < MANY; i += 3)
		event_del(&many[i]);
	for (i = 1; i < MANY; i += 7)
		event_add(&many[i], ms(5000));
}

static int nothing(const struct event_base *b, const struct event *e, void *arg)
{
	(void)b;
	(void)e;
	(void)arg;
	return 0;
}

/* Enough for every way of taking out what is due. */
CASE(thousands_due_in_order_some_moved)
{
	int i, wave;
	base = event_base_new();
	for (wave = 0; wave < 3; wave++) {
		sum_late = last_late = wrong_late = 0;
		event_base_once(base, -1, EV_TIMEOUT, arm_many, NULL, NULL);
		event_base_loop(base, EVLOOP_ONCE);
		if (wave == 1)
			event_base_foreach_event(base, nothing, NULL);
		if (wave == 2) {
			/* Few of very many are due at once. */
			for (i = 0; i < MANY; i++)
				if (i % 40)
					event_add(&many[i], ms(5000));
		}
		nap(60);
		event_base_loop(base, EVLOOP_NONBLOCK);
		SAY("ran %d wrong %d\n", sum_late, wrong_late);
		counts("left");
		for (i = 0; i < MANY; i++)
			event_del(&many[i]);
		counts("none");
	}
	event_base_free(base);
}

CASE(negative_timeouts)
{
	struct timeval past = { -5, 0 }, bit = { 0, -10000 }, both = { -3, -500000 }, far = { -(time_t)1000000000, 0 }, big = { 0, 2500000 };
	struct timeval tv;
	base = event_base_new();
	evs[0] = timer("zero");
	evs[1] = timer("past");
	evs[2] = timer("bit");
	evs[3] = timer("both");
	evs[6] = timer("far");
	evs[4] = timer("big");
	evs[5] = timer("soon");
	event_add(evs[4], &big);
	event_add(evs[5], ms(1));
	SAY("%d %d %d\n", event_add(evs[1], &past), event_add(evs[2], &bit), event_add(evs[3], &both));
	SAY("%d\n", event_add(evs[6], &far));
	event_add(evs[0], ms(0));
	SAY("big pending %s\n", bits(event_pending(evs[4], EV_TIMEOUT, &tv)));
	nap(4);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts("run");
	{
		int i;
		for (i = 0; i < 7; i++)
			event_free(evs[i]);
	}
	event_base_free(base);
}
