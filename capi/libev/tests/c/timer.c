/* ev_timer: relative timers. */
#include "evcase.h"

static ev_timer t, t2, t3;
static int count;

CASE(one_shot_stops_itself)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 0.01, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	CHECK(ev_is_active(&t));
	SAY("left %d\n", ev_run(loop, 0));
	CHECK(!ev_is_active(&t));
	ev_loop_destroy(loop);
}

static void
three_times(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	CHECK(ev_is_active(w));
	if (++count == 3)
		ev_timer_stop(loop, w);
}

CASE(repeating)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, three_times, 0.01, 0.005);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(earlier_ones_first)
{
	struct ev_loop *loop = new_loop();
	ev_timer w[5];
	static const double at[] = { 0.004, 0.001, 0.005, 0.002, 0.003 };
	static const char *names[] = { "4", "1", "5", "2", "3" };
	int i;
	for (i = 0; i < 5; i++) {
		ev_timer_init(&w[i], log_timer, at[i], 0.);
		w[i].data = (void *)names[i];
		ev_timer_start(loop, &w[i]);
	}
	ev_sleep(0.02);
	ev_run(loop, EVRUN_ONCE);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(priority_beats_time)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 0.001, 0.);
	ev_timer_init(&t2, log_timer, 0.002, 0.);
	t.data = "early";
	t2.data = "important";
	ev_set_priority(&t2, 1);
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	ev_sleep(0.01);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

CASE(zero_and_negative_delays)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 0., 0.);
	ev_timer_init(&t2, log_timer, -1., 0.);
	t.data = "zero";
	t2.data = "past";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
restart_self(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	if (++count < 3) {
		ev_timer_set(w, 0., 0.);
		ev_timer_start(loop, w);
	}
}

CASE(restarted_in_its_callback)
{
	struct ev_loop *loop = new_loop();
	unsigned before;
	ev_timer_init(&t, restart_self, 0., 0.);
	t.data = "again";
	ev_timer_start(loop, &t);
	before = ev_iteration(loop);
	ev_run(loop, 0);
	CHECK(ev_iteration(loop) - before >= 3);
	ev_loop_destroy(loop);
}

CASE(again_starts_restarts_and_stops)
{
	struct ev_loop *loop = new_loop();
	ev_init(&t, log_timer);
	t.data = "t";
	t.repeat = 0.;
	ev_timer_again(loop, &t);
	SAY("no repeat: active %d\n", !!ev_is_active(&t));
	t.repeat = 50.;
	ev_timer_again(loop, &t);
	SAY("repeat: active %d remaining %.0f\n", !!ev_is_active(&t), ev_timer_remaining(loop, &t));
	t.repeat = 100.;
	ev_timer_again(loop, &t);
	SAY("longer: remaining %.0f\n", ev_timer_remaining(loop, &t));
	t.repeat = 0.;
	ev_timer_again(loop, &t);
	SAY("no repeat: active %d\n", !!ev_is_active(&t));
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(again_clears_the_pending_state)
{
	struct ev_loop *loop = new_loop();
	ev_init(&t, log_timer);
	t.data = "t";
	t.repeat = 5.;
	ev_feed_event(loop, &t, EV_TIMER);
	CHECK(ev_is_pending(&t));
	ev_timer_again(loop, &t);
	CHECK(!ev_is_pending(&t) && ev_is_active(&t));
	ev_timer_stop(loop, &t);
	ev_loop_destroy(loop);
}

static void
again_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	if (++count == 2)
		w->repeat = 0.;
	ev_timer_again(loop, w);
	SAY("active %d\n", !!ev_is_active(w));
}

CASE(again_in_its_callback)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, again_cb, 0.005, 0.005);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(remaining)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 5., 7.);
	SAY("stopped %.1f\n", ev_timer_remaining(loop, &t));
	ev_timer_start(loop, &t);
	SAY("started %.1f\n", ev_timer_remaining(loop, &t));
	ev_sleep(0.11);
	ev_now_update(loop);
	CHECK(ev_timer_remaining(loop, &t) < 4.9);
	ev_timer_stop(loop, &t);
	CHECK(ev_timer_remaining(loop, &t) < 4.9 && ev_timer_remaining(loop, &t) > 4.);
	ev_timer_start(loop, &t);
	CHECK(ev_timer_remaining(loop, &t) < 4.9);
	ev_timer_stop(loop, &t);
	ev_loop_destroy(loop);
}

