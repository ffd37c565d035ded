/* What the tests of plain timers share: a base, events, callbacks that report. */
#ifndef TIMER_KIT_H
#define TIMER_KIT_H

#include "loop_kit.h"

MAYBE_UNUSED static struct event_base *base;
MAYBE_UNUSED static struct event *evs[64];

MAYBE_UNUSED static void say(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
}

MAYBE_UNUSED static void counts(const char *when)
{
	SAY("%s: active %d added %d virtual %d\n", when, event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL));
}

MAYBE_UNUSED static void most(const char *when)
{
	SAY("%s: most active %d added %d\n", when, event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 0),
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
}

MAYBE_UNUSED static void nap(int n)
{
	poll(NULL, 0, (int)case_ms(n));
}

MAYBE_UNUSED static struct event *timer(const char *name)
{
	return evtimer_new(base, say, (void *)name);
}

#endif
