/* Monotonic timers and random bytes of event2/util.h. */
#include "case.h"
#include <event2/event.h>
#include <event2/util.h>

static long long
in_us(const struct timeval *tv)
{
	return (long long)tv->tv_sec * 1000000 + tv->tv_usec;
}

static void
steady(int flags)
{
	struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
	struct timeval tv, last;
	int i, back = 0, bad = 0;
	CHECK(timer != NULL);
	CHECK(evutil_configure_monotonic_time(timer, flags) == 0);
	CHECK(evutil_gettime_monotonic(timer, &last) == 0);
	for (i = 0; i < 20000; i++) {
		if (evutil_gettime_monotonic(timer, &tv) != 0)
			bad++;
		if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
			bad++;
		if (in_us(&tv) < in_us(&last))
			back++;
		last = tv;
	}
	SAY("back %d bad %d\n", back, bad);
	evutil_monotonic_timer_free(timer);
}

CASE(timer_coarse)
{
	steady(0);
}

CASE(timer_precise)
{
	steady(EV_MONOT_PRECISE);
}

CASE(timer_fallback)
{
	steady(EV_MONOT_FALLBACK);
	steady(EV_MONOT_FALLBACK | EV_MONOT_PRECISE);
}

/* Which clock each flag reads. */
CASE(timer_clocks)
{
	int flags;
	for (flags = 0; flags < 4; flags++) {
		struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
		struct timeval tv;
		struct timespec mono;
		time_t now = time(NULL);
		evutil_configure_monotonic_time(timer, flags);
		evutil_gettime_monotonic(timer, &tv);
		clock_gettime(CLOCK_MONOTONIC, &mono);
		SAY("flags %d: monotonic %d, time of day %d\n", flags, llabs((long long)mono.tv_sec - tv.tv_sec) <= 1,
		    llabs((long long)now - tv.tv_sec) <= 1);
		evutil_monotonic_timer_free(timer);
	}
}

CASE(timer_reconfigured)
{
	struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
	struct timeval a, b;
	CHECK(evutil_configure_monotonic_time(timer, EV_MONOT_PRECISE) == 0);
	CHECK(evutil_gettime_monotonic(timer, &a) == 0);
	CHECK(evutil_configure_monotonic_time(timer, EV_MONOT_PRECISE) == 0);
	CHECK(evutil_gettime_monotonic(timer, &b) == 0);
	CHECK(in_us(&b) >= in_us(&a));
	evutil_monotonic_timer_free(timer);
}

CASE(timer_free_null)
{
	evutil_monotonic_timer_free(NULL);
	SAY("alive\n");
}

static void *
no_malloc(size_t size)
{
	(void)size;
	return NULL;
}

CASE(timer_without_memory)
{
	event_set_mem_functions(no_malloc, NULL, NULL);
	CHECK(evutil_monotonic_timer_new() == NULL);
}

CASE(random_init)
{
	CHECK(evutil_secure_rng_init() == 0);
	CHECK(evutil_secure_rng_init() == 0);
}

CASE(random_bytes)
{
	unsigned char a[4096], b[4096];
	int seen[256], i, kinds = 0;
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	memset(seen, 0, sizeof(seen));
	evutil_secure_rng_get_bytes(a, sizeof(a));
	evutil_secure_rng_get_bytes(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	for (i = 0; i < 4096; i++)
		seen[a[i]]++;
	for (i = 0; i < 256; i++)
		kinds += seen[i] > 0;
	CHECK(kinds > 240);
}

CASE(random_no_bytes)
{
	unsigned char a[4] = { 1, 2, 3, 4 };
	evutil_secure_rng_get_bytes(a, 0);
	evutil_secure_rng_get_bytes(a + 1, 0);
	CHECK(a[0] == 1 && a[1] == 2 && a[2] == 3 && a[3] == 4);
}

CASE(random_add_and_file)
{
	char none[] = "/no/such/file", device[] = "/dev/urandom";
	unsigned char a[16] = { 0 }, zero[16] = { 0 };
	CHECK(evutil_secure_rng_set_urandom_device_file(none) == -1);
	CHECK(evutil_secure_rng_set_urandom_device_file(device) == -1);
	CHECK(evutil_secure_rng_set_urandom_device_file(NULL) == -1);
	evutil_secure_rng_add_bytes("abc", 3);
	evutil_secure_rng_add_bytes("", 0);
	evutil_secure_rng_get_bytes(a, sizeof(a));
	CHECK(memcmp(a, zero, sizeof(a)) != 0);
}

/* A child must not repeat the parent's bytes. */
CASE(random_after_fork)
{
	unsigned char mine[32], childs[32] = { 0 };
	int p[2];
	pid_t pid;
	CHECK(evutil_secure_rng_init() == 0);
	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		evutil_secure_rng_get_bytes(mine, sizeof(mine));
		_exit(write(p[1], mine, sizeof(mine)) != (ssize_t)sizeof(mine));
	}
	evutil_secure_rng_get_bytes(mine, sizeof(mine));
	CHECK(read(p[0], childs, sizeof(childs)) == (ssize_t)sizeof(childs));
	waitpid(pid, NULL, 0);
	CHECK(memcmp(mine, childs, sizeof(mine)) != 0);
}
