/* HTTP where the program's allocator refuses: every call fails cleanly, every request ends, nothing is left behind. */
#include "case.h"
#include "http_kit.h"
#include <event2/ws.h>

static int until_failure = -1, failing, only_one;
static long live;

static int
refuses(void)
{
	if (until_failure < 0)
		return 0;
	if (until_failure == 0) {
		failing++;
		if (only_one)
			until_failure = -1;
		return 1;
	}
	until_failure--;
	return 0;
}

static void *
my_malloc(size_t n)
{
	void *p = refuses() ? NULL : malloc(n);
	live += p != NULL;
	return p;
}

static void *
my_realloc(void *p, size_t n)
{
	void *q = refuses() ? NULL : realloc(p, n);
	live += !p && q;
	return q;
}

static void
my_free(void *p)
{
	live -= p != NULL;
	free(p);
}

/* Lets what can happen at once happen. */
static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
count(const char *text, const char *part)
{
	int n = 0;
	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

/* Appends what came to `buf`; whether the peer is gone. */
static int
take(int fd, char *buf, size_t size)
{
	size_t len = strlen(buf);
	ssize_t n = recv(fd, buf + len, size - 1 - len, MSG_DONTWAIT);
	if (n > 0)
		buf[len + (size_t)n] = 0;
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Servers. */

static void
on_whole(struct evhttp_request *req, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	(void)arg;
	if (!body || evbuffer_add(body, "whole", 5) || evhttp_add_header(evhttp_request_get_output_headers(req), "X", "1"))
		evhttp_send_error(req, 500, NULL);
	else
		evhttp_send_reply(req, 200, "OK", body);
	if (body)
		evbuffer_free(body);
}

static void
on_chunked(struct evhttp_request *req, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	(void)arg;
	if (!body || evbuffer_add(body, "piece", 5)) {
		evhttp_send_error(req, 500, NULL);
	} else {
		evhttp_send_reply_start(req, 200, "OK");
		evhttp_send_reply_chunk(req, body);
		evhttp_send_reply_end(req);
	}
	if (body)
		evbuffer_free(body);
}

static char block[8 << 20];

/* More than the peer reads before it goes. */
static void
on_large(struct evhttp_request *req, void *arg)
{
	(void)arg;
	if (evbuffer_add_reference(evhttp_request_get_output_buffer(req), block, sizeof block, NULL, NULL))
		evhttp_send_error(req, 500, NULL);
	else
		evhttp_send_reply(req, 200, "OK", NULL);
}

static void
on_error_page(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_error(req, 404, "none");
}

/* WebSocket sessions, plain and with bufferevents of another kind. */

static void
on_message(struct evws_connection *ws, int type, const unsigned char *data, size_t len, void *arg)
{
	(void)type;
	(void)arg;
	evws_send_binary(ws, (const char *)data, len);
}

static void
on_session(struct evhttp_request *req, void *arg)
{
	evws_new_session(req, on_message, NULL, arg ? BEV_OPT_DEFER_CALLBACKS : 0);
}

#define UPGRADE                                                                \
	" HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
/* Masked: a text, a ping between two fragments; and a close. */
#define MASK "\x01\x01\x01\x01"
#define FRAMES                                                                 \
	"\x81\x85" MASK "idmmn" "\x01\x82" MASK "ab" "\x89\x81" MASK "q" "\x80\x82" MASK "cd"
#define FRAME_OF_CLOSE "\x88\x82" MASK "\x02\xe9"

static const char *const asked[] = {
	"GET /session" UPGRADE FRAMES,
	"GET /session" UPGRADE FRAMES FRAME_OF_CLOSE,
	"GET /deferred" UPGRADE FRAMES,
	"GET /deferred" UPGRADE FRAMES FRAME_OF_CLOSE,
	"GET /whole?a=b HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n",
	"POST /whole HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n",
	"POST /chunked HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
	"GET /chunked HTTP/1.1\r\nHost: h\r\n\r\nGET /error HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /large HTTP/1.1\r\nHost: h\r\n\r\n",
	"BAD /error HTTP/1.1\r\nHo st: h\r\n\r\n",
};
#define ASKED ((int)(sizeof asked / sizeof asked[0]))

/* Dates are hidden. */
static void
undate(char *text)
{
	for (; (text = strstr(text, "Date: ")); text += 6)
		memset(text + 6, '*', strcspn(text + 6, "\r"));
}

/* What came where nothing was refused. */
static char usual[8192];

static int
server_sweep(int n, int which)
{
	char buf[8192] = "";
	int fd = -1, gone = 0, i;
	base = event_base_new();
	failing = 0;
	until_failure = n;
	bound = NULL;
	http = evhttp_new(base);
	if (http) {
		evhttp_set_cb(http, "/whole", on_whole, NULL);
		evhttp_set_cb(http, "/chunked", on_chunked, NULL);
		evhttp_set_cb(http, "/large", on_large, NULL);
		evhttp_set_cb(http, "/session", on_session, NULL);
		evhttp_set_cb(http, "/deferred", on_session, block);
		evhttp_set_gencb(http, on_error_page, NULL);
		bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	}
	if (bound) {
		port = port_of(evhttp_bound_socket_get_fd(bound));
		fd = dial();
		turn();
		put(fd, asked[which]);
		for (i = 0; i < 6; i++) {
			turn();
			gone |= take(fd, buf, sizeof buf);
		}
		until_failure = -1;
		for (i = 0; i < 6; i++) {
			turn();
			gone |= take(fd, buf, sizeof buf);
		}
		undate(buf);
		if (!failing)
			strcpy(usual, buf);
		else if (!gone && strcmp(buf, usual))
			SAY("script %d at %d%s: open, and came: %s\n", which, n, only_one ? " once" : "", buf);
	}
	until_failure = -1;
	if (fd >= 0)
		close(fd);
	turn();
	if (http)
		evhttp_free(http);
	turn();
	event_base_free(base);
	return failing > 0;
}

/* Clients. */

static const char *const told[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nhi",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: t\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"junk\r\n\r\n",
};
#define TOLD ((int)(sizeof told / sizeof told[0]))

static int ended;

static void
on_end(struct evhttp_request *req, void *arg)
{
	(void)req, (void)arg;
	ended++;
}

static int
client_sweep(int n, int which)
{
	struct evhttp_connection *evcon;
	char buf[8192] = "";
	int fd = -1, began = 0, i, answers = 0, gone = 0;
	base = event_base_new();
	raw_serve();
	failing = ended = 0;
	until_failure = n;
	evcon = evhttp_connection_base_new(base, NULL, "127.0.0.1", (unsigned short)port);
	if (evcon) {
		for (i = 0; i < 2; i++) {
			struct evhttp_request *req = evhttp_request_new(on_end, NULL);
			if (!req)
				continue;
			evhttp_add_header(evhttp_request_get_output_headers(req), "X-A", "1");
			if (i)
				evbuffer_add(evhttp_request_get_output_buffer(req), "body", 4);
			if (!evhttp_make_request(evcon, req, i ? EVHTTP_REQ_POST : EVHTTP_REQ_GET, "/a b"))
				began++;
		}
		for (i = 0; i < 16; i++) {
			if (i == 10)
				until_failure = -1;
			turn();
			if (fd < 0) {
				fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK);
				gone = answers = 0;
				buf[0] = 0;
			}
			if (fd < 0)
				continue;
			gone |= take(fd, buf, sizeof buf);
			while (!gone && answers < count(buf, "HTTP/1.1")) {
				send(fd, told[which], strlen(told[which]), MSG_NOSIGNAL);
				answers++;
				if (which == 2)
					gone = 1;
			}
			if (gone) {
				close(fd);
				fd = -1;
			}
		}
		if (ended != began)
			SAY("script %d at %d%s: began %d ended %d\n", which, n, only_one ? " once" : "", began, ended);
	}
	until_failure = -1;
	if (evcon)
		evhttp_connection_free(evcon);
	turn();
	if (fd >= 0)
		close(fd);
	close(raw_listener);
	event_base_free(base);
	return failing > 0;
}

/* Every script with the n-th allocation refused, alone or with all after it. */
static void
every(int (*sweep)(int, int), int scripts)
{
	int n, which;
	event_set_mem_functions(my_malloc, my_realloc, my_free);
	for (which = 0; which < scripts; which++) {
		sweep(1000000, which);
		for (only_one = 0; only_one < 2; only_one++) {
			long before = live;
			for (n = 0; sweep(n, which); n++) {
				if (live != before)
					SAY("script %d at %d%s: %ld left\n", which, n, only_one ? " once" : "", live - before);
				before = live;
			}
			CHECK(n > 10);
		}
	}
}

CASE(every_allocation_of_a_server_refused)
{
	every(server_sweep, ASKED);
}

CASE(every_allocation_of_a_client_refused)
{
	every(client_sweep, TOLD);
}
