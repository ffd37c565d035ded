/* Threads end inside a loop: by pthread_exit in a callback, and cancelled while they wait. Their stacks are unwound through it, and the
 * clean-ups of the program's frames on both sides run. */
#include "bev_util.h"
#include <event2/event.h>
#include <pthread.h>

static int began[2];

static void said(void *arg)
{
	SAY("%s is cleaned up\n", (const char *)arg);
}

static void leaves(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	pthread_cleanup_push(said, "callback");
	pthread_exit(&began);
	pthread_cleanup_pop(0);
}

static void waits(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	SAY("waits\n");
	if (write(began[1], "x", 1) != 1)
		SAY("write failed\n");
}

static void *dispatch(void *base)
{
	pthread_cleanup_push(said, "thread");
	SAY("loop %d\n", event_base_dispatch(base));
	pthread_cleanup_pop(0);
	return NULL;
}

static void reads(struct bufferevent *bev, void *arg)
{
	(void)bev;
	leaves(-1, 0, arg);
}

CASE(exit_in_a_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, leaves, NULL);
	struct timeval soon = { 0, 1000 };
	pthread_t thread;
	void *result;

	event_add(ev, &soon);
	pthread_create(&thread, NULL, dispatch, base);
	pthread_join(thread, &result);
	SAY("result %d\n", result == &began);
	event_free(ev);
	event_base_free(base);
}

/* What the callback of a buffer holds is held for ever: nothing is freed here. */
CASE(exit_in_a_callback_of_a_buffer)
{
	static struct event_base *base;
	static struct bufferevent *ends[2];
	pthread_t thread;
	void *result;

	base = event_base_new();
	bufferevent_pair_new(base, BEV_OPT_DEFER_CALLBACKS, ends);
	bufferevent_setcb(ends[1], reads, NULL, NULL, NULL);
	bufferevent_enable(ends[1], EV_READ);
	bufferevent_write(ends[0], "x", 1);
	pthread_create(&thread, NULL, dispatch, base);
	pthread_join(thread, &result);
	SAY("result %d\n", result == &began);
}

CASE(cancelled_in_its_wait)
{
	struct event_base *base = event_base_new();
	struct timeval soon = { 0, 0 }, late = { 1000, 0 };
	struct event *later = event_new(base, -1, 0, leaves, NULL);
	pthread_t thread;
	void *result;
	char byte;

	if (pipe(began) != 0)
		SAY("pipe failed\n");
	event_add(later, &late);
	event_base_once(base, -1, EV_TIMEOUT, waits, NULL, &soon);
	pthread_create(&thread, NULL, dispatch, base);
	SAY("began %d\n", (int)read(began[0], &byte, 1));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	SAY("cancelled %d\n", result == PTHREAD_CANCELED);
	event_free(later);
	event_base_free(base);
}
