/* What the libev cases share: the frame, the header, a loop, a pipe, and a log line per callback. */
#ifndef EVCASE_H
#define EVCASE_H

#include "../../../libevent/tests/c/case.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <ev.h>

/* The name of a set of events. */
CASE_UNUSED static const char *
what(int revents)
{
	static char text[200];
	static const struct {
		int bit;
		const char *name;
	} names[] = { { EV_READ, "READ" }, { EV_WRITE, "WRITE" }, { EV_TIMER, "TIMER" }, { EV_PERIODIC, "PERIODIC" },
		{ EV_SIGNAL, "SIGNAL" }, { EV_CHILD, "CHILD" }, { EV_STAT, "STAT" }, { EV_IDLE, "IDLE" },
		{ EV_PREPARE, "PREPARE" }, { EV_CHECK, "CHECK" }, { EV_EMBED, "EMBED" }, { EV_FORK, "FORK" },
		{ EV_CLEANUP, "CLEANUP" }, { EV_ASYNC, "ASYNC" }, { EV_CUSTOM, "CUSTOM" }, { (int)EV_ERROR, "ERROR" } };
	size_t i;
	text[0] = 0;
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (revents & names[i].bit) {
			if (text[0])
				strcat(text, "|");
			strcat(text, names[i].name);
		}
	return text[0] ? text : "NONE";
}

/* A callback for any watcher: prints its name (data) and the events. */
#define LOGGER(fn, type)                                                       \
	CASE_UNUSED static void fn(struct ev_loop *loop, type *w, int revents) \
	{                                                                      \
		(void)loop;                                                    \
		SAY("%s: %s\n", (const char *)w->data, what(revents));         \
	}
LOGGER(log_io, ev_io)
LOGGER(log_timer, ev_timer)
LOGGER(log_periodic, ev_periodic)
LOGGER(log_signal, ev_signal)
LOGGER(log_idle, ev_idle)
LOGGER(log_prepare, ev_prepare)
LOGGER(log_check, ev_check)
LOGGER(log_fork, ev_fork)
LOGGER(log_cleanup, ev_cleanup)
LOGGER(log_async, ev_async)

#define NAMED(w, init, name) (init, (w).data = (void *)(name))

CASE_UNUSED static void
make_pipe(int p[2])
{
	if (pipe(p))
		exit(90);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
}

CASE_UNUSED static void
put(int fd)
{
	if (write(fd, "x", 1) != 1)
		exit(91);
}

CASE_UNUSED static void
take(int fd)
{
	char c;
	if (read(fd, &c, 1) != 1)
		SAY("nothing to read\n");
}

CASE_UNUSED static struct ev_loop *
new_loop(void)
{
	struct ev_loop *loop = ev_loop_new(0);
	if (!loop)
		exit(92);
	return loop;
}

#endif
