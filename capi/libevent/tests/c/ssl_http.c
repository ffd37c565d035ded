/*
 * HTTP over TLS: servers by bevcb on bound sockets, clients on a bufferevent of the program's own.
 *
 * ctest: valgrind=tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <arpa/inet.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>

static struct world w;
static struct evhttp *http;
static ev_uint16_t port;
static int served, answered, sessions;
static struct evhttp_connection *conn;

static struct bufferevent *over_tls(struct event_base *base, void *arg)
{
	sessions++;
	return bufferevent_openssl_socket_new(base, -1, SSL_new(arg), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static char page[300000];

static void serve(struct evhttp_request *req, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	const char *uri = evhttp_request_get_uri(req);
	(void)arg;
	served++;
	if (!strcmp(uri, "/large")) {
		evbuffer_add_reference(body, page, sizeof(page), NULL, NULL);
		evhttp_send_reply(req, 200, "OK", body);
	} else if (!strcmp(uri, "/echo")) {
		evbuffer_add_buffer(body, evhttp_request_get_input_buffer(req));
		evhttp_send_reply(req, 200, "OK", body);
	} else if (!strcmp(uri, "/pieces")) {
		evhttp_send_reply_start(req, 200, "OK");
		evbuffer_add(body, "one ", 4);
		evhttp_send_reply_chunk(req, body);
		evbuffer_add(body, "two ", 4);
		evhttp_send_reply_chunk(req, body);
		evhttp_send_reply_end(req);
	} else if (!strcmp(uri, "/none")) {
		evhttp_send_error(req, 404, NULL);
	} else {
		evbuffer_add_printf(body, "page %s, TLS %d", uri,
		    bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evhttp_request_get_connection(req))) != NULL);
		evhttp_send_reply(req, 200, "OK", body);
	}
	evbuffer_free(body);
}

static void answer(struct evhttp_request *req, void *arg)
{
	(void)arg;
	answered++;
	if (!req) {
		SAY("no answer\n");
		return;
	}
	SAY("code %d", evhttp_request_get_response_code(req));
	if (evhttp_request_get_response_code(req)) {
		struct evbuffer *body = evhttp_request_get_input_buffer(req);
		size_t size = evbuffer_get_length(body);
		const char *text = (const char *)evbuffer_pullup(body, -1);
		if (size == sizeof(page))
			SAY(", large, intact %d", memcmp(text, page, size) == 0);
		else
			SAY(", %d bytes %.*s", (int)size, (int)(size < 60 && evhttp_request_get_response_code(req) == 200 ? size : 0),
			    text ? text : "");
	}
	SAY("\n");
}

static void failure(enum evhttp_request_error error, void *arg)
{
	(void)arg;
	SAY("error %d\n", (int)error);
}

static void open_server(int version)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	size_t i;
	for (i = 0; i < sizeof(page); i++)
		page[i] = (char)('a' + i % 26);
	begin(&w, version);
	http = evhttp_new(w.base);
	evhttp_set_bevcb(http, over_tls, w.server_ctx);
	evhttp_set_gencb(http, serve, NULL);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size);
	port = ntohs(at.sin_port);
}

static SSL *open_client(const char *name)
{
	SSL *ssl = SSL_new(w.client_ctx);
	struct bufferevent *bev;
	if (name) {
		SSL_set_tlsext_host_name(ssl, name);
		SSL_set1_host(ssl, name);
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	}
	bev = bufferevent_openssl_socket_new(w.base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	conn = evhttp_connection_base_bufferevent_new(w.base, NULL, bev, "127.0.0.1", port);
	return ssl;
}

static void ask(enum evhttp_cmd_type how, const char *uri, const char *body)
{
	struct evhttp_request *req = evhttp_request_new(answer, NULL);
	evhttp_request_set_error_cb(req, failure);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Host", "case.test");
	if (body)
		evbuffer_add(evhttp_request_get_output_buffer(req), body, strlen(body));
	if (evhttp_make_request(conn, req, how, uri))
		SAY("not made\n");
}

static void close_all(void)
{
	if (conn)
		evhttp_connection_free(conn);
	evhttp_free(http);
	finish(&w);
}

static void one(int version, enum evhttp_cmd_type how, const char *uri, const char *body)
{
	open_server(version);
	open_client("case.test");
	ask(how, uri, body);
	AWAIT(&w, answered == 1);
	SAY("served %d, sessions %d\n", served, sessions);
	close_all();
}

BOTH_VERSIONS(get) { one(version, EVHTTP_REQ_GET, "/", NULL); }
BOTH_VERSIONS(get_large) { one(version, EVHTTP_REQ_GET, "/large", NULL); }
BOTH_VERSIONS(get_pieces) { one(version, EVHTTP_REQ_GET, "/pieces", NULL); }
BOTH_VERSIONS(get_what_is_not_there) { one(version, EVHTTP_REQ_GET, "/none", NULL); }
BOTH_VERSIONS(post) { one(version, EVHTTP_REQ_POST, "/echo", "what was posted"); }
BOTH_VERSIONS(head) { one(version, EVHTTP_REQ_HEAD, "/", NULL); }

/* Several requests on one session. */
BOTH_VERSIONS(keep_alive)
{
	int i;
	open_server(version);
	open_client("case.test");
	for (i = 1; i <= 5; i++) {
		ask(i & 1 ? EVHTTP_REQ_GET : EVHTTP_REQ_POST, i & 1 ? "/page" : "/echo", i & 1 ? NULL : "echo");
		AWAIT(&w, answered == i);
	}
	SAY("served %d, sessions %d\n", served, sessions);
	close_all();
}

