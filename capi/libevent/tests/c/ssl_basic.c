/*
 * Bufferevents over TLS: two ends in one process, with a certificate made on the spot.
 *
 * ctest: ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "case.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

static SSL_CTX *make_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"case", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

struct end {
	const char *name;
	struct bufferevent *bev;
	size_t got, want;
	int echo, connected, ended, quiet;
	struct event_base *base;
};

static void on_read(struct bufferevent *bev, void *arg)
{
	struct end *end = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	end->got += evbuffer_get_length(input);
	if (end->echo)
		bufferevent_write_buffer(bev, input);
	else
		evbuffer_drain(input, evbuffer_get_length(input));
	if (end->want && end->got >= end->want)
		event_base_loopbreak(end->base);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct end *end = arg;
	unsigned long error = bufferevent_get_openssl_error(bev);
	if (what & BEV_EVENT_CONNECTED)
		end->connected++;
	else
		end->ended++;
	if (!end->quiet)
		SAY("%s: 0x%x, error reason %d\n", end->name, (unsigned)what, (int)ERR_GET_REASON(error));
	if (end->ended)
		event_base_loopbreak(end->base);
}

static void use(struct end *end, struct event_base *base, const char *name)
{
	end->name = name;
	end->base = base;
	bufferevent_setcb(end->bev, on_read, NULL, on_event, end);
	bufferevent_enable(end->bev, EV_READ | EV_WRITE);
}

/* Both ends over a socket pair; filter: each over a bufferevent of its own. */
static void both(struct event_base *base, SSL_CTX *ctx, struct end *a, struct end *b, int filter)
{
	evutil_socket_t fd[2];
	CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	evutil_make_socket_nonblocking(fd[0]);
	evutil_make_socket_nonblocking(fd[1]);
	if (filter) {
		a->bev = bufferevent_openssl_filter_new(base, bufferevent_socket_new(base, fd[0], BEV_OPT_CLOSE_ON_FREE),
		    SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
		b->bev = bufferevent_openssl_filter_new(base, bufferevent_socket_new(base, fd[1], BEV_OPT_CLOSE_ON_FREE),
		    SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	} else {
		a->bev = bufferevent_openssl_socket_new(
		    base, fd[0], SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
		b->bev = bufferevent_openssl_socket_new(
		    base, fd[1], SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	}
	CHECK(a->bev != NULL);
	CHECK(b->bev != NULL);
}

static void echo_of(int version, int filter, size_t size)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(version);
	struct end a = { 0 }, b = { 0 };
	char *data = malloc(size);
	memset(data, 'x', size);
	both(base, ctx, &a, &b, filter);
	a.quiet = b.quiet = 1;
	b.echo = 1;
	a.want = size;
	use(&a, base, "client");
	use(&b, base, "server");
	bufferevent_write(a.bev, data, size);
	event_base_dispatch(base);
	SAY("connected %d %d, echoed %d, version 0x%x\n", a.connected, b.connected, a.got == size,
	    (unsigned)SSL_version(bufferevent_openssl_get_ssl(a.bev)));
	bufferevent_free(a.bev);
	bufferevent_free(b.bev);
	event_base_free(base);
	SSL_CTX_free(ctx);
	free(data);
}

CASE_WARM_UP { echo_of(TLS1_3_VERSION, 0, 1000); }
CASE(echo_tls12) { echo_of(TLS1_2_VERSION, 0, 1000); }
CASE(echo_tls13) { echo_of(TLS1_3_VERSION, 0, 1000); }
CASE(echo_filter_tls12) { echo_of(TLS1_2_VERSION, 1, 1000); }
CASE(echo_filter_tls13) { echo_of(TLS1_3_VERSION, 1, 1000); }
CASE(large_tls12) { echo_of(TLS1_2_VERSION, 0, 3 << 20); }
CASE(large_tls13) { echo_of(TLS1_3_VERSION, 0, 3 << 20); }
CASE(large_filter_tls13) { echo_of(TLS1_3_VERSION, 1, 3 << 20); }

/* The peer's socket ends without close_notify, or with it. */
static void end_of(int filter, int allow, int clean)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(TLS1_2_VERSION);
	struct end a = { 0 }, b = { 0 };
	SSL *ssl;
	both(base, ctx, &a, &b, filter);
	b.quiet = 1;
	a.want = b.want = 1;
	use(&a, base, "client");
	use(&b, base, "server");
	SAY("allowed at first: %d\n", bufferevent_openssl_get_allow_dirty_shutdown(a.bev));
	bufferevent_openssl_set_allow_dirty_shutdown(a.bev, allow);
	SAY("allowed now: %d\n", bufferevent_openssl_get_allow_dirty_shutdown(a.bev));
	bufferevent_write(a.bev, "?", 1);
	event_base_dispatch(base);
	ssl = bufferevent_openssl_get_ssl(b.bev);
	if (clean)
		SSL_shutdown(ssl);
	shutdown(bufferevent_getfd(filter ? bufferevent_get_underlying(b.bev) : b.bev), SHUT_WR);
	a.want = 0;
	event_base_dispatch(base);
	SAY("ended %d\n", a.ended);
	bufferevent_free(a.bev);
	bufferevent_free(b.bev);
	event_base_free(base);
	SSL_CTX_free(ctx);
}

CASE(dirty_end_refused) { end_of(0, 0, 0); }
CASE(dirty_end_allowed) { end_of(0, 1, 0); }
CASE(clean_end) { end_of(0, 0, 1); }

/* What is no TLS ends the handshake with an error. */
CASE(garbage_instead_of_a_handshake)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(TLS1_2_VERSION);
	struct end a = { 0 };
	evutil_socket_t fd[2];
	CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	evutil_make_socket_nonblocking(fd[0]);
	CHECK(write(fd[1], "GET / HTTP/1.0\r\n\r\n", 18) == 18);
	a.bev = bufferevent_openssl_socket_new(base, fd[0], SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	use(&a, base, "server");
	event_base_dispatch(base);
	SAY("ended %d, connected %d\n", a.ended, a.connected);
	bufferevent_free(a.bev);
	close(fd[1]);
	event_base_free(base);
	SSL_CTX_free(ctx);
}

CASE(other_bufferevents)
{
	struct event_base *base = event_base_new();
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
	SAY("ssl %d, error %lu, dirty %d, renegotiate %d\n", bufferevent_openssl_get_ssl(bev) != NULL,
	    bufferevent_get_openssl_error(bev), bufferevent_openssl_get_allow_dirty_shutdown(bev),
	    bufferevent_ssl_renegotiate(bev));
	bufferevent_free(bev);
	event_base_free(base);
}

/* The SSL outlives its bufferevent where the program keeps it. */
CASE(the_program_frees_the_ssl)
{
	int filter;
	for (filter = 0; filter < 2; filter++) {
		struct event_base *base = event_base_new();
		SSL_CTX *ctx = make_ctx(TLS1_2_VERSION);
		SSL *ssl = SSL_new(ctx);
		struct bufferevent *below = NULL, *bev;
		evutil_socket_t fd[2];
		CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
		evutil_make_socket_nonblocking(fd[0]);
		if (filter) {
			below = bufferevent_socket_new(base, fd[0], 0);
			bev = bufferevent_openssl_filter_new(base, below, ssl, BUFFEREVENT_SSL_CONNECTING, 0);
		} else {
			bev = bufferevent_openssl_socket_new(base, fd[0], ssl, BUFFEREVENT_SSL_CONNECTING, 0);
		}
		bufferevent_enable(bev, EV_READ | EV_WRITE);
		event_base_loop(base, EVLOOP_NONBLOCK);
		SAY("own %d\n", bufferevent_openssl_get_ssl(bev) == ssl);
		bufferevent_free(bev);
		SSL_free(ssl);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (below)
			bufferevent_free(below);
		event_base_free(base);
		close(fd[0]);
		close(fd[1]);
		SSL_CTX_free(ctx);
	}
}

/* TLS begins on a bufferevent that was used before. */
CASE(starttls)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(TLS1_3_VERSION);
	struct end a = { 0 }, b = { 0 };
	struct bufferevent *below[2];
	evutil_socket_t fd[2];
	int i;
	CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	for (i = 0; i < 2; i++) {
		evutil_make_socket_nonblocking(fd[i]);
		below[i] = bufferevent_socket_new(base, fd[i], BEV_OPT_CLOSE_ON_FREE);
	}
	a.bev = below[0];
	b.bev = below[1];
	a.want = 4;
	b.echo = 1;
	use(&a, base, "client");
	use(&b, base, "server");
	bufferevent_write(a.bev, "TLS?", 4);
	event_base_dispatch(base);
	SAY("plain %d\n", (int)a.got);
	a.got = 0;
	a.quiet = b.quiet = 1;
	a.bev = bufferevent_openssl_filter_new(base, below[0], SSL_new(ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	b.bev = bufferevent_openssl_filter_new(base, below[1], SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	use(&a, base, "client");
	use(&b, base, "server");
	bufferevent_write(a.bev, "TLS!", 4);
	event_base_dispatch(base);
	SAY("connected %d %d, over TLS %d\n", a.connected, b.connected, (int)a.got);
	bufferevent_free(a.bev);
	bufferevent_free(b.bev);
	event_base_free(base);
	SSL_CTX_free(ctx);
}

/* Another handshake on an open session, which TLS 1.2 has. */
CASE(renegotiation)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(TLS1_2_VERSION);
	struct end a = { 0 }, b = { 0 };
	both(base, ctx, &a, &b, 0);
	a.quiet = b.quiet = 1;
	b.echo = 1;
	use(&a, base, "client");
	use(&b, base, "server");
	a.want = 3;
	bufferevent_write(a.bev, "one", 3);
	event_base_dispatch(base);
	SAY("begun %d\n", bufferevent_ssl_renegotiate(a.bev));
	a.want = 6;
	bufferevent_write(a.bev, "two", 3);
	event_base_dispatch(base);
	SAY("echoed %d, ended %d %d\n", (int)a.got, a.ended, b.ended);
	bufferevent_free(a.bev);
	bufferevent_free(b.bev);
	event_base_free(base);
	SSL_CTX_free(ctx);
}


/* What the peer of a freed bufferevent hears. */
static void freed_peer(int version, int filter)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = make_ctx(version);
	struct end a = { 0 }, b = { 0 };
	both(base, ctx, &a, &b, filter);
	b.quiet = 1;
	b.echo = 1;
	use(&a, base, "client");
	use(&b, base, "server");
	a.want = 1;
	bufferevent_write(a.bev, "?", 1);
	event_base_dispatch(base);
	bufferevent_free(b.bev);
	a.want = 0;
	event_base_dispatch(base);
	bufferevent_free(a.bev);
	event_base_free(base);
	SSL_CTX_free(ctx);
}

CASE(freeing_tells_the_peer_tls12) { freed_peer(TLS1_2_VERSION, 0); }
CASE(freeing_tells_the_peer_tls13) { freed_peer(TLS1_3_VERSION, 0); }
