/*
 * Bufferevents over TLS where ours goes beyond the original: flags of 2.2, records, bounded memory, floods.
 *
 * ctest: valgrind=tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <dlfcn.h>

#define UNKNOWN ((ev_uint64_t)-1)

static SSL *ssl_of(struct end *end) { return bufferevent_openssl_get_ssl(end->bev); }

BOTH_VERSIONS(flags)
{
	struct world w;
	struct bufferevent *plain;
	begin(&w, version);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	plain = bufferevent_socket_new(w.base, -1, 0);
	SAY("at first 0x%x\n", (unsigned)bufferevent_ssl_get_flags(w.client.bev));
	SAY("dirty: before 0x%x", (unsigned)bufferevent_ssl_set_flags(w.client.bev, BUFFEREVENT_SSL_DIRTY_SHUTDOWN));
	SAY(", now 0x%x, allowed %d\n", (unsigned)bufferevent_ssl_get_flags(w.client.bev),
	    bufferevent_openssl_get_allow_dirty_shutdown(w.client.bev));
	SAY("batch: before 0x%x", (unsigned)bufferevent_ssl_set_flags(w.client.bev, BUFFEREVENT_SSL_BATCH_WRITE));
	SAY(", now 0x%x\n", (unsigned)bufferevent_ssl_get_flags(w.client.bev));
	bufferevent_openssl_set_allow_dirty_shutdown(w.client.bev, 0);
	SAY("now 0x%x", (unsigned)bufferevent_ssl_get_flags(w.client.bev));
	SAY(", cleared from 0x%x", (unsigned)bufferevent_ssl_clear_flags(w.client.bev, BUFFEREVENT_SSL_BATCH_WRITE));
	SAY(", now 0x%x\n", (unsigned)bufferevent_ssl_get_flags(w.client.bev));
	CHECK(bufferevent_ssl_set_flags(w.client.bev, 4) == UNKNOWN);
	CHECK(bufferevent_ssl_clear_flags(w.client.bev, 4) == UNKNOWN);
	CHECK(bufferevent_ssl_get_flags(plain) == UNKNOWN);
	CHECK(bufferevent_ssl_set_flags(plain, 1) == UNKNOWN);
	CHECK(bufferevent_ssl_clear_flags(NULL, 1) == UNKNOWN);
	bufferevent_free(plain);
	finish(&w);
}

CASE(no_ssl_is_refused)
{
	struct world w;
	struct bufferevent *below;
	SSL *ssl;
	begin(&w, TLS1_3_VERSION);
	below = bufferevent_socket_new(w.base, -1, 0);
	ssl = SSL_new(w.client_ctx);
	CHECK(!bufferevent_openssl_socket_new(w.base, -1, NULL, BUFFEREVENT_SSL_CONNECTING, 0));
	CHECK(!bufferevent_openssl_filter_new(w.base, below, NULL, BUFFEREVENT_SSL_CONNECTING, 0));
	CHECK(!bufferevent_openssl_filter_new(w.base, NULL, ssl, BUFFEREVENT_SSL_CONNECTING, 0));
	CHECK(!bufferevent_openssl_get_ssl(NULL));
	CHECK(bufferevent_get_openssl_error(NULL) == 0);
	CHECK(bufferevent_ssl_renegotiate(NULL) == -1);
	SSL_free(ssl);
	bufferevent_free(below);
	finish(&w);
}

static int records, record_bytes;

static void count_records(int sent, int version, int kind, const void *data, size_t size, SSL *ssl, void *arg)
{
	(void)version, (void)ssl, (void)arg;
	if (sent && kind == SSL3_RT_HEADER && ((const unsigned char *)data)[0] == SSL3_RT_APPLICATION_DATA && size >= 5) {
		records++;
		record_bytes += (((const unsigned char *)data)[3] << 8) + ((const unsigned char *)data)[4];
	}
}

/* What lies in the output in pieces leaves in full records. */
BOTH_VERSIONS(pieces_leave_in_full_records)
{
	struct world w;
	static char body[20000];
	int i;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	settle(&w);
	SSL_set_msg_callback(ssl_of(&w.server), count_records);
	for (i = 0; i < 5; i++)
		evbuffer_add_reference(bufferevent_get_output(w.server.bev), body, 100, NULL, NULL);
	AWAIT(&w, w.client.got == 500);
	SAY("head and body: %d record\n", records);
	records = 0;
	bufferevent_write(w.server.bev, "head", 4);
	evbuffer_add_reference(bufferevent_get_output(w.server.bev), body, sizeof(body), NULL, NULL);
	AWAIT(&w, w.client.got == 504 + sizeof(body));
	SAY("%d records\n", records);
	finish(&w);
}

