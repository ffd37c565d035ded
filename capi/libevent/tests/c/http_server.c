/* Servers: sockets, callbacks, hosts, methods, limits, pages. */
#include "case.h"
#include "http_kit.h"

CASE(keep_alive_on_one_connection)
{
	int fd;
	serve(on_ok, 0);
	fd = dial();
	put(fd, GET("/a"));
	settle();
	show(fd);
	put(fd, GET("/b"));
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(pipelined_requests)
{
	int fd;
	serve(on_ok, 0);
	fd = dial();
	put(fd, GET("/a") GET("/b") GET("/c"));
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(a_request_in_single_bytes)
{
	const char *p;
	int fd;
	serve(on_ok, 0);
	fd = dial();
	for (p = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"; *p; p++) {
		send(fd, p, 1, MSG_NOSIGNAL);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(http_10_closes)
{
	serve(on_ok, 0);
	talk("GET / HTTP/1.0\r\n\r\n");
	finish();
}

CASE(http_10_keeps_alive_when_asked)
{
	serve(on_ok, 0);
	talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	finish();
}

CASE(connection_close)
{
	serve(on_ok, 0);
	talk("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	finish();
}

CASE(half_closed_client_is_answered)
{
	int fd;
	serve(on_ok, 0);
	fd = dial();
	put(fd, GET("/"));
	shutdown(fd, SHUT_WR);
	settle();
	show(fd);
	close(fd);
	finish();
}

static void
on_path(struct evhttp_request *req, void *arg)
{
	SAY("%s got %s\n", (const char *)arg, evhttp_request_get_uri(req));
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(callbacks_by_exact_path)
{
	serve(0, 0);
	SAY("%d\n", evhttp_set_cb(http, "/a", on_path, (void *)"a"));
	SAY("%d\n", evhttp_set_cb(http, "/a", on_path, (void *)"again"));
	SAY("%d\n", evhttp_set_cb(http, "/b c", on_path, (void *)"bc"));
	talk(GET("/a"));
	talk(GET("/a?q"));
	talk(GET("/a/"));
	talk(GET("/b%20c"));
	SAY("%d\n", evhttp_del_cb(http, "/a"));
	SAY("%d\n", evhttp_del_cb(http, "/a"));
	talk(GET("/a"));
	evhttp_set_gencb(http, on_path, (void *)"general");
	talk(GET("/a"));
	finish();
}

CASE(not_found_page_escapes)
{
	serve(0, 0);
	talk(GET("/<b>&\"'"));
	finish();
}

CASE(methods)
{
	static const char *const names[] = { "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get" };
	unsigned i;
	serve(on_ok, 0);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		char request[100];
		if (!strcmp(names[i], "HEAD") || !strcmp(names[i], "CONNECT"))
			continue; /* see differences */
		snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", names[i]);
		SAY("%s\n", names[i]);
		talk(request);
	}
	finish();
}

static void
on_command(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("command %d\n", (int)evhttp_request_get_command(req));
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(commands)
{
	serve(on_command, 0);
	evhttp_set_allowed_methods(http, 0x1ff);
	talk("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	talk("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	talk("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	finish();
}

CASE(default_content_type)
{
	serve(on_ok, 0);
	evhttp_set_default_content_type(http, "text/x-mine");
	talk(GET("/"));
	evhttp_set_default_content_type(http, 0);
	talk(GET("/"));
	finish();
}

CASE(bodies_by_length_and_chunks)
{
	serve(on_ok, 0);
	talk("POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
	talk("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	talk("PUT /z HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	talk("DELETE /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
	finish();
}

CASE(expect_continue)
{
	int fd;
	serve(on_ok, 0);
	fd = dial();
	put(fd, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	settle();
	show(fd);
	put(fd, "abc");
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(expectation_failed)
{
	serve(on_ok, 0);
	talk("POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n");
	finish();
}

CASE(body_limit)
{
	serve(on_ok, 0);
	evhttp_set_max_body_size(http, 4);
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd");
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde");
	talk("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
	finish();
}

CASE(body_limit_with_expectation)
{
	serve(on_ok, 0);
	evhttp_set_max_body_size(http, 4);
	talk("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	finish();
}

CASE(server_flags)
{
	serve(on_ok, 0);
	SAY("%d %d\n", evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE), evhttp_set_flags(http, 0x4000) != 0);
	evhttp_set_max_body_size(http, 4);
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef");
	finish();
}

CASE(several_sockets)
{
	struct evhttp_bound_socket *second;
	int first = 0;
	serve(on_ok, 0);
	first = port;
	second = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	port = port_of(evhttp_bound_socket_get_fd(second));
	talk(GET("/second"));
	SAY("listener %d\n", evhttp_bound_socket_get_listener(second) != 0);
	evhttp_del_accept_socket(http, second);
	port = first;
	talk(GET("/first"));
	SAY("bind %d\n", evhttp_bind_socket(http, "127.0.0.1", 0));
	SAY("bind %d\n", evhttp_bind_socket(http, "256.0.0.1", 0));
	finish();
}

static void
count_socket(struct evhttp_bound_socket *socket, void *arg)
{
	(void)socket;
	++*(int *)arg;
}

CASE(each_socket)
{
	int n = 0;
	serve(on_ok, 0);
	evhttp_bind_socket(http, "127.0.0.1", 0);
	evhttp_foreach_bound_socket(http, count_socket, &n);
	SAY("%d\n", n);
	finish();
}

CASE(accept_from_a_socket_of_the_program)
{
	int fd;
	base = event_base_new();
	http = evhttp_new(base);
	evhttp_set_gencb(http, on_ok, 0);
	raw_serve();
	fd = raw_listener;
	SAY("%d\n", evhttp_accept_socket(http, fd));
	talk(GET("/"));
	raw_serve();
	SAY("handle %d\n", evhttp_accept_socket_with_handle(http, raw_listener) != 0);
	talk(GET("/2"));
	finish();
}

CASE(accept_from_a_listener)
{
	struct evconnlistener *listener;
	struct evhttp_bound_socket *handle;
	base = event_base_new();
	http = evhttp_new(base);
	evhttp_set_gencb(http, on_ok, 0);
	raw_serve();
	listener = evconnlistener_new(base, 0, 0, LEV_OPT_CLOSE_ON_FREE, 0, raw_listener);
	handle = evhttp_bind_listener(http, listener);
	SAY("same %d %d\n", evhttp_bound_socket_get_listener(handle) == listener, evhttp_bound_socket_get_fd(handle) == raw_listener);
	talk(GET("/"));
	finish();
}

static struct bufferevent *
make_bev(struct event_base *b, void *arg)
{
	SAY("bufferevent for %s\n", (const char *)arg);
	return bufferevent_socket_new(b, -1, BEV_OPT_CLOSE_ON_FREE);
}

CASE(bufferevents_of_the_program)
{
	serve(on_ok, 0);
	evhttp_set_bevcb(http, make_bev, (void *)"server");
	talk(GET("/"));
	finish();
}

CASE(timeouts)
{
	struct timeval tv = { 0, 100000 };
	int fd;
	serve(on_ok, 0);
	evhttp_set_timeout(http, 1);
	evhttp_set_timeout_tv(http, &tv);
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\n");
	until_closed(fd);
	show(fd);
	close(fd);
	finish();
}

CASE(idle_connections_end)
{
	struct timeval tv = { 0, 700000 };
	int fd;
	serve(on_ok, 0);
	evhttp_set_timeout_tv(http, &tv);
	fd = dial();
	put(fd, GET("/"));
	until_closed(fd);
	show(fd);
	close(fd);
	finish();
}

CASE(virtual_hosts)
{
	struct evhttp *a, *b, *c;
	serve(on_path, (void *)"main");
	a = evhttp_new(base);
	b = evhttp_new(base);
	c = evhttp_new(base);
	evhttp_set_gencb(a, on_path, (void *)"a");
	evhttp_set_gencb(b, on_path, (void *)"b");
	evhttp_set_gencb(c, on_path, (void *)"c");
	SAY("%d %d %d\n", evhttp_add_virtual_host(http, "*.a.example", a), evhttp_add_virtual_host(http, "b.example", b),
	    evhttp_add_virtual_host(a, "deep.a.example", c));
	SAY("again %d\n", evhttp_add_virtual_host(http, "x", a));
	talk("GET /1 HTTP/1.1\r\nHost: www.a.example\r\n\r\n");
	talk("GET /2 HTTP/1.1\r\nHost: B.Example:80\r\n\r\n");
	talk("GET /3 HTTP/1.1\r\nHost: deep.A.example\r\n\r\n");
	talk("GET /4 HTTP/1.1\r\nHost: a.example\r\n\r\n");
	talk("GET http://b.example/5 HTTP/1.0\r\n\r\n");
	SAY("alias %d\n", evhttp_add_server_alias(b, "bee.example"));
	talk("GET /6 HTTP/1.1\r\nHost: BEE.example\r\n\r\n");
	SAY("alias %d\n", evhttp_remove_server_alias(b, "bee.example"));
	SAY("alias again %d\n", evhttp_remove_server_alias(b, "bee.example"));
	talk("GET /7 HTTP/1.1\r\nHost: bee.example\r\n\r\n");
	SAY("remove %d\n", evhttp_remove_virtual_host(http, b));
	SAY("remove again %d\n", evhttp_remove_virtual_host(http, b));
	talk("GET /8 HTTP/1.1\r\nHost: b.example\r\n\r\n");
	evhttp_free(b);
	finish();
}

static void
on_hosts(struct evhttp_request *req, void *arg)
{
	const char *host = evhttp_request_get_host(req);
	(void)arg;
	SAY("host %s\n", host ? host : "-");
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(hosts_of_requests)
{
	serve(on_hosts, 0);
	talk("GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n");
	talk("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	talk("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
	talk("GET / HTTP/1.0\r\n\r\n");
	talk("GET http://b.example:90/ HTTP/1.0\r\nHost: a\r\n\r\n");
	finish();
}

CASE(head_limit)
{
	int fd;
	serve(on_ok, 0);
	evhttp_set_max_headers_size(http, 100);
	fd = dial();
	put(fd, GET("/"));
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(started_by_the_old_function)
{
	struct evhttp *h;
	base = event_init();
	h = evhttp_start("127.0.0.1", 0);
	SAY("%d\n", h != 0);
	evhttp_free(h);
	http = 0;
	finish();
}

static void
on_local(struct evhttp_request *req, void *arg)
{
	char *address;
	ev_uint16_t p;
	(void)arg;
	evhttp_connection_get_peer(evhttp_request_get_connection(req), &address, &p);
	SAY("peer <%s> %d, remote <%s> %d\n", address, p, req->remote_host, req->remote_port);
	reply(req, 200, "ok");
}

CASE(server_at_a_local_socket)
{
	struct sockaddr_un sun;
	int fd, ls = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&sun, 0, sizeof sun);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof sun.sun_path, "/tmp/evoxide-http-%ld", (long)getpid());
	unlink(sun.sun_path);
	SAY("%d\n", bind(ls, (struct sockaddr *)&sun, sizeof sun));
	SAY("%d\n", listen(ls, 4));
	base = event_base_new();
	http = evhttp_new(base);
	evhttp_set_gencb(http, on_local, 0);
	SAY("%d\n", evhttp_accept_socket(http, ls));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	SAY("%d\n", connect(fd, (struct sockaddr *)&sun, sizeof sun));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	unlink(sun.sun_path);
	put(fd, GET("/a") GET("/b"));
	settle();
	show(fd);
	close(fd);
	finish();
}
