/* Timers: order, immediate and absurd times, the macros. */
#include "case.h"
#include "loop_kit.h"

CASE(macros)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "new"), own;

	CHECK(evtimer_initialized(ev));
	SAY("add %d\n", evtimer_add(ev, ms(100000)));
	SAY("pending %d\n", evtimer_pending(ev, NULL));
	SAY("del %d\n", evtimer_del(ev));
	SAY("pending %d\n", evtimer_pending(ev, NULL));
	SAY("assign %d\n", evtimer_assign(&own, base, trace, "own"));
	evtimer_add(&own, ms(80));
	evtimer_add(ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

static struct event *six[6];
static const int six_at[] = { 9, 3, 12, 1, 6, 15 };

/* Inside a callback the time stands still, so that all six count from the same moment. */
static void add_six(evutil_socket_t fd, short what, void *arg)
{
	int i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < 6; i++)
		evtimer_add(six[i], ms(six_at[i]));
}

CASE(order_of_time_not_of_adding)
{
	struct event_base *base = event_base_new();
	static const char *names[] = { "9", "3", "12", "1", "6", "15" };
	int i;

	for (i = 0; i < 6; i++)
		six[i] = evtimer_new(base, trace, (void *)names[i]);
	event_base_once(base, -1, EV_TIMEOUT, add_six, NULL, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_once(base, -1, EV_TIMEOUT, add_six, NULL, NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	stall(30);
	SAY("all late: loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	for (i = 0; i < 6; i++)
		event_free(six[i]);
	event_base_free(base);
}

CASE(zero_is_due_in_the_next_turn)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "zero");

	evtimer_add(ev, ms(0));
	SAY("pending %d active %d\n", evtimer_pending(ev, NULL), active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
}

CASE(not_due_yet)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "never");

	evtimer_add(ev, ms(100000));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
	event_free(ev);
	event_base_free(base);
}

CASE(negative_is_due)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "negative");
	struct timeval tv = { -5, 0 };

	SAY("add %d\n", evtimer_add(ev, &tv));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(ev);
	event_base_free(base);
}

CASE(far_future)
{
	struct event_base *base = event_base_new();
	struct event *far = evtimer_new(base, trace, "far"), *near = evtimer_new(base, trace, "near");
	struct timeval tv = { 0x7fffffff, 999999 };

	SAY("add %d\n", evtimer_add(far, &tv));
	evtimer_add(near, ms(1));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("pending %d\n", evtimer_pending(far, NULL));
	event_free(far);
	event_free(near);
	event_base_free(base);
}

CASE(zero_timer_in_its_own_callback_lets_the_turn_end)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, breaker, base, ms(0));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

struct chain {
	struct event *ev;
	int left;
};

static void again(evutil_socket_t fd, short what, void *arg)
{
	struct chain *c = arg;

	(void)fd;
	SAY("again %s %d\n", bits(what), c->left);
	if (--c->left)
		evtimer_add(c->ev, ms(0));
}

static void io_between(evutil_socket_t fd, short what, void *arg)
{
	(void)arg;
	SAY("io %s %d\n", bits(what), drain(fd));
}

/* A timer of zero added in a callback waits for the next turn, so descriptors are not starved. */
CASE(zero_timer_chain_does_not_starve_io)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;
	struct chain c = { .left = 3 };

	pair(fd);
	io = event_new(base, fd[0], EV_READ, io_between, NULL);
	c.ev = evtimer_new(base, again, &c);
	evtimer_add(c.ev, ms(0));
	event_add(io, NULL);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(io);
	event_free(c.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* Due timers come after ready descriptors in the same turn. */
CASE(descriptor_before_timer_in_one_turn)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io, *t;

	pair(fd);
	io = event_new(base, fd[0], EV_READ, trace, "io");
	t = evtimer_new(base, trace, "timer");
	evtimer_add(t, ms(1));
	event_add(io, NULL);
	put(fd[1], "x");
	stall(5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(io);
	event_free(t);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(io_event_with_ready_data_and_a_timeout_that_is_due)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;

	pair(fd);
	io = event_new(base, fd[0], EV_READ, trace, "io");
	event_add(io, ms(1));
	put(fd[1], "x");
	stall(5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("pending %s\n", bits(event_pending(io, EV_READ | EV_TIMEOUT, NULL)));
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(io_event_times_out_then_reads)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;

	pair(fd);
	io = event_new(base, fd[0], EV_READ, trace, "io");
	event_add(io, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("pending %s\n", bits(event_pending(io, EV_READ | EV_TIMEOUT, NULL)));
	put(fd[1], "x");
	SAY("not added: loop %d\n", event_base_dispatch(base));
	event_add(io, ms(100000));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("pending %s\n", bits(event_pending(io, EV_READ | EV_TIMEOUT, NULL)));
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static struct event *victim;

static void kill_victim(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)arg;
	SAY("killer %s\n", bits(what));
	SAY("victim pending %s\n", bits(event_pending(victim, EV_TIMEOUT, NULL)));
	event_del(victim);
}

CASE(deleting_a_timer_that_is_due_in_the_same_turn)
{
	struct event_base *base = event_base_new();
	struct event *killer = evtimer_new(base, kill_victim, NULL);

	victim = evtimer_new(base, trace, "victim");
	evtimer_add(killer, ms(1));
	evtimer_add(victim, ms(2));
	stall(10);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(killer);
	event_free(victim);
	event_base_free(base);
}

CASE(thousands_inserted_and_deleted)
{
	enum { N = 5000 };
	struct event_base *base = event_base_new();
	struct event *ev = calloc(N, sizeof *ev);
	int i, ran = 0;
	unsigned seed = 1;

	for (i = 0; i < N; i++) {
		seed = seed * 1103515245u + 12345u;
		evtimer_assign(&ev[i], base, count, &ran);
		evtimer_add(&ev[i], ms(seed >> 16 & 15));
	}
	SAY("added %d\n", added(base));
	for (i = 0; i < N; i += 2)
		evtimer_del(&ev[i]);
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d added %d\n", ran, added(base));
	free(ev);
	event_base_free(base);
}
