/* Debug mode: misuse ends in the fatal callback. */
#include "case.h"
#include "loop_kit.h"

static void fatal(int err)
{
	SAY("fatal %x\n", (unsigned)err);
	exit(7);
}

/* What a case leaves behind stays reachable. */
static struct event_base *volatile kept;

static struct event_base *debug_base(void)
{
	event_set_log_callback(severity_log);
	event_set_fatal_callback(fatal);
	event_enable_debug_mode();
	kept = event_base_new();
	return kept;
}

CASE(ordinary_use)
{
	struct event_base *base = debug_base();
	struct event *ev = event_new(base, -1, 0, trace, "ev"), own;
	int fd[2];

	pair(fd);
	event_add(ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_active(ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_assign(&own, base, fd[0], EV_READ, trace, "own");
	event_add(&own, NULL);
	event_del(&own);
	event_assign(&own, base, fd[0], EV_WRITE, trace, "own again");
	event_add(&own, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_debug_unassign(&own);
	SAY("initialized %d\n", event_initialized(&own));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	libevent_global_shutdown();
}

CASE(assigned_again_while_pending)
{
	struct event_base *base = debug_base();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_add(&ev, ms(100000));
	event_assign(&ev, base, -1, 0, trace, "ev");
	SAY("not reached\n");
}

static struct event *blank(void)
{
	static struct event ev;

	memset(&ev, 0, sizeof ev);
	return &ev;
}

CASE(add_of_an_unassigned_event)
{
	debug_base();
	event_add(blank(), ms(1));
	SAY("not reached\n");
}

CASE(unassigned_with_a_base_add)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_add(ev, ms(1));
	SAY("not reached\n");
}

CASE(unassigned_with_a_base_del)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_del(ev);
	SAY("not reached\n");
}

CASE(unassigned_with_a_base_active)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_active(ev, EV_READ, 1);
	SAY("not reached\n");
}

CASE(unassigned_with_a_base_pending)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_pending(ev, EV_READ, NULL);
	SAY("not reached\n");
}

CASE(unassigned_priority_set)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_priority_set(ev, 0);
	SAY("not reached\n");
}

CASE(unassigned_getters)
{
	struct event_base *base = debug_base();
	struct event *ev = blank();

	ev->ev_base = base;
	event_get_fd(ev);
	SAY("not reached\n");
}

CASE(unassigned_base_set)
{
	struct event_base *base = debug_base();

	SAY("%d\n", event_base_set(base, blank()));
	SAY("not reached\n");
}

CASE(use_after_debug_unassign)
{
	struct event_base *base = debug_base();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_debug_unassign(&ev);
	event_add(&ev, ms(1));
	SAY("not reached\n");
}

CASE(unassign_of_a_pending_event)
{
	struct event_base *base = debug_base();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_add(&ev, ms(100000));
	event_debug_unassign(&ev);
	SAY("not reached\n");
}

CASE(copied_event_is_not_assigned)
{
	struct event_base *base = debug_base();
	struct event a, b;

	event_assign(&a, base, -1, 0, trace, "a");
	b = a;
	event_add(&b, ms(1));
	SAY("not reached\n");
}

CASE(enabled_twice)
{
	debug_base();
	event_enable_debug_mode();
	SAY("not reached\n");
}

CASE(enabled_too_late_after_a_base)
{
	event_set_log_callback(severity_log);
	event_set_fatal_callback(fatal);
	kept = event_base_new();
	event_enable_debug_mode();
	SAY("end\n");
}

CASE(enabled_too_late_after_an_event)
{
	struct event ev;

	event_set_log_callback(severity_log);
	event_set_fatal_callback(fatal);
	event_set_log_callback(severity_log);
	event_assign(&ev, NULL, -1, 0, trace, "ev");
	event_enable_debug_mode();
	SAY("end\n");
}

CASE(without_debug_mode_unassign_only_clears_the_mark)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "ev");
	event_debug_unassign(&ev);
	SAY("initialized %d\n", event_initialized(&ev));
	event_base_free(base);
}

static void returning(int err)
{
	SAY("fatal %x returns\n", (unsigned)err);
}

CASE(fatal_callback_that_returns)
{
	struct event_base *base = debug_base();
	struct event ev;

	event_set_fatal_callback(returning);
	event_assign(&ev, base, -1, 0, trace, "ev");
	event_add(&ev, ms(100000));
	event_assign(&ev, base, -1, 0, trace, "ev");
	SAY("not reached\n");
}

CASE(no_fatal_callback)
{
	struct event_base *base = debug_base();
	struct event ev;

	event_set_fatal_callback(NULL);
	event_assign(&ev, base, -1, 0, trace, "ev");
	event_add(&ev, ms(100000));
	event_assign(&ev, base, -1, 0, trace, "ev");
	SAY("not reached\n");
}

CASE(ten_thousand_events)
{
	enum { N = 10000 };
	struct event_base *base = debug_base();
	struct event *ev = calloc(N, sizeof *ev);
	int i, n = 0;

	for (i = 0; i < N; i++) {
		event_assign(&ev[i], base, -1, 0, count, &n);
		event_add(&ev[i], ms(i % 3));
	}
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d\n", n);
	for (i = 0; i < N; i++)
		event_debug_unassign(&ev[i]);
	free(ev);
	event_base_free(base);
	libevent_global_shutdown();
}

static void finalized(struct event *ev, void *arg)
{
	SAY("finalize %s %d\n", (const char *)arg, event_initialized(ev) != 0);
}

CASE(finalizer_in_debug_mode)
{
	struct event_base *base = debug_base();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_free_finalize(0, ev, finalized);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	libevent_global_shutdown();
}

CASE(once_in_debug_mode)
{
	struct event_base *base = debug_base();

	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", ms(1));
	event_base_once(base, -1, EV_TIMEOUT, trace, "never", ms(100000));
	event_base_loopexit(base, ms(5));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	libevent_global_shutdown();
}

CASE(blocking_descriptor)
{
	struct event_base *base = debug_base();
	int fd[2];
	struct event ev;

	if (pipe(fd) < 0)
		abort();
	event_assign(&ev, base, fd[0], EV_READ, trace, "ev");
	SAY("assigned\n");
	event_add(&ev, NULL);
	SAY("added\n");
	event_del(&ev);
	event_debug_unassign(&ev);
	event_base_free(base);
}
