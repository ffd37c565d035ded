/*
 * Keep-alive and framing of answers: what a server writes for each pair of a request and a way to answer it, and whether the
 * connection stays.
 */
#include "case.h"
#include "http_kit.h"

/* A letter each: w whole, e whole and empty, c chunks, k "Connection: keep-alive", x "Connection: close", l a right Content-Length
 * beforehand, t "Transfer-Encoding: chunked" beforehand, d a date of the program's, 4 status 204, 3 status 304, p two pieces in
 * output_buffer and in the argument. */
static void
on_request(struct evhttp_request *req, void *arg)
{
	const char *how = arg;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *buf = evbuffer_new();
	int status = strchr(how, '4') ? 204 : strchr(how, '3') ? 304 : 200;
	if (strchr(how, 'k'))
		evhttp_add_header(headers, "Connection", "keep-alive");
	if (strchr(how, 'x'))
		evhttp_add_header(headers, "Connection", "close");
	if (strchr(how, 'l'))
		evhttp_add_header(headers, "Content-Length", "5");
	if (strchr(how, 't'))
		evhttp_add_header(headers, "Transfer-Encoding", "chunked");
	if (strchr(how, 'd'))
		evhttp_add_header(headers, "Date", "some day");
	if (!strchr(how, 'e'))
		evbuffer_add(buf, "hello", 5);
	if (strchr(how, 'p'))
		evbuffer_add(evhttp_request_get_output_buffer(req), "first ", 6);
	if (strchr(how, 'c')) {
		evhttp_send_reply_start(req, status, "Reason");
		evhttp_send_reply_chunk(req, buf);
		evhttp_send_reply_end(req);
	} else {
		evhttp_send_reply(req, status, "Reason", buf);
	}
	SAY("left %d\n", (int)evbuffer_get_length(buf));
	evbuffer_free(buf);
}

#define NEW "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define NEW_CLOSE "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define NEW_KEEP "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
#define OLD "GET / HTTP/1.0\r\n\r\n"
#define OLD_KEEP "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define HEADS "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"

#define RULE(name, request, how)                                                                                       \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		serve(on_request, (void *)how);                                                                        \
		talk(request);                                                                                         \
		finish();                                                                                              \
	}

RULE(whole, NEW, "w")
RULE(whole_and_empty, NEW, "we")
RULE(whole_from_both_buffers, NEW, "wp")
RULE(whole_and_close, NEW, "wx")
RULE(whole_and_keep, NEW, "wk")
RULE(whole_with_its_length, NEW, "wl")
RULE(whole_with_a_date, NEW, "wd")
RULE(whole_to_one_that_closes, NEW_CLOSE, "w")
RULE(whole_to_one_that_asks_to_keep, NEW_KEEP, "w")
RULE(whole_to_an_old_one, OLD, "w")
RULE(whole_to_an_old_one_that_keeps, OLD_KEEP, "w")
RULE(whole_and_close_to_an_old_one_that_keeps, OLD_KEEP, "wx")
RULE(chunks, NEW, "c")
RULE(chunks_and_close, NEW, "cx")
RULE(chunks_with_a_length, NEW, "cl")
RULE(chunks_to_one_that_closes, NEW_CLOSE, "c")
RULE(chunks_to_an_old_one, OLD, "c")
RULE(chunks_with_a_length_to_an_old_one_that_keeps, OLD_KEEP, "cl")
RULE(no_content, NEW, "we4")
RULE(not_modified, NEW, "we3")
RULE(whole_to_a_head, HEADS, "w")
RULE(whole_with_its_length_to_a_head, HEADS, "wl")
