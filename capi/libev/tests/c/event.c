/* The names of libevent 1.x, with libev's own event.h.
   ctest: headers=ours cflags=-IROOT/capi/libev/include/libev-event */
#include "evcase.h"
#include <event.h>

static struct event e, e2;
static struct timeval ms10 = { 0, 10000 };
static int p[2];

static void
cb(int fd, short events, void *arg)
{
	SAY("%s: fd %s %s\n", (char *)arg, fd < 0 ? "none" : "some", what(events));
}

static void
take_cb(int fd, short events, void *arg)
{
	cb(fd, events, arg);
	take(fd);
}

static void
flags(const char *when)
{
	SAY("%s: flags %x events %x res %x\n", when, (unsigned)e.ev_flags, (unsigned)e.ev_events, (unsigned)e.ev_res);
}

CASE(bases)
{
	void *a = event_init(), *b;
	struct event_base *c;
	SAY("default %d\n", a == (void *)ev_default_loop_uc_());
	b = event_init();
	SAY("another %d\n", a != b);
	c = event_base_new();
	SAY("third %d\n", c && c != a && c != b);
	SAY("%s %s %s\n", event_get_version(), event_get_method(), event_base_get_method(c));
	event_base_free(c);
	event_base_free(b);
	event_base_free(a);
	SAY("default stays %d\n", ev_default_loop_uc_() != NULL);
}

CASE(set_describes)
{
	event_init();
	memset(&e, 0, sizeof e);
	SAY("initialised %d\n", !!event_initialized(&e));
	event_set(&e, 5, EV_READ | EV_PERSIST, cb, "x");
	SAY("initialised %d fd %d\n", !!event_initialized(&e), EVENT_FD(&e));
	CHECK(event_get_callback(&e) == cb);
	flags("set");
	SAY("pri %d\n", e.ev_pri);
}

CASE(timer)
{
	event_init();
	evtimer_set(&e, cb, "timer");
	SAY("add %d\n", evtimer_add(&e, &ms10));
	flags("added");
	SAY("pending %x\n", (unsigned)evtimer_pending(&e, NULL));
	SAY("dispatch %d\n", event_dispatch());
	flags("fired");
	SAY("pending %x\n", (unsigned)evtimer_pending(&e, NULL));
	evtimer_add(&e, &ms10);
	SAY("del %d\n", evtimer_del(&e));
	SAY("dispatch %d\n", event_dispatch());
}

CASE(descriptor_once)
{
	event_init();
	make_pipe(p);
	event_set(&e, p[0], EV_READ, take_cb, "read");
	event_add(&e, NULL);
	flags("added");
	put(p[1]);
	SAY("dispatch %d\n", event_dispatch());
	flags("fired");
	event_set(&e, p[1], EV_WRITE, cb, "write");
	event_add(&e, NULL);
	flags("added");
	SAY("pending r %x w %x\n", (unsigned)event_pending(&e, EV_READ, NULL), (unsigned)event_pending(&e, EV_WRITE, NULL));
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
}

CASE(descriptor_again_and_again)
{
	event_init();
	make_pipe(p);
	event_set(&e, p[0], EV_READ | EV_PERSIST, take_cb, "read");
	event_add(&e, NULL);
	put(p[1]);
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	put(p[1]);
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	flags("twice");
	event_del(&e);
	flags("deleted");
	SAY("loop %d\n", event_loop(EVLOOP_NONBLOCK));
}

CASE(descriptor_with_timeout)
{
	event_init();
	make_pipe(p);
	event_set(&e, p[0], EV_READ | EV_PERSIST, cb, "read");
	event_add(&e, &ms10);
	flags("added");
	SAY("dispatch %d\n", event_dispatch());
	flags("timed out");
	put(p[1]);
	event_add(&e, &ms10);
	event_loop(EVLOOP_ONCE);
	flags("read");
	event_add(&e, NULL);
	flags("without timeout");
	event_del(&e);
}

