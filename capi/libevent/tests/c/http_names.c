/* HTTP: what the header names, each where it occurs. */
#include "case.h"
#include "http_kit.h"

static const int codes[] = { HTTP_OK, HTTP_NOCONTENT, HTTP_MOVEPERM, HTTP_MOVETEMP, HTTP_NOTMODIFIED, HTTP_BADREQUEST, HTTP_NOTFOUND,
	HTTP_BADMETHOD, HTTP_ENTITYTOOLARGE, HTTP_EXPECTATIONFAILED, HTTP_INTERNAL, HTTP_NOTIMPLEMENTED, HTTP_SERVUNAVAIL };

static void
on_code(struct evhttp_request *req, void *arg)
{
	int code = codes[atoi(evhttp_request_get_uri(req) + 1)];
	(void)arg;
	SAY("code %d, a request %d\n", code, req->kind == EVHTTP_REQUEST);
	evhttp_send_reply(req, code, NULL, NULL);
}

CASE(each_status)
{
	unsigned i;
	serve(on_code, 0);
	for (i = 0; i < sizeof codes / sizeof *codes; i++) {
		char text[80];
		snprintf(text, sizeof text, "GET /%u HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", i);
		talk(text);
	}
	finish();
}

static const char *
name_of(enum evhttp_request_error error)
{
	switch (error) {
	case EVREQ_HTTP_TIMEOUT:
		return "TIMEOUT";
	case EVREQ_HTTP_EOF:
		return "EOF";
	case EVREQ_HTTP_INVALID_HEADER:
		return "INVALID_HEADER";
	case EVREQ_HTTP_BUFFER_ERROR:
		return "BUFFER_ERROR";
	case EVREQ_HTTP_REQUEST_CANCEL:
		return "REQUEST_CANCEL";
	case EVREQ_HTTP_DATA_TOO_LONG:
		return "DATA_TOO_LONG";
	}
	return "?";
}

static void
on_named(enum evhttp_request_error error, void *arg)
{
	(void)arg;
	SAY("%s\n", name_of(error));
}

static void
on_kind(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("ended, answer %d\n", req ? req->kind == EVHTTP_RESPONSE : -1);
}

/* A request that is answered with `answer`, or not at all; then the peer does what `end` says. */
static void
asks(const char *answer, int end)
{
	struct timeval tv = { 0, 5000 };
	struct linger hard = { 1, 0 };
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	evhttp_connection_set_max_body_size(evcon, 4);
	req = evhttp_request_new(on_kind, 0);
	evhttp_request_set_error_cb(req, on_named);
	evhttp_make_request(evcon, req, EVHTTP_REQ_GET, "/");
	fd = raw_accept();
	raw_show(fd);
	if (end == 't') {
		evhttp_connection_set_timeout_tv(evcon, &tv);
		until_closed(fd);
	}
	if (answer)
		put(fd, answer);
	settle();
	if (end == 'c')
		evhttp_cancel_request(req);
	if (end == 'r')
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	if (end == 'e' || end == 'r')
		close(fd);
	settle();
	evhttp_connection_free(evcon);
	settle();
	if (end != 'e' && end != 'r')
		close(fd);
	close(raw_listener);
	event_base_free(base);
}

CASE(error_timeout)
{
	asks(0, 't');
}

CASE(error_eof)
{
	asks("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 'e');
}

CASE(error_invalid_header)
{
	asks("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 0);
}

CASE(error_reset_before_the_head)
{
	asks(0, 'r');
}

CASE(error_reset_in_the_head)
{
	asks("HTTP/1.1 200 OK\r\nA", 'r');
}

CASE(error_reset_in_chunks)
{
	asks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", 'r');
}

CASE(error_reset_until_close)
{
	asks("HTTP/1.1 200 OK\r\n\r\nab", 'r');
}

CASE(error_reset_in_the_body)
{
	asks("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 'r');
}

CASE(error_cancelled)
{
	asks(0, 'c');
}

CASE(error_data_too_long)
{
	asks("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", 0);
}

CASE(no_error)
{
	asks("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 0);
}