static void
late_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	CHECK(ev_timer_remaining(loop, w) <= 0.004);
	if (++count == 1)
		ev_sleep(0.05);
	else
		ev_timer_stop(loop, w);
}

CASE(late_repeats_fire_once)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, late_cb, 0.004, 0.004);
	t.data = "t";
	ev_timer_start(loop, &t);
	ev_run(loop, 0);
	SAY("%d calls\n", count);
	ev_loop_destroy(loop);
}

static void
stop_others(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_timer_stop(loop, &t);
	ev_timer_stop(loop, &t2);
	ev_timer_stop(loop, &t3);
}

CASE(expired_but_stopped_by_another)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, stop_others, 0.001, 0.);
	ev_timer_init(&t2, stop_others, 0.002, 0.);
	ev_timer_init(&t3, stop_others, 0.003, 1.);
	t.data = "first";
	t2.data = "second";
	t3.data = "third";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	ev_timer_start(loop, &t3);
	ev_sleep(0.01);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
free_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	free(w);
	count++;
}

CASE(thousand_freed_in_their_callbacks)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 1000; i++) {
		ev_timer *w = malloc(sizeof *w);
		ev_timer_init(w, free_cb, (i * 37 % 100) * 0.0001, 0.);
		ev_timer_start(loop, w);
	}
	ev_run(loop, 0);
	SAY("%d calls\n", count);
	ev_loop_destroy(loop);
}

static double last;

static void
order_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	double at = *(double *)w->data;
	(void)loop, (void)revents;
	if (at < last)
		SAY("out of order\n");
	last = at;
	count++;
}

CASE(random_starts_and_stops_keep_the_order)
{
	struct ev_loop *loop = new_loop();
	enum { N = 400 };
	static ev_timer w[N];
	static double at[N];
	unsigned x = 12345;
	int i, n = 0;
	for (i = 0; i < N; i++)
		ev_init(&w[i], order_cb);
	for (i = 0; i < 4000; i++) {
		int k;
		x = x * 1103515245u + 12345u;
		k = (int)(x >> 8) % N;
		if (ev_is_active(&w[k])) {
			ev_timer_stop(loop, &w[k]);
		} else {
			at[k] = (x >> 16) % 1000 * 0.00001;
			w[k].data = &at[k];
			ev_timer_set(&w[k], at[k], 0.);
			ev_timer_start(loop, &w[k]);
		}
	}
	ev_verify(loop);
	for (i = 0; i < N; i++)
		n += !!ev_is_active(&w[i]);
	ev_sleep(0.03);
	ev_run(loop, EVRUN_ONCE);
	CHECK(count == n);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(suspend_and_resume)
{
	struct ev_loop *loop = new_loop();
	double before;
	ev_timer_init(&t, log_timer, 10., 0.);
	ev_timer_start(loop, &t);
	ev_suspend(loop);
	before = ev_timer_remaining(loop, &t);
	ev_sleep(0.1);
	ev_resume(loop);
	CHECK(ev_timer_remaining(loop, &t) > before - 0.01);
	ev_timer_stop(loop, &t);
	ev_loop_destroy(loop);
}

static double seen;

static void
now_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w, (void)revents;
	if (!count++) {
		seen = ev_now(loop);
		ev_sleep(0.02);
		CHECK(ev_now(loop) == seen);
	} else {
		CHECK(ev_now(loop) == seen);
		ev_now_update(loop);
		CHECK(ev_now(loop) > seen);
	}
}

CASE(time_stands_still_in_callbacks)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, now_cb, 0.001, 0.);
	ev_timer_init(&t2, now_cb, 0.002, 0.);
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	ev_sleep(0.01);
	ev_run(loop, 0);
	CHECK(ev_time() - ev_now(loop) < 1. && ev_time() - ev_now(loop) > -1.);
	ev_loop_destroy(loop);
}

CASE(timeout_collect_interval)
{
	struct ev_loop *loop = new_loop();
	ev_set_timeout_collect_interval(loop, 0.06);
	ev_timer_init(&t, log_timer, 0.01, 0.);
	ev_timer_init(&t2, log_timer, 0.04, 0.);
	t.data = "t";
	t2.data = "t2";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	ev_run(loop, EVRUN_ONCE);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(io_collect_interval)
{
	struct ev_loop *loop = new_loop();
	double began = ev_time();
	ev_set_io_collect_interval(loop, 0.03);
	ev_timer_init(&t, log_timer, 0.05, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	CHECK(ev_time() - began >= 0.04);
	ev_loop_destroy(loop);
}
