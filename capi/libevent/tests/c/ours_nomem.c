/* Every allocation in turn fails: the calls say so, nothing leaks, nothing crashes. */
#include "case.h"
#include "loop_kit.h"
#include <event2/event_compat.h>
#include <event2/thread.h>
#include <event2/watch.h>

enum { MAX = 4096, TRIES = 50 };
static void *live[MAX];
static int nlive, wrong, calls, fail_at = -1;

static void *keep(void *p)
{
	if (p && nlive < MAX)
		live[nlive++] = p;
	return p;
}

static void drop(void *p)
{
	int i;

	for (i = 0; i < nlive; i++) {
		if (live[i] == p) {
			live[i] = live[--nlive];
			return;
		}
	}
	wrong++;
}

static void *my_malloc(size_t n)
{
	return calls++ == fail_at ? NULL : keep(malloc(n));
}

static void *my_realloc(void *old, size_t n)
{
	if (calls++ == fail_at)
		return NULL;
	if (old)
		drop(old);
	return keep(realloc(old, n));
}

static void my_free(void *p)
{
	if (p == NULL)
		wrong++;
	else
		drop(p);
	free(p);
}

static int ran;

static void bump(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ran++;
}

static void bump_prepare(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	(void)arg;
	ran++;
}

static void finalized(struct event *ev, void *arg)
{
	(void)ev;
	(void)arg;
	ran++;
}

/* Runs `work` with allocation number 0, 1, 2 ... failing, until it runs through without a failure. */
static void each(void (*work)(void), const char *name)
{
	int k;

	event_set_mem_functions(my_malloc, my_realloc, my_free);
	event_set_log_callback(quiet_log);
	for (k = 0; k < TRIES; k++) {
		calls = 0;
		fail_at = k;
		work();
		fail_at = -1;
		if (nlive || wrong) {
			SAY("NO %s: allocation %d failed, %d left, %d wrong\n", name, k, nlive, wrong);
			return;
		}
		if (calls <= k)
			break;
	}
	SAY("ok %s\n", name);
}

static void bases(void)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		return;
	event_base_priority_init(base, 4);
	event_base_dispatch(base);
	event_base_free(base);
}

CASE(base)
{
	each(bases, "base");
	CHECK(calls >= 1);
}

static void configs(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	if (cfg == NULL)
		return;
	event_config_avoid_method(cfg, "poll");
	event_config_avoid_method(cfg, "select");
	event_config_set_max_dispatch_interval(cfg, ms(5), 3, 1);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (base)
		event_base_free(base);
}

CASE(config)
{
	each(configs, "config");
}

static void events(void)
{
	struct event_base *base = event_base_new();
	struct event *a, *b, *c;
	int fd[2];

	if (base == NULL)
		return;
	pair(fd);
	a = event_new(base, fd[0], EV_WRITE | EV_PERSIST, bump, NULL);
	b = event_new(base, -1, 0, bump, NULL);
	c = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, bump, NULL);
	if (a && event_add(a, ms(1000)) == 0)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	if (b && event_add(b, ms(0)) == 0)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	if (c && event_add(c, NULL) == 0) {
		raise(SIGUSR1);
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	if (a)
		event_free(a);
	if (b)
		event_free(b);
	if (c)
		event_free(c);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(events_of_all_kinds)
{
	each(events, "events");
	CHECK(ran > 0);
}

static void onces(void)
{
	struct event_base *base = event_base_new();
	int fd[2], i;

	if (base == NULL)
		return;
	pair(fd);
	for (i = 0; i < 4; i++) {
		event_base_once(base, -1, EV_TIMEOUT, bump, NULL, i & 1 ? ms(0) : NULL);
		event_base_once(base, fd[0], EV_WRITE, bump, NULL, NULL);
		event_base_once(base, fd[0], EV_READ, bump, NULL, ms(100000));
	}
	event_base_loopexit(base, ms(1));
	event_base_loopexit(base, NULL);
	event_base_dispatch(base);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(once_and_loopexit)
{
	each(onces, "once");
	CHECK(ran > 0);
}

static void commons(void)
{
	struct event_base *base = event_base_new();
	struct event ev[4];
	int i;

	if (base == NULL)
		return;
	for (i = 0; i < 4; i++) {
		const struct timeval *tv = event_base_init_common_timeout(base, ms(i));

		event_assign(&ev[i], base, -1, 0, bump, NULL);
		event_add(&ev[i], tv ? tv : ms(i));
	}
	event_base_dispatch(base);
	event_base_free(base);
}

CASE(common_timeouts)
{
	each(commons, "common timeouts");
}

static void finalizers(void)
{
	struct event_base *base = event_base_new();
	struct event *a, *b;

	if (base == NULL)
		return;
	a = event_new(base, -1, 0, bump, NULL);
	b = event_new(base, -1, EV_PERSIST | EV_FINALIZE, bump, NULL);
	if (a)
		event_free_finalize(0, a, finalized);
	if (b) {
		event_add(b, ms(1));
		event_free_finalize(0, b, finalized);
	}
	event_base_free(base);
}

CASE(finalizers_of_all_kinds)
{
	each(finalizers, "finalizers");
}

static void watchers(void)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		return;
	evwatch_prepare_new(base, bump_prepare, NULL);
	evwatch_prepare_new(base, bump_prepare, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	event_base_free(base);
}

CASE(prepare_watchers)
{
	each(watchers, "watchers");
}

static void one_x(void)
{
	struct event_base *base;
	struct event ev;
	int at = fail_at;

	/* without memory event_init ends the process, as it always did */
	fail_at = -1;
	base = event_init();
	calls = 0;
	fail_at = at;
	event_set(&ev, -1, 0, bump, NULL);
	evtimer_add(&ev, ms(0));
	event_once(-1, EV_TIMEOUT, bump, NULL, NULL);
	event_dispatch();
	event_base_free(base);
}

CASE(calls_of_the_1_x_days)
{
	each(one_x, "1.x");
}

static void reinits(void)
{
	struct event_base *base = event_base_new();
	struct event ev;

	if (base == NULL)
		return;
	event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_PERSIST, bump, NULL);
	event_add(&ev, NULL);
	event_reinit(base);
	event_del(&ev);
	event_base_free(base);
}

CASE(reinit)
{
	each(reinits, "reinit");
}

/* With locks: one allocation is the lock, one the condition. */
static void locked(void)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		return;
	event_base_once(base, -1, EV_TIMEOUT, bump, NULL, NULL);
	event_base_dispatch(base);
	event_base_free(base);
}

CASE(bases_with_locks)
{
	evthread_use_pthreads();
	each(locked, "locks");
}