CASE(signals)
{
	event_init();
	signal_set(&e, SIGUSR1, cb, "signal");
	signal_add(&e, NULL);
	flags("added");
	SAY("pending %x %x\n", (unsigned)signal_pending(&e, NULL), (unsigned)event_pending(&e, EV_READ, NULL));
	raise(SIGUSR1);
	event_loop(EVLOOP_ONCE);
	raise(SIGUSR1);
	event_loop(EVLOOP_ONCE);
	signal_del(&e);
	flags("deleted");
	SAY("dispatch %d\n", event_dispatch());
}

CASE(active)
{
	event_init();
	make_pipe(p);
	event_set(&e, p[0], EV_READ | EV_WRITE, cb, "active");
	event_active(&e, EV_READ | EV_TIMEOUT, 1);
	SAY("pending %x\n", (unsigned)event_pending(&e, EV_READ | EV_WRITE | EV_TIMEOUT, NULL));
	SAY("dispatch %d\n", event_dispatch());
	event_active(&e, EV_WRITE, 1);
	event_del(&e);
	SAY("dispatch %d\n", event_dispatch());
}

CASE(pending_time)
{
	struct timeval tv = { -1, -1 };
	int events;
	event_init();
	evtimer_set(&e, cb, "t");
	events = evtimer_pending(&e, &tv);
	SAY("%x untouched %d\n", (unsigned)events, tv.tv_sec == -1);
	evtimer_add(&e, &ms10);
	events = evtimer_pending(&e, &tv);
	SAY("%x near now %d\n", (unsigned)events, tv.tv_sec >= time(NULL) - 2 && tv.tv_sec <= time(NULL) + 2);
	evtimer_del(&e);
}

CASE(priorities_are_accepted)
{
	event_init();
	evtimer_set(&e, cb, "t");
	SAY("%d %d %d", event_priority_init(3), event_priority_set(&e, 2), event_base_priority_init(e.ev_base, 4));
	SAY(" %d\n", e.ev_pri);
}

CASE(once)
{
	event_init();
	make_pipe(p);
	SAY("%d\n", event_once(p[0], EV_READ, cb, "never", &ms10));
	SAY("%d\n", event_once(-1, EV_TIMEOUT, cb, "timeout", &ms10));
	event_dispatch();
	put(p[1]);
	event_once(p[0], EV_READ, cb, "came", NULL);
	SAY("dispatch %d\n", event_dispatch());
}

CASE(loopexit)
{
	struct timeval now = { 0, 0 };
	event_init();
	make_pipe(p);
	event_set(&e, p[0], EV_READ, cb, "never");
	event_add(&e, NULL);
	SAY("%d ", event_loopexit(&ms10));
	SAY("%d\n", event_dispatch());
	event_loopexit(NULL);
	SAY("%d\n", event_dispatch());
	event_loopexit(&now);
	SAY("%d\n", event_dispatch());
	event_del(&e);
}

CASE(other_base)
{
	struct event_base *b;
	event_init();
	b = event_base_new();
	evtimer_set(&e, cb, "in b");
	SAY("%d\n", event_base_set(b, &e));
	event_add(&e, &ms10);
	SAY("current %d\n", event_loop(EVLOOP_NONBLOCK));
	SAY("b %d\n", event_base_dispatch(b));
	event_base_once(b, -1, EV_TIMEOUT, cb, "once in b", &ms10);
	event_base_loopexit(b, NULL);
	SAY("b %d\n", event_base_loop(b, 0));
	SAY("b %d\n", event_base_loop(b, 0));
	event_base_free(b);
}

static void
readd(int fd, short events, void *arg)
{
	static int n;
	cb(fd, events, arg);
	if (++n < 3)
		event_add(&e, &ms10);
}

CASE(added_again_in_its_callback)
{
	event_init();
	evtimer_set(&e, readd, "again");
	evtimer_add(&e, &ms10);
	SAY("dispatch %d\n", event_dispatch());
}
