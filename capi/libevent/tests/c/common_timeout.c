/* Common timeouts: many events with the same duration. */
#include "case.h"
#include "loop_kit.h"

CASE(magic_bits)
{
	struct event_base *base = event_base_new();
	struct timeval a = { 5, 100000 }, b = { 10, 0 }, c = { 0, 1 };
	const struct timeval *tv = event_base_init_common_timeout(base, &a);

	SAY("%ld %lx\n", (long)tv->tv_sec, (unsigned long)tv->tv_usec - 100000);
	tv = event_base_init_common_timeout(base, &b);
	SAY("%ld %lx\n", (long)tv->tv_sec, (unsigned long)tv->tv_usec);
	tv = event_base_init_common_timeout(base, &c);
	SAY("%ld %lx\n", (long)tv->tv_sec, (unsigned long)tv->tv_usec);
	event_base_free(base);
}

CASE(same_duration_same_pointer)
{
	struct event_base *base = event_base_new();
	struct timeval five = { 5, 0 }, micro = { 0, 5000000 }, six = { 6, 0 };
	const struct timeval *tv = event_base_init_common_timeout(base, &five);

	CHECK(tv != NULL);
	CHECK(tv != &five);
	CHECK(event_base_init_common_timeout(base, &five) == tv);
	CHECK(event_base_init_common_timeout(base, &micro) == tv);
	CHECK(event_base_init_common_timeout(base, tv) == tv);
	CHECK(event_base_init_common_timeout(base, &six) != tv);
	five = *tv;
	CHECK(event_base_init_common_timeout(base, &five) == tv);
	event_base_free(base);
}

CASE(at_most_256_durations)
{
	struct event_base *base = event_base_new();
	const struct timeval *first = NULL, *tv;
	int i, made = 0;

	event_set_log_callback(severity_log);
	for (i = 0; i < 258; i++) {
		tv = event_base_init_common_timeout(base, ms(1000 + i));
		if (tv)
			made++;
		if (i == 0)
			first = tv;
		if (i == 255)
			SAY("index 255: %lx\n", (unsigned long)tv->tv_usec & 0xfff00000);
	}
	SAY("made %d\n", made);
	CHECK(event_base_init_common_timeout(base, ms(1000)) == first);
	event_base_free(base);
}

/* The pointer stays good while more durations come. */
CASE(pointer_stays)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(5000));
	struct timeval copy = *tv;
	int i;

	for (i = 0; i < 100; i++)
		event_base_init_common_timeout(base, ms(6000 + i));
	CHECK(!memcmp(&copy, tv, sizeof copy));
	CHECK(event_base_init_common_timeout(base, ms(5000)) == tv);
	event_base_free(base);
}

CASE(fires_in_order_of_adding)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(5));
	static const char *names[] = { "0", "1", "2", "3" };
	struct event *ev[4];
	int i;

	for (i = 0; i < 4; i++) {
		ev[i] = evtimer_new(base, trace, (void *)names[i]);
		SAY("add %d\n", evtimer_add(ev[i], tv));
	}
	evtimer_del(ev[1]);
	evtimer_add(ev[0], tv);
	SAY("pending %d %d\n", evtimer_pending(ev[0], NULL), evtimer_pending(ev[1], NULL));
	SAY("loop %d\n", event_base_dispatch(base));
	for (i = 0; i < 4; i++)
		event_free(ev[i]);
	event_base_free(base);
}

CASE(mixed_with_ordinary_timers)
{
	struct event_base *base = event_base_new();
	const struct timeval *slow = event_base_init_common_timeout(base, ms(240)),
			     *fast = event_base_init_common_timeout(base, ms(80));
	struct event *a = evtimer_new(base, trace, "common 240"), *b = evtimer_new(base, trace, "plain 160"),
		     *c = evtimer_new(base, trace, "common 80"), *d = evtimer_new(base, trace, "plain 2");

	evtimer_add(a, slow);
	evtimer_add(b, ms(160));
	evtimer_add(c, fast);
	evtimer_add(d, ms(2));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_free(b);
	event_free(c);
	event_free(d);
	event_base_free(base);
}

