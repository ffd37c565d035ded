/* How many events: ACTIVE, VIRTUAL, ADDED; now and at most. */
#include "case.h"
#include "loop_kit.h"

static void counts(struct event_base *base, const char *when)
{
	SAY("%s: active %d virtual %d added %d all %d\n", when, event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL), event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL | EVENT_BASE_COUNT_ADDED));
}

static void most(struct event_base *base, const char *when)
{
	SAY("%s: max active %d virtual %d added %d all %d\n", when,
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 0),
	    event_base_get_max_events(base, EVENT_BASE_COUNT_VIRTUAL, 0),
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0),
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL | EVENT_BASE_COUNT_ADDED, 0));
}

CASE(fresh_base)
{
	struct event_base *base = event_base_new();

	counts(base, "fresh");
	most(base, "fresh");
	SAY("no flag %d\n", event_base_get_num_events(base, 0));
	SAY("no flag %d\n", event_base_get_max_events(base, 0, 0));
	SAY("unknown flag %d\n", event_base_get_num_events(base, 0xf8));
	event_base_free(base);
}

/* Counted once for each list it is in. */
CASE(counted_per_list)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io, *timer, *sig;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_WRITE, trace, "io");
	timer = event_new(base, -1, 0, trace, "timer");
	sig = event_new(base, SIGUSR1, EV_SIGNAL, trace, "sig");
	event_add(io, NULL);
	counts(base, "descriptor");
	event_add(io, ms(100000));
	counts(base, "and timeout");
	event_add(timer, ms(100000));
	counts(base, "timer");
	event_active(io, EV_READ, 1);
	counts(base, "active");
	event_active(timer, EV_READ, 1);
	counts(base, "active timer");
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts(base, "ran");
	event_free(io);
	event_free(timer);
	event_free(sig);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* The first signal event brings an event of the library's own, which stays internal. */
CASE(signal_events)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, SIGUSR1, EV_SIGNAL, trace, "a"), *b = event_new(base, SIGUSR2, EV_SIGNAL, trace, "b");

	event_add(a, NULL);
	counts(base, "one signal");
	event_add(b, NULL);
	counts(base, "two signals");
	event_del(a);
	event_del(b);
	counts(base, "none");
	event_free(a);
	event_free(b);
	event_base_free(base);
}

CASE(once_events)
{
	struct event_base *base = event_base_new();
	int fd[2];

	pair(fd);
	event_base_once(base, fd[0], EV_READ, trace, "", ms(100000));
	counts(base, "once");
	event_base_once(base, -1, EV_TIMEOUT, trace, "", NULL);
	counts(base, "once at once");
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(loopexit_timer_counts)
{
	struct event_base *base = event_base_new();

	event_base_loopexit(base, ms(1));
	counts(base, "loopexit");
	SAY("loop %d\n", event_base_dispatch(base));
	counts(base, "after");
	event_base_free(base);
}

CASE(common_timeouts_count_once_each)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(100000));
	struct event *ev[3];
	int i;

	counts(base, "common timeout made");
	for (i = 0; i < 3; i++) {
		ev[i] = event_new(base, -1, 0, trace, "");
		event_add(ev[i], tv);
	}
	counts(base, "three events");
	for (i = 0; i < 3; i++)
		event_free(ev[i]);
	counts(base, "none");
	event_base_free(base);
}

CASE(most_remembers_and_clears)
{
	struct event_base *base = event_base_new();
	struct event *ev[4];
	int i;

	for (i = 0; i < 4; i++) {
		ev[i] = event_new(base, -1, 0, trace, "ran");
		event_add(ev[i], ms(100000));
	}
	event_active(ev[0], EV_READ, 1);
	event_active(ev[1], EV_READ, 1);
	most(base, "four");
	event_del(ev[2]);
	event_del(ev[3]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	counts(base, "ran");
	most(base, "ran");
	SAY("cleared active: was %d\n", event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 1));
	most(base, "after");
	SAY("cleared added: was %d\n", event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1));
	most(base, "after");
	event_add(ev[0], ms(100000));
	most(base, "one more");
	SAY("cleared all: was %d\n",
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_VIRTUAL, 1));
	most(base, "after");
	for (i = 0; i < 4; i++)
		event_free(ev[i]);
	event_base_free(base);
}

CASE(most_after_clear_with_events_left)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, trace, ""), *b = event_new(base, -1, 0, trace, "");

	event_add(a, ms(100000));
	event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1);
	most(base, "cleared with one left");
	event_add(b, ms(100000));
	most(base, "second");
	event_free(a);
	event_free(b);
	event_base_free(base);
}

static void inside(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	counts(arg, "inside");
}

CASE(counts_inside_a_callback)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, inside, base), *b = event_new(base, -1, EV_PERSIST, inside, base);

	event_active(a, EV_READ, 1);
	event_active(a, EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_add(b, ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	event_active(a, EV_READ, 1);
	event_active(b, EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(a);
	event_free(b);
	event_base_free(base);
}
