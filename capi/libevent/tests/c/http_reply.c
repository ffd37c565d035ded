/* Answers: framing, statuses, pieces, later and never. */
#include "case.h"
#include "http_kit.h"

static struct evhttp_request *kept;

static void
by_path(struct evhttp_request *req, void *arg)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	struct evbuffer *buf = evbuffer_new();
	(void)arg;
	evbuffer_add_printf(buf, "body");
	if (!strcmp(path, "/404"))
		evhttp_send_error(req, 404, 0);
	else if (!strcmp(path, "/599"))
		evhttp_send_error(req, 599, "Mine");
	else if (!strcmp(path, "/500"))
		evhttp_send_error(req, HTTP_INTERNAL, 0);
	else if (!strcmp(path, "/null"))
		evhttp_send_reply(req, 200, 0, buf);
	else if (!strcmp(path, "/none"))
		evhttp_send_reply(req, 200, "OK", 0);
	else if (!strcmp(path, "/odd"))
		evhttp_send_reply(req, 299, 0, buf);
	else if (!strcmp(path, "/close")) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close");
		evhttp_send_reply(req, 200, "OK", buf);
	} else if (!strcmp(path, "/type")) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "content-type", "a/b");
		evhttp_send_reply(req, 200, "OK", buf);
	} else if (!strcmp(path, "/date")) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Date", "mine");
		evhttp_send_reply(req, 200, "OK", buf);
	} else if (!strcmp(path, "/length")) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", "4");
		evhttp_send_reply(req, 200, "OK", buf);
	} else if (!strcmp(path, "/headers")) {
		struct evkeyvalq *h = evhttp_request_get_output_headers(req);
		evhttp_add_header(h, "A", "1");
		evhttp_add_header(h, "B", "2");
		evhttp_add_header(h, "a", "3");
		evhttp_send_reply(req, 200, "OK", buf);
	} else if (!strcmp(path, "/start")) {
		evhttp_send_reply_start(req, 200, "OK");
		evhttp_send_reply_chunk(req, buf);
		SAY("left %d\n", (int)evbuffer_get_length(buf));
		evhttp_send_reply_chunk(req, buf);
		evbuffer_add_printf(buf, "a longer piece than before");
		evhttp_send_reply_chunk(req, buf);
		evhttp_send_reply_end(req);
	} else if (!strcmp(path, "/startlength")) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", "8");
		evhttp_send_reply_start(req, 200, "OK");
		evhttp_send_reply_chunk(req, buf);
		evbuffer_add_printf(buf, "body");
		evhttp_send_reply_chunk(req, buf);
		evhttp_send_reply_end(req);
	} else if (!strcmp(path, "/later"))
		kept = req;
	else if (!strcmp(path, "/output")) {
		evbuffer_add_printf(evhttp_request_get_output_buffer(req), "before ");
		evhttp_send_reply(req, 200, "OK", buf);
	} else
		evhttp_send_reply(req, 200, "OK", buf);
	evbuffer_free(buf);
}

#define ONE(name, path)                                                        \
	CASE(name)                                                             \
	{                                                                      \
		serve(by_path, 0);                                             \
		talk(GET(path));                                               \
		finish();                                                      \
	}
#define OLD(name, path)                                                        \
	CASE(name)                                                             \
	{                                                                      \
		serve(by_path, 0);                                             \
		talk("GET " path " HTTP/1.0\r\n\r\n");                         \
		finish();                                                      \
	}

ONE(reply_with_body, "/")
ONE(reply_without_reason, "/null")
ONE(reply_without_body, "/none")
ONE(reply_of_an_odd_status, "/odd")
ONE(reply_that_closes, "/close")
ONE(reply_with_a_type, "/type")
ONE(reply_with_a_date, "/date")
ONE(reply_with_a_length, "/length")
ONE(reply_with_headers, "/headers")
ONE(reply_in_chunks, "/start")
ONE(reply_in_pieces_of_a_known_length, "/startlength")
ONE(reply_after_output, "/output")
ONE(error_404, "/404")
ONE(error_500, "/500")
ONE(error_599, "/599")
OLD(old_reply_with_body, "/")
OLD(old_reply_in_chunks, "/start")
OLD(old_error_404, "/404")

