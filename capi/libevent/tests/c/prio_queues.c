/* Priorities. */
#include "case.h"
#include "loop_kit.h"

CASE(number_of_priorities)
{
	struct event_base *base = event_base_new();

	SAY("default %d\n", event_base_get_npriorities(base));
	SAY("zero %d\n", event_base_priority_init(base, 0));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("negative %d\n", event_base_priority_init(base, -1));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("one %d\n", event_base_priority_init(base, 1));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("five %d\n", event_base_priority_init(base, 5));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("two %d\n", event_base_priority_init(base, 2));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("255 %d\n", event_base_priority_init(base, 255));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("256 %d\n", event_base_priority_init(base, 256));
	SAY("now %d\n", event_base_get_npriorities(base));
	SAY("100000 %d\n", event_base_priority_init(base, 100000));
	SAY("now %d\n", event_base_get_npriorities(base));
	event_base_free(base);
}

CASE(middle_is_the_default)
{
	static const int n[] = { 1, 2, 3, 4, 5, 9, 255 };
	struct event_base *base = event_base_new();
	size_t i;

	for (i = 0; i < sizeof n / sizeof n[0]; i++) {
		struct event *ev;

		event_base_priority_init(base, n[i]);
		ev = event_new(base, -1, 0, trace, "");
		SAY("%d of %d\n", event_get_priority(ev), n[i]);
		event_free(ev);
	}
	event_base_free(base);
}

CASE(set_within_range)
{
	struct event_base *base = event_base_new();
	struct event *ev;

	event_base_priority_init(base, 4);
	ev = event_new(base, -1, 0, trace, "");
	SAY("-1 %d\n", event_priority_set(ev, -1));
	SAY("0 %d\n", event_priority_set(ev, 0));
	SAY("get %d\n", event_get_priority(ev));
	SAY("3 %d\n", event_priority_set(ev, 3));
	SAY("get %d\n", event_get_priority(ev));
	SAY("4 %d\n", event_priority_set(ev, 4));
	SAY("256 %d\n", event_priority_set(ev, 256));
	SAY("get %d\n", event_get_priority(ev));
	event_free(ev);
	event_base_free(base);
}

CASE(set_while_pending_but_not_while_active)
{
	struct event_base *base = event_base_new();
	struct event *ev;

	event_base_priority_init(base, 4);
	ev = event_new(base, -1, 0, trace, "ev");
	event_add(ev, ms(100000));
	SAY("pending %d\n", event_priority_set(ev, 3));
	event_active(ev, EV_READ, 1);
	SAY("active %d\n", event_priority_set(ev, 1));
	SAY("get %d\n", event_get_priority(ev));
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("after %d\n", event_priority_set(ev, 1));
	event_free(ev);
	event_base_free(base);
}

