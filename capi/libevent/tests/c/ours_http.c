/* HTTP: what version 2.2 added, and what is freed where the original does not survive it. */
#include "case.h"
#include "http_kit.h"

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct bufferevent *
make_bev(struct event_base *b, void *arg)
{
	SAY("bufferevent for %s\n", (const char *)arg);
	return bufferevent_socket_new(b, -1, BEV_OPT_CLOSE_ON_FREE);
}

CASE(bufferevents_of_one_socket)
{
	serve(on_ok, 0);
	evhttp_set_bevcb(http, make_bev, (void *)"server");
	evhttp_bound_set_bevcb(bound, make_bev, (void *)"socket");
	talk(GET("/"));
	finish();
}

static int
on_new(struct evhttp_request *req, void *arg)
{
	SAY("new request, connection %d\n", evhttp_request_get_connection(req) != 0);
	return arg ? -1 : 0;
}

CASE(new_request_callback)
{
	serve(on_ok, 0);
	evhttp_set_newreqcb(http, on_new, 0);
	talk(GET("/a"));
	evhttp_set_newreqcb(http, on_new, (void *)1);
	talk(GET("/b"));
	finish();
}

static int
on_error_page(struct evhttp_request *req, struct evbuffer *buf, int error, const char *reason, void *arg)
{
	(void)req;
	SAY("page for %d %s\n", error, reason);
	if (arg)
		return -1;
	evbuffer_add_printf(buf, "my page");
	return 0;
}

CASE(error_pages_of_the_program)
{
	serve(0, 0);
	evhttp_set_errorcb(http, on_error_page, 0);
	talk(GET("/"));
	evhttp_set_errorcb(http, on_error_page, (void *)1);
	talk(GET("/"));
	finish();
}

CASE(most_connections)
{
	int a, b;
	serve(on_ok, 0);
	SAY("%d %d\n", evhttp_set_max_connections(http, 1), evhttp_get_connection_count(http));
	a = dial();
	settle();
	SAY("%d\n", evhttp_get_connection_count(http));
	b = dial();
	settle();
	show(b);
	close(a);
	settle();
	SAY("%d\n", evhttp_get_connection_count(http));
	close(b);
	finish();
}

CASE(server_time_outs)
{
	struct timeval tv = { 0, 100000 };
	int fd;
	serve(on_ok, 0);
	evhttp_set_read_timeout_tv(http, &tv);
	evhttp_set_write_timeout_tv(http, &tv);
	fd = dial();
	until_closed(fd);
	show(fd);
	close(fd);
	finish();
}

/* A head that comes a byte at a time ends with the read time-out, whatever comes. */
CASE(slow_head)
{
	struct timeval tv = { 0, 300000 };
	int fd, i;
	serve(on_ok, 0);
	evhttp_set_read_timeout_tv(http, &tv);
	fd = dial();
	tv.tv_usec = 100000;
	for (i = 0; i < 6; i++) {
		send(fd, &"GET / HT"[i], 1, MSG_NOSIGNAL);
		event_base_loopexit(base, &tv);
		event_base_dispatch(base);
	}
	show(fd);
	close(fd);
	finish();
}

static struct evhttp_request *kept;

/* Keeps a request, and gives its connection short time-outs meanwhile. */
static void
keep(struct evhttp_request *req, void *arg)
{
	struct timeval tv = { 0, 50000 };
	(void)arg;
	SAY("request\n");
	kept = req;
	evhttp_connection_set_timeout_tv(evhttp_request_get_connection(req), &tv);
}

/* No deadline runs while a handler thinks. */
CASE(long_poll)
{
	struct timeval tv = { 0, 300000 };
	int fd;
	serve(keep, 0);
	fd = dial();
	put(fd, GET("/"));
	while (!kept)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	show(fd);
	evhttp_connection_set_timeout_tv(evhttp_request_get_connection(kept), 0);
	evhttp_send_reply(kept, 200, "OK", 0);
	settle();
	show(fd);
	close(fd);
	finish();
}

static int
ext(struct evhttp_ext_method *method)
{
	if (method->method ? !strcmp(method->method, "BREW") : method->type == 1 << 16) {
		method->method = "BREW";
		method->type = 1 << 16;
		method->flags = EVHTTP_METHOD_HAS_BODY;
		return 0;
	}
	return -1;
}

