/* CONNECT and upgrades, answered with evhttp_send_reply(): the original goes on with HTTP behind such an answer. */
#include "case.h"
#include "http_kit.h"
#include <event2/bufferevent_struct.h>

#define CONNECT "CONNECT example:443 HTTP/1.1\r\nHost: example:443\r\n\r\n"
#define UPGRADE_H2 "GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n"

static struct evhttp_connection *tunnel;
static struct evhttp_request *kept;
static size_t passed;

/* Sends back what came through the tunnel. */
static void
on_tunnel(struct bufferevent *bev, void *arg)
{
	(void)arg;
	passed += evbuffer_get_length(bufferevent_get_input(bev));
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
on_tunnel_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	(void)bev;
	SAY("tunnel ends%s\n", what & BEV_EVENT_EOF ? ", eof" : what & BEV_EVENT_TIMEOUT ? ", time-out" : "");
	evhttp_connection_free(tunnel);
	tunnel = 0;
}

static void
take_over(struct evhttp_connection *evcon)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	tunnel = evcon;
	bufferevent_setcb(bev, on_tunnel, 0, on_tunnel_event, 0);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	on_tunnel(bev, 0);
}

/* Answers and takes the bufferevent at once. */
static void
answer(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	int connects = evhttp_request_get_command(req) == EVHTTP_REQ_CONNECT;
	(void)arg;
	if (!connects) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "Upgrade");
		evhttp_add_header(evhttp_request_get_output_headers(req), "Upgrade", "h2c");
	}
	evhttp_send_reply(req, connects ? 200 : 101, 0, 0);
	take_over(evcon);
}

static void
complete(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("complete\n");
	take_over(evhttp_request_get_connection(req));
}

/* Answers, and takes the bufferevent when the answer has left. */
static void
answer_and_wait(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_request_set_on_complete_cb(req, complete, 0);
	evhttp_send_reply(req, 200, "Fine", 0);
}

static void
serve_tunnels(void (*cb)(struct evhttp_request *, void *))
{
	serve(cb, 0);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_CONNECT);
}

static void
through(const char *request)
{
	char both[400];
	int fd = dial();
	snprintf(both, sizeof both, "%searly", request);
	put(fd, both);
	settle();
	show(fd);
	put(fd, "late");
	settle();
	show(fd);
	close(fd);
	settle();
	SAY("tunnel %d, passed %d, connections %d\n", tunnel != 0, (int)passed, evhttp_get_connection_count(http));
}

CASE(connect_answered)
{
	serve_tunnels(answer);
	through(CONNECT);
	finish();
}

CASE(connect_taken_when_the_answer_has_left)
{
	serve_tunnels(answer_and_wait);
	through(CONNECT);
	finish();
}

CASE(upgrade_answered)
{
	serve_tunnels(answer);
	through(UPGRADE_H2);
	finish();
}

CASE(tunnels_end_with_their_server)
{
	int fd;
	serve_tunnels(answer);
	fd = dial();
	put(fd, CONNECT "early");
	settle();
	evhttp_free(http);
	http = 0;
	show(fd);
	close(fd);
	finish();
}

static void
on_plain(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_reply(req, 101, 0, 0);
}

/* 101 that nobody asked for hands nothing over: it is no final answer, and the connection ends. */
CASE(upgrade_that_was_not_asked_for)
{
	serve(on_plain, 0);
	talk(GET("/"));
	finish();
}

static void
keep(struct evhttp_request *req, void *arg)
{
	(void)arg;
	kept = req;
}

#define MUCH (3 * 1024 * 1024)

