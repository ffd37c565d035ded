/* ev_run, ev_break, references, and what is pending. */
#include "evcase.h"

static ev_timer t, t2;
static ev_idle idle;
static ev_prepare prepare;
static int depth_wanted, count;

CASE(nothing_to_do)
{
	struct ev_loop *loop = new_loop();
	SAY("%d %d %d\n", ev_run(loop, 0), ev_run(loop, EVRUN_ONCE), ev_run(loop, EVRUN_NOWAIT));
	SAY("iteration %u depth %u\n", ev_iteration(loop), ev_depth(loop));
	ev_loop_destroy(loop);
}

static void
break_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	SAY("depth %u\n", ev_depth(loop));
	ev_break(loop, depth_wanted);
}

static void
nest_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	SAY("in, depth %u\n", ev_depth(loop));
	ev_run(loop, 0);
	SAY("out, depth %u\n", ev_depth(loop));
	if (++count == 2)
		ev_timer_stop(loop, w);
}

CASE(break_one_leaves_the_inner_run)
{
	struct ev_loop *loop = new_loop();
	depth_wanted = EVBREAK_ONE;
	ev_timer_init(&t, nest_cb, 0.001, 0.5);
	ev_timer_init(&t2, break_cb, 0.01, 0.01);
	t.data = "nest";
	t2.data = "break";
	count = 1;
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_timer_stop(loop, &t2);
	ev_loop_destroy(loop);
}

CASE(break_all_leaves_both)
{
	struct ev_loop *loop = new_loop();
	depth_wanted = EVBREAK_ALL;
	ev_timer_init(&t, nest_cb, 0.001, 0.5);
	ev_timer_init(&t2, break_cb, 0.01, 0.01);
	t.data = "nest";
	t2.data = "break";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d depth %u\n", !!ev_run(loop, 0), ev_depth(loop));
	ev_timer_stop(loop, &t2);
	ev_timer_stop(loop, &t);
	ev_loop_destroy(loop);
}

static void
cancel_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
	ev_break(loop, EVBREAK_CANCEL);
}

CASE(break_can_be_taken_back)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, cancel_cb, 0.001, 0.);
	ev_timer_init(&t2, log_timer, 0.01, 0.);
	t.data = "cancel";
	t2.data = "later";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(break_before_the_run_is_forgotten)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	ev_break(loop, EVBREAK_ALL);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(break_runs_what_is_pending_first)
{
	struct ev_loop *loop = new_loop();
	depth_wanted = EVBREAK_ONE;
	ev_timer_init(&t, break_cb, 0.001, 1.);
	ev_timer_init(&t2, log_timer, 0.002, 1.);
	t.data = "break";
	t2.data = "still";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	ev_sleep(0.01);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
break_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	log_prepare(loop, w, revents);
	ev_break(loop, EVBREAK_ONE);
}

CASE(break_in_prepare_skips_the_wait)
{
	struct ev_loop *loop = new_loop();
	unsigned before = ev_iteration(loop);
	ev_prepare_init(&prepare, break_prepare);
	prepare.data = "p";
	ev_prepare_start(loop, &prepare);
	SAY("left %d, waits %u\n", ev_run(loop, 0), ev_iteration(loop) - before);
	ev_loop_destroy(loop);
}