static void
on_command(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("command %d\n", (int)evhttp_request_get_command(req));
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(methods_of_the_program)
{
	struct evhttp_connection *evcon;
	serve(on_command, 0);
	evhttp_set_ext_method_cmp(http, ext);
	talk("BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("STEEP / HTTP/1.1\r\nHost: h\r\n\r\n");
	evcon = client();
	evhttp_connection_set_ext_method_cmp(evcon, ext);
	ask(evcon, (enum evhttp_cmd_type)(1 << 16), "/", "brew");
	settle();
	evhttp_connection_free(evcon);
	finish();
}

CASE(webdav_methods)
{
	static const char *const names[] = { "PROPFIND", "PROPPATCH", "MKCOL", "LOCK", "UNLOCK", "COPY", "MOVE" };
	unsigned i;
	serve(on_command, 0);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_PROPFIND | EVHTTP_REQ_PROPPATCH | EVHTTP_REQ_MKCOL | EVHTTP_REQ_LOCK |
	    EVHTTP_REQ_UNLOCK | EVHTTP_REQ_COPY | EVHTTP_REQ_MOVE);
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		char request[100];
		snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", names[i]);
		talk(request);
	}
	finish();
}

CASE(client_over_a_local_socket)
{
	struct evhttp_connection *evcon;
	struct sockaddr_un sun;
	int fd, ls = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&sun, 0, sizeof sun);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof sun.sun_path, "/tmp/evoxide-http-%ld", (long)getpid());
	unlink(sun.sun_path);
	SAY("%d\n", bind(ls, (struct sockaddr *)&sun, sizeof sun));
	SAY("%d\n", listen(ls, 4));
	base = event_base_new();
	evcon = evhttp_connection_base_bufferevent_unix_new(base, 0, sun.sun_path);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	raw_listener = ls;
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	unlink(sun.sun_path);
	close(fd);
	event_base_free(base);
}

