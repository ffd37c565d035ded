/* HTTP: limits and deadlines by name, what holds back, and answers that come early. What the original has no limit for. */
#include "case.h"
#include "http_kit.h"

#define MUCH (8 * 1024 * 1024)

static void
on_early(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	event_base_loopbreak(base);
}

/* A server that reads a part of an upload and then answers. */
static void
early_answer(int flags)
{
	static char block[65536];
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	struct evbuffer *body;
	int fd = -1, i;
	raw_serve();
	evcon = client();
	SAY("flags %d\n", evhttp_connection_set_flags(evcon, flags));
	req = evhttp_request_new(on_early, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	body = evhttp_request_get_output_buffer(req);
	for (i = 0; i < MUCH; i += (int)sizeof block)
		evbuffer_add(body, block, sizeof block);
	evhttp_make_request(evcon, req, EVHTTP_REQ_POST, "/");
	while ((fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK)) < 0)
		event_base_loop(base, EVLOOP_ONCE);
	while (recv(fd, block, 1000, 0) <= 0)
		event_base_loop(base, EVLOOP_ONCE);
	put(fd, "HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	event_base_dispatch(base);
	close(fd);
	settle();
	evhttp_connection_free(evcon);
	close(raw_listener);
	event_base_free(base);
}

CASE(early_answer_to_an_upload)
{
	early_answer(0);
}

CASE(early_answer_to_an_upload_read_on_write_error)
{
	early_answer(EVHTTP_CON_READ_ON_WRITE_ERROR);
}


/* A head has 1 MiB where the program set no limit. */
CASE(head_of_more_than_a_mebibyte)
{
	static char block[65536];
	char text[100];
	size_t sent = 0;
	ssize_t n;
	int fd;
	memset(block, 'a', sizeof block);
	serve(on_ok, 0);
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
	while ((n = recv(fd, text, sizeof text - 1, 0)) < 0) {
		n = send(fd, block, sizeof block, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	text[n > 0 ? n : 0] = 0;
	SAY("%.12s, after a MiB %d, soon %d\n", text, sent >= 1024 * 1024 - 100, sent < 12 * 1024 * 1024);
	close(fd);
	finish();
}

CASE(answer_head_of_more_than_a_mebibyte)
{
	static char block[65536];
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	memset(block, 'a', sizeof block);
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_early, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	put(fd, "HTTP/1.1 200 OK\r\nA: ");
	while (!event_base_got_break(base)) {
		send(fd, block, sizeof block, MSG_NOSIGNAL);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

static struct evhttp_request *kept;

static void
keep(struct evhttp_request *req, void *arg)
{
	(void)arg;
	kept = req;
}

/* While a handler thinks, what comes behind its request stays in the socket. */
CASE(pipelined_requests_are_held_back)
{
	static const char request[] = GET("/more");
	struct evbuffer *input;
	size_t most = 0;
	int fd, idle = 0;
	serve(keep, 0);
	fd = dial();
	put(fd, GET("/first"));
	while (!kept)
		event_base_loop(base, EVLOOP_ONCE);
	input = bufferevent_get_input(evhttp_connection_get_bufferevent(evhttp_request_get_connection(kept)));
	while (idle < 20) {
		idle = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 ? 0 : idle + 1;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (evbuffer_get_length(input) > most)
			most = evbuffer_get_length(input);
	}
	SAY("held within 256 KiB %d\n", most <= 256 * 1024);
	close(fd);
	evhttp_free(http);
	evhttp_request_free(kept);
	http = 0;
	finish();
}

static void
page(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_error(req, atoi(evhttp_request_get_uri(req) + 1), "<why>");
}

CASE(error_pages_without_a_body)
{
	serve(page, 0);
	talk("HEAD /404 HTTP/1.1\r\nHost: h\r\n\r\n");
	talk("HEAD /500 HTTP/1.0\r\n\r\n");
	talk(GET("/204"));
	talk(GET("/304"));
	finish();
}

CASE(error_pages_escape_the_reason)
{
	serve(page, 0);
	talk(GET("/404"));
	finish();
}

/* Lingering reads 64 MiB beyond the limit of a body, and not what is announced to be longer. */
CASE(lingering_close_has_a_limit)
{
	serve(on_ok, 0);
	SAY("%d\n", evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE));
	evhttp_set_max_body_size(http, 4);
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef");
	talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 67108869\r\n\r\nabcdef");
	finish();
}

/* Extensions of chunks have 16 KiB in one message. */
CASE(chunk_extensions_have_a_limit)
{
	static char block[6000];
	char request[7000];
	char text[100];
	ssize_t n;
	int fd, i;
	memset(block, 'e', sizeof block - 1);
	serve(on_ok, 0);
	fd = dial();
	put(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(request, sizeof request, "1;%s\r\na\r\n", block);
	for (i = 0; i < 3; i++) {
		put(fd, request);
		settle();
	}
	n = recv(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	SAY("%.12s\n", text);
	close(fd);
	finish();
}

/* More than 32 interim answers are no answer. */
CASE(interim_answers_are_counted)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd, i;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_answer, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	for (i = 0; i < 33; i++)
		put(fd, "HTTP/1.1 102 Processing\r\n\r\n");
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

/* An answer's head that comes a byte at a time ends with the read time-out, whatever comes. */
CASE(slow_head_of_an_answer)
{
	struct timeval tv = { 0, 300000 };
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_early, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	evhttp_connection_set_timeout_tv(evcon, &tv);
	put(fd, "HTTP/1.1 200 OK\r\nA: ");
	tv.tv_usec = 20000;
	while (!event_base_got_break(base)) {
		send(fd, "a", 1, MSG_NOSIGNAL);
		event_base_loopexit(base, &tv);
		event_base_dispatch(base);
	}
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}

/* An upload to a server that never reads ends with the write time-out. */
CASE(server_that_never_reads)
{
	static char block[65536];
	struct timeval tv = { 0, 200000 };
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int i;
	raw_serve();
	evcon = client();
	evhttp_connection_set_write_timeout_tv(evcon, &tv);
	req = evhttp_request_new(on_early, (void *)"r");
	evhttp_request_set_error_cb(req, on_error);
	for (i = 0; i < 4 * MUCH; i += (int)sizeof block)
		evbuffer_add_reference(evhttp_request_get_output_buffer(req), block, sizeof block, 0, 0);
	evhttp_make_request(evcon, req, EVHTTP_REQ_PUT, "/");
	event_base_dispatch(base);
	evhttp_connection_free(evcon);
	close(raw_listener);
	event_base_free(base);
}

/* Back-pressure: a piece's callback stops reading, and nothing more is read until it goes on. */

static size_t taken;
static struct bufferevent *stopped;

static void
take_and_stop(struct evhttp_request *req, void *arg)
{
	(void)arg;
	taken += evbuffer_get_length(evhttp_request_get_input_buffer(req));
	stopped = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	bufferevent_disable(stopped, EV_READ);
}

static int
stop_at_pieces(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_request_set_chunked_cb(req, take_and_stop);
	return 0;
}

static void
whole(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("taken %d\n", taken == MUCH);
	evhttp_send_reply(req, 200, "OK", 0);
	event_base_loopbreak(base);
}

/* Sends what is left of MUCH bytes; how many are left then. */
static size_t
pour(int fd, size_t left)
{
	static char block[65536];
	ssize_t n = left ? send(fd, block, left < sizeof block ? left : sizeof block, MSG_NOSIGNAL) : 0;
	event_base_loop(base, EVLOOP_NONBLOCK);
	return n > 0 ? left - (size_t)n : left;
}

/* Pours until nothing moves any more; then lets the program take the rest, and says what had moved. */
static void
under_pressure(int fd)
{
	size_t left = MUCH;
	int idle = 0;
	while (idle < 20) {
		size_t before = left;
		left = pour(fd, left);
		idle = left == before ? idle + 1 : 0;
	}
	SAY("stopped %d, taken little %d, sent some %d\n", stopped != 0, taken <= 512 * 1024, left > 0 && left < MUCH);
	while (!event_base_got_break(base)) {
		if (stopped)
			bufferevent_enable(stopped, EV_READ);
		left = pour(fd, left);
	}
}

CASE(back_pressure_of_an_upload)
{
	char head[100];
	int fd;
	serve(whole, 0);
	evhttp_set_newreqcb(http, stop_at_pieces, 0);
	fd = dial();
	snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", MUCH);
	put(fd, head);
	under_pressure(fd);
	close(fd);
	finish();
}

static void
downloaded(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	SAY("taken %d\n", taken == MUCH);
	stopped = 0;
	event_base_loopbreak(base);
}

CASE(back_pressure_of_a_download)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	char head[100];
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(downloaded, (void *)"r");
	evhttp_request_set_chunked_cb(req, take_and_stop);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", MUCH);
	put(fd, head);
	under_pressure(fd);
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}
