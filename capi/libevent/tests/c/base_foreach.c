/* Walking over the events of a base. */
#include "case.h"
#include "loop_kit.h"

struct seen {
	struct event_base *base;
	int calls, stop_at;
	struct event *known[8];
	int hits[8];
};

static int see(const struct event_base *base, const struct event *ev, void *arg)
{
	struct seen *s = arg;
	int i;

	if (base != s->base)
		SAY("another base\n");
	s->calls++;
	for (i = 0; i < 8; i++)
		if (s->known[i] == ev)
			s->hits[i]++;
	return s->calls == s->stop_at ? 42 : 0;
}

static void report(struct seen *s, int n, int answer)
{
	int i;

	SAY("answer %d calls %d hits", answer, s->calls);
	for (i = 0; i < n; i++)
		SAY(" %d", s->hits[i]);
	SAY("\n");
	s->calls = 0;
	memset(s->hits, 0, sizeof s->hits);
}

CASE(every_kind_once)
{
	struct seen s;
	int fd[2];
	struct event_base *base = event_base_new();

	memset(&s, 0, sizeof s);
	s.base = base;
	pair(fd);
	report(&s, 0, event_base_foreach_event(base, see, &s));
	s.known[0] = event_new(base, fd[0], EV_READ, trace, "");
	s.known[1] = event_new(base, -1, 0, trace, "");
	s.known[2] = event_new(base, fd[1], EV_READ | EV_PERSIST, trace, "");
	s.known[3] = event_new(base, -1, 0, trace, "");
	s.known[4] = event_new(base, -1, 0, trace, "");
	event_add(s.known[0], NULL);
	event_add(s.known[1], ms(100000));
	event_add(s.known[2], ms(100000));
	event_active(s.known[3], EV_READ, 1);
	report(&s, 5, event_base_foreach_event(base, see, &s));
	event_active(s.known[0], EV_READ, 1);
	event_active(s.known[1], EV_READ, 1);
	report(&s, 5, event_base_foreach_event(base, see, &s));
	event_free(s.known[0]);
	event_free(s.known[1]);
	event_free(s.known[2]);
	event_free(s.known[3]);
	event_free(s.known[4]);
	report(&s, 0, event_base_foreach_event(base, see, &s));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(common_timeout_events)
{
	struct seen s;
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(100000));
	int i;

	memset(&s, 0, sizeof s);
	s.base = base;
	for (i = 0; i < 3; i++) {
		s.known[i] = event_new(base, -1, 0, trace, "");
		event_add(s.known[i], tv);
	}
	event_base_foreach_event(base, see, &s);
	SAY("hits %d %d %d\n", s.hits[0], s.hits[1], s.hits[2]);
	for (i = 0; i < 3; i++)
		event_free(s.known[i]);
	event_base_free(base);
}

CASE(signals_too)
{
	struct seen s;
	struct event_base *base = event_base_new();
	int i;

	memset(&s, 0, sizeof s);
	s.base = base;
	s.known[0] = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "");
	s.known[1] = event_new(base, SIGUSR1, EV_SIGNAL, trace, "");
	s.known[2] = event_new(base, SIGUSR2, EV_SIGNAL, trace, "");
	for (i = 0; i < 3; i++)
		event_add(s.known[i], NULL);
	i = event_base_foreach_event(base, see, &s);
	SAY("answer %d hits %d %d %d\n", i, s.hits[0], s.hits[1], s.hits[2]);
	for (i = 0; i < 3; i++)
		event_free(s.known[i]);
	event_base_free(base);
}

CASE(stops_when_told)
{
	struct seen s;
	struct event_base *base = event_base_new();
	int i;

	memset(&s, 0, sizeof s);
	s.base = base;
	s.stop_at = 2;
	for (i = 0; i < 4; i++) {
		s.known[i] = event_new(base, -1, 0, trace, "");
		event_add(s.known[i], ms(100000));
	}
	i = event_base_foreach_event(base, see, &s);
	SAY("answer %d calls %d\n", i, s.calls);
	for (i = 0; i < 4; i++)
		event_free(s.known[i]);
	event_base_free(base);
}

static int list(const struct event_base *base, const struct event *ev, void *arg)
{
	(void)base;
	(void)arg;
	if (event_get_callback(ev) == trace)
		SAY("%s %s prio %d\n", (char *)event_get_callback_arg(ev), bits(event_get_events(ev)), event_get_priority(ev));
	return 0;
}

/* Pending descriptors first, then timeouts, then what is only active, by priority. */
CASE(order_of_the_walk)
{
	struct event_base *base = event_base_new();
	struct event *io, *timed, *lo, *hi;
	int fd[2];

	event_base_priority_init(base, 4);
	pair(fd);
	lo = event_new(base, -1, 0, trace, "low");
	hi = event_new(base, -1, EV_PERSIST, trace, "high");
	io = event_new(base, fd[0], EV_READ, trace, "io");
	timed = event_new(base, -1, EV_TIMEOUT, trace, "timer");
	event_priority_set(lo, 3);
	event_priority_set(hi, 0);
	event_active(lo, EV_READ, 1);
	event_active(hi, EV_READ, 1);
	event_add(timed, ms(100000));
	event_add(io, NULL);
	SAY("answer %d\n", event_base_foreach_event(base, list, NULL));
	event_free(io);
	event_free(timed);
	event_free(lo);
	event_free(hi);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(events_of_one_descriptor_in_order)
{
	struct event_base *base = event_base_new();
	int fd[2], i;
	struct event *ev[3];
	static const char *names[] = { "first", "second", "third" };

	pair(fd);
	for (i = 0; i < 3; i++) {
		ev[i] = event_new(base, fd[0], EV_READ, trace, (void *)names[i]);
		event_add(ev[i], NULL);
	}
	event_base_foreach_event(base, list, NULL);
	for (i = 0; i < 3; i++)
		event_free(ev[i]);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void walk(evutil_socket_t fd, short what, void *arg)
{
	struct seen *s = arg;

	(void)fd;
	SAY("inside %s\n", bits(what));
	report(s, 3, event_base_foreach_event(s->base, see, s));
}

CASE(from_a_callback)
{
	struct seen s;
	struct event_base *base = event_base_new();
	int i;

	memset(&s, 0, sizeof s);
	s.base = base;
	s.known[0] = event_new(base, -1, 0, walk, &s);
	s.known[1] = event_new(base, -1, EV_PERSIST, walk, &s);
	s.known[2] = event_new(base, -1, 0, trace, "");
	event_add(s.known[2], ms(100000));
	event_add(s.known[0], ms(0));
	event_base_loop(base, EVLOOP_ONCE);
	event_add(s.known[1], ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	for (i = 0; i < 3; i++)
		event_free(s.known[i]);
	event_base_free(base);
}
