/* What belongs to no watcher: versions, backends, flags, memory, ev_once. */
#include "evcase.h"

CASE(versions)
{
	SAY("%d.%d, header %d.%d\n", ev_version_major(), ev_version_minor(), EV_VERSION_MAJOR, EV_VERSION_MINOR);
}

CASE(backends)
{
	unsigned usable = EVBACKEND_SELECT | EVBACKEND_POLL | EVBACKEND_EPOLL;
	SAY("%x %x %x\n", ev_supported_backends(), ev_recommended_backends(), ev_embeddable_backends());
	CHECK((ev_supported_backends() & usable) == usable);
}

CASE(unknown_backends)
{
	CHECK(ev_loop_new(EVBACKEND_KQUEUE | EVFLAG_NOENV) == NULL);
	CHECK(ev_loop_new(EVBACKEND_PORT | EVFLAG_NOENV) == NULL);
	CHECK(ev_loop_new(EVBACKEND_DEVPOLL | EVFLAG_NOENV) == NULL);
	CHECK(ev_default_loop(EVBACKEND_KQUEUE | EVFLAG_NOENV) == NULL);
	CHECK(EV_DEFAULT_UC == NULL);
}

static void
with_env(const char *value, unsigned flags)
{
	struct ev_loop *loop;
	setenv("LIBEV_FLAGS", value, 1);
	loop = ev_loop_new(flags);
	SAY("%s with %x: %d\n", value, flags, loop ? (int)ev_backend(loop) : -1);
	if (loop)
		ev_loop_destroy(loop);
}

CASE(environment)
{
	with_env("1", 0);
	with_env("2", 0);
	with_env("4", 0);
	with_env("3", 0);
	with_env("8", 0);
	with_env("", 0);
	with_env("nonsense", 0);
	with_env(" 2x", 0);
	with_env("2", EVBACKEND_SELECT);
	with_env("2", EVBACKEND_SELECT | EVFLAG_NOENV);
	unsetenv("LIBEV_FLAGS");
}

CASE(time_and_sleep)
{
	double a = ev_time(), b;
	ev_sleep(0.02);
	b = ev_time();
	CHECK(b - a >= 0.019 && b - a < 5.);
	ev_sleep(0.);
	ev_sleep(-1.);
	CHECK(a > 1.5e9);
}

static long calls, frees;

static void *
counting(void *ptr, long size) EV_NOEXCEPT
{
	calls++;
	if (size)
		return realloc(ptr, (size_t)size);
	frees++;
	free(ptr);
	return NULL;
}

CASE(own_allocator)
{
	struct ev_loop *loop;
	ev_set_allocator(counting);
	loop = new_loop();
	CHECK(calls > 0);
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
	CHECK(frees > 0);
}

static void
once_cb(int revents, void *arg)
{
	SAY("%s: %s\n", (char *)arg, what(revents));
}

CASE(once_timeout)
{
	struct ev_loop *loop = new_loop();
	ev_once(loop, -1, 0, 0.01, once_cb, "timeout");
	ev_once(loop, -1, 0, 0., once_cb, "at once");
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(once_descriptor)
{
	struct ev_loop *loop = new_loop();
	int p[2];
	make_pipe(p);
	ev_once(loop, p[1], EV_WRITE, -1., once_cb, "writable");
	SAY("left %d\n", ev_run(loop, 0));
	ev_once(loop, p[0], EV_READ, 0.02, once_cb, "nothing came");
	SAY("left %d\n", ev_run(loop, 0));
	put(p[1]);
	ev_once(loop, p[0], EV_READ, 10., once_cb, "in time");
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(once_both_at_the_same_time)
{
	struct ev_loop *loop = new_loop();
	int p[2];
	make_pipe(p);
	put(p[1]);
	ev_once(loop, p[0], EV_READ, 0., once_cb, "both");
	ev_sleep(0.01);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(once_without_anything)
{
	struct ev_loop *loop = new_loop();
	ev_once(loop, -1, 0, -1., once_cb, "never");
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
once_again(int revents, void *arg)
{
	static int n;
	SAY("%s\n", what(revents));
	if (++n < 3)
		ev_once(arg, -1, 0, 0.001, once_again, arg);
}

CASE(once_in_once)
{
	struct ev_loop *loop = new_loop();
	ev_once(loop, -1, 0, 0.001, once_again, loop);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(destroying_nothing)
{
	ev_loop_destroy(NULL);
	SAY("fine\n");
}

CASE(hundred_loops)
{
	struct ev_loop *loops[100];
	int i, n = 0;
	for (i = 0; i < 100; i++) {
		loops[i] = ev_loop_new(0);
		ev_once(loops[i], -1, 0, 0., once_cb, "x");
	}
	for (i = 0; i < 100; i += 25)
		ev_run(loops[i], 0);
	for (i = 0; i < 100; i++) {
		n += loops[i] != NULL;
		if (i % 25)
			ev_run(loops[i], EVRUN_NOWAIT | EVRUN_ONCE);
	}
	for (i = 0; i < 100; i++)
		ev_loop_destroy(loops[i]);
	SAY("%d\n", n);
}