CASE(client_over_a_connected_bufferevent)
{
	struct evhttp_connection *evcon;
	struct bufferevent *bev;
	struct timeval tv = { 5, 0 };
	char *address;
	ev_uint16_t p;
	int fd;
	raw_serve();
	bev = bufferevent_socket_new(base, dial(), BEV_OPT_CLOSE_ON_FREE);
	evcon = evhttp_connection_base_bufferevent_reuse_new(base, 0, bev);
	evhttp_connection_set_connect_timeout_tv(evcon, &tv);
	evhttp_connection_set_read_timeout_tv(evcon, &tv);
	evhttp_connection_set_write_timeout_tv(evcon, &tv);
	evhttp_connection_get_peer(evcon, &address, &p);
	SAY("%s %d\n", address, p == port);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(the_old_functions)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = evhttp_connection_new("127.0.0.1", (unsigned short)port);
	evhttp_connection_set_base(evcon, base);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(uris_of_local_sockets)
{
	struct evhttp_uri *uri = evhttp_uri_parse_with_flags("http://unix:/run/s:/a?b",
	    EVHTTP_URI_UNIX_SOCKET);
	char joined[100];
	SAY("%s %s %s\n", evhttp_uri_get_unixsocket(uri), evhttp_uri_get_path(uri), evhttp_uri_get_query(uri));
	SAY("%s\n", evhttp_uri_join(uri, joined, sizeof joined));
	SAY("%d\n", evhttp_uri_set_unixsocket(uri, "/other"));
	SAY("%s\n", evhttp_uri_join(uri, joined, sizeof joined));
	evhttp_uri_free(uri);
	SAY("%d\n", evhttp_uri_parse_with_flags("http://unix:/run/s", EVHTTP_URI_UNIX_SOCKET) != 0);
}

CASE(uris_without_brackets)
{
	struct evhttp_uri *uri = evhttp_uri_parse_with_flags("http://[::1]:80/",
	    EVHTTP_URI_HOST_STRIP_BRACKETS);
	char joined[100];
	SAY("%s %s\n", evhttp_uri_get_host(uri), evhttp_uri_join(uri, joined, sizeof joined));
	SAY("%d\n", evhttp_uri_set_host(uri, "[::2]"));
	SAY("%s\n", evhttp_uri_get_host(uri));
	evhttp_uri_free(uri);
}

CASE(queries_with_flags)
{
	struct evkeyvalq q;
	SAY("%d\n", evhttp_parse_query_str_flags("a&b=1&&=2&b=3", &q, EVHTTP_URI_QUERY_NONCONFORMANT));
	headers(&q);
	evhttp_clear_headers(&q);
	SAY("%d\n", evhttp_parse_query_str_flags("a=1&a=2", &q, EVHTTP_URI_QUERY_LAST));
	headers(&q);
	evhttp_clear_headers(&q);
	SAY("%d\n", evhttp_parse_query_str_flags("a", &q, 0));
}

static void
free_server(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request\n");
	evhttp_free(http);
	http = 0;
	/* Frees the request, which is answered by nobody. */
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(server_freed_in_its_callback)
{
	int fd;
	serve(free_server, 0);
	fd = dial();
	put(fd, GET("/") GET("/"));
	settle();
	show(fd);
	close(fd);
	finish();
}

static void
free_connection(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request\n");
	evhttp_connection_free(evhttp_request_get_connection(req));
	SAY("connection %d\n", evhttp_request_get_connection(req) != 0);
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(connection_freed_in_its_callback)
{
	serve(free_connection, 0);
	talk(GET("/"));
	finish();
}

static void
free_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request\n");
	evhttp_request_own(req);
	evhttp_request_free(req);
}

CASE(request_freed_unanswered)
{
	serve(free_request, 0);
	talk(GET("/"));
	finish();
}

static void
answer_twice(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_reply(req, 200, "OK", 0);
	evhttp_send_reply(req, 500, "Again", 0);
	evhttp_send_error(req, 500, 0);
	evhttp_send_reply_start(req, 500, 0);
}

CASE(answered_once)
{
	serve(answer_twice, 0);
	talk(GET("/"));
	finish();
}

static void
inject(struct evhttp_request *req, void *arg)
{
	struct evkeyvalq *q = evhttp_request_get_output_headers(req);
	struct evkeyval *kv;
	(void)arg;
	evhttp_add_header(q, "A", "b");
	for (kv = q->tqh_first; kv; kv = kv->next.tqe_next) {
		free(kv->value);
		kv->value = strdup("b\r\nInjected: yes");
	}
	evhttp_add_header(q, "B", "c");
	evhttp_send_reply(req, 200, "OK\r\nInjected: too", 0);
}

CASE(nothing_is_injected)
{
	struct evhttp_connection *evcon;
	serve(inject, 0);
	talk(GET("/"));
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/\r\nInjected: yes", "r");
	evhttp_connection_free(evcon);
	finish();
}

static void
no_body(struct evhttp_request *req, void *arg)
{
	struct evbuffer *buf = evbuffer_new();
	(void)arg;
	evbuffer_add_printf(buf, "never seen");
	evhttp_send_reply(req, atoi(evhttp_request_get_uri(req) + 1), 0, buf);
	evbuffer_free(buf);
}

CASE(answers_without_a_body)
{
	serve(no_body, 0);
	talk(GET("/204"));
	talk(GET("/304"));
	talk("HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("HEAD /404 HTTP/1.1\r\nHost: h\r\n\r\n");
	finish();
}

#define OKH "Host: h\r\n"

CASE(refusals)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n" OKH OKH "\r\n",
		"GET / HTTP/2.0\r\n" OKH "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\n" OKH "\r\n",
		"GET /a b HTTP/1.1\r\n" OKH "\r\n",
		"GET * HTTP/1.1\r\n" OKH "\r\n",
		"GET / HTTP/1.1\r\n" OKH " fold: x\r\n\r\n",
		"GET / HTTP/1.1\r\n" OKH "A : b\r\n\r\n",
		"GET / HTTP/1.1\r\n" OKH "A: b\rc\r\n\r\n",
		"POST / HTTP/1.1\r\n" OKH "Content-Length: +5\r\n\r\nhello",
		"POST / HTTP/1.1\r\n" OKH "Content-Length: 5, 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\n" OKH "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST / HTTP/1.1\r\n" OKH "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: gzip\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
		"POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		"POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: chunked\r\n\r\n1 x\r\na\r\n",
		"POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n",
	};
	unsigned i;
	serve(on_ok, 0);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		char buf[2000];
		int fd = dial();
		ssize_t n;
		put(fd, bad[i]);
		put(fd, GET("/smuggled"));
		settle();
		n = recv(fd, buf, sizeof buf - 1, 0);
		buf[n > 0 ? n : 0] = 0;
		SAY("%u: %.12s, closed %d\n", i, buf, (int)recv(fd, buf, sizeof buf, 0) <= 0);
		close(fd);
	}
	finish();
}

CASE(lenient_for_old_peers)
{
	setenv("EVOXIDE_HTTP_LENIENT", "1", 1);
	serve(on_ok, 0);
	talk("GET /lf HTTP/1.1\nHost: h\nA: b\n c\n\n");
	talk("POST / HTTP/1.1\nHost: h\nContent-Length: +1\n\na");
	finish();
}

CASE(trailers_are_no_headers)
{
	serve(on_ok, 0);
	talk("POST / HTTP/1.1\r\n" OKH "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nX-Trailer: 1\r\n\r\n");
	finish();
}

CASE(unsolicited_answer)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	fd = raw_accept();
	put(fd, OK2 OK2);
	settle();
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	close(fd);
	fd = raw_accept();
	raw_show(fd);
	put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(connection_freed_with_its_last_request)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	evhttp_connection_free_on_completion(evcon);
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	fd = raw_accept();
	put(fd, OK2);
	settle();
	raw_show(fd);
	close(fd);
	event_base_free(base);
}

CASE(interim_answers_are_passed_over)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	fd = raw_accept();
	put(fd, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}
