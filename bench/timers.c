/* Timers on libevent, all operations from inside a loop callback (cached time).
 * timers -n count [-r rearms per timer] [-c] [-o] [-T]
 *   -c  one common timeout for all   -o  operate outside the loop (no cached time)   -T  with POSIX thread locks */
#include "bench.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>

static int n = 1000, rearms = 4, common, outside;
static struct event_base *base;
static struct event *ev;
static long fired;
static const struct timeval *ctv;

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fired++;
}

static void add(int i)
{
	struct timeval tv;
	if (common) {
		event_add(&ev[i], ctv);
		return;
	}
	tv.tv_sec = 10 + (long)(rng() % 1000);
	tv.tv_usec = (long)(rng() % 1000000);
	event_add(&ev[i], &tv);
}

static void ops(evutil_socket_t fd, short what, void *arg)
{
	uint64_t t0, t1;
	int i, r;
	(void)fd, (void)what, (void)arg;
	t0 = now_ns();
	for (i = 0; i < n; i++)
		add(i);
	t1 = now_ns();
	emit("insert", (double)(t1 - t0) / n, "ns/op");
	t0 = now_ns();
	for (r = 0; r < rearms; r++)
		for (i = 0; i < n; i++)
			add((int)(((uint64_t)i * 7919u) % (uint64_t)n));
	t1 = now_ns();
	emit("rearm", (double)(t1 - t0) / ((double)n * rearms), "ns/op");
	t0 = now_ns();
	for (i = 0; i < n; i++)
		event_del(&ev[i]);
	t1 = now_ns();
	emit("cancel", (double)(t1 - t0) / n, "ns/op");
}

int main(int argc, char **argv)
{
	struct timeval tv = { 0, 0 }, ct = { 30, 0 }, st = { 0, 5000 };
	uint64_t t0, t1;
	int c, i;
	while ((c = getopt(argc, argv, "n:r:coT")) != -1)
		switch (c) {
		case 'n': n = atoi(optarg); break;
		case 'r': rearms = atoi(optarg); break;
		case 'c': common = 1; break;
		case 'o': outside = 1; break;
		case 'T': evthread_use_pthreads(); break;
		default: return 2;
		}
	base = event_base_new();
	ev = calloc((size_t)n, sizeof *ev);
	for (i = 0; i < n; i++)
		event_assign(&ev[i], base, -1, 0, on_timer, NULL);
	if (common)
		ctv = event_base_init_common_timeout(base, &ct);
	if (outside) {
		ops(-1, 0, NULL);
	} else {
		event_base_once(base, -1, EV_TIMEOUT, ops, NULL, &tv);
		event_base_loop(base, EVLOOP_ONCE);
	}
	/* Expiry: all due within 5 ms; wait until they are, then run them. */
	if (common)
		ctv = event_base_init_common_timeout(base, &st);
	for (i = 0; i < n; i++) {
		tv.tv_usec = (long)(rng() % 5000);
		event_add(&ev[i], common ? ctv : &tv);
	}
	usleep(20000);
	t0 = now_ns();
	while (fired < n)
		event_base_loop(base, EVLOOP_ONCE);
	t1 = now_ns();
	emit("expire", (double)(t1 - t0) / n, "ns/op");
	event_base_free(base);
	return 0;
}
