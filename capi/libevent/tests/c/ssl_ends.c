/*
 * How sessions end: in order, cut, by garbage, and in the middle of each part of a handshake; and STARTTLS.
 *
 * ctest: valgrind=filter_tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <fcntl.h>

static SSL *ssl_of(struct end *end) { return bufferevent_openssl_get_ssl(end->bev); }

static evutil_socket_t socket_of(struct end *end) { return bufferevent_getfd(end->below ? end->below : end->bev); }

/* The server's end of data: with close_notify or without; the client allows a dirty end or refuses it. */
static void ends(int version, enum over over, int clean, int allow, int before)
{
	struct world w;
	begin(&w, version);
	w.server.quiet = 1;
	w.client.keep = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	settle(&w);
	bufferevent_openssl_set_allow_dirty_shutdown(w.client.bev, allow);
	SAY("allowed %d\n", bufferevent_openssl_get_allow_dirty_shutdown(w.client.bev));
	if (before) {
		bufferevent_write(w.server.bev, "last words", 10);
		AWAIT(&w, evbuffer_get_length(bufferevent_get_output(w.server.bev)) == 0);
		if (w.server.below)
			AWAIT(&w, evbuffer_get_length(bufferevent_get_output(w.server.below)) == 0);
	}
	if (clean) {
		SSL_shutdown(ssl_of(&w.server));
		if (w.server.below)
			AWAIT(&w, evbuffer_get_length(bufferevent_get_output(w.server.below)) == 0);
	}
	shutdown(socket_of(&w.server), SHUT_WR);
	AWAIT(&w, w.client.ended);
	SAY("event 0x%x, got %d\n", (unsigned)w.client.last, (int)w.client.got);
	SAY("enabled 0x%x\n", (unsigned)bufferevent_get_enabled(w.client.bev));
	settle(&w);
	SAY("told %u times\n", w.client.ended);
	finish(&w);
}

BOTH_VERSIONS(clean_end) { ends(version, SOCKETS, 1, 0, 0); }
BOTH_VERSIONS(clean_end_behind_data) { ends(version, SOCKETS, 1, 0, 1); }
BOTH_VERSIONS(clean_end_over_a_filter) { ends(version, FILTERS, 1, 0, 1); }
BOTH_VERSIONS(dirty_end_refused_behind_data) { ends(version, SOCKETS, 0, 0, 1); }
BOTH_VERSIONS(dirty_end_allowed_behind_data) { ends(version, SOCKETS, 0, 1, 1); }
BOTH_VERSIONS(dirty_end_refused_over_a_filter) { ends(version, FILTERS, 0, 0, 1); }
BOTH_VERSIONS(dirty_end_allowed_over_a_filter) { ends(version, FILTERS, 0, 1, 1); }

