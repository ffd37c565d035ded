/* event_set_mem_functions: what comes from the user's functions, and what a failing one leads to. */
#include "case.h"
#include "loop_kit.h"

enum { MAX = 4096 };
static void *live[MAX];
static int nlive, null_frees, strange_frees, calls, fail_at = -1;

static void remember(void *p)
{
	if (p && nlive < MAX)
		live[nlive++] = p;
}

static int forget(void *p)
{
	int i;

	for (i = 0; i < nlive; i++) {
		if (live[i] == p) {
			live[i] = live[--nlive];
			return 1;
		}
	}
	return 0;
}

static int is_live(const void *p)
{
	int i;

	for (i = 0; i < nlive; i++)
		if (live[i] == p)
			return 1;
	return 0;
}

static void *my_malloc(size_t n)
{
	void *p;

	if (calls++ == fail_at) {
		errno = ENOMEM;
		return NULL;
	}
	p = malloc(n);
	remember(p);
	return p;
}

static void *my_realloc(void *old, size_t n)
{
	void *p;

	if (calls++ == fail_at) {
		errno = ENOMEM;
		return NULL;
	}
	if (old && !forget(old))
		strange_frees++;
	p = realloc(old, n);
	remember(p);
	return p;
}

static void my_free(void *p)
{
	if (p == NULL)
		null_frees++;
	else if (!forget(p))
		strange_frees++;
	free(p);
}

static void hook(void)
{
	event_set_mem_functions(my_malloc, my_realloc, my_free);
	event_set_log_callback(quiet_log);
}

static void balance(void)
{
	SAY("left %s null %d strange %d\n", nlive ? "some" : "none", null_frees, strange_frees);
}

/* The next allocation fails. */
static void fail_next(void)
{
	calls = 0;
	fail_at = 0;
}

static void fail_none(void)
{
	fail_at = -1;
}

CASE(a_base_is_the_users_memory)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	CHECK(is_live(base));
	event_base_free(base);
	CHECK(!is_live(base));
	balance();
}

CASE(an_event_is_the_users_memory)
{
	struct event_base *base;
	struct event *ev;

	hook();
	base = event_base_new();
	ev = event_new(base, -1, 0, trace, "");
	CHECK(is_live(ev));
	event_free(ev);
	CHECK(!is_live(ev));
	event_base_free(base);
	balance();
}

CASE(a_config_is_the_users_memory)
{
	struct event_config *cfg;

	hook();
	cfg = event_config_new();
	CHECK(is_live(cfg));
	event_config_avoid_method(cfg, "poll");
	event_config_avoid_method(cfg, "select");
	event_config_free(cfg);
	CHECK(!is_live(cfg));
	balance();
}

CASE(a_common_timeout_is_the_users_memory)
{
	struct event_base *base;
	int i;

	hook();
	base = event_base_new();
	for (i = 0; i < 40; i++)
		event_base_init_common_timeout(base, ms(1000 + i));
	event_base_free(base);
	balance();
}

CASE(everything_comes_back)
{
	struct event_base *base;
	struct event *ev[60];
	int fd[2], i, n = 0;

	hook();
	pair(fd);
	base = event_base_new();
	event_base_priority_init(base, 5);
	event_base_init_common_timeout(base, ms(1000));
	for (i = 0; i < 60; i++) {
		ev[i] = event_new(base, i % 3 ? -1 : fd[0], i % 3 ? 0 : EV_WRITE, count, &n);
		event_add(ev[i], ms(i % 7));
	}
	event_base_once(base, -1, EV_TIMEOUT, count, &n, ms(1));
	event_base_once(base, fd[1], EV_READ, count, &n, ms(3));
	event_base_once(base, fd[1], EV_READ, count, &n, ms(100000));
	event_base_loopexit(base, ms(20));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d\n", n);
	for (i = 0; i < 60; i++)
		event_free(ev[i]);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	balance();
}

CASE(signals_come_back)
{
	struct event_base *base;
	struct event *a, *b;

	hook();
	base = event_base_new();
	a = evsignal_new(base, SIGUSR1, trace, "a");
	b = evsignal_new(base, SIGRTMIN + 3, trace, "b");
	event_add(a, NULL);
	event_add(b, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_base_free(base);
	libevent_global_shutdown();
	balance();
}

CASE(debug_mode_comes_back)
{
	struct event_base *base;
	struct event *ev;

	hook();
	event_enable_debug_mode();
	base = event_base_new();
	ev = event_new(base, -1, 0, trace, "ev");
	event_add(ev, ms(1));
	event_base_dispatch(base);
	event_free(ev);
	event_base_free(base);
	libevent_global_shutdown();
	balance();
}

CASE(no_memory_for_a_base)
{
	hook();
	fail_next();
	CHECK(event_base_new() == NULL);
	fail_none();
	balance();
}

CASE(no_memory_for_a_config)
{
	hook();
	fail_next();
	CHECK(event_config_new() == NULL);
	fail_none();
	balance();
}

CASE(no_memory_for_an_avoided_method)
{
	struct event_config *cfg;
	int i;

	hook();
	cfg = event_config_new();
	for (i = 0; i < 2; i++) {
		calls = 0;
		fail_at = i;
		SAY("avoid %d\n", event_config_avoid_method(cfg, "epoll"));
	}
	fail_none();
	SAY("avoid %d\n", event_config_avoid_method(cfg, "epoll"));
	event_config_free(cfg);
	balance();
}

CASE(no_memory_for_an_event)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	fail_next();
	CHECK(event_new(base, -1, 0, trace, "") == NULL);
	fail_none();
	event_base_free(base);
	balance();
}

CASE(no_memory_for_a_once_event)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	fail_next();
	SAY("once %d\n", event_base_once(base, -1, EV_TIMEOUT, trace, "", NULL));
	fail_next();
	SAY("loopexit %d\n", event_base_loopexit(base, ms(1)));
	fail_none();
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	balance();
}

CASE(no_memory_for_a_bad_event)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	CHECK(event_new(base, SIGUSR1, EV_SIGNAL | EV_READ, trace, "") == NULL);
	event_base_free(base);
	balance();
}

CASE(no_memory_for_a_common_timeout)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	fail_next();
	CHECK(event_base_init_common_timeout(base, ms(1000)) == NULL);
	fail_none();
	CHECK(event_base_init_common_timeout(base, ms(1000)) != NULL);
	event_base_free(base);
	balance();
}

CASE(event_new_failing_leaves_errno)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	fail_next();
	errno = 0;
	CHECK(event_new(base, -1, 0, trace, "") == NULL);
	CHECK(errno == ENOMEM);
	fail_none();
	event_base_free(base);
}

CASE(hooks_may_go_back_to_libc)
{
	struct event_base *base;

	hook();
	base = event_base_new();
	event_base_free(base);
	balance();
	event_set_mem_functions(malloc, realloc, free);
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "one", NULL);
	event_base_dispatch(base);
	event_base_free(base);
	balance();
}

CASE(hooks_of_nothing_mean_libc)
{
	struct event_base *base;

	event_set_mem_functions(NULL, NULL, NULL);
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "one", NULL);
	event_base_dispatch(base);
	event_base_free(base);
	SAY("done\n");
}
