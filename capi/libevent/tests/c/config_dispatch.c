/* event_config_set_max_dispatch_interval: how much runs before the loop looks again. */
#include "case.h"
#include "loop_kit.h"

enum { N = 6 };

static int feed = -1, sends_at = -1, calls;

static void step(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("%s\n", (const char *)arg);
	if (calls++ == sends_at)
		put(feed, "x");
}

static void slow_step(evutil_socket_t fd, short what, void *arg)
{
	step(fd, what, arg);
	stall(30);
}

/* N events of one priority; the first sends data to an urgent one. */
static void try(const struct timeval *interval, int callbacks, int min_priority, int at, event_callback_fn cb)
{
	static const char *names[N] = { "0", "1", "2", "3", "4", "5" };
	struct event_config *cfg = event_config_new();
	struct event_base *base;
	struct event *ev[N], *urgent;
	int fd[2], i;

	SAY("set %d\n", event_config_set_max_dispatch_interval(cfg, interval, callbacks, min_priority));
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	event_base_priority_init(base, 4);
	pair(fd);
	feed = fd[1];
	sends_at = 0;
	calls = 0;
	urgent = event_new(base, fd[0], EV_READ, trace_read, "urgent");
	event_priority_set(urgent, 0);
	event_add(urgent, NULL);
	for (i = 0; i < N; i++) {
		ev[i] = event_new(base, -1, 0, cb, (void *)names[i]);
		event_priority_set(ev[i], at);
		event_active(ev[i], EV_READ, 1);
	}
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(urgent);
	for (i = 0; i < N; i++)
		event_free(ev[i]);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(no_limit)
{
	try(NULL, -1, 0, 2, step);
}

CASE(two_callbacks)
{
	try(NULL, 2, 0, 2, step);
}

CASE(one_callback)
{
	try(NULL, 1, 0, 2, step);
}

CASE(zero_callbacks)
{
	try(NULL, 0, 0, 2, step);
}

CASE(limit_holds_from_the_given_priority_on)
{
	try(NULL, 2, 2, 2, step);
	SAY("--\n");
	try(NULL, 2, 3, 2, step);
}

CASE(negative_priority_is_zero)
{
	try(NULL, 2, -4, 2, step);
}

CASE(interval)
{
	try(ms(10), -1, 0, 2, slow_step);
}

CASE(interval_not_for_the_more_urgent)
{
	try(ms(10), -1, 3, 2, slow_step);
}

CASE(interval_that_is_long)
{
	try(ms(1000000), -1, 0, 2, step);
}

CASE(interval_and_callbacks)
{
	try(ms(1000000), 3, 1, 2, step);
}

CASE(negative_callbacks_is_no_limit)
{
	try(NULL, -7, 0, 2, step);
}
