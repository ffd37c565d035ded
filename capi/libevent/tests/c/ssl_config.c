/*
 * What the program configured in its SSL objects: names, protocols, certificates, tickets, key updates, renegotiation.
 *
 * ctest: valgrind=tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"

static SSL *ssl_of(struct end *end) { return bufferevent_openssl_get_ssl(end->bev); }

static char asked_name[64];
static void *servername_arg;

static int on_servername(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	snprintf(asked_name, sizeof(asked_name), "%s", name ? name : "(none)");
	servername_arg = arg;
	return name && !strcmp(name, "refused.test") ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
}

BOTH_VERSIONS(server_name)
{
	struct world w;
	begin(&w, version);
	SSL_CTX_set_tlsext_servername_callback(w.server_ctx, on_servername);
	SSL_CTX_set_tlsext_servername_arg(w.server_ctx, &w);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_tlsext_host_name(ssl_of(&w.client), "case.test");
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.connected && w.server.connected);
	SAY("name %s, arg %d\n", asked_name, servername_arg == &w);
	finish(&w);
}

/* The server's callback refuses: both ends hear of it. */
static void refused_name(int version, enum over over)
{
	struct world w;
	begin(&w, version);
	SSL_CTX_set_tlsext_servername_callback(w.server_ctx, on_servername);
	make_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_tlsext_host_name(ssl_of(&w.client), "refused.test");
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.ended && w.server.ended);
	SAY("client 0x%x %u\n", (unsigned)w.client.last, w.client.last_reason);
	SAY("server 0x%x %u\n", (unsigned)w.server.last, w.server.last_reason);
	finish(&w);
}

BOTH_VERSIONS(server_name_refused) { refused_name(version, SOCKETS); }
BOTH_VERSIONS(server_name_refused_over_a_filter) { refused_name(version, FILTERS); }

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned inlen, void *arg)
{
	(void)ssl, (void)arg;
	if (SSL_select_next_proto((unsigned char **)out, outlen, (const unsigned char *)"\003two", 4, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static void alpn(int version, const char *offer)
{
	struct world w;
	const unsigned char *chosen = NULL;
	unsigned size = 0;
	begin(&w, version);
	SSL_CTX_set_alpn_select_cb(w.server_ctx, on_alpn, NULL);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_alpn_protos(ssl_of(&w.client), (const unsigned char *)offer, (unsigned)strlen(offer));
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, (w.client.connected && w.server.connected) || (w.client.ended && w.server.ended));
	SSL_get0_alpn_selected(ssl_of(&w.client), &chosen, &size);
	SAY("chosen %.*s, ended %u 0x%x %u\n", (int)size, chosen ? (const char *)chosen : "", w.client.ended,
	    (unsigned)w.client.last, w.client.last_reason);
	finish(&w);
}

BOTH_VERSIONS(protocol_agreed) { alpn(version, "\003one\003two"); }
BOTH_VERSIONS(protocol_not_agreed) { alpn(version, "\003six"); }

/* The client checks who the server is. */
static void checked_name(int version, const char *name, int trusted)
{
	struct world w;
	begin(&w, version);
	if (!trusted) {
		SSL_CTX_free(w.client_ctx);
		w.client_ctx = SSL_CTX_new(TLS_method());
		SSL_CTX_set_max_proto_version(w.client_ctx, version);
	}
	SSL_CTX_set_verify(w.client_ctx, SSL_VERIFY_PEER, NULL);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set1_host(ssl_of(&w.client), name);
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, (w.client.connected && w.server.connected) || (w.client.ended && w.server.ended));
	SAY("client 0x%x %u, connected %u\n", (unsigned)w.client.last, w.client.last_reason, w.client.connected);
	SAY("server 0x%x %u\n", (unsigned)w.server.last, w.server.last_reason);
	SAY("result %ld\n", SSL_get_verify_result(ssl_of(&w.client)));
	finish(&w);
}

BOTH_VERSIONS(name_checked) { checked_name(version, "case.test", 1); }
BOTH_VERSIONS(name_is_another) { checked_name(version, "other.test", 1); }
BOTH_VERSIONS(authority_is_unknown) { checked_name(version, "case.test", 0); }

static int verified_calls, verify_index;

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	int *veto = SSL_get_ex_data(ssl, verify_index);
	verified_calls++;
	return veto && *veto ? 0 : ok;
}

