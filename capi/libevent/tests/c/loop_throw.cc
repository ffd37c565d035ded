// C++ exceptions pass through the loop.
#include "case.h"
#include <event2/event.h>
#include <stdexcept>

static void thrower(evutil_socket_t, short, void *arg)
{
	SAY("throws\n");
	throw std::runtime_error(static_cast<const char *>(arg));
}

static int each(const struct event_base *, const struct event *, void *)
{
	throw std::runtime_error("foreach");
}

static void finalizer(struct event *, void *)
{
	throw std::runtime_error("finalizer");
}

static void run(struct event_base *base)
{
	try {
		event_base_dispatch(base);
		SAY("not reached\n");
	} catch (const std::exception &e) {
		SAY("caught %s\n", e.what());
	}
}

CASE(timer)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, thrower, const_cast<char *>("timer"));
	struct timeval tv = { 0, 1000 };

	event_add(ev, &tv);
	run(base);
	event_free(ev);
	event_base_free(base);
}

CASE(signal_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, thrower, const_cast<char *>("signal"));

	event_add(ev, nullptr);
	event_active(ev, EV_SIGNAL, 2);
	run(base);
	event_free(ev);
	event_base_free(base);
}

CASE(foreach)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, thrower, nullptr);
	struct timeval tv = { 1000, 0 };

	event_add(ev, &tv);
	try {
		event_base_foreach_event(base, each, nullptr);
	} catch (const std::exception &e) {
		SAY("caught %s\n", e.what());
	}
	event_free(ev);
	event_base_free(base);
}

CASE(finalizer_callback)
{
	struct event_base *base = event_base_new();
	static struct event *ev = event_new(base, -1, 0, thrower, nullptr);

	event_finalize(0, ev, finalizer);
	run(base);
	free(ev);
	event_base_free(base);
}
