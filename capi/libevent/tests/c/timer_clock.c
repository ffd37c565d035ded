/* The clock of a base: cached while callbacks run. */
#include "case.h"
#include "loop_kit.h"

static struct event_base *base;
static struct timeval seen[3];
static int index_;

static void look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_gettimeofday_cached(base, &seen[index_++]);
	if (arg)
		SAY("update %d\n", event_base_update_cache_time(base));
	stall(20);
}

static void two_looks(int flags, int update)
{
	struct event_config *cfg = event_config_new();
	struct event *a, *b;

	index_ = 0;
	event_config_set_flag(cfg, flags);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	a = event_new(base, -1, 0, look, update ? base : NULL);
	b = event_new(base, -1, 0, look, NULL);
	event_active(a, EV_READ, 1);
	event_active(b, EV_READ, 1);
	event_base_dispatch(base);
	event_free(a);
	event_free(b);
}

CASE(same_time_in_all_callbacks_of_a_turn)
{
	two_looks(0, 0);
	CHECK(evutil_timercmp(&seen[0], &seen[1], ==));
	event_base_free(base);
}

CASE(no_cache_time)
{
	two_looks(EVENT_BASE_FLAG_NO_CACHE_TIME, 0);
	CHECK(evutil_timercmp(&seen[0], &seen[1], <));
	event_base_free(base);
}

static void look_twice(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_gettimeofday_cached(base, &seen[0]);
	stall(20);
	event_base_gettimeofday_cached(base, &seen[1]);
	SAY("update %d\n", event_base_update_cache_time(base));
	event_base_gettimeofday_cached(base, &seen[2]);
}

CASE(update_moves_it)
{
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, look_twice, NULL, NULL);
	event_base_dispatch(base);
	CHECK(evutil_timercmp(&seen[0], &seen[1], ==));
	CHECK(evutil_timercmp(&seen[1], &seen[2], <));
	event_base_free(base);
}

CASE(outside_the_loop_it_is_the_time)
{
	struct timeval a, b, c;

	base = event_base_new();
	evutil_gettimeofday(&a, NULL);
	SAY("%d\n", event_base_gettimeofday_cached(base, &b));
	evutil_gettimeofday(&c, NULL);
	CHECK(b.tv_sec >= a.tv_sec - 1 && b.tv_sec <= c.tv_sec + 1);
	stall(20);
	event_base_gettimeofday_cached(base, &c);
	CHECK(evutil_timercmp(&b, &c, <));
	SAY("update outside %d\n", event_base_update_cache_time(base));
	event_base_free(base);
}

CASE(without_a_base)
{
	struct timeval tv = { 0, 0 };

	SAY("%d\n", event_base_gettimeofday_cached(NULL, &tv));
	SAY("set %d\n", tv.tv_sec != 0);
}

CASE(cached_time_ends_with_the_loop)
{
	struct timeval a, b;

	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_gettimeofday_cached(base, &a);
	stall(20);
	event_base_gettimeofday_cached(base, &b);
	CHECK(evutil_timercmp(&a, &b, <));
	event_base_free(base);
}

CASE(monotonic)
{
	struct timeval a, b;

	base = event_base_new();
	SAY("%d\n", event_gettime_monotonic(base, &a));
	stall(20);
	SAY("%d\n", event_gettime_monotonic(base, &b));
	CHECK(evutil_timercmp(&a, &b, <));
	event_base_free(base);
}

static void mono_look(evutil_socket_t fd, short what, void *arg)
{
	struct timeval a, b;

	(void)fd;
	(void)what;
	(void)arg;
	event_gettime_monotonic(base, &a);
	stall(20);
	event_gettime_monotonic(base, &b);
	CHECK(evutil_timercmp(&a, &b, <));
}

/* The monotonic clock is read again even inside a callback. */
CASE(monotonic_is_not_cached)
{
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, mono_look, NULL, NULL);
	event_base_dispatch(base);
	event_base_free(base);
}

static struct event *timer;

static void add_late(evutil_socket_t fd, short what, void *arg)
{
	struct timeval before, after, left;

	(void)fd;
	(void)what;
	(void)arg;
	event_base_gettimeofday_cached(base, &before);
	stall(300);
	event_add(timer, ms(400));
	event_pending(timer, EV_TIMEOUT, &after);
	evutil_timersub(&after, &before, &left);
	SAY("counts from %s\n", left.tv_sec == 0 && left.tv_usec < 550000 ? "the cached time" : "now");
	event_base_loopbreak(base);
}

/* A timer added in a slow callback counts from the turn's time. */
CASE(timers_count_from_the_cached_time)
{
	base = event_base_new();
	timer = event_new(base, -1, 0, trace, "timer");
	event_base_once(base, -1, EV_TIMEOUT, add_late, NULL, NULL);
	event_base_dispatch(base);
	event_free(timer);
	event_base_free(base);
}

static void slow_one(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	SAY("slow\n");
	stall(300);
}

/* The turn's time is taken after the wait: what became due during a callback waits for the next turn. */
CASE(due_during_a_callback_waits_for_the_next_turn)
{
	struct event *slow, *soon, *user;

	base = event_base_new();
	slow = event_new(base, -1, 0, slow_one, NULL);
	soon = event_new(base, -1, 0, trace, "soon");
	user = event_new(base, -1, 0, trace, "user");
	event_add(soon, ms(200));
	event_active(slow, EV_READ, 1);
	event_active(user, EV_READ, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(slow);
	event_free(soon);
	event_free(user);
	event_base_free(base);
}

CASE(precise_timer)
{
	struct event_config *cfg = event_config_new();
	struct event *a, *b;

	event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	a = event_new(base, -1, 0, trace, "a");
	b = event_new(base, -1, 0, trace, "b");
	event_add(b, ms(80));
	event_add(a, ms(2));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_free(b);
	event_base_free(base);
}

static void check_cached_inside(evutil_socket_t fd, short what, void *arg)
{
	struct timeval cached, real, diff;

	(void)fd;
	(void)what;
	(void)arg;
	event_base_gettimeofday_cached(base, &cached);
	evutil_gettimeofday(&real, NULL);
	evutil_timersub(&real, &cached, &diff);
	CHECK(diff.tv_sec >= -1 && diff.tv_sec <= 2);
}

CASE(cached_time_is_time_of_day)
{
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, check_cached_inside, NULL, ms(1));
	event_base_dispatch(base);
	event_base_free(base);
}
