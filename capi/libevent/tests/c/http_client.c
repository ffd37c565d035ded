/* Clients: requests, answers, queues, errors, ends. */
#include "case.h"
#include "http_kit.h"

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* One request to a raw server that sends `answer` and then closes if told to. */
static void
one(enum evhttp_cmd_type type, const char *uri, const char *answer, int then_close)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, type, uri, "r");
	fd = raw_accept();
	raw_show(fd);
	put(fd, answer);
	settle();
	if (then_close) {
		close(fd);
		settle();
	}
	SAY("free\n");
	evhttp_connection_free(evcon);
	settle();
	if (!then_close)
		close(fd);
	close(raw_listener);
	event_base_free(base);
}

#define ANSWER(name, type, answer, then_close)                                 \
	CASE(name)                                                             \
	{                                                                      \
		one(type, "/", answer, then_close);                            \
	}

ANSWER(get, EVHTTP_REQ_GET, OK2, 0)
ANSWER(get_without_reason, EVHTTP_REQ_GET, "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 0)
ANSWER(get_in_chunks, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", 0)
ANSWER(get_until_close, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\n\r\nhi", 1)
ANSWER(get_of_an_old_server, EVHTTP_REQ_GET, "HTTP/1.0 200 OK\r\n\r\nhi", 1)
ANSWER(get_and_close, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 1)
ANSWER(get_nothing, EVHTTP_REQ_GET, "HTTP/1.1 204 No Content\r\n\r\n", 0)
ANSWER(get_not_modified, EVHTTP_REQ_GET, "HTTP/1.1 304 Not Modified\r\n\r\n", 0)
ANSWER(get_not_found, EVHTTP_REQ_GET, "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", 0)
ANSWER(get_a_status_of_no_class, EVHTTP_REQ_GET, "HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nhi", 0)
ANSWER(get_after_continue, EVHTTP_REQ_GET, "HTTP/1.1 100 Continue\r\n\r\n" OK2, 0)
ANSWER(head, EVHTTP_REQ_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0)
ANSWER(post, EVHTTP_REQ_POST, OK2, 0)
ANSWER(put_, EVHTTP_REQ_PUT, OK2, 0)
ANSWER(delete_, EVHTTP_REQ_DELETE, OK2, 0)
ANSWER(options, EVHTTP_REQ_OPTIONS, OK2, 0)
ANSWER(patch, EVHTTP_REQ_PATCH, OK2, 0)
ANSWER(trace, EVHTTP_REQ_TRACE, OK2, 0)
ANSWER(junk, EVHTTP_REQ_GET, "junk\r\n\r\n", 0)
ANSWER(nothing_but_an_end, EVHTTP_REQ_GET, "", 1)
ANSWER(half_a_head, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nA: ", 1)
ANSWER(half_a_body, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", 1)
ANSWER(half_a_chunk, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", 1)

CASE(connect_tunnel)
{
	one(EVHTTP_REQ_CONNECT, "example:443", "HTTP/1.1 200 OK\r\n\r\n", 0);
}

CASE(requests_wait_for_each_other)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	raw_show(fd);
	put(fd, OK2);
	settle();
	ask(evcon, EVHTTP_REQ_GET, "/c", "c");
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(another_connection_after_close)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	fd = raw_accept();
	raw_show(fd);
	put(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
	close(fd);
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(idle_connection_lost)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	close(fd);
	settle();
	SAY("lost\n");
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(body_and_headers_of_a_request)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_answer, (void *)"r");
	evhttp_add_header(evhttp_request_get_output_headers(req), "X", "y");
	evbuffer_add_printf(evhttp_request_get_output_buffer(req), "a body");
	SAY("%d\n", evhttp_make_request(evcon, req, EVHTTP_REQ_POST, "/p?q=r"));
	SAY("%s %d\n", evhttp_request_get_uri(req), (int)evhttp_request_get_command(req));
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(expects_continue)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_answer, (void *)"r");
	evhttp_add_header(evhttp_request_get_output_headers(req), "Expect", "100-continue");
	evbuffer_add_printf(evhttp_request_get_output_buffer(req), "a body");
	evhttp_make_request(evcon, req, EVHTTP_REQ_POST, "/");
	fd = raw_accept();
	raw_show(fd);
	put(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

static void
on_piece(struct evhttp_request *req, void *arg)
{
	SAY("%s: piece of %d\n", (const char *)arg, (int)evbuffer_get_length(evhttp_request_get_input_buffer(req)));
}

static int
on_head(struct evhttp_request *req, void *arg)
{
	SAY("%s: head %d\n", (const char *)arg, evhttp_request_get_response_code(req));
	headers(evhttp_request_get_input_headers(req));
	return 0;
}

static int
on_head_refuse(struct evhttp_request *req, void *arg)
{
	on_head(req, arg);
	return -1;
}

static void
with_callbacks(int (*head)(struct evhttp_request *, void *), const char *answer)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_answer, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	evhttp_request_set_header_cb(req, head);
	evhttp_request_set_chunked_cb(req, on_piece);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	raw_show(fd);
	put(fd, answer);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(head_and_pieces)
{
	with_callbacks(on_head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n2\r\nhi\r\n3\r\nhey\r\n0\r\n\r\n");
}

CASE(head_and_pieces_of_a_length)
{
	with_callbacks(on_head, OK2);
}

CASE(head_refused)
{
	with_callbacks(on_head_refuse, OK2);
}

static void
limited(ev_ssize_t head, ev_ssize_t body, const char *answer)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	evhttp_connection_set_max_headers_size(evcon, head);
	evhttp_connection_set_max_body_size(evcon, body);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	put(fd, answer);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(limit_of_the_head)
{
	limited(10, -1, OK2);
}

CASE(limit_of_the_body)
{
	limited(-1, 1, OK2);
}

CASE(limit_of_the_body_in_chunks)
{
	limited(-1, 3, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

CASE(limits_that_suffice)
{
	limited(100, 2, OK2);
}

CASE(time_out)
{
	struct timeval tv = { 0, 100000 };
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	evhttp_connection_set_timeout(evcon, 5);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	raw_show(fd);
	evhttp_connection_set_timeout_tv(evcon, &tv);
	put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
	until_closed(fd);
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(cancel_before_it_is_connected)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	raw_serve();
	evcon = client();
	req = ask(evcon, EVHTTP_REQ_GET, "/", "r");
	evhttp_cancel_request(req);
	settle();
	evhttp_connection_free(evcon);
	event_base_free(base);
}

CASE(cancel_one_that_waits)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	req = ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	ask(evcon, EVHTTP_REQ_GET, "/c", "c");
	evhttp_cancel_request(req);
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(cancel_when_it_was_sent)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	fd = raw_accept();
	raw_show(fd);
	evhttp_cancel_request(req);
	raw_show(fd);
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(nobody_listens)
{
	struct evhttp_connection *evcon;
	raw_serve();
	close(raw_listener);
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	settle();
	evhttp_connection_free(evcon);
	event_base_free(base);
}

CASE(nobody_listens_at_first)
{
	struct timeval tv = { 0, 50000 };
	struct evhttp_connection *evcon;
	struct sockaddr_in sin;
	int fd;
	/* Bound, so that the port is ours; who connects meanwhile is refused. */
	base = event_base_new();
	raw_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000001);
	SAY("bind %d\n", bind(raw_listener, (struct sockaddr *)&sin, sizeof sin));
	port = port_of(raw_listener);
	evcon = client();
	evhttp_connection_set_retries(evcon, 3);
	evhttp_connection_set_initial_retry_tv(evcon, &tv);
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("listen %d\n", listen(raw_listener, 8));
	while ((fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK)) < 0)
		event_base_loop(base, EVLOOP_ONCE);
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

static struct evhttp_connection *to_free;

static void
free_connection(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	evhttp_connection_free(to_free);
}

CASE(connection_freed_in_the_callback)
{
	struct evhttp_request *req;
	int fd;
	raw_serve();
	to_free = client();
	req = evhttp_request_new(free_connection, (void *)"r");
	evhttp_make_request(to_free, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	put(fd, OK2);
	settle();
	raw_show(fd);
	close(fd);
	event_base_free(base);
}

static void
own_it(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	evhttp_request_own(req);
	SAY("owned %d\n", evhttp_request_is_owned(req));
	*(struct evhttp_request **)&to_free = req;
}

CASE(request_owned)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(own_it, (void *)"r");
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	on_answer(req, (void *)"later");
	evhttp_request_free(req);
	close(fd);
	event_base_free(base);
}

static void
ask_again(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	ask(to_free, EVHTTP_REQ_GET, "/again", "again");
}

CASE(request_made_in_the_callback)
{
	struct evhttp_request *req;
	int fd;
	raw_serve();
	to_free = client();
	req = evhttp_request_new(ask_again, (void *)"r");
	evhttp_make_request(to_free, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	raw_show(fd);
	put(fd, OK2);
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(to_free);
	close(fd);
	event_base_free(base);
}

CASE(freed_with_requests)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_GET, "/a", "a");
	ask(evcon, EVHTTP_REQ_GET, "/b", "b");
	fd = raw_accept();
	raw_show(fd);
	evhttp_connection_free(evcon);
	raw_show(fd);
	close(fd);
	event_base_free(base);
}

CASE(local_address_and_port)
{
	struct evhttp_connection *evcon;
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	int fd, free_port;
	raw_serve();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(0x7f000001);
	bind(fd, (struct sockaddr *)&sin, sizeof sin);
	free_port = port_of(fd);
	close(fd);
	evcon = client();
	evhttp_connection_set_family(evcon, AF_INET);
	evhttp_connection_set_local_address(evcon, "127.0.0.1");
	evhttp_connection_set_local_port(evcon, (unsigned short)free_port);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	getpeername(fd, (struct sockaddr *)&sin, &len);
	SAY("port %d\n", ntohs(sin.sin_port) == free_port);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

CASE(connection_flags)
{
	struct evhttp_connection *evcon;
	raw_serve();
	evcon = client();
	SAY("%d\n", evhttp_connection_set_flags(evcon, EVHTTP_CON_REUSE_CONNECTED_ADDR | EVHTTP_CON_READ_ON_WRITE_ERROR));
	SAY("%d\n", evhttp_connection_set_flags(evcon, EVHTTP_CON_LINGERING_CLOSE));
	SAY("%d\n", evhttp_connection_set_flags(evcon, 1) != 0);
	SAY("%d\n", evhttp_connection_set_flags(evcon, EVHTTP_CON_PUBLIC_FLAGS_END) != 0);
	evhttp_connection_free(evcon);
	event_base_free(base);
}

CASE(a_bufferevent_of_the_program)
{
	struct evhttp_connection *evcon;
	struct bufferevent *bev;
	char *address;
	ev_uint16_t p;
	int fd;
	raw_serve();
	bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	evcon = evhttp_connection_base_bufferevent_new(base, 0, bev, "127.0.0.1", (unsigned short)port);
	SAY("%d %d\n", evhttp_connection_get_bufferevent(evcon) == bev, evhttp_connection_get_base(evcon) == base);
	evhttp_connection_get_peer(evcon, &address, &p);
	SAY("%s %d server %d\n", address, p == port, evhttp_connection_get_server(evcon) != 0);
	ask(evcon, EVHTTP_REQ_GET, "/", "r");
	fd = raw_accept();
	SAY("addr %d\n", evhttp_connection_get_addr(evcon) != 0);
	raw_show(fd);
	put(fd, OK2);
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}