/* Requests that wait for each other. */
BOTH_VERSIONS(queued_requests)
{
	open_server(version);
	open_client("case.test");
	ask(EVHTTP_REQ_GET, "/a", NULL);
	ask(EVHTTP_REQ_GET, "/large", NULL);
	ask(EVHTTP_REQ_GET, "/c", NULL);
	AWAIT(&w, answered == 3);
	SAY("served %d, sessions %d\n", served, sessions);
	close_all();
}

/* A server that is not who it should be gets no request. */
BOTH_VERSIONS(name_refused)
{
	SSL *ssl;
	open_server(version);
	ssl = open_client("other.test");
	SSL_up_ref(ssl);
	ask(EVHTTP_REQ_GET, "/secret", NULL);
	AWAIT(&w, answered == 1);
	settle(&w);
	SAY("served %d, verify result %ld\n", served, SSL_get_verify_result(ssl));
	SSL_free(ssl);
	close_all();
}

BOTH_VERSIONS(authority_refused)
{
	open_server(version);
	SSL_CTX_free(w.client_ctx);
	w.client_ctx = SSL_CTX_new(TLS_method());
	open_client("case.test");
	ask(EVHTTP_REQ_GET, "/secret", NULL);
	AWAIT(&w, answered == 1);
	settle(&w);
	SAY("served %d\n", served);
	close_all();
}

static int raw(void)
{
	struct sockaddr_in to;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons(port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	evutil_make_socket_nonblocking(fd);
	return fd;
}

/* Plain HTTP to the server's port: no page, and the others are served on. */
BOTH_VERSIONS(plain_http_is_not_served)
{
	int fd, n;
	char data[512];
	open_server(version);
	fd = raw();
	CHECK(write(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27) == 27);
	for (n = 0; n < 200 && recv(fd, data, sizeof(data), MSG_DONTWAIT) != 0; n++)
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	SAY("closed %d, served %d\n", n < 200, served);
	evutil_closesocket(fd);
	open_client("case.test");
	ask(EVHTTP_REQ_GET, "/after", NULL);
	AWAIT(&w, answered == 1);
	close_all();
}

/* A client that connects and says nothing. */
BOTH_VERSIONS(silent_client_is_let_go)
{
	int fd, n = 0;
	char data[16];
	struct timeval began, now;
	open_server(version);
	evhttp_set_timeout(http, 1);
	fd = raw();
	evutil_gettimeofday(&began, NULL);
	do {
		struct timeval tick = { 0, 20000 };
		event_base_loopexit(w.base, &tick);
		event_base_dispatch(w.base);
		evutil_gettimeofday(&now, NULL);
		n = (int)recv(fd, data, sizeof(data), MSG_DONTWAIT);
	} while (n != 0 && now.tv_sec - began.tv_sec < 6);
	SAY("let go %d, served %d\n", n == 0, served);
	evutil_closesocket(fd);
	close_all();
}

/* Several clients at once. */
BOTH_VERSIONS(many_clients)
{
	struct evhttp_connection *all[20];
	int i;
	open_server(version);
	for (i = 0; i < 20; i++) {
		open_client("case.test");
		all[i] = conn;
		ask(EVHTTP_REQ_GET, "/large", NULL);
	}
	AWAIT(&w, answered == 20);
	SAY("served %d, sessions %d\n", served, sessions);
	for (i = 0; i < 20; i++)
		evhttp_connection_free(all[i]);
	conn = NULL;
	close_all();
}

/* A server that is none: it closes, talks something else, or says nothing; or there is none. */
static void bad_server(int version, const char *says, int seconds, int listens)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), peer = -1;
	begin(&w, version);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	getsockname(fd, (struct sockaddr *)&at, &size);
	port = ntohs(at.sin_port);
	if (listens)
		CHECK(listen(fd, 1) == 0);
	open_client("case.test");
	if (seconds)
		evhttp_connection_set_timeout(conn, seconds);
	ask(EVHTTP_REQ_GET, "/", NULL);
	if (says) {
		peer = accept(fd, NULL, NULL);
		CHECK(write(peer, says, strlen(says)) == (ssize_t)strlen(says));
		shutdown(peer, SHUT_WR);
	}
	AWAIT(&w, answered);
	evhttp_connection_free(conn);
	conn = NULL;
	if (peer >= 0)
		evutil_closesocket(peer);
	evutil_closesocket(fd);
	finish(&w);
}

BOTH_VERSIONS(server_closes) { bad_server(version, "", 0, 1); }
BOTH_VERSIONS(server_talks_plain_http) { bad_server(version, "HTTP/1.0 400 Bad Request\r\n\r\n", 0, 1); }
BOTH_VERSIONS(server_says_nothing) { bad_server(version, NULL, 1, 1); }
BOTH_VERSIONS(server_is_not_there) { bad_server(version, NULL, 0, 0); }