/* A peer that reads nothing: what is held on its behalf is bounded, wherever it waits. */
static void bounded_output(int version, enum over over)
{
	struct world w;
	static char data[1 << 16];
	size_t held;
	int i;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_disable(w.server.bev, EV_READ);
	if (w.server.below)
		bufferevent_disable(w.server.below, EV_READ);
	for (i = 0; i < 100; i++)
		bufferevent_write(w.client.bev, data, sizeof(data));
	settle(&w);
	held = evbuffer_get_length(bufferevent_get_output(w.client.below));
	SAY("below holds at most 160 KiB: %d, ours holds the rest: %d\n", held <= 160 << 10,
	    evbuffer_get_length(bufferevent_get_output(w.client.bev)) > 4 << 20);
	bufferevent_enable(w.server.bev, EV_READ);
	if (w.server.below)
		bufferevent_enable(w.server.below, EV_READ);
	AWAIT(&w, w.server.got == 100 * sizeof(data));
	SAY("all came %d\n", w.server.got == 100 * sizeof(data));
	finish(&w);
}

BOTH_VERSIONS(output_over_a_bufferevent_is_bounded) { bounded_output(version, FILTERS); }
BOTH_VERSIONS(output_over_a_pair_is_bounded) { bounded_output(version, PAIRS); }

/* A reader that stops: the transport's input does not grow without end. */
BOTH_VERSIONS(input_over_a_bufferevent_is_bounded)
{
	struct world w;
	static char data[1 << 16];
	size_t below, above;
	int i;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.server.bev, NULL, NULL, NULL, NULL);
	bufferevent_setwatermark(w.server.bev, EV_READ, 0, 1000);
	for (i = 0; i < 100; i++)
		bufferevent_write(w.client.bev, data, sizeof(data));
	settle(&w);
	below = evbuffer_get_length(bufferevent_get_input(w.server.below));
	above = evbuffer_get_length(bufferevent_get_input(w.server.bev));
	SAY("below %d, above %d\n", below <= 160 << 10, above <= 1000);
	listen_to(&w.server);
	bufferevent_setwatermark(w.server.bev, EV_READ, 0, 0);
	AWAIT(&w, w.server.got == 100 * sizeof(data));
	SAY("all came %d\n", w.server.got == 100 * sizeof(data));
	finish(&w);
}

/* A rate limit slows a session down; it goes on when it may. */
static void limited(int version, enum over over, int group)
{
	struct world w;
	unsigned long sum;
	size_t size = 60000;
	unsigned char *data = message(size, &sum);
	struct timeval tick = { 0, 5000 };
	struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(4000, 4000, 4000, 4000, &tick);
	struct bufferevent_rate_limit_group *g = NULL;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	if (group) {
		g = bufferevent_rate_limit_group_new(w.base, cfg);
		bufferevent_add_to_rate_limit_group(w.server.bev, g);
		bufferevent_add_to_rate_limit_group(w.client.bev, g);
	} else {
		bufferevent_set_rate_limit(w.server.bev, cfg);
		bufferevent_set_rate_limit(w.client.bev, cfg);
	}
	bufferevent_write(w.client.bev, data, size);
	AWAIT(&w, w.server.got >= size);
	SAY("moved %d, intact %d\n", (int)w.server.got, w.server.sum == sum);
	if (g) {
		bufferevent_remove_from_rate_limit_group(w.server.bev);
		bufferevent_remove_from_rate_limit_group(w.client.bev);
		bufferevent_rate_limit_group_free(g);
	} else {
		bufferevent_set_rate_limit(w.server.bev, NULL);
		bufferevent_set_rate_limit(w.client.bev, NULL);
	}
	ev_token_bucket_cfg_free(cfg);
	free(data);
	finish(&w);
}

