/* event2/ws.h: WebSocket sessions, section by section of RFC 6455. The client is written by hand, a byte at a time where it matters. */
#include "case.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/thread.h>
#include <event2/ws.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HEAD "GET /chat HTTP/1.1\r\nHost: a\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define REQUEST HEAD UPGRADE "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n"

static struct event_base *base;
static struct evhttp *http;
static struct evws_connection *session;
static struct bufferevent *client;
static struct evbuffer *got;
static int closed, told, ends;
/* Of sessions that are made. */
static int options;
/* What the server was told: the kind of each message and its text. */
static char heard[400];
/* What the server does with a message. */
static enum { ECHO, FREE_IT, CLOSE_IT, SEND_AND_FREE, QUIET, CLOSE_NONE } manner;

static void
on_message(struct evws_connection *ws, int type, const unsigned char *data, size_t len, void *arg)
{
	told++;
	CHECK(ws == session && arg == &told);
	CHECK(data[len] == 0);
	CHECK(type == WS_TEXT_FRAME || type == WS_BINARY_FRAME);
	if (strlen(heard) + len < sizeof heard - 10)
		sprintf(heard + strlen(heard), "%d:%s;", type, (const char *)data);
	switch (manner) {
	case ECHO:
		if (type == WS_TEXT_FRAME)
			evws_send_text(ws, (const char *)data);
		else
			evws_send_binary(ws, (const char *)data, len);
		break;
	case FREE_IT: evws_connection_free(ws); break;
	case CLOSE_IT: evws_close(ws, WS_CR_NORMAL); break;
	case CLOSE_NONE: evws_close(ws, WS_CR_NONE); break;
	case SEND_AND_FREE:
		evws_send_text(ws, "last");
		evws_connection_free(ws);
		break;
	case QUIET: break;
	}
}

static void
on_close(struct evws_connection *ws, void *arg)
{
	CHECK(ws == session && arg == &closed);
	ends++;
	session = NULL;
}

/* Whether the server was told just this since the last time. */
static void
heard_just(const char *messages)
{
	SAY("%s\n", heard);
	CHECK(strcmp(heard, messages) == 0);
	heard[0] = 0;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	session = evws_new_session(req, on_message, &told, options);
	SAY("session %d\n", session != NULL);
	if (session)
		evws_connection_set_closecb(session, on_close, &closed);
}

static void
on_data(struct bufferevent *bev, void *arg)
{
	(void)arg;
	evbuffer_add_buffer(got, bufferevent_get_input(bev));
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		on_data(bev, NULL);
		closed = 1;
	}
}

static void
start(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	struct evhttp_bound_socket *bound;
	base = event_base_new();
	http = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	CHECK(bound != NULL);
	evhttp_set_gencb(http, on_request, NULL);
	CHECK(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&sin, &len) == 0);
	got = evbuffer_new();
	client = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(client, on_data, NULL, on_event, NULL);
	bufferevent_enable(client, EV_READ | EV_WRITE);
	CHECK(bufferevent_socket_connect(client, (struct sockaddr *)&sin, sizeof sin) == 0);
}

static void
stop(void)
{
	if (session)
		evws_connection_free(session);
	bufferevent_free(client);
	evhttp_free(http);
	evbuffer_free(got);
	event_base_free(base);
}

