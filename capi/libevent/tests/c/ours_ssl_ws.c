/*
 * WebSocket sessions over TLS: the server's bufferevents are the program's, and stay as they are.
 *
 * ctest: valgrind=tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <event2/http.h>
#include <event2/ws.h>
#include <netinet/in.h>

#define REQUEST "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
/* Masked with zeros. */
#define FRAME(first, length, content) first length "\0\0\0\0" content

static struct world w;
static struct evhttp *http;
static struct evws_connection *session;
static struct bufferevent *client;
static struct evbuffer *got;
static int ends, closed;

static struct bufferevent *over_tls(struct event_base *base, void *arg)
{
	return bufferevent_openssl_socket_new(base, -1, SSL_new(arg), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static void on_message(struct evws_connection *ws, int type, const unsigned char *data, size_t len, void *arg)
{
	(void)arg;
	SAY("message %d of %d: %s\n", type, (int)len, (const char *)data);
	evws_send_text(ws, (const char *)data);
}

static void on_session_end(struct evws_connection *ws, void *arg)
{
	(void)arg;
	CHECK(ws == session);
	session = NULL;
	ends++;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	session = evws_new_session(req, on_message, NULL, BEV_OPT_CLOSE_ON_FREE);
	CHECK(session != NULL);
	CHECK(bufferevent_openssl_get_ssl(evws_connection_get_bufferevent(session)) != NULL);
	evws_connection_set_closecb(session, on_session_end, NULL);
}

static void on_data(struct bufferevent *bev, void *arg)
{
	(void)arg;
	evbuffer_add_buffer(got, bufferevent_get_input(bev));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)arg;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		closed = 1;
}

/* A session whose first frame came with its request. */
static void open_session(int version)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	struct evbuffer_ptr end;
	begin(&w, version);
	got = evbuffer_new();
	http = evhttp_new(w.base);
	evhttp_set_bevcb(http, over_tls, w.server_ctx);
	evhttp_set_gencb(http, on_request, NULL);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	CHECK(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size) == 0);
	client = bufferevent_openssl_socket_new(w.base, -1, SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(client, on_data, NULL, on_event, NULL);
	bufferevent_enable(client, EV_READ | EV_WRITE);
	evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
	bufferevent_write(client, FRAME("\x81", "\x85", "early"), 11);
	CHECK(bufferevent_socket_connect(client, (struct sockaddr *)&at, sizeof(at)) == 0);
	AWAIT(&w, (end = evbuffer_search(got, "\r\n\r\n", 4, NULL)).pos > 0 && evbuffer_get_length(got) == (size_t)end.pos + 11);
	evbuffer_drain(got, (size_t)end.pos + 4);
}

static void frame_is(const char *frame, size_t len)
{
	char text[100];
	AWAIT(&w, evbuffer_get_length(got) >= len);
	CHECK(evbuffer_remove(got, text, len) == (int)len && memcmp(text, frame, len) == 0);
}

static void close_all(void)
{
	bufferevent_free(client);
	evbuffer_free(got);
	if (http)
		evhttp_free(http);
	finish(&w);
}

BOTH_VERSIONS(messages_and_a_close)
{
	open_session(version);
	frame_is("\x81\x05" "early", 7);
	bufferevent_write(client, FRAME("\x81", "\x84", "late"), 10);
	frame_is("\x81\x04" "late", 6);
	bufferevent_write(client, FRAME("\x88", "\x82", "\x03\xe8"), 8);
	frame_is("\x88\x02\x03\xe8", 4);
	AWAIT(&w, closed && ends == 1);
	CHECK(evhttp_get_connection_count(http) == 0);
	close_all();
}

BOTH_VERSIONS(silence_ends)
{
	struct timeval soon = { 0, 50000 };
	open_session(version);
	evoxide_ws_set_timeouts(session, &soon, NULL);
	evbuffer_drain(got, 7);
	frame_is("\x89\0", 2);
	evoxide_ws_set_timeouts(session, NULL, &soon);
	AWAIT(&w, closed && ends == 1);
	close_all();
}

BOTH_VERSIONS(ended_with_the_server)
{
	open_session(version);
	evhttp_free(http);
	http = NULL;
	CHECK(ends == 1);
	AWAIT(&w, closed);
	close_all();
}
