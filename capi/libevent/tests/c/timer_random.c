/*
 * Timers, descriptors and activations in any order, in and between callbacks.
 * What happens and what the base says of it is told in a sum for every few
 * steps. Timers that are due are so by whole seconds, so that their order
 * depends on no clock.
 */
#include "case.h"
#include "loop_kit.h"
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
#include <event2/thread.h>

enum { MOST = 90, STEPS = 60, PAST = 1500 };
enum { DESCRIPTORS = 1, PRIORITIES = 2, NO_CACHE = 4, LIMITED = 8, LOCKED = 16, DEBUGGED = 32 };

static struct event_base *base;
static struct event *evs[MOST];
static int fd[2], mode, count_of, adds, depth;
static uint64_t state, sum;
static const struct timeval *common;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

__attribute__((format(printf, 1, 2))) static void told(const char *format, ...)
{
	char text[160];
	const char *c;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	for (c = text; *c; c++)
		sum = (sum ^ (unsigned char)*c) * 1099511628211ull;
	if (getenv("CASE_TRACE"))
		SAY("%s\n", text);
}

static void tell_all(void)
{
	int i;

	told("active %d added %d most %d %d", event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE),
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 0),
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
	for (i = 0; i < count_of; i++)
		if (evs[i] && event_pending(evs[i], 0xff, NULL))
			told("%d: %s", i, bits(event_pending(evs[i], 0xff, NULL)));
}

static void ran(evutil_socket_t s, short what, void *arg);

static void make(int i)
{
	short what = any(3) ? 0 : EV_PERSIST;
	int on = -1;

	if ((mode & DESCRIPTORS) && any(3) == 0) {
		on = fd[0];
		what |= any(2) ? EV_READ : EV_WRITE;
	} else if (i == 5) {
		on = 900;
	}
	evs[i] = event_new(base, on, what, ran, (void *)(intptr_t)i);
	if (mode & PRIORITIES)
		event_priority_set(evs[i], (int)any(3));
}

static void act(void)
{
	static const short masks[] = { EV_TIMEOUT, EV_READ, EV_WRITE, EV_READ | EV_WRITE };
	int i = (int)any((unsigned)count_of);
	unsigned how = any(18);
	struct timeval tv = { 0, 0 };

	if (!evs[i]) {
		make(i);
		return;
	}
	if (how < 5) {
		/* A descriptor's event that times out leaves its descriptor later than in the original. */
		adds++;
		tv.tv_sec = any(8) < 5 && event_get_fd(evs[i]) != fd[0] && adds < PAST ? adds - PAST : 1000 + adds;
		told("add %d %d: %d", i, (int)tv.tv_sec, event_add(evs[i], &tv));
	} else if (how == 5) {
		told("add %d common: %d", i, event_add(evs[i], common));
	} else if (how == 6) {
		told("add %d: %d", i, event_add(evs[i], NULL));
	} else if (how < 9) {
		told("del %d: %d", i, event_del(evs[i]));
	} else if (how < 11) {
		event_active(evs[i], masks[any(4)], 1);
	} else if (how == 11) {
		told("remove timer %d: %d", i, event_remove_timer(evs[i]));
	} else if (how == 12) {
		told("priority %d: %d", i, event_priority_set(evs[i], (int)any(4)));
	} else if (how == 13) {
		told("free %d", i);
		event_free(evs[i]);
		evs[i] = NULL;
	} else if (how == 14 && any(3) == 0) {
		event_base_active_by_fd(base, 900, EV_TIMEOUT);
	} else if (how == 15 && depth && any(6) == 0) {
		event_base_loopbreak(base);
	} else if (how == 16 && depth && any(6) == 0) {
		event_base_loopcontinue(base);
	}
}

static void ran(evutil_socket_t s, short what, void *arg)
{
	unsigned n = any(4);

	(void)s;
	told("ran %d %s", (int)(intptr_t)arg, bits(what));
	depth++;
	while (n--)
		act();
	depth--;
	tell_all();
}

static void play(uint64_t seed, int how, int count)
{
	struct event_config *cfg;
	struct timespec up;
	int step, i;

	clock_gettime(CLOCK_MONOTONIC, &up);
	if (up.tv_sec < 2 * PAST) {
		SAY("the clock began too lately\n");
		return;
	}
	mode = how;
	count_of = count;
	state = seed * 2654435761u + 12345;
	adds = 0;
	sum = 14695981039346656037ull;
	cfg = event_config_new();
	if (how & LOCKED)
		evthread_use_pthreads();
	if (how & DEBUGGED)
		event_enable_debug_mode();
	if (how & NO_CACHE)
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NO_CACHE_TIME);
	if (how & LIMITED)
		event_config_set_max_dispatch_interval(cfg, NULL, 2, 0);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (how & PRIORITIES)
		event_base_priority_init(base, 3);
	pair(fd);
	put(fd[1], "x");
	common = event_base_init_common_timeout(base, ms(2000000));
	for (step = 0; step < STEPS; step++) {
		unsigned n = any((unsigned)count / 3);
		while (n--)
			act();
		tell_all();
		told("loop %d", event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
		tell_all();
		if (step % 10 == 9)
			SAY("%016llx\n", (unsigned long long)sum);
	}
	for (i = 0; i < count; i++) {
		if (evs[i])
			event_free(evs[i]);
		evs[i] = NULL;
	}
	tell_all();
	SAY("%016llx\n", (unsigned long long)sum);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(few_timers) { play(1, 0, 12); }
CASE(many_timers) { play(2, 0, MOST); }
CASE(timers_of_three_priorities) { play(3, PRIORITIES, 40); }
CASE(timers_and_descriptors) { play(4, DESCRIPTORS, 30); }
CASE(many_of_both) { play(5, DESCRIPTORS | PRIORITIES, MOST); }
CASE(without_a_kept_time) { play(6, NO_CACHE | DESCRIPTORS, 30); }
CASE(two_callbacks_at_a_time) { play(7, LIMITED | PRIORITIES, MOST); }
CASE(with_locks) { play(8, LOCKED | DESCRIPTORS, 40); }
CASE(with_locks_and_priorities) { play(9, LOCKED | PRIORITIES | DESCRIPTORS, MOST); }
CASE(in_debug_mode) { play(10, DEBUGGED | PRIORITIES, 40); }
CASE(eight_games_in_a_row)
{
	unsigned i;

	for (i = 11; i < 19; i++)
		play(i, (int)i & (DESCRIPTORS | PRIORITIES | NO_CACHE), 20 + (int)(i % 3) * 30);
}