/* Runs the loop until the client has so much, or the connection has ended. */
static void
until(size_t n)
{
	while (evbuffer_get_length(got) < n && !closed)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
until_closed(void)
{
	while (!closed)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Takes the answer's head, which begins with this and has this line. */
static void
head_is(const char *begin, const char *line)
{
	char text[2000];
	struct evbuffer_ptr end;
	int n;
	while ((end = evbuffer_search(got, "\r\n\r\n", 4, NULL)).pos < 0 && !closed)
		event_base_loop(base, EVLOOP_ONCE);
	CHECK(end.pos > 0 && end.pos < 1900);
	n = evbuffer_remove(got, text, (size_t)end.pos + 4);
	text[n] = 0;
	CHECK(strncmp(text, begin, strlen(begin)) == 0);
	CHECK(strstr(text, line) != NULL);
}

#define SWITCHED "HTTP/1.1 101 ", "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void
open_session(void)
{
	start();
	evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
	head_is(SWITCHED);
	CHECK(session != NULL);
}

/* A client's frame, masked. */
static void
frame_to(struct evbuffer *out, int first, const void *data, size_t len)
{
	static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	unsigned char h[14], *masked = malloc(len + 1);
	size_t n = 2, i;
	h[0] = (unsigned char)first;
	if (len < 126)
		h[1] = (unsigned char)(0x80 | len);
	else if (len < 65536) {
		h[1] = 0x80 | 126;
		h[n++] = (unsigned char)(len >> 8);
		h[n++] = (unsigned char)len;
	} else {
		h[1] = 0x80 | 127;
		for (i = 0; i < 8; i++)
			h[n++] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	}
	memcpy(h + n, mask, 4);
	n += 4;
	for (i = 0; i < len; i++)
		masked[i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
	evbuffer_add(out, h, n);
	evbuffer_add(out, masked, len);
	free(masked);
}

static void
frame(int first, const char *data)
{
	frame_to(bufferevent_get_output(client), first, data, strlen(data));
}

/* Takes the next frame of the server, which is this one. */
static void
frame_is(int first, const void *content, size_t size)
{
	unsigned char h[10];
	size_t at = 2, len, i;
	char *data;
	until(2);
	CHECK(evbuffer_copyout(got, h, 2) == 2);
	CHECK(h[0] == first);
	CHECK((h[1] & 128) == 0);
	len = h[1] & 127;
	if (len == 126) {
		until(4);
		evbuffer_copyout(got, h, 4);
		len = (size_t)h[2] << 8 | h[3];
		at = 4;
	} else if (len == 127) {
		until(10);
		evbuffer_copyout(got, h, 10);
		for (len = 0, i = 2; i < 10; i++)
			len = len << 8 | h[i];
		at = 10;
	}
	CHECK(len == size);
	until(at + len);
	evbuffer_drain(got, at);
	data = malloc(len + 1);
	CHECK(evbuffer_remove(got, data, len) == (int)len);
	CHECK(memcmp(data, content, len) == 0);
	free(data);
}

#define ANSWER(first, content) frame_is(first, content, sizeof content - 1)

/* Section 4: the handshake. */

CASE(handshake)
{
	open_session();
	CHECK(evws_connection_get_bufferevent(session) != NULL);
	CHECK(ends == 0);
	evws_connection_free(session);
	CHECK(ends == 1);
	stop();
}

static void
refused(const char *what, const char *status, const char *line, const char *request)
{
	SAY("-- %s\n", what);
	closed = 0;
	start();
	evbuffer_add_printf(bufferevent_get_output(client), "%s", request);
	head_is(status, line);
	CHECK(session == NULL);
	stop();
}

#define BAD "HTTP/1.1 400 ", ""
#define OTHER "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"

CASE(handshake_refused)
{
	refused("no upgrade", BAD, HEAD "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n");
	refused("another upgrade", BAD, HEAD "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
	    "\r\nSec-WebSocket-Version: 13\r\n\r\n");
	refused("no key", BAD, HEAD UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n");
	refused("a short key", BAD, HEAD UPGRADE "Sec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\r\n");
	refused("two keys", BAD, HEAD UPGRADE "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Key: " KEY
	    "\r\nSec-WebSocket-Version: 13\r\n\r\n");
	refused("another version", OTHER, HEAD UPGRADE "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 8\r\n\r\n");
	refused("no version", OTHER, HEAD UPGRADE "Sec-WebSocket-Key: " KEY "\r\n\r\n");
	refused("a post", BAD, "POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" UPGRADE "Sec-WebSocket-Key: " KEY
	    "\r\nSec-WebSocket-Version: 13\r\n\r\n");
}

/* What comes in one piece with the request is the session's. */
CASE(handshake_and_frames_at_once)
{
	struct evbuffer *out;
	start();
	out = bufferevent_get_output(client);
	evbuffer_add_printf(out, REQUEST);
	frame(0x81, "early");
	frame(0x82, "too");
	head_is(SWITCHED);
	ANSWER(0x81, "early");
	ANSWER(0x82, "too");
	heard_just("1:early;2:too;");
	stop();
}

static void
early(int with)
{
	options = with;
	start();
	evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
	frame(0x81, "early");
	head_is(SWITCHED);
	ANSWER(0x81, "early");
	frame(0x82, "late");
	ANSWER(0x82, "late");
	heard_just("1:early;2:late;");
	stop();
	CHECK(ends == 1);
}

CASE(option_to_close)
{
	early(BEV_OPT_CLOSE_ON_FREE);
}

CASE(option_to_defer)
{
	early(BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

CASE(option_of_a_lock)
{
	evthread_use_pthreads();
	early(BEV_OPT_THREADSAFE);
}

CASE(option_of_a_lock_that_callbacks_do_not_hold)
{
	evthread_use_pthreads();
	early(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
}

static void *
sends(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 200; i++)
		evws_send_text(session, "from a thread");
	return NULL;
}

/* A session with a lock is sent to from any thread. */
CASE(option_of_a_lock_and_a_thread)
{
	pthread_t thread;
	evthread_use_pthreads();
	options = BEV_OPT_THREADSAFE;
	open_session();
	CHECK(pthread_create(&thread, NULL, sends, NULL) == 0);
	until(200 * 15);
	pthread_join(thread, NULL);
	SAY("%d bytes\n", (int)evbuffer_get_length(got));
	stop();
}

static struct bufferevent *
without_lock(struct event_base *on, void *arg)
{
	(void)arg;
	return bufferevent_socket_new(on, -1,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
}

/* The program's own bufferevent calls without its lock; the session is sent to while it receives. */
CASE(own_bufferevent_and_a_thread)
{
	pthread_t thread;
	int i;
	evthread_use_pthreads();
	start();
	evhttp_set_bevcb(http, without_lock, NULL);
	evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
	head_is(SWITCHED);
	CHECK(pthread_create(&thread, NULL, sends, NULL) == 0);
	for (i = 0; i < 200; i++)
		frame(0x81, "hello");
	until(200 * 15 + 200 * 7);
	pthread_join(thread, NULL);
	SAY("%d bytes\n", (int)evbuffer_get_length(got));
	stop();
}

/* Section 5: framing. */

CASE(messages)
{
	open_session();
	frame(0x81, "hello");
	ANSWER(0x81, "hello");
	frame(0x82, "bytes");
	ANSWER(0x82, "bytes");
	frame(0x81, "");
	ANSWER(0x81, "");
	frame(0x82, "");
	ANSWER(0x82, "");
	frame(0x81, "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5");
	ANSWER(0x81, "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5");
	heard_just("1:hello;2:bytes;1:;2:;1:\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5;");
	stop();
}

CASE(messages_of_all_lengths)
{
	static const size_t lengths[] = { 125, 126, 127, 65535, 65536, 1000000 };
	static char data[1000000];
	size_t i;
	memset(data, 'x', sizeof data);
	open_session();
	for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		frame_to(bufferevent_get_output(client), 0x82, data, lengths[i]);
		frame_is(0x82, data, lengths[i]);
	}
	stop();
}

CASE(messages_byte_by_byte)
{
	struct evbuffer *bytes = evbuffer_new();
	open_session();
	frame_to(bytes, 0x81, "one", 3);
	frame_to(bytes, 0x01, "two ", 4);
	frame_to(bytes, 0x89, "ping", 4);
	frame_to(bytes, 0x80, "parts", 5);
	while (evbuffer_get_length(bytes) > 0) {
		evbuffer_remove_buffer(bytes, bufferevent_get_output(client), 1);
		while (evbuffer_get_length(bufferevent_get_output(client)) > 0)
			event_base_loop(base, EVLOOP_ONCE);
	}
	ANSWER(0x81, "one");
	ANSWER(0x8a, "ping");
	ANSWER(0x81, "two parts");
	heard_just("1:one;1:two parts;");
	evbuffer_free(bytes);
	stop();
}

CASE(fragments_with_control_frames_in_between)
{
	open_session();
	frame(0x01, "one ");
	frame(0x89, "are you there");
	frame(0x00, "");
	frame(0x00, "two ");
	frame(0x8a, "unasked");
	frame(0x80, "three");
	ANSWER(0x8a, "are you there");
	ANSWER(0x81, "one two three");
	heard_just("1:one two three;");
	stop();
}

/* The session fails: a close frame says why, and the connection ends. */
static void
fails(const char *what, const char *code, const void *bytes, size_t len)
{
	SAY("-- %s\n", what);
	closed = 0;
	open_session();
	evbuffer_add(bufferevent_get_output(client), bytes, len);
	frame_is(0x88, code, 2);
	until_closed();
	CHECK(session == NULL && told == 0);
	stop();
}

#define FAILS(what, bytes) fails(what, PROTOCOL_ERROR, bytes, sizeof bytes - 1)
#define FAILS_AS(code, what, bytes) fails(what, code, bytes, sizeof bytes - 1)
#define PROTOCOL_ERROR "\x03\xea"
#define INVALID_DATA "\x03\xef"
#define TOO_BIG "\x03\xf1"
#define MASK "\x37\xfa\x21\x3d"

CASE(frames_that_break_the_protocol)
{
	FAILS("no mask", "\x81\x02hi");
	FAILS("a reserved bit", "\xc1\x80" MASK);
	FAILS("an opcode that is none", "\x83\x80" MASK);
	FAILS("a control opcode that is none", "\x8b\x80" MASK);
	FAILS("a ping in fragments", "\x09\x80" MASK);
	FAILS("a ping that is too long", "\x89\xfe\x01\x00" MASK);
	FAILS("a continuation of nothing", "\x80\x80" MASK);
	FAILS("a message in a message", "\x01\x80" MASK "\x81\x80" MASK);
	FAILS("a length in too long a form", "\x82\xfe\x00\x05" MASK "hello");
	FAILS("a negative length", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00");
	FAILS_AS(INVALID_DATA, "text that is not UTF-8", "\x81\x82" MASK "\xf7\x53");
	FAILS_AS(INVALID_DATA, "half a character", "\x81\x81" MASK "\xf9");
	FAILS("a close of one byte", "\x88\x81" MASK "\x34");
	FAILS("a close code that is none", "\x88\x82" MASK "\x34\x17");
}

CASE(cve_2026_63495_message_across_fragments)
{
	static char data[1 << 20];
	int i;
	open_session();
	manner = QUIET;
	for (i = 0; i < 17; i++)
		frame_to(bufferevent_get_output(client), i ? 0x00 : 0x02, data, sizeof data);
	ANSWER(0x88, TOO_BIG);
	until_closed();
	CHECK(told == 0 && ends == 1);
	stop();
}

CASE(cve_2026_63495_announced_length)
{
	FAILS_AS(TOO_BIG, "more than memory", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK);
	FAILS_AS(TOO_BIG, "more than the limit", "\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00" MASK);
}

/* Section 5.5.2: of pings that could not be answered, the newest counts; a peer that does not read costs no memory. */
CASE(pings_to_a_peer_that_does_not_read)
{
	struct evbuffer *output;
	size_t most = 0;
	int i;
	open_session();
	output = bufferevent_get_output(evws_connection_get_bufferevent(session));
	bufferevent_disable(client, EV_READ);
	for (i = 0; i < 200000; i++) {
		frame(0x89, "0123456789012345678901234567890123456789012345678901234567890123456789");
		if (i % 1000 == 999)
			while (evbuffer_get_length(bufferevent_get_output(client)) > 0) {
				event_base_loop(base, EVLOOP_ONCE);
				if (evbuffer_get_length(output) > most)
					most = evbuffer_get_length(output);
			}
	}
	CHECK(most < 100000);
	stop();
}

/* Section 7: closing. */

CASE(closed_by_the_peer)
{
	static const char *const contents[] = { "\x03\xe8", "\x03\xe9 goes away", "\x0f\xa0", "" };
	size_t i;
	for (i = 0; i < sizeof contents / sizeof *contents; i++) {
		closed = 0;
		open_session();
		frame(0x88, contents[i]);
		frame(0x81, "too late");
		frame_is(0x88, contents[i], strlen(contents[i]) < 2 ? 0 : 2);
		until_closed();
		CHECK(session == NULL && told == 0 && ends == (int)i + 1);
		stop();
	}
}

CASE(closed_by_us)
{
	open_session();
	manner = CLOSE_IT;
	frame(0x81, "close");
	ANSWER(0x88, "\x03\xe8");
	/* What was under way arrives; nothing is sent any more. */
	manner = ECHO;
	frame(0x81, "late");
	frame(0x89, "late");
	frame(0x88, "\x03\xe8");
	until_closed();
	CHECK(evbuffer_get_length(got) == 0 && ends == 1);
	heard_just("1:close;1:late;");
	stop();
}

CASE(closed_by_us_without_a_reason)
{
	open_session();
	manner = CLOSE_NONE;
	frame(0x81, "close");
	ANSWER(0x88, "");
	frame(0x88, "");
	until_closed();
	CHECK(ends == 1);
	stop();
}

CASE(closed_twice)
{
	open_session();
	evws_close(session, WS_CR_DATA_TOO_BIG);
	evws_close(session, WS_CR_PROTO_ERR);
	evws_send_text(session, "too late");
	evws_send_binary(session, "too late", 8);
	ANSWER(0x88, TOO_BIG);
	frame(0x88, TOO_BIG);
	until_closed();
	CHECK(evbuffer_get_length(got) == 0 && ends == 1);
	stop();
}

CASE(connection_lost)
{
	open_session();
	frame(0x01, "half");
	bufferevent_flush(client, EV_WRITE, BEV_FINISHED);
	while (evbuffer_get_length(bufferevent_get_output(client)) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	shutdown(bufferevent_getfd(client), SHUT_WR);
	while (session)
		event_base_loop(base, EVLOOP_ONCE);
	CHECK(told == 0 && ends == 1);
	stop();
}

/* Lives. */

CASE(freed_in_the_message_callback)
{
	open_session();
	manner = FREE_IT;
	frame(0x81, "one");
	frame(0x81, "two");
	until_closed();
	CHECK(told == 1 && ends == 1);
	stop();
}

CASE(freed_after_sending)
{
	open_session();
	manner = SEND_AND_FREE;
	frame(0x81, "one");
	until_closed();
	CHECK(told == 1 && ends == 1);
	stop();
}

static void
free_again(struct evws_connection *ws, void *arg)
{
	(void)arg;
	ends++;
	session = NULL;
	evws_connection_free(ws);
}

CASE(freed_in_the_close_callback)
{
	open_session();
	evws_connection_set_closecb(session, free_again, NULL);
	frame(0x88, "");
	ANSWER(0x88, "");
	until_closed();
	CHECK(ends == 1);
	stop();
}

CASE(freed_outside)
{
	open_session();
	evws_connection_free(session);
	CHECK(session == NULL);
	until_closed();
	stop();
}

CASE(freed_without_a_close_callback)
{
	open_session();
	evws_connection_set_closecb(session, NULL, NULL);
	frame(0x88, "");
	ANSWER(0x88, "");
	until_closed();
	CHECK(ends == 0);
	session = NULL;
	stop();
}

CASE(text_that_is_no_text_is_not_sent)
{
	open_session();
	event_set_log_callback(NULL);
	evws_send_text(session, "\xff\xfe");
	evws_send_text(session, "after");
	ANSWER(0x81, "after");
	stop();
}

CASE(many_messages_both_ways)
{
	int i;
	open_session();
	manner = QUIET;
	for (i = 0; i < 1000; i++)
		evws_send_binary(session, (const char *)&i, sizeof i);
	until(6000);
	CHECK(evbuffer_get_length(got) == 6000);
	stop();
}

/* Time: pings and the end of silence. */

static const struct timeval soon = { 0, 60000 }, later = { 0, 200000 }, never = { 0, 0 };

/* A silent peer is pinged, and then the session ends. */
CASE(silence_is_asked_about_and_then_ends)
{
	struct timeval long_after = { 3600, 0 };
	open_session();
	evoxide_ws_set_timeouts(session, &soon, &long_after);
	ANSWER(0x89, "");
	evoxide_ws_set_timeouts(session, &long_after, &later);
	until_closed();
	CHECK(ends == 1 && session == NULL && evbuffer_get_length(got) == 0);
	stop();
}

/* A peer that answers pings stays, and is asked again. */
CASE(answered_pings_keep_the_session)
{
	int i;
	open_session();
	evoxide_ws_set_timeouts(session, &soon, NULL);
	for (i = 0; i < 5; i++) {
		ANSWER(0x89, "");
		CHECK(session != NULL && ends == 0);
		frame(0x8a, "");
	}
	frame(0x81, "still there");
	ANSWER(0x81, "still there");
	stop();
}

CASE(silence_ends_without_pings)
{
	open_session();
	frame(0x81, "a");
	ANSWER(0x81, "a");
	evoxide_ws_set_timeouts(session, NULL, &later);
	until_closed();
	CHECK(ends == 1 && evbuffer_get_length(got) == 0);
	stop();
}

/* Waits that are taken back, and those of a session that closes. */
CASE(waits_are_taken_back)
{
	struct timeval pause = { 0, 300000 };
	open_session();
	evoxide_ws_set_timeouts(session, &soon, &later);
	evoxide_ws_set_timeouts(session, &never, NULL);
	event_base_loopexit(base, &pause);
	event_base_dispatch(base);
	CHECK(ends == 0 && evbuffer_get_length(got) == 0);
	evoxide_ws_set_timeouts(session, &later, &later);
	evws_close(session, WS_CR_NORMAL);
	ANSWER(0x88, "\x03\xe8");
	event_base_loopexit(base, &pause);
	event_base_dispatch(base);
	/* No ping follows a close, whose answer has a time of its own. */
	CHECK(ends == 0 && evbuffer_get_length(got) == 0);
	frame(0x88, "\x03\xe8");
	until_closed();
	CHECK(ends == 1);
	stop();
}

/* What the program sets for writing stays. */
CASE(write_time_out_of_the_program)
{
	static char data[1 << 20];
	struct timeval write = { 0, 200000 };
	struct timeval idle = { 60, 0 };
	int i;
	open_session();
	bufferevent_set_timeouts(evws_connection_get_bufferevent(session), NULL, &write);
	evoxide_ws_set_timeouts(session, &idle, &idle);
	bufferevent_disable(client, EV_READ);
	for (i = 0; i < 16; i++)
		evws_send_binary(session, data, sizeof data);
	while (session)
		event_base_loop(base, EVLOOP_ONCE);
	CHECK(ends == 1);
	stop();
}

/* A server that goes ends its sessions, which count as its connections. */
CASE(sessions_end_with_their_server)
{
	open_session();
	SAY("connections %d\n", evhttp_get_connection_count(http));
	evhttp_free(http);
	CHECK(ends == 1 && session == NULL);
	http = evhttp_new(base);
	until_closed();
	stop();
}

CASE(sessions_without_a_callback_end_with_their_server)
{
	open_session();
	evws_connection_set_closecb(session, NULL, NULL);
	evhttp_free(http);
	session = NULL;
	http = evhttp_new(base);
	until_closed();
	stop();
}

static void
free_the_server(struct evws_connection *ws, int type, const unsigned char *data, size_t len, void *arg)
{
	(void)type;
	(void)data;
	(void)len;
	(void)arg;
	told++;
	CHECK(ws == session);
	evhttp_free(http);
	CHECK(session == NULL);
	/* Nothing is sent any more, and freeing it again is harmless inside its callback. */
	evws_send_text(ws, "too late");
	evws_connection_free(ws);
}

static void
on_request_to_free(struct evhttp_request *req, void *arg)
{
	(void)arg;
	session = evws_new_session(req, free_the_server, NULL, options);
	CHECK(session != NULL);
	evws_connection_set_closecb(session, on_close, &closed);
}

/* The server is freed in a message's callback, with or without a lock. */
CASE(server_freed_in_the_message_callback)
{
	evthread_use_pthreads();
	for (options = 0; options <= BEV_OPT_THREADSAFE; options += BEV_OPT_THREADSAFE) {
		closed = told = ends = 0;
		start();
		evhttp_set_gencb(http, on_request_to_free, NULL);
		evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
		head_is(SWITCHED);
		frame(0x81, "one");
		frame(0x81, "two");
		until_closed();
		CHECK(told == 1 && ends == 1);
		http = evhttp_new(base);
		stop();
	}
}

static void
on_request_then_free(struct evhttp_request *req, void *arg)
{
	on_request(req, arg);
	evhttp_free(http);
	CHECK(session == NULL);
}

/* The server is freed in the callback that made the session, with a message behind the request. */
CASE(server_freed_in_the_request_callback)
{
	for (options = 0; options <= BEV_OPT_DEFER_CALLBACKS; options += BEV_OPT_DEFER_CALLBACKS) {
		closed = told = ends = 0;
		start();
		evhttp_set_gencb(http, on_request_then_free, NULL);
		evbuffer_add_printf(bufferevent_get_output(client), REQUEST);
		frame(0x81, "one");
		until_closed();
		CHECK(told == 0 && ends == 1);
		http = evhttp_new(base);
		stop();
	}
}

/* A session that ended is in no list any more. */
CASE(sessions_that_ended_before_their_server)
{
	int i;
	for (i = 0; i < 3; i++) {
		closed = 0;
		open_session();
		CHECK(evhttp_get_connection_count(http) == 1);
		if (i == 0)
			evws_connection_free(session);
		else if (i == 1)
			frame(0x88, "");
		else {
			bufferevent_free(client);
			client = bufferevent_socket_new(base, -1, 0);
			while (session)
				event_base_loop(base, EVLOOP_ONCE);
			closed = 1;
		}
		until_closed();
		CHECK(evhttp_get_connection_count(http) == 0 && ends == i + 1);
		stop();
	}
}

/* Sessions count against the most connections. */
CASE(sessions_count_as_connections)
{
	open_session();
	evhttp_set_max_connections(http, 1);
	bufferevent_setcb(client, NULL, NULL, NULL, NULL);
	{
		struct sockaddr_in sin;
		socklen_t len = sizeof sin;
		struct bufferevent *other = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
		getpeername(bufferevent_getfd(client), (struct sockaddr *)&sin, &len);
		bufferevent_setcb(other, on_data, NULL, on_event, NULL);
		bufferevent_enable(other, EV_READ);
		bufferevent_socket_connect(other, (struct sockaddr *)&sin, sizeof sin);
		head_is("HTTP/1.1 503 ", "\r\nConnection: close\r\n");
		bufferevent_free(other);
	}
	stop();
}

/* Sessions freed by another thread while their server is freed: either ends each once. */
static struct evws_connection *many[64];
static int made, many_ends;

static void
on_many_closed(struct evws_connection *ws, void *arg)
{
	(void)ws;
	(void)arg;
	__atomic_add_fetch(&many_ends, 1, __ATOMIC_SEQ_CST);
}

static void
on_many(struct evhttp_request *req, void *arg)
{
	(void)arg;
	many[made] = evws_new_session(req, on_message, NULL, BEV_OPT_THREADSAFE);
	CHECK(many[made] != NULL);
	evws_connection_set_closecb(many[made++], on_many_closed, NULL);
}

static void *
free_some(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 32; i++)
		evws_connection_free(many[i]);
	return NULL;
}

CASE(sessions_freed_by_a_thread_and_others_by_their_server)
{
	struct bufferevent *clients[64];
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	pthread_t thread;
	int i;
	evthread_use_pthreads();
	open_session();
	getpeername(bufferevent_getfd(client), (struct sockaddr *)&sin, &len);
	evhttp_set_gencb(http, on_many, NULL);
	for (i = 0; i < 64; i++) {
		clients[i] = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
		evbuffer_add_printf(bufferevent_get_output(clients[i]), REQUEST);
		bufferevent_socket_connect(clients[i], (struct sockaddr *)&sin, sizeof sin);
	}
	while (made < 64)
		event_base_loop(base, EVLOOP_ONCE);
	CHECK(evhttp_get_connection_count(http) == 65);
	CHECK(pthread_create(&thread, NULL, free_some, NULL) == 0);
	while (evhttp_get_connection_count(http) > 33)
		event_base_loop(base, EVLOOP_NONBLOCK);
	evhttp_free(http);
	pthread_join(thread, NULL);
	CHECK(many_ends == 64 && ends == 1);
	for (i = 0; i < 64; i++)
		bufferevent_free(clients[i]);
	http = evhttp_new(base);
	stop();
}

/* A message for which there is no memory ends the session, from the loop. Checkers have memory of their own. */
CASE(message_without_memory)
{
	const size_t much = (size_t)256 << 20;
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *statm;
	void *data;
	if (getenv("CASE_PIDS"))
		return;
	open_session();
	event_set_log_callback(NULL);
	data = mmap(NULL, much, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(data != MAP_FAILED);
	statm = fopen("/proc/self/statm", "r");
	CHECK(statm && fscanf(statm, "%lu", &pages) == 1);
	fclose(statm);
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)64 << 20);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	evws_send_binary(session, (const char *)data, much);
	CHECK(session != NULL && ends == 0);
	evws_send_text(session, "after");
	while (session)
		event_base_loop(base, EVLOOP_ONCE);
	CHECK(ends == 1);
	munmap(data, much);
	stop();
}
