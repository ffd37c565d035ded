/*
 * Random calls over several descriptors that are closed, duplicated and opened again: what runs in each turn, whatever the
 * order. A line is a digest; RANDOM_WORDS=1 in the environment prints every step.
 */
#include "case.h"
#include "loop_kit.h"

enum { PAIRS = 4, EVENTS = 12, OLD = 3, STEPS = 150 };

static struct event_base *base;
static struct event ev[EVENTS];
static int near[PAIRS], far[PAIRS], kept[OLD], kept_far[OLD];
static unsigned state, digest, ran[EVENTS];
static int words;

static unsigned dice(unsigned n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 10) % n;
}

static void tell(const char *what, unsigned a, unsigned b)
{
	const char *c;

	for (c = what; *c; c++)
		digest = (digest ^ (unsigned char)*c) * 16777619u;
	digest = (digest ^ a) * 16777619u;
	digest = (digest ^ b) * 16777619u;
	if (words)
		SAY("  %s %u %x\n", what, a, b);
}

static void called(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	ran[(size_t)arg] += 256u + (unsigned)what;
}

static void assign(unsigned pair_index)
{
	static const short kinds[3] = { EV_READ, EV_WRITE | EV_READ, EV_READ | EV_PERSIST };
	unsigned i;

	for (i = pair_index; i < EVENTS; i += PAIRS)
		event_assign(&ev[i], base, near[pair_index], kinds[i / PAIRS], called, (void *)(size_t)i);
}

static void open_pair(unsigned i)
{
	int fd[2];

	pair(fd);
	near[i] = fd[0];
	far[i] = fd[1];
	assign(i);
}

/* Deletes what is pending there, closes the descriptor and opens another; the file may live on in a duplicate. */
static void reopen(unsigned i, int dup_it)
{
	unsigned k;

	for (k = i; k < EVENTS; k += PAIRS)
		if (event_pending(&ev[k], EV_READ | EV_WRITE, NULL))
			event_del(&ev[k]);
	if (dup_it) {
		k = dice(OLD);
		if (kept[k] >= 0) {
			close(kept[k]);
			close(kept_far[k]);
		}
		kept[k] = fcntl(near[i], F_DUPFD_CLOEXEC, 200);
		kept_far[k] = fcntl(far[i], F_DUPFD_CLOEXEC, 200);
	}
	close(near[i]);
	close(far[i]);
	open_pair(i);
}

static void turn(void)
{
	unsigned i;
	int r;

	memset(ran, 0, sizeof ran);
	r = event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	tell("turn", (unsigned)r, (unsigned)added(base));
	for (i = 0; i < EVENTS; i++)
		if (ran[i])
			tell("ran", i, ran[i]);
}

static void play(unsigned seed)
{
	unsigned i, n, p;
	int r;

	state = seed;
	digest = 2166136261u;
	base = event_base_new();
	for (i = 0; i < PAIRS; i++)
		open_pair(i);
	for (i = 0; i < OLD; i++)
		kept[i] = kept_far[i] = -1;
	for (i = 0; i < STEPS; i++) {
		n = dice(EVENTS);
		p = dice(PAIRS);
		switch (dice(12)) {
		case 0:
		case 1:
		case 2:
			r = event_add(&ev[n], NULL);
			tell("add", n, (unsigned)r);
			break;
		case 3:
			r = event_del(&ev[n]);
			tell("del", n, (unsigned)r);
			break;
		case 4:
			event_active(&ev[n], EV_READ, 1);
			tell("active", n, 0);
			break;
		case 5:
			tell("put", (unsigned)write(far[p], "x", 1), p);
			break;
		case 6:
			tell("drain", (unsigned)drain(near[p]), p);
			break;
		case 7:
			reopen(p, (int)dice(2));
			tell("reopen", p, 0);
			break;
		case 8:
			if (kept_far[p % OLD] >= 0)
				tell("old", (unsigned)write(kept_far[p % OLD], "y", 1), p);
			break;
		default:
			turn();
			break;
		}
	}
	for (i = 0; i < EVENTS; i++)
		event_del(&ev[i]);
	tell("end", (unsigned)added(base), 0);
	event_base_free(base);
	for (i = 0; i < PAIRS; i++) {
		close(near[i]);
		close(far[i]);
	}
	for (i = 0; i < OLD; i++) {
		if (kept[i] >= 0) {
			close(kept[i]);
			close(kept_far[i]);
		}
	}
	SAY("%u: %08x\n", seed, digest);
}

static void games(unsigned from)
{
	unsigned seed;

	words = getenv("RANDOM_WORDS") != NULL;
	event_set_log_callback(quiet_log);
	for (seed = from; seed < from + 40; seed++)
		play(seed);
}

CASE(games_1)
{
	games(1);
}

CASE(games_2)
{
	games(1001);
}

CASE(games_3)
{
	games(2001);
}