/* The other direction goes on behind the peer's close_notify, as far as OpenSSL lets it. */
static void echo(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void free_at_the_end(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (what & BEV_EVENT_CONNECTED)
		return;
	SAY("event 0x%x, unsent %d\n", (unsigned)what, (int)evbuffer_get_length(bufferevent_get_output(bev)));
	bufferevent_free(bev);
}

/* What a client sent right before its end is answered, also by a server that frees its bufferevent when it hears of that. */
BOTH_VERSIONS(answered_before_the_end)
{
	static const size_t sizes[] = { 5, 5000, 16384, 16390, 32768, 40000 };
	static char data[65536];
	struct bufferevent *bev;
	struct world w;
	evutil_socket_t fd[2];
	SSL *client;
	size_t got, i;
	int dirty, n;
	begin(&w, version);
	for (i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		dirty = (int)i % 2;
		connected_sockets(fd);
		bev = bufferevent_openssl_socket_new(w.base, fd[1], SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(bev, echo, NULL, free_at_the_end, NULL);
		bufferevent_enable(bev, EV_READ | EV_WRITE);
		client = SSL_new(w.client_ctx);
		SSL_set_fd(client, fd[0]);
		SSL_set_connect_state(client);
		while (SSL_do_handshake(client) != 1)
			settle(&w);
		settle(&w);
		SSL_write(client, data, (int)sizes[i / 2]);
		if (dirty)
			shutdown(fd[0], SHUT_WR);
		else
			SSL_shutdown(client);
		for (got = 0, n = 0; n < 20; n++) {
			int read;
			settle(&w);
			while ((read = SSL_read(client, data, sizeof(data))) > 0)
				got += (size_t)read;
		}
		SAY("%d bytes, %s: %d came back\n", (int)sizes[i / 2], dirty ? "cut" : "closed", (int)got);
		SSL_free(client);
		evutil_closesocket(fd[0]);
	}
	finish(&w);
}

BOTH_VERSIONS(writing_behind_the_end)
{
	struct world w;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.client.keep = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	settle(&w);
	SSL_shutdown(ssl_of(&w.server));
	AWAIT(&w, w.client.ended);
	SAY("event 0x%x\n", (unsigned)w.client.last);
	SAY("write %d\n", bufferevent_write(w.client.bev, "still here", 10));
	settle(&w);
	SAY("told %u times\n", w.client.ended);
	finish(&w);
}

/* All codes of a failure, in order. */
static void say_errors(struct bufferevent *bev, short what, void *arg)
{
	struct end *end = arg;
	unsigned long error;
	end->ended++;
	SAY("%s: 0x%x", end->name, (unsigned)what);
	while ((error = bufferevent_get_openssl_error(bev)) != 0)
		SAY(" [%d:%d %s]", ERR_GET_LIB(error), ERR_GET_REASON(error),
		    ERR_reason_error_string(error) ? ERR_reason_error_string(error) : "?");
	SAY("\n");
}

static void hears(const char *bytes, size_t size, int version, enum bufferevent_ssl_state state, enum over over)
{
	struct world w;
	evutil_socket_t fd[2];
	struct end *end = &w.server;
	SSL *ssl;
	begin(&w, version);
	connected_sockets(fd);
	ssl = SSL_new(w.server_ctx);
	if (over == SOCKETS)
		end->bev = bufferevent_openssl_socket_new(w.base, fd[0], ssl, state, BEV_OPT_CLOSE_ON_FREE);
	else
		end->bev = bufferevent_openssl_filter_new(w.base,
		    bufferevent_socket_new(w.base, fd[0], BEV_OPT_CLOSE_ON_FREE), ssl, state, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(end->bev, end_read, NULL, say_errors, end);
	bufferevent_enable(end->bev, EV_READ | EV_WRITE);
	if (state == BUFFEREVENT_SSL_CONNECTING)
		settle(&w);
	CHECK(write(fd[1], bytes, size) == (ssize_t)size);
	AWAIT(&w, end->ended);
	settle(&w);
	SAY("told %u times\n", end->ended);
	evutil_closesocket(fd[1]);
	finish(&w);
}

#define HEARS(text, state, over) hears(text, sizeof(text) - 1, version, state, over)

BOTH_VERSIONS(server_hears_http) { HEARS("GET / HTTP/1.1\r\nHost: x\r\n\r\n", BUFFEREVENT_SSL_ACCEPTING, SOCKETS); }
BOTH_VERSIONS(server_hears_http_over_a_filter)
{
	HEARS("GET / HTTP/1.1\r\nHost: x\r\n\r\n", BUFFEREVENT_SSL_ACCEPTING, FILTERS);
}
BOTH_VERSIONS(server_hears_a_proxy_request) { HEARS("CONNECT x:443 HTTP/1.1\r\n\r\n", BUFFEREVENT_SSL_ACCEPTING, SOCKETS); }
BOTH_VERSIONS(server_hears_garbage) { HEARS("\x01\x02\x03garbage garbage garbage", BUFFEREVENT_SSL_ACCEPTING, SOCKETS); }
BOTH_VERSIONS(client_hears_http) { HEARS("HTTP/1.1 400 Bad Request\r\n\r\n", BUFFEREVENT_SSL_CONNECTING, SOCKETS); }
BOTH_VERSIONS(client_hears_smtp) { HEARS("220 mail.test ESMTP\r\n", BUFFEREVENT_SSL_CONNECTING, FILTERS); }
BOTH_VERSIONS(client_hears_an_alert) { HEARS("\x15\x03\x03\x00\x02\x02\x28", BUFFEREVENT_SSL_CONNECTING, SOCKETS); }
BOTH_VERSIONS(a_record_too_long)
{
	HEARS("\x16\x03\x01\xff\xff"
	      "0123456789012345678901234567890123456789",
	    BUFFEREVENT_SSL_ACCEPTING, SOCKETS);
}

/* Garbage behind the handshake. */
static void garbage_later(int version, enum over over)
{
	struct world w;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	settle(&w);
	w.client.quiet = w.server.quiet = 1;
	bufferevent_setcb(w.client.bev, end_read, NULL, say_errors, &w.client);
	CHECK(write(socket_of(&w.server), "\x17\x03\x03\x00\x20"
					  "01234567890123456789012345678901",
		  37) == 37);
	AWAIT(&w, w.client.ended);
	SAY("got %d\n", (int)w.client.got);
	finish(&w);
}

BOTH_VERSIONS(garbage_in_the_data) { garbage_later(version, SOCKETS); }
BOTH_VERSIONS(garbage_in_the_data_over_a_filter) { garbage_later(version, FILTERS); }

/* An ordinary handshake between two objects in memory; what each sends is kept. */
struct flights {
	char data[2][16384];
	size_t size[2];
};

static void record_flights(struct world *w, struct flights *f)
{
	SSL *ssl[2];
	int i, n, got;
	memset(f->size, 0, sizeof(f->size));
	ssl[0] = SSL_new(w->client_ctx);
	ssl[1] = SSL_new(w->server_ctx);
	for (i = 0; i < 2; i++)
		SSL_set_bio(ssl[i], BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl[0]);
	SSL_set_accept_state(ssl[1]);
	for (n = 0; n < 10; n++)
		for (i = 0; i < 2; i++) {
			char *at = f->data[i] + f->size[i];
			SSL_do_handshake(ssl[i]);
			while ((got = BIO_read(SSL_get_wbio(ssl[i]), at, (int)(sizeof(f->data[i]) - f->size[i]))) > 0) {
				BIO_write(SSL_get_rbio(ssl[!i]), at, got);
				f->size[i] += (size_t)got;
				at += got;
			}
		}
	SSL_free(ssl[0]);
	SSL_free(ssl[1]);
}

/* Sends the first bytes of a handshake and closes. Returns the event. */
static unsigned cut_at(struct world *w, const char *bytes, size_t size, int client, enum over over, int allow)
{
	evutil_socket_t fd[2];
	struct end end;
	SSL *ssl = SSL_new(client ? w->client_ctx : w->server_ctx);
	enum bufferevent_ssl_state state = client ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING;
	unsigned told;
	memset(&end, 0, sizeof(end));
	end.quiet = 1;
	evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	evutil_make_socket_nonblocking(fd[0]);
	if (over == SOCKETS)
		end.bev = bufferevent_openssl_socket_new(w->base, fd[0], ssl, state, BEV_OPT_CLOSE_ON_FREE);
	else
		end.bev = bufferevent_openssl_filter_new(w->base,
		    bufferevent_socket_new(w->base, fd[0], BEV_OPT_CLOSE_ON_FREE), ssl, state, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(end.bev, allow);
	bufferevent_setcb(end.bev, end_read, NULL, end_event, &end);
	bufferevent_enable(end.bev, EV_READ | EV_WRITE);
	if (size && write(fd[1], bytes, size) != (ssize_t)size)
		SAY("not written\n");
	shutdown(fd[1], SHUT_WR);
	AWAIT(w, end.ended);
	told = (unsigned)end.last;
	if (end.ended != 1 || end.connected)
		SAY("%d bytes: told %u times, connected %u\n", (int)size, end.ended, end.connected);
	bufferevent_free(end.bev);
	evutil_closesocket(fd[1]);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	return told;
}

/* A transport that ends within each message of the peer's first flight. */
static void cuts(int version, int client, enum over over, int allow)
{
	struct world w;
	struct flights f;
	const char *bytes;
	size_t at, size;
	unsigned seen[256] = { 0 }, i;
	begin(&w, version);
	record_flights(&w, &f);
	bytes = f.data[client];
	/* The first record of a client is all that a server can read of a conversation that is another's; of a server, the
	 * handshake in the clear. */
	size = 5 + ((size_t)(unsigned char)bytes[3] << 8) + (unsigned char)bytes[4];
	for (at = 0; at < size; at += at < 12 ? 1 : 17)
		seen[cut_at(&w, bytes, at, client, over, allow) & 0xff]++;
	for (i = 0; i < 256; i++)
		if (seen[i])
			SAY("event 0x%x: %s\n", i, seen[i] == 1 ? "once" : "many times");
	finish(&w);
}

BOTH_VERSIONS(server_cut_in_a_handshake) { cuts(version, 0, SOCKETS, 0); }
BOTH_VERSIONS(server_cut_in_a_handshake_allowed) { cuts(version, 0, SOCKETS, 1); }
BOTH_VERSIONS(server_cut_in_a_handshake_over_a_filter) { cuts(version, 0, FILTERS, 0); }
BOTH_VERSIONS(client_cut_in_a_handshake) { cuts(version, 1, SOCKETS, 0); }
BOTH_VERSIONS(client_cut_in_a_handshake_over_a_filter) { cuts(version, 1, FILTERS, 0); }

/* A relay between two ends that ends after so many bytes in one direction: a cut in every message of a live handshake. */
static void relay_cuts(int version, enum over over)
{
	struct world w;
	size_t limit, made = 0, failed = 0, both = 0;
	begin(&w, version);
	for (limit = 1; limit < 3000; limit += 61) {
		evutil_socket_t a[2], b[2];
		struct end ends[2];
		char data[4096];
		size_t passed = 0;
		int i, cut = 0, rounds;
		memset(ends, 0, sizeof(ends));
		evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, a);
		evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, b);
		for (i = 0; i < 2; i++) {
			evutil_make_socket_nonblocking(a[i]);
			evutil_make_socket_nonblocking(b[i]);
		}
		for (i = 0; i < 2; i++) {
			SSL *ssl = SSL_new(i ? w.server_ctx : w.client_ctx);
			enum bufferevent_ssl_state state = i ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING;
			ends[i].quiet = 1;
			ends[i].bev = over == SOCKETS
			    ? bufferevent_openssl_socket_new(w.base, i ? b[0] : a[0], ssl, state, BEV_OPT_CLOSE_ON_FREE)
			    : bufferevent_openssl_filter_new(w.base,
				  bufferevent_socket_new(w.base, i ? b[0] : a[0], BEV_OPT_CLOSE_ON_FREE), ssl, state,
				  BEV_OPT_CLOSE_ON_FREE);
			bufferevent_setcb(ends[i].bev, end_read, NULL, end_event, &ends[i]);
			bufferevent_enable(ends[i].bev, EV_READ | EV_WRITE);
		}
		for (rounds = 0; rounds < 40 && !cut; rounds++) {
			ssize_t n;
			event_base_loop(w.base, EVLOOP_NONBLOCK);
			if ((n = read(a[1], data, sizeof(data))) > 0 && write(b[1], data, (size_t)n) != n)
				SAY("relay\n");
			event_base_loop(w.base, EVLOOP_NONBLOCK);
			if ((n = read(b[1], data, sizeof(data))) > 0) {
				if (passed + (size_t)n > limit) {
					n = (ssize_t)(limit - passed);
					cut = 1;
				}
				passed += (size_t)n;
				if (n && write(a[1], data, (size_t)n) != n)
					SAY("relay\n");
			}
		}
		shutdown(a[1], SHUT_WR);
		shutdown(b[1], SHUT_WR);
		AWAIT(&w, ends[0].ended && ends[1].ended);
		made += ends[0].connected;
		failed += !ends[0].connected;
		both += ends[0].ended == 1 && ends[1].ended == 1;
		bufferevent_free(ends[0].bev);
		bufferevent_free(ends[1].bev);
		evutil_closesocket(a[1]);
		evutil_closesocket(b[1]);
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	SAY("some failed %d, some were made %d, each end told once %d\n", failed > 3, made > 3, both == failed + made);
	finish(&w);
}

BOTH_VERSIONS(cut_at_every_place) { relay_cuts(version, SOCKETS); }
BOTH_VERSIONS(cut_at_every_place_over_filters) { relay_cuts(version, FILTERS); }

/* A connection that cannot be made. */
CASE(connection_refused)
{
	struct world w;
	struct sockaddr_in to;
	socklen_t size = sizeof(to);
	evutil_socket_t fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&to, &size) == 0);
	begin(&w, TLS1_3_VERSION);
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, -1, SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.client);
	SAY("begun %d\n", bufferevent_socket_connect(w.client.bev, (struct sockaddr *)&to, size));
	AWAIT(&w, w.client.ended);
	SAY("told %u times, connected %u\n", w.client.ended, w.client.connected);
	evutil_closesocket(fd);
	finish(&w);
}

