/*
 * http_kit.h: a server and raw peers in one process, for the HTTP cases.
 */
#ifndef HTTP_KIT_H
#define HTTP_KIT_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/http.h>
#include <event2/http_compat.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static struct event_base *base;
static struct evhttp *http;
static struct evhttp_bound_socket *bound;
static int port CASE_UNUSED;

/* Lets the loop run until nothing has happened for a while. */
CASE_UNUSED static void
settle(void)
{
	int quiet;
	for (quiet = 0; quiet < 15; quiet++) {
		struct timeval tv = { 0, 2000 };
		event_base_loopexit(base, &tv);
		event_base_dispatch(base);
	}
}

/* Runs the loop until the peer of a raw connection has closed it. */
CASE_UNUSED static void
until_closed(int fd)
{
	struct pollfd p;
	p.fd = fd;
	p.events = POLLRDHUP;
	p.revents = 0;
	while (poll(&p, 1, 0) == 0)
		event_base_loop(base, EVLOOP_ONCE);
	settle();
}

CASE_UNUSED static int
port_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	memset(&sin, 0, sizeof sin);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	return ntohs(sin.sin_port);
}

/* A server on a port of 127.0.0.1. */
CASE_UNUSED static void
serve(void (*cb)(struct evhttp_request *, void *), void *arg)
{
	base = event_base_new();
	http = evhttp_new(base);
	if (cb)
		evhttp_set_gencb(http, cb, arg);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	port = port_of(evhttp_bound_socket_get_fd(bound));
}

CASE_UNUSED static void
finish(void)
{
	if (http)
		evhttp_free(http);
	settle();
	event_base_free(base);
}

/* A raw connection to the server. */
CASE_UNUSED static int
dial(void)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000001);
	sin.sin_port = htons((unsigned short)port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin))
		SAY("connect failed\n");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

CASE_UNUSED static void
put(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		SAY("send failed\n");
}

/* Prints what came, without CR and with dates hidden; then whether the peer closed. */
CASE_UNUSED static void
show(int fd)
{
	char buf[65536];
	ssize_t n, total = 0;
	const char *line;
	while ((n = recv(fd, buf + total, sizeof buf - 1 - (size_t)total, 0)) > 0)
		total += n;
	buf[total] = 0;
	for (line = buf; *line;) {
		const char *end = strchr(line, '\n');
		size_t len = end ? (size_t)(end - line) : strlen(line);
		if (!strncmp(line, "Date: ", 6))
			SAY("  Date: *\n");
		else if (len && line[len - 1] == '\r')
			SAY("  %.*s|\n", (int)len - 1, line);
		else
			SAY("  %.*s\n", (int)len, line);
		line += len + (end ? 1 : 0);
	}
	SAY("  -- %s\n", n == 0 ? "closed" : "open");
}

/* One request on a connection of its own, and what came of it. */
CASE_UNUSED static void
talk(const char *request)
{
	int fd = dial();
	put(fd, request);
	settle();
	show(fd);
	close(fd);
	settle();
}

CASE_UNUSED static void
headers(struct evkeyvalq *q)
{
	struct evkeyval *kv;
	for (kv = q->tqh_first; kv; kv = kv->next.tqe_next)
		SAY("  %s=%s\n", kv->key, strcmp(kv->key, "Date") ? kv->value : "*");
}

CASE_UNUSED static void
reply(struct evhttp_request *req, int code, const char *text)
{
	struct evbuffer *buf = evbuffer_new();
	evbuffer_add(buf, text, strlen(text));
	evhttp_send_reply(req, code, "Reason", buf);
	SAY("left in the buffer %d\n", (int)evbuffer_get_length(buf));
	evbuffer_free(buf);
}

CASE_UNUSED static void
on_ok(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request %s\n", evhttp_request_get_uri(req));
	reply(req, 200, "ok");
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* A raw server for clients: accepts, prints what comes, sends `answer`. */
static int raw_listener CASE_UNUSED = -1;

CASE_UNUSED static void
raw_serve(void)
{
	struct sockaddr_in sin;
	base = base ? base : event_base_new();
	raw_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000001);
	bind(raw_listener, (struct sockaddr *)&sin, sizeof sin);
	listen(raw_listener, 8);
	port = port_of(raw_listener);
}

/* Takes a client's connection; prints its request but for Host, which the original does not send. */
CASE_UNUSED static int
raw_accept(void)
{
	int fd;
	settle();
	fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK);
	SAY(fd < 0 ? "nobody came\n" : "accepted\n");
	return fd;
}

CASE_UNUSED static void
raw_show(int fd)
{
	char buf[65536];
	ssize_t n, total = 0;
	char *line;
	settle();
	while ((n = recv(fd, buf + total, sizeof buf - 1 - (size_t)total, 0)) > 0)
		total += n;
	buf[total] = 0;
	for (line = strtok(buf, "\n"); line; line = strtok(0, "\n")) {
		line[strcspn(line, "\r")] = 0;
		if (strncmp(line, "Host: ", 6))
			SAY("  > %s\n", line);
	}
	SAY("  > -- %s\n", n == 0 ? "closed" : "open");
}

CASE_UNUSED static void
on_answer(struct evhttp_request *req, void *arg)
{
	char body[512];
	int n;
	if (!req) {
		SAY("%s: no answer\n", (const char *)arg);
		return;
	}
	n = evbuffer_copyout(evhttp_request_get_input_buffer(req), body, sizeof body - 1);
	body[n < 0 ? 0 : n] = 0;
	SAY("%s: %d %s <%s>\n", (const char *)arg, evhttp_request_get_response_code(req),
	    evhttp_request_get_response_code_line(req) ? evhttp_request_get_response_code_line(req) : "-", body);
}

CASE_UNUSED static void
on_error(enum evhttp_request_error error, void *arg)
{
	SAY("%s: error %d\n", (const char *)arg, (int)error);
}

CASE_UNUSED static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	(void)evcon;
	SAY("%s: connection closes\n", (const char *)arg);
}

CASE_UNUSED static struct evhttp_connection *
client(void)
{
	struct evhttp_connection *evcon = evhttp_connection_base_new(base, 0, "127.0.0.1", (unsigned short)port);
	evhttp_connection_set_closecb(evcon, on_close, (void *)"con");
	return evcon;
}

CASE_UNUSED static struct evhttp_request *
ask(struct evhttp_connection *evcon, enum evhttp_cmd_type type, const char *uri, const char *name)
{
	struct evhttp_request *req = evhttp_request_new(on_answer, (void *)name);
	evhttp_request_set_error_cb(req, on_error);
	SAY("%s: made %d\n", name, evhttp_make_request(evcon, req, type, uri));
	return req;
}

#endif /* HTTP_KIT_H */
