/* Helpers of the stream cases: socket pairs, callbacks that log, short runs of the loop. */
#ifndef BEV_UTIL_H
#define BEV_UTIL_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "case.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/thread.h>

#define UNUSED __attribute__((unused))

static UNUSED struct event_base *base;

static UNUSED void pair_of(int sv[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv))
		abort();
}

/* Runs what is ready now, several turns. */
static UNUSED void settle(void)
{
	int i;
	for (i = 0; i < 12; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Runs the loop for some milliseconds. */
static UNUSED void run_ms(int n)
{
	long ms = case_ms(n);
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
	event_base_loopexit(base, &tv);
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static UNUSED struct timeval *ms(int n)
{
	static struct timeval tv[8];
	static int at;
	struct timeval *t = &tv[at++ % 8];
	t->tv_sec = case_ms(n) / 1000;
	t->tv_usec = (case_ms(n) % 1000) * 1000;
	return t;
}

static UNUSED void put(int fd, const char *s)
{
	if (write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		SAY("short put\n");
}

/* Everything that can be read from a descriptor now; prints it, or its length where it is long. */
static UNUSED void get(const char *name, int fd)
{
	static char b[1 << 16];
	size_t total = 0;
	ssize_t n;
	struct pollfd p = { fd, POLLIN, 0 };
	char keep[64] = "";
	while (poll(&p, 1, 0) == 1 && (n = read(fd, b, sizeof b)) > 0) {
		if (total + (size_t)n < sizeof keep)
			memcpy(keep + total, b, (size_t)n), keep[total + (size_t)n] = 0;
		total += (size_t)n;
	}
	if (total < sizeof keep)
		SAY("%s got '%s'\n", name, keep);
	else
		SAY("%s got %zu\n", name, total);
}

static UNUSED const char *what_name(short what)
{
	static char b[160];
	b[0] = 0;
	if (what & BEV_EVENT_READING) strcat(b, " reading");
	if (what & BEV_EVENT_WRITING) strcat(b, " writing");
	if (what & BEV_EVENT_EOF) strcat(b, " eof");
	if (what & BEV_EVENT_ERROR) strcat(b, " error");
	if (what & BEV_EVENT_TIMEOUT) strcat(b, " timeout");
	if (what & BEV_EVENT_CONNECTED) strcat(b, " connected");
	if (what & 0x08) strcat(b, " bit3");
	if (what & 0x04) strcat(b, " bit2");
	return b;
}

static UNUSED size_t in_len(struct bufferevent *b) { return evbuffer_get_length(bufferevent_get_input(b)); }
static UNUSED size_t out_len(struct bufferevent *b) { return evbuffer_get_length(bufferevent_get_output(b)); }
static UNUSED void enabled(const char *n, struct bufferevent *b)
{
	short e = bufferevent_get_enabled(b);
	SAY("%s enabled%s%s\n", n, e & EV_READ ? " read" : "", e & EV_WRITE ? " write" : "");
}
static UNUSED void pending(const char *n, struct bufferevent *b)
{
	SAY("%s pending%s%s\n", n, event_pending(&b->ev_read, EV_READ, NULL) ? " read" : "",
	    event_pending(&b->ev_write, EV_WRITE, NULL) ? " write" : "");
}

/* Callbacks that log; the argument is the stream's name. */
static UNUSED void log_read(struct bufferevent *b, void *arg) { SAY("%s read: %zu in\n", (char *)arg, in_len(b)); }
/* For a callback that may come again while nothing changes: logs a length only when it is new. */
static UNUSED void once_read(struct bufferevent *b, void *arg)
{
	static size_t last = (size_t)-1;
	if (in_len(b) != last)
		SAY("%s read: %zu in\n", (char *)arg, in_len(b));
	last = in_len(b);
}
static UNUSED void log_write(struct bufferevent *b, void *arg) { SAY("%s write: %zu out\n", (char *)arg, out_len(b)); }
static UNUSED void log_event(struct bufferevent *b, short what, void *arg)
{
	(void)b;
	SAY("%s event:%s\n", (char *)arg, what_name(what));
}
static UNUSED void drain_read(struct bufferevent *b, void *arg)
{
	char s[4096];
	size_t n = bufferevent_read(b, s, sizeof s - 1);
	s[n] = 0;
	if (n < 100)
		SAY("%s read '%s'\n", (char *)arg, s);
	else
		SAY("%s read %zu\n", (char *)arg, n);
}
static UNUSED void echo_read(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(b, bufferevent_get_input(b));
}
static UNUSED void free_event(struct bufferevent *b, short what, void *arg)
{
	SAY("%s event:%s, freed\n", (char *)arg, what_name(what));
	bufferevent_free(b);
}
static UNUSED void free_data(struct bufferevent *b, void *arg)
{
	SAY("%s data callback, freed\n", (char *)arg);
	bufferevent_free(b);
}

static UNUSED struct bufferevent *logged(int fd, int options, const char *name)
{
	struct bufferevent *b = bufferevent_socket_new(base, fd, options);
	bufferevent_setcb(b, log_read, log_write, log_event, (void *)name);
	return b;
}

/* A listening TCP socket on the loopback; nothing is accepted unless the case does it. */
static UNUSED int listen_tcp(struct sockaddr_in *a)
{
	socklen_t len = sizeof *a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(a, 0, sizeof *a);
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)a, sizeof *a) || listen(fd, 16) || getsockname(fd, (struct sockaddr *)a, &len))
		abort();
	return fd;
}
/* An address on which nobody listens. */
static UNUSED void dead_tcp(struct sockaddr_in *a) { close(listen_tcp(a)); }

static UNUSED int alive(int fd) { return fcntl(fd, F_GETFD) >= 0; }
#endif
