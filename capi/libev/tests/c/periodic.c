/* ev_periodic: calendar times. */
#include "evcase.h"
#include <math.h>

static ev_periodic p, p2, p3;
static int count;
static double asked;

CASE(absolute_time)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, log_periodic, ev_time() + 0.02, 0., 0);
	p.data = "p";
	ev_periodic_start(loop, &p);
	CHECK(ev_is_active(&p));
	CHECK(ev_periodic_at(&p) == p.offset);
	SAY("left %d\n", ev_run(loop, 0));
	CHECK(!ev_is_active(&p));
	ev_loop_destroy(loop);
}

CASE(absolute_time_in_the_past)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, log_periodic, 1000., 0., 0);
	p.data = "past";
	ev_periodic_start(loop, &p);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
three(struct ev_loop *loop, ev_periodic *w, int revents)
{
	log_periodic(loop, w, revents);
	CHECK(ev_is_active(w));
	CHECK(ev_periodic_at(w) > ev_now(loop));
	if (++count == 3)
		ev_periodic_stop(loop, w);
}

CASE(interval)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, three, 0., 0.01, 0);
	p.data = "p";
	ev_periodic_start(loop, &p);
	CHECK(ev_periodic_at(&p) > ev_now(loop) && ev_periodic_at(&p) <= ev_now(loop) + 0.0101);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(interval_is_aligned_to_its_offset)
{
	struct ev_loop *loop = new_loop();
	double rest;
	ev_periodic_init(&p, log_periodic, 10., 3600., 0);
	ev_periodic_start(loop, &p);
	rest = fmod(ev_periodic_at(&p), 3600.);
	SAY("%.3f\n", rest);
	CHECK(ev_periodic_at(&p) - ev_now(loop) <= 3600.);
	CHECK(ev_periodic_at(&p) > ev_now(loop));
	ev_periodic_stop(loop, &p);
	ev_periodic_set(&p, -5., 60., 0);
	ev_periodic_start(loop, &p);
	rest = fmod(ev_periodic_at(&p), 60.);
	SAY("%.3f\n", rest);
	ev_periodic_stop(loop, &p);
	ev_loop_destroy(loop);
}

CASE(interval_from_far_away)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, log_periodic, 5e9, 100., 0);
	ev_periodic_start(loop, &p);
	CHECK(ev_periodic_at(&p) > ev_now(loop) && ev_periodic_at(&p) <= ev_now(loop) + 100.);
	ev_periodic_stop(loop, &p);
	ev_loop_destroy(loop);
}

static ev_tstamp
soon(ev_periodic *w, ev_tstamp now) EV_NOEXCEPT
{
	(void)w;
	asked = now;
	SAY("asked\n");
	return now + 0.01;
}

CASE(rescheduling)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, three, 0., 0., soon);
	p.data = "p";
	ev_periodic_start(loop, &p);
	CHECK(asked == ev_now(loop));
	CHECK(ev_periodic_at(&p) == asked + 0.01);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(again_uses_new_values)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, log_periodic, 0., 1000., 0);
	p.data = "p";
	ev_periodic_start(loop, &p);
	p.interval = 0.01;
	ev_periodic_again(loop, &p);
	CHECK(ev_periodic_at(&p) <= ev_now(loop) + 0.0101);
	p.interval = 0.;
	p.offset = ev_now(loop) + 0.01;
	ev_periodic_again(loop, &p);
	SAY("left %d\n", ev_run(loop, 0));
	ev_periodic_again(loop, &p);
	SAY("active %d\n", !!ev_is_active(&p));
	ev_periodic_stop(loop, &p);
	ev_loop_destroy(loop);
}

