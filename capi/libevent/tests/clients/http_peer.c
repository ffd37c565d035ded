/*
 * http_peer.c: a server and a client for http.sh.
 *
 *     http_peer PORT             GET answers "hello PATH", POST and PUT the body, /chunks in ten pieces
 *     http_peer HOST PORT PATH N asks N times on one connection; prints status and length of each
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

static struct event_base *base;
static struct evhttp_connection *con;
static const char *path;
static int left;

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct evbuffer *buf = evbuffer_new();
	const char *where = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	int i;
	(void)arg;
	if (evutil_ascii_strcasecmp(where, "/chunks") == 0) {
		evhttp_send_reply_start(req, 200, "OK");
		for (i = 0; i < 10; i++) {
			evbuffer_add_printf(buf, "chunk %d\n", i);
			evhttp_send_reply_chunk(req, buf);
		}
		evhttp_send_reply_end(req);
	} else {
		if (evhttp_request_get_command(req) & (EVHTTP_REQ_POST | EVHTTP_REQ_PUT))
			evbuffer_add_buffer(buf, evhttp_request_get_input_buffer(req));
		else
			evbuffer_add_printf(buf, "hello %s", where);
		evhttp_send_reply(req, 200, "OK", buf);
	}
	evbuffer_free(buf);
}

static void ask(void);

static void
on_answer(struct evhttp_request *req, void *arg)
{
	(void)arg;
	printf("%d %d\n", req ? evhttp_request_get_response_code(req) : -1,
	    req ? (int)evbuffer_get_length(evhttp_request_get_input_buffer(req)) : -1);
	if (req && --left > 0)
		ask();
	else
		event_base_loopbreak(base);
}

static void
ask(void)
{
	struct evhttp_request *req = evhttp_request_new(on_answer, 0);
	if (evhttp_make_request(con, req, EVHTTP_REQ_GET, path))
		exit(1);
}

int
main(int argc, char **argv)
{
	base = event_base_new();
	if (argc == 2) {
		struct evhttp *http = evhttp_new(base);
		evhttp_set_gencb(http, on_request, 0);
		if (evhttp_bind_socket(http, "127.0.0.1", (unsigned short)atoi(argv[1])))
			return 1;
	} else if (argc == 5) {
		con = evhttp_connection_base_new(base, 0, argv[1], (unsigned short)atoi(argv[2]));
		path = argv[3];
		left = atoi(argv[4]);
		ask();
	} else {
		return 2;
	}
	event_base_dispatch(base);
	return 0;
}