/* bufferevent_socket_connect, and the handshake behind it; one connected event. */
BOTH_VERSIONS(connecting_by_address)
{
	struct world w;
	struct sockaddr_in to;
	socklen_t size = sizeof(to);
	evutil_socket_t fd = socket(AF_INET, SOCK_STREAM, 0), peer;
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(listen(fd, 1) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&to, &size) == 0);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, -1, SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.client);
	bufferevent_write(w.client.bev, "early", 5);
	SAY("begun %d\n", bufferevent_socket_connect(w.client.bev, (struct sockaddr *)&to, size));
	peer = accept(fd, NULL, NULL);
	evutil_make_socket_nonblocking(peer);
	w.server.bev = bufferevent_openssl_socket_new(
	    w.base, peer, SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.server);
	AWAIT(&w, w.server.got == 5);
	SAY("got %s, connected %u %u, SSL's descriptor %d\n", w.server.first, w.client.connected, w.server.connected,
	    SSL_get_fd(ssl_of(&w.client)) == bufferevent_getfd(w.client.bev));
	evutil_closesocket(fd);
	finish(&w);
}

/* STARTTLS: TLS begins on bufferevents that were used before, with data in their buffers. */
static void starttls(int version, enum over over)
{
	struct world w;
	struct bufferevent *pair[2] = { NULL, NULL };
	struct end *ends[2] = { &w.client, &w.server };
	evutil_socket_t fd[2];
	int i;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	if (over == PAIRS)
		bufferevent_pair_new(w.base, BEV_OPT_CLOSE_ON_FREE, pair);
	else
		connected_sockets(fd);
	for (i = 0; i < 2; i++) {
		ends[i]->bev = over == PAIRS ? pair[i] : bufferevent_socket_new(w.base, fd[i], BEV_OPT_CLOSE_ON_FREE);
		ends[i]->below = ends[i]->bev;
		listen_to(ends[i]);
	}
	w.server.echo = 1;
	bufferevent_write(w.client.bev, "STARTTLS", 8);
	AWAIT(&w, w.client.got == 8);
	SAY("plain %s\n", w.client.first);
	w.client.got = 0;
	w.client.bev = bufferevent_openssl_filter_new(
	    w.base, w.client.below, SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	w.server.bev = bufferevent_openssl_filter_new(
	    w.base, w.server.below, SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.client);
	listen_to(&w.server);
	bufferevent_write(w.client.bev, "secret", 6);
	AWAIT(&w, w.client.got == 6);
	SAY("over TLS %.6s, connected %u %u\n", w.client.first, w.client.connected, w.server.connected);
	finish(&w);
}

BOTH_VERSIONS(starttls_on_sockets) { starttls(version, SOCKETS); }
BOTH_VERSIONS(starttls_on_a_pair) { starttls(version, PAIRS); }

/* The client's first flight lies in the input already when the server takes the bufferevent over. */
BOTH_VERSIONS(starttls_with_the_flight_there)
{
	struct world w;
	evutil_socket_t fd[2];
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connected_sockets(fd);
	w.server.below = bufferevent_socket_new(w.base, fd[1], BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(w.server.below, EV_READ);
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, fd[0], SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.client);
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.below)) > 0);
	w.server.bev = bufferevent_openssl_filter_new(
	    w.base, w.server.below, SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.server);
	AWAIT(&w, w.client.connected && w.server.connected);
	SAY("connected %u %u\n", w.client.connected, w.server.connected);
	finish(&w);
}

/* Plain text that somebody slipped in before STARTTLS is never taken for what came over TLS: the handshake fails. */
BOTH_VERSIONS(plain_text_before_starttls)
{
	struct world w;
	evutil_socket_t fd[2];
	begin(&w, version);
	connected_sockets(fd);
	w.server.below = bufferevent_socket_new(w.base, fd[1], BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(w.server.below, EV_READ);
	CHECK(write(fd[0], "RCPT TO:<evil@test>\r\n", 21) == 21);
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.below)) == 21);
	w.server.quiet = 1;
	w.server.bev = bufferevent_openssl_filter_new(
	    w.base, w.server.below, SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.server);
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, fd[0], SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	w.client.quiet = 1;
	listen_to(&w.client);
	AWAIT(&w, w.server.ended);
	SAY("got %d, read callbacks %u, event 0x%x\n", (int)w.server.got, w.server.reads, (unsigned)w.server.last);
	finish(&w);
}
