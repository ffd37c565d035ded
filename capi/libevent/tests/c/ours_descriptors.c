/* More than 1024 descriptors, with every method. */
#include "case.h"
#include "loop_kit.h"
#include <sys/resource.h>

enum { N = 1500 };

static int fds[N][2], hits[N], total;
static struct event *ev[N];

static void hit(evutil_socket_t fd, short what, void *arg)
{
	int i = (int)(size_t)arg;

	(void)what;
	hits[i]++;
	total += drain(fd);
}

static void many(const char *avoid, const char *avoid_too)
{
	struct event_config *cfg;
	struct event_base *base;
	struct rlimit lim;
	int i, wrong = 0, last;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max < 4000 ? lim.rlim_max : 4000;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur < 2 * N + 50) {
		SAY("too few descriptors\n");
		return;
	}
	cfg = event_config_new();
	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	if (avoid)
		event_config_avoid_method(cfg, avoid);
	if (avoid_too)
		event_config_avoid_method(cfg, avoid_too);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	SAY("%s\n", event_base_get_method(base));
	for (i = 0; i < N; i++) {
		pair(fds[i]);
		ev[i] = event_new(base, fds[i][0], EV_READ | EV_PERSIST, hit, (void *)(size_t)i);
		if (event_add(ev[i], NULL) < 0)
			wrong++;
	}
	CHECK(wrong == 0);
	last = fds[N - 1][0];
	CHECK(last > 1024);
	for (i = 0; i < N; i += 7)
		put(fds[i][1], "x");
	while (total < (N + 6) / 7)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (i = 0; i < N; i++)
		wrong += hits[i] != (i % 7 == 0);
	CHECK(wrong == 0);
	for (i = 0; i < N; i++) {
		event_free(ev[i]);
		close(fds[i][0]);
		close(fds[i][1]);
	}
	event_base_free(base);
}

CASE(with_epoll)
{
	many(NULL, NULL);
}

CASE(with_poll)
{
	many("epoll", NULL);
}

CASE(with_select)
{
	many("epoll", "poll");
}
