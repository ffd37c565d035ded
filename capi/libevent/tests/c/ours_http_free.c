/*
 * Freed and cancelled anywhere: the connection, the request or the server in each callback of a server; the connection or the
 * request at each stage of a client. Nothing is called for what is gone, and nothing is left.
 */
#include "case.h"
#include "http_kit.h"

enum stage {
	NEW, HEADER, PIECE, HANDLER, ANSWERED, STARTED, SENT_PIECE, COMPLETE, CLOSES, PAGE,
	CONNECTING, ASKED, ANSWERING, DONE, FAILED
};
enum action { NOTHING, CONNECTION, REQUEST, SERVER, CANCEL };

static enum stage stage;
static enum action action;
static struct evhttp_request *asked;
static struct evhttp_connection *con;
static int acted, connection_gone, request_gone;

/* Speaks up only where it does not hold. */
#define HOLDS(expr)                                                                                                    \
	do {                                                                                                           \
		if (!(expr))                                                                                           \
			CHECK(expr);                                                                                   \
	} while (0)

/* Does what the case is about, where it is to be done. Whether the request is gone. */
static int
at(enum stage here, struct evhttp_connection *evcon, struct evhttp_request *req)
{
	/* A request whose connection is gone may still hear how it ended. */
	HOLDS(!connection_gone || here == CLOSES || here == DONE || here == FAILED);
	HOLDS(!request_gone || req != asked);
	if (here != stage || acted)
		return 0;
	acted = 1;
	SAY("acts\n");
	switch (action) {
	case NOTHING:
		return 0;
	case CONNECTION:
		connection_gone = 1;
		con = 0;
		evhttp_connection_free(evcon);
		return 1;
	case REQUEST:
		request_gone = 1;
		evhttp_request_free(req);
		return 1;
	case SERVER: {
		struct evhttp *gone = http;
		http = 0;
		connection_gone = 1;
		evhttp_free(gone);
		return 1;
	}
	case CANCEL:
		request_gone = 1;
		evhttp_cancel_request(req);
		return 1;
	}
	return 0;
}

static int
on_header(struct evhttp_request *req, void *arg)
{
	(void)arg;
	at(HEADER, evhttp_request_get_connection(req), req);
	return 0;
}

static void
on_piece(struct evhttp_request *req, void *arg)
{
	(void)arg;
	at(PIECE, evhttp_request_get_connection(req), req);
}

static void
on_closes(struct evhttp_connection *evcon, void *arg)
{
	(void)arg;
	SAY("closes\n");
	if (!connection_gone && action != REQUEST && action != CANCEL)
		at(CLOSES, evcon, 0);
}

static void
on_complete(struct evhttp_request *req, void *arg)
{
	(void)arg;
	at(COMPLETE, evhttp_request_get_connection(req), req);
}

static int
on_new(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	(void)arg;
	evhttp_connection_set_closecb(evcon, on_closes, 0);
	evhttp_request_set_header_cb(req, on_header);
	evhttp_request_set_chunked_cb(req, on_piece);
	evhttp_request_set_on_complete_cb(req, on_complete, 0);
	if (!asked)
		asked = req;
	at(NEW, evcon, req);
	return 0;
}

static void
on_sent_piece(struct evhttp_connection *evcon, void *arg)
{
	struct evhttp_request *req = arg;
	if (at(SENT_PIECE, evcon, req))
		return;
	evhttp_send_reply_end(req);
}

static void
on_handler(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct evbuffer *buf;
	(void)arg;
	if (at(HANDLER, evcon, req))
		return;
	if (stage == PAGE) {
		evhttp_send_error(req, 500, 0);
		return;
	}
	buf = evbuffer_new();
	evbuffer_add(buf, "hello", 5);
	if (stage == STARTED || stage == SENT_PIECE) {
		evhttp_send_reply_start(req, 200, "OK");
		evhttp_send_reply_chunk_with_cb(req, buf, on_sent_piece, req);
		at(STARTED, evcon, req);
	} else {
		evhttp_send_reply(req, 200, "OK", buf);
		at(ANSWERED, evcon, req);
	}
	evbuffer_free(buf);
}

static int
on_page(struct evhttp_request *req, struct evbuffer *page, int error, const char *reason, void *arg)
{
	(void)error;
	(void)reason;
	(void)arg;
	if (!at(PAGE, evhttp_request_get_connection(req), req))
		evbuffer_add(page, "page", 4);
	return 0;
}