/* The program's verify callback reaches its ex_data, and its veto counts. */
static void verify_callback(int version, int veto)
{
	struct world w;
	begin(&w, version);
	verify_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	SSL_CTX_set_verify(w.client_ctx, SSL_VERIFY_PEER, on_verify);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_ex_data(ssl_of(&w.client), verify_index, &veto);
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, (w.client.connected && w.server.connected) || (w.client.ended && w.server.ended));
	SAY("called %d, client 0x%x %u\n", verified_calls > 0, (unsigned)w.client.last, w.client.last_reason);
	finish(&w);
}

BOTH_VERSIONS(verify_callback_agrees) { verify_callback(version, 0); }
BOTH_VERSIONS(verify_callback_refuses) { verify_callback(version, 1); }

/* The server asks for a certificate. In TLS 1.3 a client without one has connected before it hears that it must not. */
static void client_certificate(int version, int has)
{
	struct world w;
	X509 *peer;
	begin(&w, version);
	SSL_CTX_set_verify(w.server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (has)
		certificate_for(&w, w.client_ctx, "customer");
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, (w.client.connected && w.server.connected) || (w.client.ended && w.server.ended));
	peer = SSL_get1_peer_certificate(ssl_of(&w.server));
	if (peer) {
		char name[64];
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof(name));
		SAY("peer %s, verified %ld\n", name, SSL_get_verify_result(ssl_of(&w.server)));
		X509_free(peer);
	}
	SAY("client 0x%x %u, connected %u\n", (unsigned)w.client.last, w.client.last_reason, w.client.connected);
	SAY("server 0x%x %u, connected %u\n", (unsigned)w.server.last, w.server.last_reason, w.server.connected);
	finish(&w);
}

BOTH_VERSIONS(client_certificate_given) { client_certificate(version, 1); }
BOTH_VERSIONS(client_certificate_missing) { client_certificate(version, 0); }

/* No cipher, or no version, in common. */
CASE(no_common_version)
{
	struct world w;
	begin(&w, TLS1_3_VERSION);
	SSL_CTX_set_min_proto_version(w.client_ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(w.client_ctx, TLS1_2_VERSION);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.ended && w.server.ended);
	SAY("client 0x%x %u, server 0x%x %u\n", (unsigned)w.client.last, w.client.last_reason, (unsigned)w.server.last,
	    w.server.last_reason);
	finish(&w);
}

CASE(no_common_cipher)
{
	struct world w;
	begin(&w, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(w.client_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	SSL_CTX_set_cipher_list(w.server_ctx, "ECDHE-ECDSA-AES256-GCM-SHA384");
	make_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	w.client.quiet = w.server.quiet = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.ended && w.server.ended);
	SAY("client 0x%x %u, server 0x%x %u\n", (unsigned)w.client.last, w.client.last_reason, (unsigned)w.server.last,
	    w.server.last_reason);
	finish(&w);
}

static void again(struct world *w)
{
	bufferevent_free(w->client.bev);
	bufferevent_free(w->server.bev);
	w->client.bev = w->server.bev = NULL;
	w->client.connected = w->server.connected = w->client.ended = w->server.ended = 0;
	w->client.got = w->server.got = 0;
	settle(w);
}

/* A session is taken up again where both ends ask for it, and only for the name and the checks it was made with. */
static void resumption(int version, const char *second_name)
{
	struct world w;
	SSL_SESSION *session;
	begin(&w, version);
	SSL_CTX_set_session_id_context(w.server_ctx, (const unsigned char *)"case", 4);
	SSL_CTX_set_tlsext_servername_callback(w.server_ctx, on_servername);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_tlsext_host_name(ssl_of(&w.client), "case.test");
	listen_to(&w.client);
	listen_to(&w.server);
	bufferevent_write(w.client.bev, "first", 5);
	AWAIT(&w, w.client.got == 5);
	session = SSL_get1_session(ssl_of(&w.client));
	SAY("resumed %d, may be resumed %d\n", SSL_session_reused(ssl_of(&w.client)), SSL_SESSION_is_resumable(session));
	SSL_shutdown(ssl_of(&w.client));
	again(&w);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_tlsext_host_name(ssl_of(&w.client), second_name);
	SSL_set_session(ssl_of(&w.client), session);
	listen_to(&w.client);
	listen_to(&w.server);
	bufferevent_write(w.client.bev, "second", 6);
	AWAIT(&w, w.client.got == 6);
	SAY("resumed %d, name %s\n", SSL_session_reused(ssl_of(&w.client)), asked_name);
	/* Nobody asked for data before the handshake. */
	SAY("early data: at most %u, of the client %d, at the server %d\n", (unsigned)SSL_SESSION_get_max_early_data(session),
	    SSL_get_early_data_status(ssl_of(&w.client)), SSL_get_early_data_status(ssl_of(&w.server)));
	SSL_SESSION_free(session);
	finish(&w);
}

BOTH_VERSIONS(resumption) { resumption(version, "case.test"); }

static int tickets;

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl, (void)session;
	tickets++;
	return 0;
}

