/*
 * Whole programs as they were written for libevent 1.4: the global base, event_set, bufferevent_new, evhttp_start,
 * evdns_init, EVBUFFER_DATA. Each case is one program with its peers; the old headers only, and no warning.
 * ctest: cflags=-Werror
 */
#include "case.h"
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <event.h>
#include <evdns.h>
#include <evhttp.h>
#include <evutil.h>

static int
listener(int *port)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) || listen(fd, 5) || getsockname(fd, (struct sockaddr *)&sin, &len))
		abort();
	evutil_make_socket_nonblocking(fd);
	*port = ntohs(sin.sin_port);
	return fd;
}

static int
connected_to(int port)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((unsigned short)port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin))
		abort();
	evutil_make_socket_nonblocking(fd);
	return fd;
}

/* The one listening TCP socket of this process: what evhttp_start and port 0 made. */
static int
port_that_listens(void)
{
	int fd;
	for (fd = 3; fd < 64; fd++) {
		struct sockaddr_in sin;
		socklen_t len = sizeof sin, n = sizeof(int);
		int on = 0;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on &&
		    getsockname(fd, (struct sockaddr *)&sin, &len) == 0)
			return ntohs(sin.sin_port);
	}
	abort();
}

/* --- an echo server with an event for reading and one for writing per client --- */

struct piece {
	TAILQ_ENTRY(piece) next;
	char *data;
	int len, done;
};

struct client {
	struct event ev_read, ev_write;
	TAILQ_HEAD(, piece) pieces;
};

static struct event accept_event;

static void
on_read(int fd, short what, void *arg)
{
	struct client *c = arg;
	char data[64];
	ssize_t n = read(fd, data, sizeof data);
	struct piece *p;
	(void)what;
	if (n <= 0) {
		SAY("client %s\n", n ? "broken" : "gone");
		event_del(&c->ev_read);
		event_del(&c->ev_write);
		close(fd);
		free(c);
		event_loopbreak();
		return;
	}
	p = calloc(1, sizeof *p);
	p->data = malloc((size_t)n);
	memcpy(p->data, data, (size_t)n);
	p->len = (int)n;
	TAILQ_INSERT_TAIL(&c->pieces, p, next);
	event_add(&c->ev_write, NULL);
}

static void
on_write(int fd, short what, void *arg)
{
	struct client *c = arg;
	struct piece *p = TAILQ_FIRST(&c->pieces);
	ssize_t n;
	(void)what;
	if (!p)
		return;
	n = write(fd, p->data + p->done, (size_t)(p->len - p->done));
	if (n < 0)
		abort();
	if ((p->done += (int)n) < p->len) {
		event_add(&c->ev_write, NULL);
		return;
	}
	TAILQ_REMOVE(&c->pieces, p, next);
	free(p->data);
	free(p);
	if (TAILQ_FIRST(&c->pieces))
		event_add(&c->ev_write, NULL);
}

static void
on_accept(int fd, short what, void *arg)
{
	struct client *c = calloc(1, sizeof *c);
	int s = accept(fd, NULL, NULL);
	(void)what, (void)arg;
	SAY("accepted\n");
	evutil_make_socket_nonblocking(s);
	TAILQ_INIT(&c->pieces);
	event_set(&c->ev_read, s, EV_READ | EV_PERSIST, on_read, c);
	event_add(&c->ev_read, NULL);
	event_set(&c->ev_write, s, EV_WRITE, on_write, c);
}

static struct event talk_event;
static int talk_step;

static void
talk(int fd, short what, void *arg)
{
	char text[64];
	ssize_t n;
	(void)arg;
	if (what & EV_READ) {
		n = read(fd, text, sizeof text);
		SAY("echoed %.*s\n", (int)n, text);
	}
	if (talk_step == 3) {
		close(fd);
		return;
	}
	n = snprintf(text, sizeof text, "line %d", talk_step++);
	if (write(fd, text, (size_t)n) != n)
		abort();
	event_set(&talk_event, fd, EV_READ, talk, NULL);
	event_add(&talk_event, NULL);
}