static void
server(enum stage where, enum action what)
{
	int fd;
	stage = where;
	action = what;
	serve(on_handler, 0);
	evhttp_set_newreqcb(http, on_new, 0);
	evhttp_set_errorcb(http, on_page, 0);
	fd = dial();
	put(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	settle();
	put(fd, "3\r\nabc\r\n0\r\n\r\n");
	put(fd, "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	settle();
	close(fd);
	settle();
	HOLDS(acted);
	if (http)
		SAY("connections %d\n", evhttp_get_connection_count(http));
	finish();
}

#define SERVER_CASE(name, where, what)                                                                                 \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		server(where, what);                                                                                   \
	}

SERVER_CASE(server_new_nothing, NEW, NOTHING)
SERVER_CASE(server_new_connection, NEW, CONNECTION)
SERVER_CASE(server_new_request, NEW, REQUEST)
SERVER_CASE(server_new_server, NEW, SERVER)
SERVER_CASE(server_header_connection, HEADER, CONNECTION)
SERVER_CASE(server_header_request, HEADER, REQUEST)
SERVER_CASE(server_header_server, HEADER, SERVER)
SERVER_CASE(server_piece_connection, PIECE, CONNECTION)
SERVER_CASE(server_piece_request, PIECE, REQUEST)
SERVER_CASE(server_piece_server, PIECE, SERVER)
SERVER_CASE(server_handler_request, HANDLER, REQUEST)
SERVER_CASE(server_answered_connection, ANSWERED, CONNECTION)
SERVER_CASE(server_answered_request, ANSWERED, REQUEST)
SERVER_CASE(server_answered_server, ANSWERED, SERVER)
SERVER_CASE(server_started_request, STARTED, REQUEST)
SERVER_CASE(server_sent_piece_request, SENT_PIECE, REQUEST)
SERVER_CASE(server_complete_connection, COMPLETE, CONNECTION)
SERVER_CASE(server_complete_request, COMPLETE, REQUEST)
SERVER_CASE(server_complete_server, COMPLETE, SERVER)
SERVER_CASE(server_closes_connection, CLOSES, CONNECTION)
SERVER_CASE(server_page_request, PAGE, REQUEST)

/* What the program has not answered is the program's, also when the connection goes in its handler. */
static void
keeps(enum stage where, enum action what)
{
	int fd;
	stage = where;
	action = what;
	serve(on_handler, 0);
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	settle();
	HOLDS(acted);
	close(fd);
	finish();
}

static struct evhttp_request *left;

static void
on_left(struct evhttp_request *req, void *arg)
{
	left = req;
	on_handler(req, arg);
}

#define LEFT_CASE(name, where, what)                                                                                   \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		int fd;                                                                                                \
		stage = where;                                                                                         \
		action = what;                                                                                         \
		serve(on_left, 0);                                                                                     \
		fd = dial();                                                                                           \
		put(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");                                                          \
		settle();                                                                                              \
		HOLDS(acted && left);                                                                                  \
		HOLDS(evhttp_request_get_connection(left) == 0);                                                       \
		evhttp_request_free(left);                                                                             \
		close(fd);                                                                                             \
		finish();                                                                                              \
	}

LEFT_CASE(server_handler_connection, HANDLER, CONNECTION)
LEFT_CASE(server_handler_server, HANDLER, SERVER)

CASE(server_handler_nothing_then_server)
{
	keeps(ANSWERED, SERVER);
}

/* ---- clients ---- */

static void
on_done(struct evhttp_request *req, void *arg)
{
	SAY("%s: %d\n", (const char *)arg, req ? evhttp_request_get_response_code(req) : -1);
	HOLDS(!request_gone || strcmp(arg, "first"));
	if (!strcmp(arg, "first"))
		at(DONE, con, 0);
}

static void
on_failed(enum evhttp_request_error error, void *arg)
{
	SAY("%s: error %d\n", (const char *)arg, (int)error);
	if (!strcmp(arg, "first") && action != CANCEL)
		at(FAILED, con, 0);
}

static int
on_answer_head(struct evhttp_request *req, void *arg)
{
	(void)arg;
	at(HEADER, con, req);
	return 0;
}

static void
on_answer_piece(struct evhttp_request *req, void *arg)
{
	(void)arg;
	at(PIECE, con, req);
}

static struct evhttp_request *
make(const char *name)
{
	struct evhttp_request *req = evhttp_request_new(on_done, (void *)name);
	evhttp_request_set_error_cb(req, on_failed);
	evhttp_request_set_header_cb(req, on_answer_head);
	evhttp_request_set_chunked_cb(req, on_answer_piece);
	HOLDS(evhttp_make_request(con, req, EVHTTP_REQ_GET, name[0] == 'f' ? "/first" : "/second") == 0);
	return req;
}

static void
asks(enum stage where, enum action what, const char *answer)
{
	int fd;
	stage = where;
	action = what;
	raw_serve();
	con = evhttp_connection_base_new(base, 0, "127.0.0.1", (unsigned short)port);
	evhttp_connection_set_closecb(con, on_closes, 0);
	asked = make("first");
	make("second");
	at(CONNECTING, con, asked);
	settle();
	fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK);
	settle();
	if (!acted)
		at(ASKED, con, asked);
	settle();
	if (fd >= 0 && answer)
		put(fd, answer);
	settle();
	if (!acted)
		at(ANSWERING, con, asked);
	settle();
	if (fd >= 0)
		close(fd);
	fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK);
	settle();
	HOLDS(acted);
	if (fd >= 0) {
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		settle();
		close(fd);
		settle();
	}
	if (con)
		evhttp_connection_free(con);
	close(raw_listener);
	event_base_free(base);
}

