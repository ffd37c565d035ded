/* User-space activation on libevent.
 * active -k events -w callbacks -p priorities [-m chain|batch] [-T]
 *   chain: every callback activates the next event; batch: the last of K activates all K. -T: with POSIX thread locks. */
#include "bench.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>

static int k = 100, prios = 1, batch;
static long total = 1000000, left;
static struct event_base *base;
static struct event *ev;

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	int i = (int)(intptr_t)arg, j;
	(void)fd, (void)what;
	if (--left <= 0) {
		if (left == 0)
			event_base_loopbreak(base);
		return;
	}
	if (!batch)
		event_active(&ev[i + 1 == k ? 0 : i + 1], EV_READ, 1);
	else if (i == k - 1)
		for (j = 0; j < k; j++)
			event_active(&ev[j], EV_READ, 1);
}

int main(int argc, char **argv)
{
	uint64_t t0, t1;
	int c, i;
	while ((c = getopt(argc, argv, "k:w:p:m:T")) != -1)
		switch (c) {
		case 'k': k = atoi(optarg); break;
		case 'w': total = atol(optarg); break;
		case 'p': prios = atoi(optarg); break;
		case 'm': batch = !strcmp(optarg, "batch"); break;
		case 'T': evthread_use_pthreads(); break;
		default: return 2;
		}
	left = total;
	base = event_base_new();
	event_base_priority_init(base, prios);
	ev = calloc((size_t)k, sizeof *ev);
	for (i = 0; i < k; i++) {
		event_assign(&ev[i], base, -1, EV_PERSIST, on_event, (void *)(intptr_t)i);
		/* in batch mode the last event has the lowest priority: it closes the batch */
		event_priority_set(&ev[i], batch ? i * prios / k : i % prios);
	}
	if (batch)
		for (i = 0; i < k; i++)
			event_active(&ev[i], EV_READ, 1);
	else
		event_active(&ev[0], EV_READ, 1);
	t0 = now_ns();
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	t1 = now_ns();
	emit("callback", (double)(t1 - t0) / (double)total, "ns/op");
	event_base_free(base);
	return 0;
}
