/* Finalizers. */
#include "case.h"
#include "loop_kit.h"

struct act {
	struct event *ev;
	struct event_base *base;
	const char *name;
};

static void done(struct event *ev, void *arg)
{
	(void)ev;
	SAY("finalize %s\n", (const char *)arg);
}

static void done_check(struct event *ev, void *arg)
{
	struct act *a = arg;

	SAY("finalize %s\n", a->name);
	CHECK(ev == a->ev);
	CHECK(event_get_callback_arg(ev) == a);
}

CASE(idle_event)
{
	struct event_base *base = event_base_new();
	struct act a = { .base = base, .name = "idle" };
	struct event ev;

	a.ev = &ev;
	event_assign(&ev, base, -1, 0, trace, &a);
	SAY("finalize %d\n", event_finalize(0, &ev, done_check));
	SAY("active %d added %d\n", active(base), added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("active %d added %d\n", active(base), added(base));
	event_base_free(base);
}

CASE(pending_event)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event ev;

	pair(fd);
	put(fd[1], "x");
	event_assign(&ev, base, fd[0], EV_READ | EV_PERSIST, trace, "pending");
	event_add(&ev, ms(1));
	SAY("finalize %d\n", event_finalize(0, &ev, done));
	SAY("pending %s\n", bits(event_pending(&ev, EV_READ | EV_TIMEOUT, NULL)));
	stall(5);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(active_event_is_not_called_any_more)
{
	struct event_base *base = event_base_new();
	struct event ev, other;

	event_assign(&ev, base, -1, 0, trace, "victim");
	event_assign(&other, base, -1, 0, trace, "other");
	event_active(&ev, EV_READ, 1);
	event_active(&other, EV_READ, 1);
	SAY("finalize %d\n", event_finalize(0, &ev, done));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(nothing_works_afterwards)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_finalize(0, &ev, done);
	SAY("add %d\n", event_add(&ev, ms(1)));
	event_active(&ev, EV_READ, 1);
	SAY("active %d\n", active(base));
	SAY("del %d\n", event_del(&ev));
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("add %d\n", event_add(&ev, ms(1)));
	event_base_free(base);
}

CASE(runs_at_the_events_priority)
{
	struct event_base *base = event_base_new();
	struct event ev, mid;

	event_base_priority_init(base, 3);
	event_assign(&ev, base, -1, 0, trace, "low");
	event_priority_set(&ev, 2);
	event_assign(&mid, base, -1, 0, trace, "mid");
	event_finalize(0, &ev, done);
	event_active(&mid, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

static void finalize_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("callback %s\n", bits(what));
	SAY("finalize %d\n", event_free_finalize(0, a->ev, done_check));
}

CASE(inside_its_own_callback)
{
	struct event_base *base = event_base_new();
	struct act a = { .base = base, .name = "self" };

	a.ev = event_new(base, -1, EV_PERSIST | EV_FINALIZE, finalize_self, &a);
	event_add(a.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(base_free_runs_them)
{
	struct event_base *base = event_base_new();
	struct event ev, *heap = event_new(base, -1, 0, trace, "heap");

	event_assign(&ev, base, -1, 0, trace, "own");
	event_add(heap, ms(100000));
	event_finalize(0, &ev, done);
	event_free_finalize(0, heap, done);
	event_base_free(base);
	SAY("freed\n");
}

CASE(base_free_nofinalize_does_not)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "own");
	event_finalize(0, &ev, done);
	event_base_free_nofinalize(base);
	SAY("freed\n");
}

CASE(signal_event)
{
	struct event_base *base = event_base_new();
	struct event ev;

	signal(SIGUSR1, SIG_IGN);
	event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "signal");
	event_add(&ev, NULL);
	raise(SIGUSR1);
	event_finalize(0, &ev, done);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(active_signal_event)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "signal");
	event_active(&ev, EV_SIGNAL, 4);
	event_finalize(0, &ev, done);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(finalize_flag_is_an_ordinary_event)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_FINALIZE, trace, "ev");

	SAY("events %s\n", bits(event_get_events(ev)));
	event_add(ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_active(ev, EV_READ, 1);
	SAY("del %d %d %d\n", event_del(ev), event_del_noblock(ev), event_del_block(ev));
	event_free(ev);
	event_base_free(base);
}

static void other_finalize(struct event *ev, void *arg)
{
	SAY("finalize %s\n", (const char *)arg);
	event_base_once(event_get_base(ev), -1, EV_TIMEOUT, trace, "once from the finalizer", NULL);
}

CASE(another_event_may_be_scheduled)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_free_finalize(0, ev, other_finalize);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(several_in_order)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, trace, "a"), *b = event_new(base, -1, 0, trace, "b"),
		     *c = event_new(base, -1, 0, trace, "c");

	event_active(b, EV_READ, 1);
	event_free_finalize(0, c, done);
	event_free_finalize(0, a, done);
	event_free_finalize(0, b, done);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

static void *freed_ptr;
static int freed_times, watch_on;

static void watching_free(void *p)
{
	if (watch_on && p == freed_ptr)
		freed_times++;
	free(p);
}

CASE(free_finalize_frees_that_pointer_once)
{
	struct event_base *base;
	struct event *ev;

	event_set_mem_functions(malloc, realloc, watching_free);
	base = event_base_new();
	ev = event_new(base, -1, 0, trace, "ev");
	freed_ptr = ev;
	watch_on = 1;
	event_add(ev, ms(100000));
	SAY("finalize %d\n", event_free_finalize(0, ev, done));
	SAY("freed %d\n", freed_times);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("freed %d\n", freed_times);
	watch_on = 0;
	event_base_free(base);
}

CASE(finalize_does_not_free)
{
	struct event_base *base;
	struct event *ev;

	event_set_mem_functions(malloc, realloc, watching_free);
	base = event_base_new();
	ev = event_new(base, -1, 0, trace, "ev");
	freed_ptr = ev;
	watch_on = 1;
	event_finalize(0, ev, done);
	event_base_dispatch(base);
	SAY("freed %d\n", freed_times);
	watch_on = 0;
	event_base_free(base);
	free(ev);
}

CASE(flag_word)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_finalize(0, &ev, done);
	CHECK(ev.ev_evcallback.evcb_flags & EVLIST_FINALIZING);
	event_base_dispatch(base);
	CHECK(ev.ev_evcallback.evcb_flags & EVLIST_FINALIZING);
	event_base_free(base);
}

static void free_in_finalizer(struct event *ev, void *arg)
{
	SAY("finalize %s\n", (const char *)arg);
	free(ev);
}

/* With event_finalize the memory may go inside the finalizer. */
CASE(memory_released_inside_the_finalizer)
{
	struct event_base *base = event_base_new();
	struct event *ev = calloc(1, sizeof *ev);

	event_assign(ev, base, -1, 0, trace, "own memory");
	event_add(ev, ms(100000));
	event_finalize(0, ev, free_in_finalizer);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(finalizer_counts_as_work)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_free_finalize(0, ev, done);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_base_free(base);
}

CASE(loopexit_and_finalizer)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_base_loopexit(base, NULL);
	event_free_finalize(0, ev, done);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}
