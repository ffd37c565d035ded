/*
 * Random calls, the same on both libraries: what runs, in what order, and what is pending afterwards. One descriptor pair and
 * at most one due timer at a time, so that the order is defined. A line is a digest; RANDOM_WORDS=1 in the environment prints
 * every step.
 */
#include "case.h"
#include "loop_kit.h"

enum { EVENTS = 10, STEPS = 120 };

static struct event_base *base;
static struct event *ev[EVENTS];
static int fd[2];
static unsigned state, digest, budget;
static int words;

/* While signals or a timeout are due, callbacks do nothing, and only what ran counts, not in what order. */
static int quiet;
static unsigned ran[EVENTS];

static unsigned dice(unsigned n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 10) % n;
}

static void mix(unsigned value)
{
	digest = (digest ^ value) * 16777619u;
}

static void tell(const char *what, unsigned a, unsigned b)
{
	mix(what[0]);
	mix(what[1]);
	mix(a);
	mix(b);
	if (words)
		SAY("  %s %u %x\n", what, a, b);
}

static void step(int inside);

static void called(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	if (quiet) {
		ran[(size_t)arg] += 16u + (unsigned)what;
		if (--budget == 0)
			event_base_loopbreak(base);
		return;
	}
	tell("called", (unsigned)(size_t)arg, (unsigned)what);
	if (--budget == 0) {
		event_base_loopbreak(base);
		return;
	}
	while (dice(3) == 0)
		step(1);
}

static void calm(void)
{
	unsigned i;
	int r;

	quiet = 1;
	budget = 40;
	memset(ran, 0, sizeof ran);
	r = event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	quiet = 0;
	tell("calm", (unsigned)r, 0);
	for (i = 0; i < EVENTS; i++)
		if (ran[i])
			tell("ran", i, ran[i]);
}

static void step(int inside)
{
	struct event *e;
	unsigned n = dice(EVENTS);
	short count;
	int r;

	e = ev[n];
	switch (dice(inside ? 10 : 16)) {
	case 0:
	case 1:
		r = event_add(e, NULL);
		tell("add", n, (unsigned)r);
		break;
	case 2:
		r = event_add(e, ms(1000000));
		tell("far", n, (unsigned)r);
		break;
	case 3:
		r = event_del(e);
		tell("del", n, (unsigned)r);
		break;
	case 4:
		r = event_get_events(e) & EV_SIGNAL;
		if (inside && r)
			break;
		count = (short)(1 + dice(3));
		event_active(e, 1 << dice(4), count);
		tell("active", n, 0);
		if (r)
			calm();
		break;
	case 5:
		/* the original loses a signal event's calls with its timer */
		if (event_get_events(e) & EV_SIGNAL)
			break;
		r = event_remove_timer(e);
		tell("remove_timer", n, (unsigned)r);
		break;
	case 6:
		tell("put", (unsigned)write(fd[1], "x", 1), 0);
		break;
	case 7:
		tell("drain", (unsigned)drain(fd[0]), 0);
		break;
	case 8:
		r = event_priority_set(e, (int)dice(3));
		tell("priority", n, (unsigned)r);
		break;
	case 9:
		tell("pending", n, (unsigned)event_pending(e, -1, NULL));
		break;
	case 10:
		if (event_base_get_npriorities(base) > 1)
			break;
		r = event_add(e, ms(0));
		tell("due", n, (unsigned)r);
		calm();
		break;
	case 11:
		if (event_base_get_npriorities(base) > 1)
			break;
		raise(SIGUSR1);
		tell("raise", 0, 0);
		if (dice(2)) {
			r = event_del(e);
			tell("del", n, (unsigned)r);
		}
		calm();
		break;
	default:
		budget = 40;
		r = event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		tell("loop", (unsigned)r, (unsigned)event_base_got_break(base));
		break;
	}
}

static void look(void)
{
	int i;

	for (i = 0; i < EVENTS; i++)
		mix((unsigned)event_pending(ev[i], EV_READ | EV_WRITE | EV_TIMEOUT | EV_SIGNAL, NULL));
	tell("counts", (unsigned)added(base), (unsigned)active(base));
}

static void play(unsigned seed, int priorities)
{
	static const short kinds[EVENTS] = { EV_READ, EV_READ | EV_PERSIST, EV_WRITE, EV_WRITE | EV_PERSIST,
		EV_READ | EV_WRITE | EV_PERSIST, 0, EV_PERSIST, EV_SIGNAL | EV_PERSIST, EV_SIGNAL, EV_READ | EV_WRITE };
	unsigned i;

	state = seed;
	digest = 2166136261u;
	signal(SIGUSR1, SIG_IGN);
	base = event_base_new();
	event_base_priority_init(base, priorities);
	pair(fd);
	for (i = 0; i < EVENTS; i++)
		ev[i] = event_new(base, kinds[i] & EV_SIGNAL ? SIGUSR1 : kinds[i] & (EV_READ | EV_WRITE) ? fd[0] : -1, kinds[i],
		    called, (void *)(size_t)i);
	for (i = 0; i < STEPS; i++) {
		step(0);
		look();
	}
	for (i = 0; i < EVENTS; i++)
		event_free(ev[i]);
	tell("end", (unsigned)added(base), (unsigned)active(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	SAY("%u: %08x\n", seed, digest);
}

static void games(unsigned from, int priorities)
{
	unsigned seed;

	words = getenv("RANDOM_WORDS") != NULL;
	for (seed = from; seed < from + 25; seed++)
		play(seed, priorities);
}

CASE(games_1)
{
	games(1, 1);
}

CASE(games_2)
{
	games(101, 1);
}

CASE(games_3)
{
	games(201, 1);
}

CASE(games_4)
{
	games(301, 3);
}

CASE(games_5)
{
	games(401, 3);
}

CASE(games_6)
{
	games(501, 3);
}
