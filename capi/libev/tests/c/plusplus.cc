// ev++.h: the C++ classes.
#include "../../../libevent/tests/c/case.h"

#include <ev++.h>

#include <stdexcept>

struct counter {
	int n;
	ev::timer *other;
	void tick(ev::timer &w, int revents)
	{
		SAY("tick %d %d\n", ++n, revents == ev::TIMER);
		if (n == 3)
			w.stop();
	}
	void done()
	{
		SAY("done\n");
		other->stop();
	}
	void operator()(ev::io &w, int revents)
	{
		SAY("called %d\n", revents);
		w.stop();
	}
	void once(int revents)
	{
		SAY("once %d\n", revents == ev::TIMER);
	}
};

static void
plain(ev::timer &w, int revents)
{
	SAY("%s %d\n", (const char *)w.data, revents == ev::TIMER);
}

static void
nothing()
{
	SAY("nothing\n");
}

CASE(timers)
{
	ev::dynamic_loop loop(ev::AUTO);
	ev::timer a(loop), b(loop), c(loop);
	counter k = { 0, &c };
	a.set<counter, &counter::tick>(&k);
	a.start(0.001, 0.001);
	b.set<counter, &counter::done>(&k);
	b.set(0.02);
	b.start();
	c.set<plain>((void *)"plain");
	c.start(100.);
	CHECK(c.is_active() && !c.is_pending());
	CHECK(c.remaining() > 99.);
	loop.run(0);
	SAY("depth %u backend %d\n", loop.depth(), loop.backend() != 0);
}

CASE(io_and_once)
{
	ev::default_loop loop;
	counter k = { 0, 0 };
	int p[2];
	CHECK(pipe(p) == 0);
	ev::io w;
	w.set<counter>(&k);
	w.start(p[1], ev::WRITE);
	loop.run();
	w.set(ev::READ);
	w.start();
	loop.once<counter, &counter::once>(-1, 0, 0.001, &k);
	loop.once<nothing>(-1, 0, 0.5);
	w.stop();
	loop.run();
	CHECK(loop == ev::get_default_loop());
	CHECK(loop.is_default());
}

CASE(frozen_while_set)
{
	ev::dynamic_loop loop;
	ev::timer t(loop);
	t.set<plain>((void *)"t");
	t.start(100.);
	t.set(0.001);
	CHECK(t.is_active());
	loop.run();
	CHECK(!t.is_active());
	t.feed_event(ev::TIMER);
	CHECK(t.is_pending());
	loop.run(ev::NOWAIT);
}

CASE(destructors_stop)
{
	ev::dynamic_loop loop;
	{
		ev::timer t(loop);
		t.set<plain>((void *)"never");
		t.start(0.001);
	}
	loop.run();
	SAY("empty\n");
}

static void
thrower(ev::timer &, int)
{
	throw std::runtime_error("out of the callback");
}

CASE(exceptions_leave_the_run)
{
	ev::dynamic_loop loop;
	ev::timer t(loop);
	t.set<thrower>();
	t.start(0.001);
	try {
		loop.run();
		SAY("not reached\n");
	} catch (const std::exception &e) {
		SAY("caught: %s\n", e.what());
	}
	t.set<plain>((void *)"after");
	t.start(0.001);
	loop.run();
}

CASE(bad_loop)
{
	try {
		ev::dynamic_loop loop(ev::KQUEUE | ev::NOENV);
		SAY("not reached\n");
	} catch (const ev::bad_loop &) {
		SAY("bad loop\n");
	}
}