BOTH_VERSIONS(rate_limit_over_a_socket) { limited(version, SOCKETS, 0); }
BOTH_VERSIONS(rate_limit_of_a_group) { limited(version, SOCKETS, 1); }

/* Part of a record is read, the rest lies in the session. */
BOTH_VERSIONS(mark_inside_a_record)
{
	struct world w;
	static char data[16000];
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.server.bev, NULL, NULL, NULL, NULL);
	bufferevent_setwatermark(w.server.bev, EV_READ, 0, 100);
	bufferevent_write(w.client.bev, data, sizeof(data));
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.bev)) > 0);
	settle(&w);
	SAY("held %d\n", (int)evbuffer_get_length(bufferevent_get_input(w.server.bev)));
	bufferevent_setwatermark(w.server.bev, EV_READ, 0, 0);
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.bev)) == sizeof(data));
	SAY("all %d\n", (int)evbuffer_get_length(bufferevent_get_input(w.server.bev)));
	finish(&w);
}

CASE(renegotiation_over_a_filter) { renegotiated(FILTERS, 1); }

/* A client that asks for one renegotiation after the other is cut off before the server has worked much. */
static void flood(enum over over)
{
	struct world w;
	int i, asked = 0;
	begin(&w, TLS1_2_VERSION);
	SSL_CTX_set_options(w.server_ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	for (i = 0; i < 100 && !w.server.ended && !w.client.ended; i++) {
		if (bufferevent_ssl_renegotiate(w.client.bev) < 0)
			break;
		asked++;
		settle(&w);
	}
	SAY("cut off %d, after a few %d\n", w.server.ended == 1, asked > 2 && asked < 50);
	finish(&w);
}

CASE(renegotiation_flood) { flood(SOCKETS); }
CASE(renegotiation_flood_over_a_filter) { flood(FILTERS); }

/* A flood of records without content moves nothing and does not stop the loop. */
CASE(key_update_flood)
{
	struct world w;
	int i;
	begin(&w, TLS1_3_VERSION);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	for (i = 0; i < 200 && !w.client.ended; i++) {
		SSL_key_update(ssl_of(&w.client), SSL_KEY_UPDATE_NOT_REQUESTED);
		SSL_do_handshake(ssl_of(&w.client));
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	settle(&w);
	SAY("ended %u or alive: %d\n", w.server.ended, w.server.reads == 0);
	finish(&w);
}

/* A ticket that a server with other checks gave opens nothing here. */
BOTH_VERSIONS(sessions_are_not_crossed)
{
	struct world w;
	SSL_CTX *open;
	SSL_SESSION *session;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_write(w.client.bev, "x", 1);
	AWAIT(&w, w.client.got == 1);
	session = SSL_get1_session(ssl_of(&w.client));
	SSL_shutdown(ssl_of(&w.client));
	bufferevent_free(w.client.bev);
	bufferevent_free(w.server.bev);
	settle(&w);
	w.client.ended = w.server.ended = w.client.connected = w.server.connected = 0;
	open = w.server_ctx;
	w.server_ctx = context(&w, version);
	certificate_for(&w, w.server_ctx, "b.test");
	SSL_CTX_set_verify(w.server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_id_context(w.server_ctx, (const unsigned char *)"b", 1);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SSL_set_session(ssl_of(&w.client), session);
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.server.ended || w.server.connected);
	SAY("entered without a certificate: %u, resumed %d\n", w.server.connected, SSL_session_reused(ssl_of(&w.server)));
	SSL_SESSION_free(session);
	SSL_CTX_free(open);
	finish(&w);
}

/* The shared object is loaded by name, all symbols at once. */
CASE(loaded_by_name)
{
	void *lib = dlopen("libevent_openssl-2.1.so.7", RTLD_NOW | RTLD_LOCAL);
	CHECK(lib != NULL);
	CHECK(lib && dlsym(lib, "bufferevent_openssl_socket_new") != NULL);
	CHECK(lib && dlsym(lib, "bufferevent_ssl_renegotiate") != NULL);
}