CASE(echo_server)
{
	struct event_base *base = event_init();
	int port, fd = listener(&port);
	event_set(&accept_event, fd, EV_READ | EV_PERSIST, on_accept, NULL);
	event_add(&accept_event, NULL);
	talk(connected_to(port), EV_TIMEOUT, NULL);
	SAY("dispatch %d\n", event_dispatch());
	event_del(&accept_event);
	close(fd);
	event_base_free(base);
}

/* --- a line server on bufferevents --- */

static void
line_read(struct bufferevent *bev, void *arg)
{
	char *line;
	(void)arg;
	while ((line = evbuffer_readline(EVBUFFER_INPUT(bev)))) {
		struct evbuffer *out = evbuffer_new();
		evbuffer_add_printf(out, "%d: %s\r\n", (int)strlen(line), line);
		bufferevent_write_buffer(bev, out);
		SAY("line %s, %d bytes stay\n", line, (int)EVBUFFER_LENGTH(EVBUFFER_INPUT(bev)));
		evbuffer_free(out);
		free(line);
	}
}

static void
line_wrote(struct bufferevent *bev, void *arg)
{
	(void)arg;
	SAY("wrote all: %d\n", (int)EVBUFFER_LENGTH(bev->output));
}

static void
line_error(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	SAY("error%s%s%s%s\n", what & EVBUFFER_EOF ? " eof" : "", what & EVBUFFER_ERROR ? " error" : "",
	    what & EVBUFFER_TIMEOUT ? " timeout" : "", what & EVBUFFER_READ ? " reading" : "");
	bufferevent_free(bev);
	event_loopexit(NULL);
}

static void
line_peer(int s, short what, void *arg)
{
	char text[200];
	ssize_t n = read(s, text, sizeof text);
	(void)what, (void)arg;
	SAY("answered %d bytes\n", (int)n);
	shutdown(s, SHUT_WR);
}

CASE(line_server)
{
	struct event_base *base = event_init();
	struct event peer;
	struct bufferevent *bev;
	int pair[2];
	if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abort();
	evutil_make_socket_nonblocking(pair[0]);
	evutil_make_socket_nonblocking(pair[1]);
	bev = bufferevent_new(pair[0], line_read, line_wrote, line_error, NULL);
	bufferevent_settimeout(bev, 30, 30);
	SAY("enable %d\n", bufferevent_enable(bev, EV_READ | EV_WRITE));
	event_set(&peer, pair[1], EV_READ, line_peer, NULL);
	event_add(&peer, NULL);
	if (write(pair[1], "one\r\ntwo\nthree\n\rrest", 20) != 20)
		abort();
	SAY("dispatch %d\n", event_dispatch());
	close(pair[0]);
	close(pair[1]);
	event_base_free(base);
}

/* --- a web server and its client --- */

static int pages;

static void
page(struct evhttp_request *req, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	struct evkeyvalq query;
	char *path = evhttp_decode_uri(evhttp_request_uri(req));
	evhttp_parse_query(evhttp_request_uri(req), &query);
	SAY("%s asks for %s, a=%s, host %s\n", req->remote_host, path, evhttp_find_header(&query, "a"),
	    evhttp_find_header(req->input_headers, "Host"));
	evhttp_clear_headers(&query);
	free(path);
	evhttp_add_header(req->output_headers, "Content-Type", "text/plain");
	evbuffer_add_printf(body, "page %d of %s", ++pages, (const char *)arg);
	evhttp_send_reply(req, HTTP_OK, "OK", body);
	evbuffer_free(body);
}

static void
missing(struct evhttp_request *req, void *arg)
{
	(void)arg;
	evhttp_send_error(req, HTTP_NOTFOUND, "Not here");
}

static void
fetched(struct evhttp_request *req, void *arg)
{
	int *left = arg;
	SAY("code %d, %s, %d bytes: %.*s\n", req->response_code, evhttp_find_header(req->input_headers, "Content-Type"),
	    (int)EVBUFFER_LENGTH(req->input_buffer), req->response_code == HTTP_OK ? (int)EVBUFFER_LENGTH(req->input_buffer) : 0,
	    (const char *)EVBUFFER_DATA(req->input_buffer));
	if (--*left == 0)
		event_loopexit(NULL);
}

