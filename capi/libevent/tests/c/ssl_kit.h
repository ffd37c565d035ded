/*
 * ssl_kit.h: two ends of TLS in one process, with an authority and certificates made on the spot.
 */
#ifndef SSL_KIT_H
#define SSL_KIT_H
#include "case.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

/* A certificate for `name`, signed by `issuer` (itself where NULL). */
CASE_UNUSED static X509 *
certify(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, int authority)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	char alt[80];
	X509V3_CTX v3;
	X509_EXTENSION *ext;
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1 + authority);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	X509V3_set_ctx(&v3, issuer ? issuer : cert, cert, NULL, NULL, 0);
	snprintf(alt, sizeof(alt), "DNS:%s", name);
	ext = authority ? X509V3_EXT_conf_nid(NULL, &v3, NID_basic_constraints, "critical,CA:TRUE")
			: X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, alt);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	X509_sign(cert, issuer_key ? issuer_key : key, EVP_sha256());
	return cert;
}

struct end {
	const char *name;
	struct bufferevent *bev, *below;
	struct world *world;
	size_t got, drained;
	unsigned long sum;
	unsigned reads, writes, connected, ended, last_reason;
	short last;
	int echo, keep, quiet;
	char first[32];
};

struct world {
	struct event_base *base;
	SSL_CTX *server_ctx, *client_ctx;
	X509 *authority;
	EVP_PKEY *authority_key;
	struct end client, server;
	struct event *guard;
	int late;
};

/* TLS ends stand on sockets, on bufferevents over sockets, on a pair, or on TLS ends of their own. */
enum over { SOCKETS, FILTERS, PAIRS, NESTED };

CASE_UNUSED static void
certificate_for(struct world *w, SSL_CTX *ctx, const char *name)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = certify(key, name, w->authority, w->authority_key, 0);
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

CASE_UNUSED static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	((struct world *)arg)->late = 1;
}

CASE_UNUSED static SSL_CTX *
context(struct world *w, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), w->authority);
	return ctx;
}

CASE_UNUSED static void
begin(struct world *w, int version)
{
	memset(w, 0, sizeof(*w));
	signal(SIGPIPE, SIG_IGN);
	w->base = event_base_new();
	w->authority_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	w->authority = certify(w->authority_key, "authority", NULL, NULL, 1);
	w->server_ctx = context(w, version);
	w->client_ctx = context(w, version);
	certificate_for(w, w->server_ctx, "case.test");
	w->guard = event_new(w->base, -1, 0, on_late, w);
	w->client.name = "client";
	w->server.name = "server";
	w->client.world = w->server.world = w;
}

