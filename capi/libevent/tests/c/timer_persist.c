/* Persistent timeouts: when they come again. */
#include "case.h"
#include "loop_kit.h"

struct tick {
	struct event *ev, *other;
	struct event_base *base;
	const char *name;
	int left, pause;
};

static void tick(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;

	(void)fd;
	SAY("%s %s left %d pending %s\n", t->name, bits(what), t->left,
	    bits(event_pending(t->ev, EV_READ | EV_TIMEOUT, NULL)));
	if (t->pause)
		stall(t->pause);
	if (--t->left == 0)
		event_del(t->ev);
}

CASE(comes_again_until_deleted)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, EV_PERSIST, tick, &t);
	event_add(t.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("added %d\n", added(base));
	event_free(t.ev);
	event_base_free(base);
}

CASE(oneshot_does_not_come_again)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, 0, tick, &t);
	event_add(t.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(t.ev);
	event_base_free(base);
}

/* However many intervals were missed, it fires once. */
CASE(once_after_a_stall)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 10 };

	t.ev = event_new(base, -1, EV_PERSIST, tick, &t);
	event_add(t.ev, ms(300));
	stall(1000);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("left %d\n", t.left);
	event_free(t.ev);
	event_base_free(base);
}

static void stalled(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;

	(void)fd;
	(void)what;
	t->left--;
	stall(t->pause);
}

CASE(once_after_a_stall_in_the_callback)
{
	struct event_base *base = event_base_new();
	struct tick t = { .left = 10, .pause = 500 };

	t.ev = event_new(base, -1, EV_PERSIST, stalled, &t);
	event_add(t.ev, ms(100));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("ran %d\n", 10 - t.left);
	t.pause = 0;
	event_base_loop(base, EVLOOP_ONCE);
	SAY("ran %d\n", 10 - t.left);
	event_free(t.ev);
	event_base_free(base);
}

/* The data resets the timeout: 3 messages 40 ms apart never let 2 s pass. */
CASE(data_resets_the_timeout)
{
	struct event_base *base = event_base_new();
	int fd[2], i;
	struct event *ev;
	struct timeval first, second;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, ms(2000));
	event_pending(ev, EV_TIMEOUT, &first);
	for (i = 0; i < 3; i++) {
		stall(20);
		put(fd[1], "x");
		event_base_loop(base, EVLOOP_ONCE);
		event_pending(ev, EV_TIMEOUT, &second);
		CHECK(evutil_timercmp(&second, &first, >));
		first = second;
	}
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(descriptor_event_times_out_again_and_again)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct tick t = { .name = "io", .left = 3 };

	pair(fd);
	t.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, tick, &t);
	event_add(t.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(t.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void later(struct event *ev, struct timeval *before, const char *what)
{
	struct timeval now, left;

	event_pending(ev, EV_TIMEOUT, &now);
	evutil_timersub(&now, before, &left);
	SAY("%s: %s\n", what, left.tv_sec < 0 ? "earlier" : left.tv_usec > 10000 || left.tv_sec ? "later" : "same");
	*before = now;
}

/* The next timeout after a manual activation counts from the activation. */
CASE(manual_activation_rebases_the_timeout)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_PERSIST, trace, "ev");
	struct timeval at;

	event_add(ev, ms(50000));
	event_pending(ev, EV_TIMEOUT, &at);
	stall(60);
	event_active(ev, EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	later(ev, &at, "read");
	stall(60);
	event_active(ev, EV_TIMEOUT, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	later(ev, &at, "timeout");
	event_free(ev);
	event_base_free(base);
}

/* After its own timeout the next one counts from when it was due, not from when it ran. */
CASE(own_timeout_counts_from_when_it_was_due)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_PERSIST, trace, "ev");
	struct timeval due, next, left;

	event_add(ev, ms(500));
	event_pending(ev, EV_TIMEOUT, &due);
	stall(550);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_pending(ev, EV_TIMEOUT, &next);
	evutil_timersub(&next, &due, &left);
	SAY("%s\n", left.tv_sec == 0 && left.tv_usec < 540000 ? "from when it was due" : "from when it ran");
	event_free(ev);
	event_base_free(base);
}

static void retime(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;

	(void)fd;
	SAY("%s %s left %d\n", t->name, bits(what), t->left);
	if (--t->left == 0)
		event_del(t->ev);
	else
		event_add(t->ev, ms(2));
}

CASE(new_interval_from_its_callback)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, EV_PERSIST, retime, &t);
	event_add(t.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(t.ev);
	event_base_free(base);
}

/* event_add(ev, NULL) on a pending persistent event does not change its interval. */
CASE(add_with_null_keeps_the_interval)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, EV_PERSIST, tick, &t);
	event_add(t.ev, ms(2));
	event_add(t.ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(t.ev);
	event_base_free(base);
}

static void drop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;

	(void)fd;
	SAY("%s %s\n", t->name, bits(what));
	SAY("remove %d\n", event_remove_timer(t->ev));
}

CASE(timer_removed_inside_its_callback)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct tick t = { .name = "io" };

	pair(fd);
	t.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, drop_timer, &t);
	event_add(t.ev, ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(t.ev, EV_READ | EV_TIMEOUT, NULL)));
	stall(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(t.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* Deleting does not forget the interval: the next firing arms it again. event_remove_timer forgets it. */
CASE(interval_outlives_a_delete)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, ms(1));
	event_del(ev);
	event_add(ev, NULL);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
	stall(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
	stall(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(zero_interval_is_no_interval)
{
	struct event_base *base = event_base_new();
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, EV_PERSIST, tick, &t);
	event_add(t.ev, ms(0));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(t.ev, EV_TIMEOUT, NULL)));
	event_free(t.ev);
	event_base_free(base);
}

CASE(three_rates)
{
	struct event_base *base = event_base_new();
	struct tick t[3];
	int i;

	/* one after the other: each is deleted before the next is due */
	for (i = 0; i < 3; i++) {
		memset(&t[i], 0, sizeof t[i]);
		t[i].name = i == 0 ? "a" : i == 1 ? "b" : "c";
		t[i].left = 1;
		t[i].ev = event_new(base, -1, EV_PERSIST, tick, &t[i]);
		event_add(t[i].ev, ms(5 + 5 * i));
	}
	SAY("loop %d\n", event_base_dispatch(base));
	for (i = 0; i < 3; i++)
		event_free(t[i].ev);
	event_base_free(base);
}
