/* An echo server of WebSocket messages. ws_echo PORT */
#include <event2/event.h>
#include <event2/http.h>
#include <event2/ws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
on_message(struct evws_connection *ws, int type, const unsigned char *data, size_t len, void *arg)
{
	(void)arg;
	if (type == WS_TEXT_FRAME && len == 5 && !memcmp(data, "close", 5))
		evws_close(ws, WS_CR_NORMAL);
	else if (type == WS_TEXT_FRAME)
		evws_send_text(ws, (const char *)data);
	else
		evws_send_binary(ws, (const char *)data, len);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	static const struct timeval ping = { 0, 200000 }, idle = { 20, 0 };
	struct evws_connection *ws = evws_new_session(req, on_message, arg, 0);
	if (ws)
		evoxide_ws_set_timeouts(ws, &ping, &idle);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);
	if (argc < 2 || evhttp_bind_socket(http, "127.0.0.1", (unsigned short)atoi(argv[1])) < 0)
		return 1;
	evhttp_set_gencb(http, on_request, NULL);
	return event_base_dispatch(base);
}