#define WHOLE "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
#define PART "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab"
#define BAD "HTTP/1.1 200 OK\r\nA b\r\n\r\n"
#define LAST "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

#define CLIENT_CASE(name, where, what, answer)                                                                         \
	CASE(name)                                                                                                     \
	{                                                                                                              \
		asks(where, what, answer);                                                                             \
	}

CLIENT_CASE(client_connecting_connection, CONNECTING, CONNECTION, 0)
CLIENT_CASE(client_connecting_cancel, CONNECTING, CANCEL, 0)
CLIENT_CASE(client_connecting_request, CONNECTING, REQUEST, 0)
CLIENT_CASE(client_asked_connection, ASKED, CONNECTION, 0)
CLIENT_CASE(client_asked_cancel, ASKED, CANCEL, 0)
CLIENT_CASE(client_asked_request, ASKED, REQUEST, 0)
CLIENT_CASE(client_header_connection, HEADER, CONNECTION, WHOLE)
CLIENT_CASE(client_header_cancel, HEADER, CANCEL, WHOLE)
CLIENT_CASE(client_header_request, HEADER, REQUEST, WHOLE)
CLIENT_CASE(client_piece_connection, PIECE, CONNECTION, WHOLE)
CLIENT_CASE(client_piece_cancel, PIECE, CANCEL, WHOLE)
CLIENT_CASE(client_piece_request, PIECE, REQUEST, WHOLE)
CLIENT_CASE(client_answering_connection, ANSWERING, CONNECTION, PART)
CLIENT_CASE(client_answering_cancel, ANSWERING, CANCEL, PART)
CLIENT_CASE(client_answering_request, ANSWERING, REQUEST, PART)
CLIENT_CASE(client_done_connection, DONE, CONNECTION, WHOLE)
CLIENT_CASE(client_done_connection_that_closes, DONE, CONNECTION, LAST)
CLIENT_CASE(client_failed_connection, FAILED, CONNECTION, BAD)
CLIENT_CASE(client_closes_connection, CLOSES, CONNECTION, LAST)
CLIENT_CASE(client_closes_connection_after_an_error, CLOSES, CONNECTION, BAD)

/* A request that waits behind another. */
CASE(client_waiting_cancel)
{
	struct evhttp_request *second;
	int fd;
	raw_serve();
	con = evhttp_connection_base_new(base, 0, "127.0.0.1", (unsigned short)port);
	make("first");
	second = make("second");
	make("second");
	settle();
	evhttp_cancel_request(second);
	fd = accept4(raw_listener, 0, 0, SOCK_NONBLOCK);
	settle();
	put(fd, WHOLE);
	settle();
	put(fd, WHOLE);
	settle();
	evhttp_connection_free(con);
	close(fd);
	close(raw_listener);
	event_base_free(base);
}
