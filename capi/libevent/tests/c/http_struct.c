/*
 * The fields of struct evhttp_request and its flags, as a program that reads them sees them.
 */
#include "case.h"
#include "http_kit.h"

static void
flags_of(const char *when, const struct evhttp_request *req)
{
	SAY("%s:%s%s%s%s\n", when, req->flags & EVHTTP_REQ_OWN_CONNECTION ? " own connection" : "",
	    req->flags & EVHTTP_PROXY_REQUEST ? " proxy" : "", req->flags & EVHTTP_USER_OWNED ? " owned" : "",
	    req->flags & EVHTTP_REQ_NEEDS_FREE ? " to be freed" : "");
}

static void
on_flags(struct evhttp_request *req, void *arg)
{
	(void)arg;
	flags_of("handler", req);
	evhttp_request_own(req);
	flags_of("owned", req);
	CHECK(evhttp_request_is_owned(req));
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(flags_of_a_request)
{
	serve(on_flags, 0);
	talk("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	finish();
}

CASE(flags_of_a_proxys_request)
{
	serve(on_flags, 0);
	talk("GET http://other/ HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n");
	finish();
}

static void
on_complete(struct evhttp_request *req, void *arg)
{
	CHECK(arg == req->on_complete_cb_arg);
	SAY("complete: %s, defers %d\n", (const char *)arg, !!(req->flags & EVHTTP_REQ_DEFER_FREE));
}

static void
on_links(struct evhttp_request *req, void *arg)
{
	(void)arg;
	CHECK(req->next.tqe_next == 0);
	CHECK(*req->next.tqe_prev == req);
	SAY("host %s\n", evhttp_request_get_host(req));
	CHECK(req->host_cache && !strcmp(req->host_cache, "h"));
	CHECK(req->evcon == evhttp_request_get_connection(req));
	CHECK(req->on_complete_cb == 0);
	evhttp_request_set_on_complete_cb(req, on_complete, (void *)"argument");
	CHECK(req->on_complete_cb == on_complete);
	evhttp_send_reply(req, 200, "OK", 0);
}

CASE(links_and_hosts)
{
	serve(on_links, 0);
	talk("GET / HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n");
	finish();
}

static void
fields_of(const char *when, const struct evhttp_request *req)
{
	SAY("%s: kind %d, type %d, version %d.%d, status %d %s, chunked %d, body %d, to read %d, uri %s\n", when, (int)req->kind,
	    (int)req->type, req->major, req->minor, req->response_code,
	    req->response_code_line ? req->response_code_line : "-", (int)req->chunked, (int)req->body_size,
	    (int)req->ntoread, req->uri ? req->uri : "-");
}

static void
on_fields(struct evhttp_request *req, void *arg)
{
	const char *how = arg;
	struct evbuffer *buf = evbuffer_new();
	fields_of("handler", req);
	evbuffer_add(buf, "hello", 5);
	if (*how == 'c') {
		evhttp_send_reply_start(req, 203, "Chunks");
		SAY("begun: status %d %s, chunked %d\n", req->response_code, req->response_code_line, (int)req->chunked);
		evhttp_send_reply_chunk(req, buf);
		SAY("done %d\n", (int)req->userdone);
		evhttp_send_reply_end(req);
	} else {
		evhttp_send_reply(req, 203, "Whole", buf);
	}
	evbuffer_free(buf);
}

#define FIELDS(name, how, request)                                                                                     \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		serve(on_fields, (void *)how);                                                                         \
		talk(request);                                                                                         \
		finish();                                                                                              \
	}

FIELDS(fields_of_a_get, "w", "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
FIELDS(fields_of_a_head, "w", "HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
FIELDS(fields_of_an_old_get, "w", "GET /a HTTP/1.0\r\n\r\n")
FIELDS(fields_of_an_old_get_that_is_kept, "w", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
FIELDS(fields_of_a_post, "w", "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")
FIELDS(fields_of_a_post_in_chunks, "w",
    "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
FIELDS(fields_of_an_empty_post, "w", "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
FIELDS(fields_of_chunks_sent, "c", "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
FIELDS(fields_of_chunks_to_an_old_client, "c", "GET /a HTTP/1.0\r\n\r\n")
FIELDS(fields_of_chunks_to_a_head, "c", "HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

static void
on_answer_fields(struct evhttp_request *req, void *arg)
{
	(void)arg;
	if (req)
		fields_of("answer", req);
	else
		SAY("no answer\n");
}

static void
asks(enum evhttp_cmd_type type, const char *answer, int ends)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_answer_fields, 0);
	SAY("new: kind %d, type %d, evcon %d, uri %d\n", (int)req->kind, (int)req->type, req->evcon != 0, req->uri != 0);
	CHECK(req->cb == on_answer_fields && req->cb_arg == 0 && req->chunk_cb == 0 && req->header_cb == 0 && req->error_cb == 0);
	evhttp_make_request(evcon, req, type, "/x");
	CHECK(req->evcon == evcon && *req->next.tqe_prev == req);
	fields_of("made", req);
	flags_of("made", req);
	fd = raw_accept();
	raw_show(fd);
	put(fd, answer);
	settle();
	if (ends)
		close(fd);
	settle();
	evhttp_connection_free(evcon);
	if (!ends)
		close(fd);
	close(raw_listener);
	event_base_free(base);
}

#define ANSWER(name, type, answer, ends)                                                                               \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		asks(type, answer, ends);                                                                              \
	}

ANSWER(fields_of_an_answer, EVHTTP_REQ_GET, "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi", 0)
ANSWER(fields_of_an_empty_answer, EVHTTP_REQ_GET, "HTTP/1.1 204 Nothing\r\n\r\n", 0)
ANSWER(fields_of_an_answer_in_chunks, EVHTTP_REQ_GET,
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0)
ANSWER(fields_of_an_answer_until_the_end, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\n\r\nhi", 1)
ANSWER(fields_of_an_old_answer, EVHTTP_REQ_GET, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0)
ANSWER(fields_of_an_answer_to_head, EVHTTP_REQ_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0)
ANSWER(fields_of_an_answer_to_delete, EVHTTP_REQ_DELETE, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 0)
ANSWER(fields_of_an_answer_that_is_cut, EVHTTP_REQ_GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", 1)