CASE(web_server)
{
	static const char *paths[] = { "/page?a=1%202", "/page?a=b", "/other" };
	struct event_base *base = event_init();
	struct evhttp *http = evhttp_start("127.0.0.1", 0);
	struct evhttp_connection *con;
	int i, left = 3;
	SAY("started %d\n", http != NULL);
	evhttp_set_cb(http, "/page", page, (char *)"the site");
	evhttp_set_gencb(http, missing, NULL);
	evhttp_set_timeout(http, 30);
	con = evhttp_connection_new("127.0.0.1", (unsigned short)port_that_listens());
	evhttp_connection_set_timeout(con, 30);
	for (i = 0; i < 3; i++) {
		struct evhttp_request *req = evhttp_request_new(fetched, &left);
		evhttp_add_header(req->output_headers, "Host", "site.example");
		SAY("make %d\n", evhttp_make_request(con, req, EVHTTP_REQ_GET, paths[i]));
	}
	event_dispatch();
	evhttp_connection_free(con);
	evhttp_free(http);
	event_base_free(base);
}

/* --- a name server and the global resolver --- */

static void
question(struct evdns_server_request *req, void *arg)
{
	int i, replies = 0;
	(void)arg;
	for (i = 0; i < req->nquestions; i++) {
		const struct evdns_server_question *q = req->questions[i];
		unsigned char ip[4] = { 192, 0, 2, 7 };
		SAY("asked for %s, type %d\n", q->name, q->type);
		if (q->type == EVDNS_TYPE_A && !strcmp(q->name, "known.example"))
			replies += !evdns_server_request_add_a_reply(req, q->name, 1, ip, 60);
		else if (q->type == EVDNS_TYPE_PTR)
			replies += !evdns_server_request_add_ptr_reply(req, NULL, q->name, "known.example", 60);
	}
	evdns_server_request_respond(req, replies ? 0 : DNS_ERR_NOTEXIST);
}

static void
answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	int *left = arg;
	SAY("result %d (%s), type %d, count %d, ttl %d", result, evdns_err_to_string(result), type, count, result ? 0 : ttl);
	if (type == DNS_IPv4_A && count)
		SAY(", %s", inet_ntoa(*(struct in_addr *)addresses));
	if (type == DNS_PTR && count)
		SAY(", %s", *(char **)addresses);
	SAY("\n");
	if (--*left == 0)
		event_loopexit(NULL);
}

CASE(name_server)
{
	struct event_base *base = event_init();
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	struct evdns_server_port *server;
	struct in_addr in;
	char text[64];
	int left = 3, fd = socket(AF_INET, SOCK_DGRAM, 0);
	memset(&sin, 0, sizeof sin);
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) || getsockname(fd, (struct sockaddr *)&sin, &len))
		abort();
	evutil_make_socket_nonblocking(fd);
	server = evdns_add_server_port(fd, 0, question, NULL);
	evdns_init();
	evdns_clear_nameservers_and_suspend();
	evdns_search_clear();
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(sin.sin_port));
	SAY("add %d\n", evdns_nameserver_ip_add(text));
	SAY("resume %d\n", evdns_resume());
	SAY("count %d\n", evdns_count_nameservers());
	evdns_set_option("randomize-case:", "0", DNS_OPTIONS_ALL);
	/* One at a time: which of several goes out first is not part of this. */
	evdns_set_option("max-inflight:", "1", DNS_OPTIONS_ALL);
	inet_aton("192.0.2.7", &in);
	SAY("a %d\n", evdns_resolve_ipv4("known.example", 0, answer, &left));
	SAY("ptr %d\n", evdns_resolve_reverse(&in, 0, answer, &left));
	SAY("none %d\n", evdns_resolve_ipv4("none.example", 0, answer, &left));
	event_dispatch();
	evdns_close_server_port(server);
	evdns_shutdown(0);
	event_base_free(base);
	close(fd);
}