CASE(earlier_ones_first)
{
	struct ev_loop *loop = new_loop();
	double now = ev_time();
	ev_periodic_init(&p, log_periodic, now + 0.03, 0., 0);
	ev_periodic_init(&p2, log_periodic, now + 0.01, 0., 0);
	ev_periodic_init(&p3, log_periodic, now + 0.02, 0., 0);
	p.data = "3";
	p2.data = "1";
	p3.data = "2";
	ev_periodic_start(loop, &p);
	ev_periodic_start(loop, &p2);
	ev_periodic_start(loop, &p3);
	ev_verify(loop);
	ev_sleep(0.05);
	ev_run(loop, EVRUN_ONCE);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(stopped_while_waiting)
{
	struct ev_loop *loop = new_loop();
	ev_periodic_init(&p, log_periodic, 0., 1000., 0);
	ev_periodic_init(&p2, log_periodic, ev_time() + 0.01, 0., 0);
	p.data = "never";
	p2.data = "p2";
	ev_periodic_start(loop, &p);
	ev_periodic_start(loop, &p2);
	ev_periodic_stop(loop, &p);
	ev_periodic_stop(loop, &p);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(without_a_clock_descriptor)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD);
	ev_periodic_init(&p, three, 0., 0.01, 0);
	p.data = "p";
	ev_periodic_start(loop, &p);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(timers_before_periodics_of_one_turn)
{
	struct ev_loop *loop = new_loop();
	ev_timer t;
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "timer";
	ev_periodic_init(&p, log_periodic, ev_time() + 0.001, 0., 0);
	p.data = "periodic";
	ev_timer_start(loop, &t);
	ev_periodic_start(loop, &p);
	ev_sleep(0.02);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

static int asks;

static ev_tstamp soon_then_late(ev_periodic *w, ev_tstamp now)
{
	(void)w;
	return now + (asks++ ? 100. : 0.05);
}

/* What came due before the fork: a time that comes once is made up for, and all are where no clock descriptor is. */
CASE(due_before_a_fork)
{
	static const char *const names[] = { "interval", "function", "once" };
	int flags, kind;

	for (flags = 0; flags < 2; flags++)
		for (kind = 0; kind < 3; kind++) {
			struct ev_loop *loop = ev_loop_new(flags ? EVFLAG_NOTIMERFD : 0);

			ev_periodic_init(&p, log_periodic, ev_now(loop) + 0.05, kind == 0 ? 100. : 0.,
			    kind == 1 ? soon_then_late : 0);
			asks = 0;
			p.data = (void *)names[kind];
			ev_periodic_start(loop, &p);
			ev_sleep(0.12);
			ev_loop_fork(loop);
			SAY("%s, %s\n", names[kind], flags ? "without a clock descriptor" : "with one");
			ev_run(loop, EVRUN_NOWAIT);
			ev_loop_destroy(loop);
		}
}

/* The first periodic, with a clock descriptor, has the wall clock read; the timers' clock waits for the next turn. */
CASE(the_first_reads_the_wall_clock)
{
	int flags;

	for (flags = 0; flags < 2; flags++) {
		struct ev_loop *loop = ev_loop_new(flags ? EVFLAG_NOTIMERFD : 0);
		double before, left;
		ev_timer t;

		ev_timer_init(&t, log_timer, 10., 0.);
		ev_timer_start(loop, &t);
		ev_now_update(loop);
		before = ev_now(loop);
		left = ev_timer_remaining(loop, &t);
		ev_sleep(0.02);
		ev_periodic_init(&p, log_periodic, 0., 100., 0);
		ev_periodic_start(loop, &p);
		SAY("%s: %s, %s\n", flags ? "without" : "with", ev_now(loop) - before > 0.015 ? "read" : "not read",
		    ev_timer_remaining(loop, &t) == left ? "timers wait" : "timers too");
		ev_loop_destroy(loop);
	}
}

static void late(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	asked = ev_now(loop);
	ev_sleep(0.02);
	ev_timer_stop(loop, w);
}

/* The turn after a fork ends with a reading of the wall clock, where a clock descriptor is. */
CASE(a_fork_has_the_wall_clock_read)
{
	int flags;

	for (flags = 0; flags < 2; flags++) {
		struct ev_loop *loop = ev_loop_new(flags ? EVFLAG_NOTIMERFD : 0);
		ev_timer t;

		ev_periodic_init(&p, log_periodic, 0., 1e8, 0);
		ev_periodic_start(loop, &p);
		ev_timer_init(&t, late, 0., 0.);
		ev_timer_start(loop, &t);
		ev_loop_fork(loop);
		ev_run(loop, EVRUN_NOWAIT);
		SAY("%s: %s\n", flags ? "without" : "with", ev_now(loop) - asked > 0.015 ? "read" : "not read");
		ev_loop_destroy(loop);
	}
}
