/*
 * What restarts a bufferevent's read timeout.
 */
#include "bev_util.h"
#include <event2/bufferevent_struct.h>
#include <unistd.h>

/* Microseconds until the read timeout passes, as a point in time. */
static long long due(struct bufferevent *b)
{
	struct timeval tv = { 0, 0 };

	if (!event_pending(&b->ev_read, EV_TIMEOUT, &tv))
		return -1;
	return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static void marks(struct bufferevent *b, short which, size_t low, size_t high)
{
	long long before = due(b);

	usleep(4000);
	bufferevent_setwatermark(b, which, low, high);
	SAY("%s %d %d: %s\n", which == EV_READ ? "read" : "write", (int)low, (int)high,
	    due(b) - before > 2000 ? "anew" : "goes on");
}

static void all_marks(struct bufferevent *b)
{
	struct timeval tv = { 100, 0 };

	bufferevent_enable(b, EV_READ | EV_WRITE);
	bufferevent_set_timeouts(b, &tv, NULL);
	marks(b, EV_READ, 5, 0);
	marks(b, EV_READ, 5, 100);
	marks(b, EV_READ, 5, 50);
	marks(b, EV_WRITE, 5, 50);
}

CASE(marks_restart_the_read_timeout)
{
	struct bufferevent *pair[2];
	int fds[2];

	base = event_base_new();
	pair_of(fds);
	pair[0] = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
	all_marks(pair[0]);
	bufferevent_free(pair[0]);
	close(fds[1]);
	bufferevent_pair_new(base, 0, pair);
	all_marks(pair[0]);
	bufferevent_free(pair[0]);
	bufferevent_free(pair[1]);
	event_base_free(base);
}
