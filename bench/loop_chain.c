/* Cascade over N socketpairs on libevent.
 * loop_chain -n pairs -a active -w writes -r rounds [-t] [-o] [-c] [-T]
 *   -t  every callback re-arms a random timeout   -o  one-shot events, re-added
 *   -c  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST   -T  with POSIX thread locks */
#include "bench.h"
#include <event2/event.h>
#include <event2/thread.h>

static int npairs = 100, active = 1, rounds = 1;
static long writes = 10000, left, fired;
static int timeouts, oneshot, changelist;
static struct event_base *base;
static struct pair { int rd, wr; struct event *ev; } *p;

static void arm(struct pair *q)
{
	struct timeval tv = { 10, 0 };
	if (!timeouts) {
		event_add(q->ev, NULL);
		return;
	}
	tv.tv_sec += (long)(rng() % 10);
	tv.tv_usec = (long)(rng() % 1000000);
	event_add(q->ev, &tv);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct pair *q = arg;
	char c;
	if (what & EV_TIMEOUT)
		return;
	if (read(fd, &c, 1) != 1)
		die("read");
	if (oneshot || timeouts)
		arm(q);
	if (left > 0) {
		int next = (int)(q - p) + 1;
		left--;
		if (write(p[next == npairs ? 0 : next].wr, "e", 1) != 1)
			die("write");
	}
	if (--fired == 0)
		event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
	struct event_config *cfg;
	uint64_t t0, t1, c0, c1, wall = 0, cpu = 0;
	int c, i, r;
	while ((c = getopt(argc, argv, "n:a:w:r:tocT")) != -1)
		switch (c) {
		case 'n': npairs = atoi(optarg); break;
		case 'a': active = atoi(optarg); break;
		case 'w': writes = atol(optarg); break;
		case 'r': rounds = atoi(optarg); break;
		case 't': timeouts = 1; break;
		case 'o': oneshot = 1; break;
		case 'c': changelist = 1; break;
		case 'T': evthread_use_pthreads(); break;
		default: return 2;
		}
	npairs = cap_pairs(npairs);
	cfg = event_config_new();
	if (changelist)
		event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(cfg);
	p = calloc((size_t)npairs, sizeof *p);
	for (i = 0; i < npairs; i++) {
		int sv[2];
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
			die("socketpair");
		set_nonblock(sv[0]);
		set_nonblock(sv[1]);
		p[i].rd = sv[0];
		p[i].wr = sv[1];
	}
	t0 = now_ns();
	for (i = 0; i < npairs; i++) {
		p[i].ev = event_new(base, p[i].rd, EV_READ | (oneshot ? 0 : EV_PERSIST), on_read, &p[i]);
		arm(&p[i]);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	t1 = now_ns();
	emit("setup", (double)(t1 - t0) / npairs, "ns/event");
	for (r = 0; r < rounds; r++) {
		left = writes;
		fired = writes + active;
		for (i = 0; i < active; i++)
			if (write(p[(long)i * npairs / active].wr, "e", 1) != 1)
				die("write");
		t0 = now_ns();
		c0 = cpu_ns();
		event_base_loop(base, 0);
		c1 = cpu_ns();
		t1 = now_ns();
		wall += t1 - t0;
		cpu += c1 - c0;
	}
	emit("callback", (double)wall / ((double)rounds * (writes + active)), "ns/op");
	emit("callback_cpu", (double)cpu / ((double)rounds * (writes + active)), "ns/op");
	t0 = now_ns();
	for (i = 0; i < npairs; i++)
		event_free(p[i].ev);
	t1 = now_ns();
	emit("teardown", (double)(t1 - t0) / npairs, "ns/event");
	event_base_free(base);
	event_config_free(cfg);
	return 0;
}