/* Tickets arrive behind the handshake and are no data. */
CASE(tickets_are_no_data)
{
	struct world w;
	begin(&w, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(w.client_ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(w.client_ctx, on_new_session);
	SSL_CTX_set_num_tickets(w.server_ctx, 4);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	AWAIT(&w, tickets == 4);
	SAY("tickets %d, read callbacks %u, got %d\n", tickets, w.client.reads, (int)w.client.got);
	SSL_new_session_ticket(ssl_of(&w.server));
	bufferevent_write(w.server.bev, "data", 4);
	AWAIT(&w, w.client.got == 4);
	SAY("tickets %d, got %d\n", tickets, (int)w.client.got);
	finish(&w);
}

/* New keys in the middle of the data, asked for by either end. */
static void key_update(enum over over, int of_client, int type)
{
	struct world w;
	unsigned long sum;
	size_t size = 300000;
	unsigned char *data = message(size, &sum);
	begin(&w, TLS1_3_VERSION);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, data, 100000);
	AWAIT(&w, w.client.got == 100000);
	SAY("asked %d\n", SSL_key_update(ssl_of(of_client ? &w.client : &w.server), type));
	bufferevent_write(w.client.bev, data + 100000, 100000);
	AWAIT(&w, w.client.got == 200000);
	SAY("asked %d\n", SSL_key_update(ssl_of(of_client ? &w.client : &w.server), type));
	bufferevent_write(w.client.bev, data + 200000, 100000);
	AWAIT(&w, w.client.got == size);
	SAY("got %d, intact %d, ended %u %u\n", (int)w.client.got, w.client.sum == sum, w.client.ended, w.server.ended);
	free(data);
	finish(&w);
}

CASE(key_update_by_the_client) { key_update(SOCKETS, 1, SSL_KEY_UPDATE_REQUESTED); }
CASE(key_update_by_the_server) { key_update(SOCKETS, 0, SSL_KEY_UPDATE_REQUESTED); }
CASE(key_update_of_one_side) { key_update(SOCKETS, 1, SSL_KEY_UPDATE_NOT_REQUESTED); }
CASE(key_update_over_a_filter) { key_update(FILTERS, 1, SSL_KEY_UPDATE_REQUESTED); }

CASE(renegotiation_by_the_client) { renegotiated(SOCKETS, 1); }
CASE(renegotiation_by_the_server) { renegotiated(SOCKETS, 0); }

/* TLS 1.3 has no renegotiation, and before the first handshake there is nothing to do again. */
CASE(renegotiation_is_refused)
{
	struct world w;
	begin(&w, TLS1_3_VERSION);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.connected && w.server.connected);
	bufferevent_write(w.client.bev, "before", 6);
	AWAIT(&w, w.client.got == 6);
	bufferevent_ssl_renegotiate(w.client.bev);
	settle(&w);
	SAY("ended %u %u\n", w.client.ended, w.server.ended);
	finish(&w);
}

/* A server that allows no renegotiation by its clients. */
CASE(renegotiation_not_allowed)
{
	struct world w;
	begin(&w, TLS1_2_VERSION);
	SSL_CTX_set_options(w.server_ctx, SSL_OP_NO_RENEGOTIATION);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SAY("begun %d\n", bufferevent_ssl_renegotiate(w.client.bev));
	AWAIT(&w, w.client.ended);
	SAY("client 0x%x %u\n", (unsigned)w.client.last, w.client.last_reason);
	finish(&w);
}