/* Runs the loop until something holds; says so where it does not within some seconds. */
#define AWAIT(w, condition)                                          \
	do {                                                         \
		struct timeval limit_ = { 5, 0 };                    \
		event_add((w)->guard, &limit_);                      \
		(w)->late = 0;                                       \
		while (!(condition) && !(w)->late)                   \
			event_base_loop((w)->base, EVLOOP_ONCE);     \
		event_del((w)->guard);                               \
		if (!(condition))                                    \
			SAY("late: %s\n", #condition);               \
	} while (0)

/* Lets everything happen that needs no time. */
CASE_UNUSED static void
settle(struct world *w)
{
	int i;
	for (i = 0; i < 60; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

CASE_UNUSED static void
end_read(struct bufferevent *bev, void *arg)
{
	struct end *end = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	unsigned char data[4096];
	size_t at, n;
	end->reads++;
	if (end->keep) {
		end->got = evbuffer_get_length(input) + end->drained;
		return;
	}
	if (end->echo) {
		end->got += evbuffer_get_length(input);
		bufferevent_write_buffer(bev, input);
		return;
	}
	while ((n = (size_t)evbuffer_remove(input, data, sizeof(data))) != 0 && n <= sizeof(data)) {
		for (at = 0; at < n; at++) {
			if (end->got + at + 1 < sizeof(end->first))
				end->first[end->got + at] = (char)data[at];
			end->sum = (end->sum ^ data[at]) * 16777619u & 0xffffffff;
		}
		end->got += n;
	}
}

CASE_UNUSED static void
end_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	((struct end *)arg)->writes++;
}

CASE_UNUSED static void
end_event(struct bufferevent *bev, short what, void *arg)
{
	struct end *end = arg;
	unsigned long error = bufferevent_get_openssl_error(bev);
	end->last = what;
	end->last_reason = (unsigned)ERR_GET_REASON(error);
	if (what & BEV_EVENT_CONNECTED)
		end->connected++;
	else if (!(what & BEV_EVENT_TIMEOUT))
		end->ended++;
	if (!end->quiet)
		SAY("%s: 0x%x, reason %u\n", end->name, (unsigned)what, end->last_reason);
}

CASE_UNUSED static void
listen_to(struct end *end)
{
	bufferevent_setcb(end->bev, end_read, end_written, end_event, end);
	bufferevent_enable(end->bev, EV_READ | EV_WRITE);
}

CASE_UNUSED static void
connected_sockets(evutil_socket_t fd[2])
{
	CHECK(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	evutil_make_socket_nonblocking(fd[0]);
	evutil_make_socket_nonblocking(fd[1]);
}

/* Makes both ends; the options hold for all bufferevents made. */
CASE_UNUSED static void
make_ends(struct world *w, enum over over, int options)
{
	struct end *ends[2] = { &w->client, &w->server };
	SSL_CTX *ctx[2] = { w->client_ctx, w->server_ctx };
	enum bufferevent_ssl_state state[2] = { BUFFEREVENT_SSL_CONNECTING, BUFFEREVENT_SSL_ACCEPTING };
	struct bufferevent *pair[2] = { NULL, NULL };
	evutil_socket_t fd[2] = { -1, -1 };
	int i;
	if (over == PAIRS)
		bufferevent_pair_new(w->base, options, pair);
	else
		connected_sockets(fd);
	for (i = 0; i < 2; i++) {
		struct end *end = ends[i];
		if (over == SOCKETS || over == NESTED)
			end->bev = bufferevent_openssl_socket_new(w->base, fd[i], SSL_new(ctx[i]), state[i], options);
		else
			end->below = over == PAIRS ? pair[i] : bufferevent_socket_new(w->base, fd[i], options);
		if (over == NESTED)
			end->below = end->bev;
		if (over != SOCKETS)
			end->bev = bufferevent_openssl_filter_new(w->base, end->below, SSL_new(ctx[i]), state[i], options);
	}
}

CASE_UNUSED static void
connect_ends(struct world *w, enum over over, int options)
{
	make_ends(w, over, options);
	listen_to(&w->client);
	listen_to(&w->server);
	AWAIT(w, w->client.connected && w->server.connected);
}

CASE_UNUSED static void
finish(struct world *w)
{
	if (w->client.bev)
		bufferevent_free(w->client.bev);
	if (w->server.bev)
		bufferevent_free(w->server.bev);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	event_free(w->guard);
	event_base_free(w->base);
	SSL_CTX_free(w->server_ctx);
	SSL_CTX_free(w->client_ctx);
	X509_free(w->authority);
	EVP_PKEY_free(w->authority_key);
}

CASE_WARM_UP
{
	struct world w;
#ifdef SSL_KIT_THREADS
	evthread_use_pthreads();
#endif
	begin(&w, TLS1_3_VERSION);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	finish(&w);
}

/* What a whole message sums up to, as end_read counts it. */
CASE_UNUSED static unsigned char *
message(size_t size, unsigned long *sum)
{
	unsigned char *data = malloc(size ? size : 1);
	unsigned next = 12345;
	size_t at;
	*sum = 0;
	for (at = 0; at < size; at++) {
		next = next * 1103515245u + 12345u;
		data[at] = (unsigned char)(next >> 16);
		*sum = (*sum ^ data[at]) * 16777619u & 0xffffffff;
	}
	return data;
}

/* bufferevent_ssl_renegotiate with data on the way. */
CASE_UNUSED static void
renegotiated(enum over over, int of_client)
{
	struct world w;
	unsigned long sum;
	size_t size = 100000;
	unsigned char *data = message(size, &sum);
	begin(&w, TLS1_2_VERSION);
	SSL_CTX_set_options(w.server_ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, data, 50000);
	AWAIT(&w, w.client.got == 50000);
	w.client.connected = w.server.connected = 0;
	SAY("begun %d\n", bufferevent_ssl_renegotiate((of_client ? &w.client : &w.server)->bev));
	settle(&w);
	bufferevent_write(w.client.bev, data + 50000, 50000);
	AWAIT(&w, w.client.got == size);
	SAY("got %d, intact %d, ended %u %u\n", (int)w.client.got, w.client.sum == sum, w.client.ended, w.server.ended);
	SAY("who asked heard of it %d, its peer %d\n", (of_client ? &w.client : &w.server)->connected,
	    (of_client ? &w.server : &w.client)->connected);
	free(data);
	finish(&w);
}

/* A case for each version. */
#define BOTH_VERSIONS(name)                               \
	static void name##_of(int version);               \
	CASE(name##_tls12) { name##_of(TLS1_2_VERSION); } \
	CASE(name##_tls13) { name##_of(TLS1_3_VERSION); } \
	static void name##_of(int version)
#endif