CASE(ref_and_unref)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, log_timer, 100., 0.);
	ev_timer_start(loop, &t);
	ev_unref(loop);
	SAY("%d\n", ev_run(loop, 0));
	ev_ref(loop);
	SAY("%d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_timer_stop(loop, &t);
	ev_ref(loop);
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("%d\n", ev_run(loop, EVRUN_ONCE));
	ev_unref(loop);
	SAY("%d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(iterations_are_counted)
{
	struct ev_loop *loop = new_loop();
	unsigned before = ev_iteration(loop);
	int i;
	for (i = 0; i < 5; i++)
		ev_run(loop, EVRUN_NOWAIT);
	SAY("%u\n", ev_iteration(loop) - before);
	ev_loop_destroy(loop);
}

static void
log_custom(struct ev_loop *loop, ev_watcher *w, int revents)
{
	(void)loop;
	SAY("%s: %s, pending %d\n", (char *)w->data, what(revents), !!ev_is_pending(w));
}

CASE(fed_events_are_a_stack)
{
	struct ev_loop *loop = new_loop();
	ev_watcher w[3];
	static const char *names[] = { "a", "b", "c" };
	int i;
	for (i = 0; i < 3; i++) {
		ev_init(&w[i], log_custom);
		w[i].data = (void *)names[i];
		ev_feed_event(loop, &w[i], EV_CUSTOM);
	}
	ev_feed_event(loop, &w[1], EV_READ);
	SAY("pending %u\n", ev_pending_count(loop));
	SAY("cleared %s\n", what(ev_clear_pending(loop, &w[0])));
	SAY("cleared %s\n", what(ev_clear_pending(loop, &w[0])));
	ev_invoke_pending(loop);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_loop_destroy(loop);
}

CASE(pending_runs_before_the_first_turn)
{
	struct ev_loop *loop = new_loop();
	ev_watcher w;
	ev_init(&w, log_custom);
	w.data = "fed";
	ev_feed_event(loop, &w, EV_CUSTOM);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static ev_watcher low, high;

static void
feed_high(struct ev_loop *loop, ev_watcher *w, int revents)
{
	log_custom(loop, w, revents);
	if (!count++)
		ev_feed_event(loop, &high, EV_CUSTOM);
}

CASE(higher_priority_fed_in_a_callback_goes_first)
{
	struct ev_loop *loop = new_loop();
	ev_watcher w;
	ev_init(&w, feed_high);
	ev_init(&low, feed_high);
	ev_init(&high, log_custom);
	w.data = "first";
	low.data = "second";
	high.data = "high";
	ev_set_priority(&high, 2);
	ev_feed_event(loop, &low, EV_CUSTOM);
	ev_feed_event(loop, &w, EV_CUSTOM);
	ev_invoke_pending(loop);
	ev_loop_destroy(loop);
}

CASE(invoke_calls_directly)
{
	struct ev_loop *loop = new_loop();
	ev_watcher w;
	ev_init(&w, log_custom);
	w.data = "w";
	ev_invoke(loop, &w, EV_CUSTOM | EV_WRITE);
	CHECK(ev_cb(&w) == log_custom);
	ev_set_cb(&w, feed_high);
	CHECK(ev_cb(&w) == feed_high);
	ev_loop_destroy(loop);
}

static void
my_invoke(struct ev_loop *loop)
{
	SAY("invoke, pending %u, data %s\n", ev_pending_count(loop), (char *)ev_userdata(loop));
	while (ev_pending_count(loop))
		ev_invoke_pending(loop);
}

CASE(own_invoke_pending)
{
	struct ev_loop *loop = new_loop();
	CHECK(ev_userdata(loop) == NULL);
	ev_set_userdata(loop, "mine");
	ev_set_invoke_pending_cb(loop, my_invoke);
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	ev_run(loop, EVRUN_ONCE);
	ev_set_invoke_pending_cb(loop, ev_invoke_pending);
	ev_timer_set(&t, 0.001, 0.);
	ev_timer_start(loop, &t);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

static int released, acquired;

static void
release(struct ev_loop *loop) EV_NOEXCEPT
{
	(void)loop;
	released++;
	CHECK(released == acquired + 1);
}

static void
acquire(struct ev_loop *loop) EV_NOEXCEPT
{
	(void)loop;
	acquired++;
}

CASE(release_and_acquire_surround_the_wait)
{
	struct ev_loop *loop = new_loop();
	ev_set_loop_release_cb(loop, release, acquire);
	ev_run(loop, EVRUN_NOWAIT);
	ev_run(loop, EVRUN_NOWAIT);
	SAY("%d %d\n", released, acquired);
	ev_loop_destroy(loop);
}

static void
idle_count(struct ev_loop *loop, ev_idle *w, int revents)
{
	log_idle(loop, w, revents);
	if (++count == 3)
		ev_idle_stop(loop, w);
}

CASE(idle_runs_each_turn)
{
	struct ev_loop *loop = new_loop();
	ev_idle_init(&idle, idle_count);
	idle.data = "i";
	ev_idle_start(loop, &idle);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(several_loops)
{
	struct ev_loop *a = new_loop(), *b = new_loop();
	ev_timer_init(&t, log_timer, 0.001, 0.);
	ev_timer_init(&t2, log_timer, 0.001, 0.);
	t.data = "a";
	t2.data = "b";
	ev_timer_start(a, &t);
	ev_timer_start(b, &t2);
	ev_run(b, 0);
	ev_run(a, 0);
	ev_loop_destroy(a);
	ev_loop_destroy(b);
}

CASE(default_loop)
{
	struct ev_loop *loop;
	CHECK(EV_DEFAULT_UC == NULL);
	loop = ev_default_loop(0);
	CHECK(loop && loop == EV_DEFAULT && loop == EV_DEFAULT_UC);
	CHECK(ev_is_default_loop(loop));
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "t";
	ev_timer_start(EV_DEFAULT_ & t);
	ev_loop(EV_DEFAULT_ 0);
	ev_unloop(EV_DEFAULT_ EVUNLOOP_ALL);
	SAY("depth %u\n", ev_loop_depth(loop));
	ev_loop_verify(loop);
	ev_default_fork();
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_default_destroy();
	CHECK(EV_DEFAULT_UC == NULL);
	loop = EV_DEFAULT;
	CHECK(loop == EV_DEFAULT_UC);
	ev_loop_destroy(loop);
}