CASE(pending_tells_the_plain_time)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(100000));
	struct event *ev = evtimer_new(base, trace, "");
	struct timeval now, at, left;

	evtimer_add(ev, tv);
	evutil_gettimeofday(&now, NULL);
	evtimer_pending(ev, &at);
	CHECK(at.tv_usec >= 0 && at.tv_usec < 1000000);
	evutil_timersub(&at, &now, &left);
	CHECK(left.tv_sec >= 90 && left.tv_sec <= 101);
	event_free(ev);
	event_base_free(base);
}

struct tick {
	struct event *ev;
	const char *name;
	int left;
};

static void tick(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;

	(void)fd;
	SAY("%s %s left %d\n", t->name, bits(what), t->left);
	if (--t->left == 0)
		event_del(t->ev);
}

CASE(persistent)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(3));
	struct tick t = { .name = "tick", .left = 3 };

	t.ev = event_new(base, -1, EV_PERSIST, tick, &t);
	event_add(t.ev, tv);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(t.ev);
	event_base_free(base);
}

CASE(on_a_descriptor)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(200));
	int fd[2];
	struct event *r, *idle;

	pair(fd);
	r = event_new(base, fd[0], EV_READ, trace, "data");
	idle = event_new(base, fd[1], EV_READ, trace, "idle");
	event_add(r, tv);
	event_add(idle, tv);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(r);
	event_free(idle);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(switching_between_common_and_plain)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(100000));
	struct event *ev = evtimer_new(base, trace, "ev");

	evtimer_add(ev, tv);
	evtimer_add(ev, ms(1));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	evtimer_add(ev, ms(1));
	evtimer_add(ev, tv);
	stall(5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("remove %d\n", event_remove_timer(ev));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

/* A value from one base says nothing in another; the magic bits are read by the base of the event. */
CASE(each_base_has_its_own)
{
	struct event_base *one = event_base_new(), *two = event_base_new();
	const struct timeval *a = event_base_init_common_timeout(one, ms(3000)),
			     *b = event_base_init_common_timeout(two, ms(3000));

	CHECK(a != b);
	CHECK(!memcmp(a, b, sizeof *a));
	event_base_free(one);
	event_base_free(two);
}

CASE(thousand_events)
{
	enum { N = 1000 };
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(4));
	struct event *ev = calloc(N, sizeof *ev);
	int i, ran = 0;

	for (i = 0; i < N; i++) {
		evtimer_assign(&ev[i], base, count, &ran);
		evtimer_add(&ev[i], tv);
	}
	for (i = 0; i < N; i += 4)
		evtimer_del(&ev[i]);
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d\n", ran);
	free(ev);
	event_base_free(base);
}

CASE(zero_duration)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(0));
	struct event *ev = evtimer_new(base, trace, "zero");

	CHECK(tv != NULL);
	evtimer_add(ev, tv);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

static void restart(evutil_socket_t fd, short what, void *arg)
{
	struct tick *t = arg;
	static const struct timeval *tv;

	(void)fd;
	if (!tv)
		tv = event_base_init_common_timeout(event_get_base(t->ev), ms(3));
	SAY("%s %s left %d\n", t->name, bits(what), t->left);
	if (--t->left)
		event_add(t->ev, tv);
}

CASE(added_again_in_the_callback)
{
	struct event_base *base = event_base_new();
	struct tick a = { .name = "a", .left = 2 }, b = { .name = "b", .left = 2 };

	a.ev = evtimer_new(base, restart, &a);
	b.ev = evtimer_new(base, restart, &b);
	event_add(a.ev, event_base_init_common_timeout(base, ms(3)));
	event_add(b.ev, event_base_init_common_timeout(base, ms(3)));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a.ev);
	event_free(b.ev);
	event_base_free(base);
}

CASE(events_freed_before_and_after)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(5));
	struct event *a = evtimer_new(base, trace, "a"), *b = evtimer_new(base, trace, "b"),
		     *c = evtimer_new(base, trace, "c");

	evtimer_add(a, tv);
	evtimer_add(b, tv);
	evtimer_add(c, tv);
	event_free(a);
	event_free(c);
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(b);
	event_base_free(base);
}