/* Far more than is held comes behind the request while the program thinks: it is bounded, and all of it passes in the end. */
static void
much(void (*how)(struct evhttp_request *, void *))
{
	static char block[4096];
	char head[200];
	size_t sent = 0, back = 0, most = 0;
	struct evbuffer *input = 0;
	int fd, idle = 0, headed = 0;
	serve_tunnels(keep);
	fd = dial();
	put(fd, CONNECT);
	while (!kept)
		event_base_loop(base, EVLOOP_ONCE);
	input = bufferevent_get_input(evhttp_connection_get_bufferevent(evhttp_request_get_connection(kept)));
	/* Until the socket takes nothing any more and the server reads nothing any more. */
	while (idle < 20) {
		ssize_t n = send(fd, block, sizeof block, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		idle = n > 0 ? 0 : idle + 1;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (evbuffer_get_length(input) > most)
			most = evbuffer_get_length(input);
	}
	SAY("held at most %s\n", most <= 256 * 1024 ? "256 KiB" : "too much");
	how(kept, 0);
	while (recv(fd, head, 1, MSG_PEEK) <= 0)
		event_base_loop(base, EVLOOP_ONCE);
	while (sent < MUCH || back < sent) {
		ssize_t n = sent < MUCH ? send(fd, block, sizeof block, MSG_NOSIGNAL) : 0;
		if (n > 0)
			sent += (size_t)n;
		n = recv(fd, block, sizeof block, 0);
		if (n > 0 && !headed) {
			char *end = (char *)memmem(block, (size_t)n, "\r\n\r\n", 4);
			CHECK(end != 0);
			n = block + n - (end + 4);
			headed = 1;
			memset(block, 0, sizeof block);
		}
		if (n > 0)
			back += (size_t)n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	SAY("passed all %d, back %d\n", passed == sent, back == sent);
	close(fd);
	settle();
	finish();
}

CASE(much_comes_before_the_answer)
{
	much(answer);
}

CASE(much_comes_before_the_answer_has_left)
{
	much(answer_and_wait);
}

static void
answer_and_forget(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_reply(req, 200, "Fine", 0);
}

/* A tunnel that the program does not take goes with its peer. */
CASE(tunnel_that_nobody_took)
{
	int fd;
	serve_tunnels(answer_and_forget);
	fd = dial();
	put(fd, CONNECT "early");
	settle();
	show(fd);
	SAY("connections %d\n", evhttp_get_connection_count(http));
	close(fd);
	while (evhttp_get_connection_count(http) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	finish();
}

/* The peer is gone before the program answers. */
CASE(peer_gone_before_the_tunnel)
{
	int fd;
	serve_tunnels(keep);
	fd = dial();
	put(fd, CONNECT);
	while (!kept)
		event_base_loop(base, EVLOOP_ONCE);
	close(fd);
	settle();
	answer_and_forget(kept, 0);
	while (evhttp_get_connection_count(http) > 0)
		event_base_loop(base, EVLOOP_ONCE);
	SAY("gone\n");
	finish();
}

static void
take_with_time_outs(struct evhttp_request *req, void *arg)
{
	struct timeval tv = { 77, 0 };
	answer(req, arg);
	bufferevent_set_timeouts(evhttp_connection_get_bufferevent(tunnel), &tv, &tv);
}

/* The time-out of a head that came in pieces does not come back over the program's own. */
CASE(tunnel_of_a_head_in_pieces)
{
	struct bufferevent *bev;
	int fd;
	serve_tunnels(take_with_time_outs);
	fd = dial();
	put(fd, "CONNECT example:443 HTTP/1.1\r\nHost: exam");
	settle();
	put(fd, "ple:443\r\n\r\n");
	settle();
	show(fd);
	bev = evhttp_connection_get_bufferevent(tunnel);
	SAY("read %d s, write %d s\n", (int)bev->timeout_read.tv_sec, (int)bev->timeout_write.tv_sec);
	close(fd);
	settle();
	finish();
}

static void
keep_for_long(struct evhttp_request *req, void *arg)
{
	struct timeval tv = { 0, 50000 };
	evhttp_connection_set_timeout_tv(evhttp_request_get_connection(req), &tv);
	keep(req, arg);
}

/* No time-out of HTTP runs while a proxy connects. */
CASE(connect_answered_after_the_time_outs)
{
	struct timeval tv = { 0, 200000 };
	int fd;
	serve_tunnels(keep_for_long);
	fd = dial();
	put(fd, CONNECT "early");
	while (!kept)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	show(fd);
	evhttp_connection_set_timeout_tv(evhttp_request_get_connection(kept), 0);
	answer(kept, 0);
	settle();
	show(fd);
	close(fd);
	settle();
	finish();
}

static void
on_established(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	if (req)
		take_over(evhttp_request_get_connection(req));
}

/* A client's tunnel: what comes in one piece with the answer is the tunnel's. */
static void
client_through(enum evhttp_cmd_type type, const char *reply_and_more)
{
	struct evhttp_connection *evcon;
	struct evhttp_request *req;
	int fd;
	raw_serve();
	evcon = client();
	req = evhttp_request_new(on_established, (void *)"r");
	if (type == EVHTTP_REQ_GET) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "Upgrade");
		evhttp_add_header(evhttp_request_get_output_headers(req), "Upgrade", "h2c");
	}
	evhttp_make_request(evcon, req, type, type == EVHTTP_REQ_GET ? "/" : "example:443");
	fd = raw_accept();
	raw_show(fd);
	put(fd, reply_and_more);
	settle();
	raw_show(fd);
	put(fd, "late");
	settle();
	raw_show(fd);
	close(fd);
	settle();
	SAY("tunnel %d, passed %d\n", tunnel != 0, (int)passed);
	event_base_free(base);
}

CASE(client_connect_and_early_bytes)
{
	client_through(EVHTTP_REQ_CONNECT, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nearly");
}

CASE(client_upgrade_and_early_bytes)
{
	client_through(EVHTTP_REQ_GET, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nearly");
}