/* --- a clock, a signal, and a last call --- */

static struct event clock_event, signal_event;
static int ticks;

static void
tick(int fd, short what, void *arg)
{
	struct timeval tv = { 0, 1000 };
	(void)fd, (void)arg;
	SAY("tick %d%s\n", ++ticks, what == EV_TIMEOUT ? "" : " but no timeout");
	if (ticks == 3)
		raise(SIGUSR1);
	else
		evtimer_add(&clock_event, &tv);
}

static void
last_call(int fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	SAY("last call\n");
}

static void
signalled(int number, short what, void *arg)
{
	struct timeval tv = { 0, 1000 };
	(void)what;
	SAY("signal %d of %d\n", number == SIGUSR1, EVENT_SIGNAL((struct event *)arg) == SIGUSR1);
	signal_del((struct event *)arg);
	SAY("pending %d %d\n", signal_pending(&signal_event, NULL) != 0, evtimer_pending(&clock_event, NULL) != 0);
	event_once(-1, EV_TIMEOUT, last_call, NULL, &tv);
}

CASE(clock_and_signal)
{
	struct event_base *base = event_init();
	struct timeval tv, now, sum;
	SAY("priorities %d\n", event_priority_init(2));
	evtimer_set(&clock_event, tick, NULL);
	event_priority_set(&clock_event, 0);
	signal_set(&signal_event, SIGUSR1, signalled, &signal_event);
	signal_add(&signal_event, NULL);
	evutil_timerclear(&tv);
	tv.tv_usec = 1000;
	evtimer_add(&clock_event, &tv);
	gettimeofday(&now, NULL);
	evutil_timeradd(&now, &tv, &sum);
	SAY("later %d\n", evutil_timercmp(&now, &sum, <) != 0);
	SAY("initialized %d %d\n", evtimer_initialized(&clock_event) != 0, signal_initialized(&signal_event) != 0);
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

/* --- a proxy: two bufferevents, one's input to the other's output --- */

static struct bufferevent *near, *far;
static int proxied;

static void
pass_on(struct bufferevent *from, void *arg)
{
	struct bufferevent **to = arg;
	bufferevent_write_buffer(*to, from->input);
}

static void
proxy_ends(struct bufferevent *from, short what, void *arg)
{
	(void)arg;
	SAY("%s side:%s, %d bytes through\n", from == near ? "near" : "far", what & EVBUFFER_EOF ? " eof" : "", proxied);
	event_loopbreak();
}

static void
upper(int fd, short what, void *arg)
{
	char text[512];
	ssize_t i, n = read(fd, text, sizeof text);
	(void)what, (void)arg;
	for (i = 0; i < n; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] = (char)(text[i] - 32);
	if (n > 0 && write(fd, text, (size_t)n) != n)
		abort();
}

static void
proxy_peer(int fd, short what, void *arg)
{
	char text[512];
	ssize_t n = read(fd, text, sizeof text);
	(void)what, (void)arg;
	proxied += (int)n;
	SAY("got %.*s\n", (int)n, text);
	shutdown(fd, SHUT_WR);
}

CASE(proxy)
{
	struct event_base *base = event_init();
	struct event peer, origin;
	int a[2], b[2];
	if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, a) || evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, b))
		abort();
	evutil_make_socket_nonblocking(a[1]);
	evutil_make_socket_nonblocking(b[0]);
	near = bufferevent_new(a[1], pass_on, NULL, proxy_ends, &far);
	far = bufferevent_new(b[0], pass_on, NULL, proxy_ends, &near);
	bufferevent_enable(near, EV_READ);
	bufferevent_enable(far, EV_READ);
	event_set(&peer, a[0], EV_READ, proxy_peer, NULL);
	event_set(&origin, b[1], EV_READ | EV_PERSIST, upper, NULL);
	event_add(&peer, NULL);
	event_add(&origin, NULL);
	if (write(a[0], "through and back", 16) != 16)
		abort();
	event_dispatch();
	event_del(&origin);
	bufferevent_free(near);
	bufferevent_free(far);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
	event_base_free(base);
}