CASE(answered_later)
{
	int fd;
	serve(by_path, 0);
	fd = dial();
	put(fd, GET("/later"));
	settle();
	show(fd);
	reply(kept, 200, "late");
	settle();
	show(fd);
	put(fd, GET("/"));
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(answered_later_pipelined)
{
	int fd;
	serve(by_path, 0);
	fd = dial();
	put(fd, GET("/later") GET("/"));
	settle();
	show(fd);
	reply(kept, 200, "late");
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(answered_when_the_peer_is_gone)
{
	int fd;
	serve(by_path, 0);
	fd = dial();
	put(fd, GET("/later"));
	settle();
	close(fd);
	settle();
	evhttp_send_reply(kept, 200, "OK", 0);
	settle();
	talk(GET("/"));
	finish();
}

CASE(started_when_the_peer_is_gone)
{
	int fd;
	struct evbuffer *buf = evbuffer_new();
	serve(by_path, 0);
	fd = dial();
	put(fd, GET("/later"));
	settle();
	evhttp_send_reply_start(kept, 200, "OK");
	settle();
	close(fd);
	settle();
	evbuffer_add_printf(buf, "x");
	evhttp_send_reply_chunk(kept, buf);
	evhttp_send_reply_end(kept);
	evbuffer_free(buf);
	settle();
	talk(GET("/"));
	finish();
}

static void
on_complete(struct evhttp_request *req, void *arg)
{
	SAY("complete %s, status %d\n", (const char *)arg, evhttp_request_get_response_code(req));
	headers(evhttp_request_get_output_headers(req));
}

static void
completing(struct evhttp_request *req, void *arg)
{
	evhttp_request_set_on_complete_cb(req, on_complete, (void *)"arg");
	by_path(req, arg);
}

CASE(complete_callback)
{
	serve(completing, 0);
	talk(GET("/"));
	talk(GET("/404"));
	talk(GET("/start"));
	finish();
}

static int pieces;
static struct evbuffer *piece;

static void
next_piece(struct evhttp_connection *evcon, void *arg)
{
	struct evhttp_request *req = arg;
	SAY("piece %d has left, connection %d\n", pieces, evcon == evhttp_request_get_connection(req));
	if (++pieces == 3) {
		evhttp_send_reply_end(req);
		return;
	}
	evbuffer_add_printf(piece, "piece %d", pieces);
	evhttp_send_reply_chunk_with_cb(req, piece, next_piece, req);
}

static void
streaming(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_reply_start(req, 200, "OK");
	evbuffer_add_printf(piece, "first");
	evhttp_send_reply_chunk_with_cb(req, piece, next_piece, req);
}

CASE(chunks_with_a_callback)
{
	piece = evbuffer_new();
	serve(streaming, 0);
	talk(GET("/"));
	evbuffer_free(piece);
	finish();
}

static void
closed(struct evhttp_connection *evcon, void *arg)
{
	char *address;
	ev_uint16_t p;
	evhttp_connection_get_peer(evcon, &address, &p);
	SAY("closed %s %s %d\n", (const char *)arg, address, p != 0);
}

static void
watching(struct evhttp_request *req, void *arg)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), closed, (void *)"arg");
	by_path(req, arg);
}

CASE(close_callback)
{
	serve(watching, 0);
	talk(GET("/"));
	talk(GET("/close"));
	finish();
}

static void
fields(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	char body[100];
	int n = evbuffer_copyout(req->input_buffer, body, 99);
	(void)arg;
	body[n < 0 ? 0 : n] = 0;
	SAY("uri %s type %d kind %d version %d.%d flags %x chunked %d userdone %d\n", req->uri, (int)req->type, (int)req->kind,
	    req->major, req->minor, (unsigned)req->flags, req->chunked, req->userdone);
	SAY("ntoread %d body %d <%s> head %d\n", (int)req->ntoread, (int)req->body_size, body, (int)req->headers_size);
	SAY("remote %s %d\n", req->remote_host, req->remote_port != 0);
	SAY("evcon %d server %d base %d bev %d addr %d\n", req->evcon == evcon, evhttp_connection_get_server(evcon) == http,
	    evhttp_connection_get_base(evcon) == base, evhttp_connection_get_bufferevent(evcon) != 0,
	    evhttp_connection_get_addr(evcon)->sa_family == AF_INET);
	SAY("elems %d path %s query %s\n", req->uri_elems == evhttp_request_get_evhttp_uri(req),
	    evhttp_uri_get_path(req->uri_elems), evhttp_uri_get_query(req->uri_elems) ? evhttp_uri_get_query(req->uri_elems) : "-");
	SAY("lists %d %d buffers %d %d\n", req->input_headers == evhttp_request_get_input_headers(req),
	    req->output_headers == evhttp_request_get_output_headers(req), req->input_buffer == evhttp_request_get_input_buffer(req),
	    req->output_buffer == evhttp_request_get_output_buffer(req));
	SAY("callbacks %d %d %d %d\n", req->chunk_cb != 0, req->header_cb != 0, req->error_cb != 0, req->on_complete_cb != 0);
	SAY("owned %d\n", evhttp_request_is_owned(req));
	headers(req->input_headers);
	evhttp_send_reply(req, 201, "Made", 0);
	SAY("after: kind %d code %d %s userdone %d\n", (int)req->kind, req->response_code, req->response_code_line, req->userdone);
}

CASE(every_field)
{
	serve(fields, 0);
	talk("GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one:2\r\n\r\n");
	talk("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	talk("GET / HTTP/1.0\r\n\r\n");
	finish();
}