CASE(init_again_while_something_is_active)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_active(ev, EV_READ, 1);
	SAY("same %d\n", event_base_priority_init(base, 1));
	SAY("more %d\n", event_base_priority_init(base, 4));
	SAY("now %d\n", event_base_get_npriorities(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("more %d\n", event_base_priority_init(base, 4));
	SAY("now %d\n", event_base_get_npriorities(base));
	event_free(ev);
	event_base_free(base);
}

/* Fewer priorities while events of a higher number are pending. */
CASE(init_with_fewer_while_pending)
{
	struct event_base *base = event_base_new();
	struct event *ev;

	event_base_priority_init(base, 8);
	ev = event_new(base, -1, 0, trace, "ev");
	event_priority_set(ev, 1);
	event_add(ev, ms(1));
	SAY("fewer %d\n", event_base_priority_init(base, 2));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

struct prio {
	struct event_base *base;
	struct event *ev, *wake;
	const char *name;
	int left;
};

static void run(evutil_socket_t fd, short what, void *arg)
{
	struct prio *p = arg;

	(void)fd;
	(void)what;
	SAY("%s\n", p->name);
	if (p->wake && p->left-- > 0)
		event_active(p->wake, EV_READ, 1);
}

static struct event *at(struct event_base *base, int priority, struct prio *p, const char *name)
{
	p->base = base;
	p->name = name;
	p->ev = event_new(base, -1, 0, run, p);
	event_priority_set(p->ev, priority);
	return p->ev;
}

CASE(low_number_runs_first)
{
	struct event_base *base = event_base_new();
	struct prio p[5] = { 0 };
	static const char *names[] = { "0", "1", "2", "3", "4" };
	static const int order[] = { 3, 1, 4, 0, 2 };
	int i;

	event_base_priority_init(base, 5);
	for (i = 0; i < 5; i++)
		at(base, i, &p[i], names[i]);
	for (i = 0; i < 5; i++)
		event_active(p[order[i]].ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	for (i = 0; i < 5; i++)
		event_free(p[i].ev);
	event_base_free(base);
}

/* A more urgent event, activated in a callback, comes before the less urgent ones that wait. */
CASE(urgent_one_activated_in_a_callback_goes_first)
{
	struct event_base *base = event_base_new();
	struct prio hi = { 0 }, a = { 0 }, b = { 0 };

	event_base_priority_init(base, 3);
	at(base, 0, &hi, "urgent");
	at(base, 2, &a, "a");
	at(base, 2, &b, "b");
	a.wake = hi.ev;
	a.left = 1;
	event_active(a.ev, EV_READ, 1);
	event_active(b.ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(hi.ev);
	event_free(a.ev);
	event_free(b.ev);
	event_base_free(base);
}

CASE(same_priority_activated_in_a_callback_goes_last)
{
	struct event_base *base = event_base_new();
	struct prio hi = { 0 }, a = { 0 }, b = { 0 };

	event_base_priority_init(base, 3);
	at(base, 2, &hi, "c");
	at(base, 2, &a, "a");
	at(base, 2, &b, "b");
	a.wake = hi.ev;
	a.left = 1;
	event_active(a.ev, EV_READ, 1);
	event_active(b.ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(hi.ev);
	event_free(a.ev);
	event_free(b.ev);
	event_base_free(base);
}

/* One priority a turn: between two levels the loop looks for new events. */
CASE(new_events_are_looked_for_between_levels)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct prio low = { 0 };
	struct event *mid, *high;

	pair(fd);
	event_base_priority_init(base, 3);
	at(base, 2, &low, "low");
	high = event_new(base, fd[0], EV_READ, trace_read, "high");
	mid = event_new(base, fd[1], EV_WRITE, trace, "mid");
	event_priority_set(high, 0);
	event_priority_set(mid, 1);
	event_add(high, NULL);
	event_active(low.ev, EV_READ, 1);
	event_active(mid, EV_WRITE, 1);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(high);
	event_free(mid);
	event_free(low.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void send_urgent(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("sends\n");
	put(*(int *)arg, "x");
}

CASE(data_sent_by_an_urgent_callback_beats_the_less_urgent)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct prio low = { 0 };
	struct event *sender, *reader;

	pair(fd);
	event_base_priority_init(base, 3);
	at(base, 2, &low, "low");
	sender = event_new(base, -1, 0, send_urgent, &fd[1]);
	reader = event_new(base, fd[0], EV_READ, trace_read, "reader");
	event_priority_set(sender, 0);
	event_priority_set(reader, 1);
	event_add(reader, NULL);
	event_active(low.ev, EV_READ, 1);
	event_active(sender, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(reader);
	event_free(sender);
	event_free(low.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(urgent_ones_can_starve_the_rest)
{
	struct event_base *base = event_base_new();
	struct prio hi = { 0 }, low = { 0 };

	event_base_priority_init(base, 2);
	at(base, 0, &hi, "urgent");
	at(base, 1, &low, "low");
	hi.wake = hi.ev;
	hi.left = 4;
	event_active(low.ev, EV_READ, 1);
	event_active(hi.ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(hi.ev);
	event_free(low.ev);
	event_base_free(base);
}

/* ONCE ends only when nothing is active any more; every level runs. */
CASE(once_runs_every_level)
{
	struct event_base *base = event_base_new();
	struct prio a = { 0 }, b = { 0 }, c = { 0 };

	event_base_priority_init(base, 3);
	at(base, 0, &a, "0");
	at(base, 1, &b, "1");
	at(base, 2, &c, "2");
	event_active(c.ev, EV_READ, 1);
	event_active(b.ev, EV_READ, 1);
	event_active(a.ev, EV_READ, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("active %d\n", active(base));
	event_free(a.ev);
	event_free(b.ev);
	event_free(c.ev);
	event_base_free(base);
}

CASE(timers_and_signals_with_priorities)
{
	struct event_base *base = event_base_new();
	struct event *t, *s, *f;
	int fd[2];

	event_base_priority_init(base, 3);
	pair(fd);
	put(fd[1], "x");
	t = evtimer_new(base, trace, "timer");
	s = event_new(base, SIGUSR1, EV_SIGNAL, trace, "signal");
	f = event_new(base, fd[0], EV_READ, trace, "io");
	event_priority_set(t, 0);
	event_priority_set(s, 2);
	event_priority_set(f, 1);
	event_add(s, NULL);
	event_add(f, NULL);
	event_add(t, ms(1));
	stall(5);
	event_base_active_by_signal(base, SIGUSR1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(t);
	event_free(s);
	event_free(f);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(two_hundred_fifty_five_levels)
{
	enum { N = 255 };
	struct event_base *base = event_base_new();
	struct event *ev[N];
	int i, n = 0, last = 0;

	event_base_priority_init(base, N);
	for (i = 0; i < N; i++) {
		ev[i] = event_new(base, -1, 0, count, i == N - 1 ? &last : &n);
		if (event_priority_set(ev[i], i) < 0)
			SAY("refused %d\n", i);
		event_active(ev[i], EV_READ, 1);
	}
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d and %d\n", n, last);
	for (i = 0; i < N; i++)
		event_free(ev[i]);
	event_base_free(base);
}
