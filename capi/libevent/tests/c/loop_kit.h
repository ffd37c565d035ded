/* What the loop tests share: flag words as text, short times, socket pairs, a callback that reports itself. */
#ifndef LOOP_KIT_H
#define LOOP_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "case.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>

#define MAYBE_UNUSED __attribute__((unused))

/* The bits of an event mask, in a fixed order; "0" when none is set. */
MAYBE_UNUSED static const char *bits(int what)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = {
		{ EV_TIMEOUT, "T" },  { EV_READ, "R" },	 { EV_WRITE, "W" },	{ EV_SIGNAL, "S" },
		{ EV_PERSIST, "P" },  { EV_ET, "ET" },	 { EV_FINALIZE, "F" }, { EV_CLOSED, "C" },
	};
	static __thread char ring[8][64];
	static __thread int turn;
	char *out = ring[turn++ & 7];
	size_t i;

	out[0] = 0;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (what & names[i].bit) {
			if (out[0])
				strcat(out, "|");
			strcat(out, names[i].name);
		}
	}
	if (!out[0])
		strcpy(out, "0");
	return out;
}

MAYBE_UNUSED static struct timeval *ms(long n)
{
	static __thread struct timeval ring[16];
	static __thread int turn;
	struct timeval *tv = &ring[turn++ & 15];

	tv->tv_sec = case_ms(n) / 1000;
	tv->tv_usec = (case_ms(n) % 1000) * 1000;
	return tv;
}

/* A base on epoll, whatever the environment says. */
MAYBE_UNUSED static struct event_base *epoll_base(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

/* A connected pair of nonblocking stream sockets. */
MAYBE_UNUSED static void pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		abort();
}

MAYBE_UNUSED static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
}

/* Reads everything that is there. */
MAYBE_UNUSED static int drain(int fd)
{
	char buf[256];
	int n, sum = 0;

	while ((n = (int)read(fd, buf, sizeof buf)) > 0)
		sum += n;
	return sum;
}

/* Waits without the loop; the time itself is never reported. */
MAYBE_UNUSED static void stall(int millis)
{
	poll(NULL, 0, (int)case_ms(millis));
}

/* Callback: its argument is a name. */
MAYBE_UNUSED static void trace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (const char *)arg, bits(what));
}

/* Callback: as trace, and takes what was sent. */
MAYBE_UNUSED static void trace_read(evutil_socket_t fd, short what, void *arg)
{
	int n = (what & EV_READ) ? drain(fd) : -1;

	SAY("%s %s %d\n", (const char *)arg, bits(what), n);
}

/* Callback: its argument is a counter. */
MAYBE_UNUSED static void count(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(int *)arg;
}

/* Callback: its argument is a base, whose loop it breaks. */
MAYBE_UNUSED static void breaker(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("break %s\n", bits(what));
	event_base_loopbreak((struct event_base *)arg);
}

MAYBE_UNUSED static void quiet_log(int severity, const char *msg)
{
	(void)severity;
	(void)msg;
}

/* Log callback: only the severity, since the wording is free. */
MAYBE_UNUSED static void severity_log(int severity, const char *msg)
{
	(void)msg;
	SAY("log %d\n", severity);
}

MAYBE_UNUSED static int added(struct event_base *base)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
}

MAYBE_UNUSED static int active(struct event_base *base)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE);
}

#endif
