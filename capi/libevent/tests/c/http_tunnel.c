/* CONNECT and upgrades: the bufferevent changes hands, and nothing that came is lost. */
#include "case.h"
#include "http_kit.h"

#define CONNECT "CONNECT example:443 HTTP/1.1\r\nHost: example:443\r\n\r\n"
#define UPGRADE_H2 "GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n"

static struct evhttp_connection *tunnel, *con;
static struct evhttp_request *kept;

/* What came through the tunnel. */
static char passed[200];

/* Echoes what comes through the tunnel. */
static void
on_tunnel(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t at = strlen(passed);
	int n = evbuffer_copyout(input, passed + at, sizeof passed - 1 - at);
	(void)arg;
	passed[n < 0 ? at : at + (size_t)n] = 0;
	bufferevent_write_buffer(bev, input);
}

static void
on_tunnel_event(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	(void)bev;
	SAY("tunnel of <%s> ends%s\n", passed, what & BEV_EVENT_EOF ? ", eof" : "");
	evhttp_connection_free(tunnel);
	tunnel = 0;
}

/* The bufferevent is the program's, with what came behind the request. */
static void
take_over(struct evhttp_connection *evcon)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	tunnel = evcon;
	bufferevent_setcb(bev, on_tunnel, 0, on_tunnel_event, 0);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	if (evbuffer_get_length(bufferevent_get_input(bev)) > 0)
		on_tunnel(bev, 0);
}

static void
by_hand(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	(void)arg;
	SAY("request %d %s\n", (int)evhttp_request_get_command(req), evhttp_request_get_uri(req));
	bufferevent_write(evhttp_connection_get_bufferevent(evcon), "HTTP/1.1 200 Fine\r\n\r\n", 21);
	take_over(evcon);
}

/* A peer that sends more with its request, then more, then closes. */
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
	SAY("tunnel %d\n", tunnel != 0);
}

static void
serve_tunnels(void (*cb)(struct evhttp_request *, void *))
{
	serve(cb, 0);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_CONNECT);
}

CASE(connect_answered_by_hand)
{
	serve_tunnels(by_hand);
	through(CONNECT);
	finish();
}

static void
keep(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request %d\n", (int)evhttp_request_get_command(req));
	kept = req;
}

/* As a proxy does, which connects first: what comes meanwhile waits. */
CASE(connect_answered_by_hand_later)
{
	int fd;
	serve_tunnels(keep);
	fd = dial();
	put(fd, CONNECT "early");
	settle();
	put(fd, ", and meanwhile");
	settle();
	show(fd);
	by_hand(kept, 0);
	settle();
	show(fd);
	put(fd, "late");
	settle();
	show(fd);
	close(fd);
	settle();
	finish();
}

CASE(connect_and_the_server_is_freed)
{
	int fd;
	serve_tunnels(by_hand);
	fd = dial();
	put(fd, CONNECT "early");
	settle();
	evhttp_free(http);
	http = 0;
	settle();
	show(fd);
	close(fd);
	finish();
}

CASE(upgrade_answered_by_hand)
{
	serve_tunnels(by_hand);
	through(UPGRADE_H2);
	finish();
}

static void
on_plain(struct evhttp_request *req, void *arg)
{
	(void)arg;
	SAY("request %s\n", evhttp_request_get_uri(req));
	evhttp_send_reply(req, 200, "OK", 0);
}

/* An upgrade that the program does not take is a request as any other. */
CASE(upgrade_not_taken)
{
	int fd;
	serve(on_plain, 0);
	fd = dial();
	put(fd, UPGRADE_H2 GET("/next"));
	settle();
	show(fd);
	close(fd);
	finish();
}

/* The client's side: its callback takes the bufferevent. */
static void
on_established(struct evhttp_request *req, void *arg)
{
	on_answer(req, arg);
	take_over(con);
}

CASE(client_connect)
{
	struct evhttp_request *req;
	int fd;
	raw_serve();
	con = client();
	req = evhttp_request_new(on_established, (void *)"r");
	evhttp_make_request(con, req, EVHTTP_REQ_CONNECT, "example:443");
	fd = raw_accept();
	raw_show(fd);
	put(fd, "HTTP/1.1 200 Fine\r\n\r\n");
	settle();
	put(fd, "through the tunnel");
	settle();
	raw_show(fd);
	close(fd);
	settle();
	SAY("tunnel %d\n", tunnel != 0);
	close(raw_listener);
	event_base_free(base);
}

CASE(client_connect_refused)
{
	struct evhttp_connection *evcon;
	int fd;
	raw_serve();
	evcon = client();
	ask(evcon, EVHTTP_REQ_CONNECT, "example:443", "r");
	fd = raw_accept();
	raw_show(fd);
	put(fd, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
	settle();
	evhttp_connection_free(evcon);
	close(fd);
	event_base_free(base);
}
