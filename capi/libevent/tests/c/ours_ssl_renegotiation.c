/*
 * Renegotiation of TLS 1.2, and key updates of TLS 1.3, while both ends write without pause: the original fails there.
 *
 * ctest: ours-only valgrind=over_a_pair ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"

/* What each end sends, how many of its reads lie between two new handshakes or keys, and how many of those there are. */
#define MOST 50000u
static size_t all = 1u << 20;
static unsigned piece_size = MOST, every = 6;
static int times = 8;

struct writer {
	struct end *end;
	size_t sent, got, wrong;
	unsigned reads;
	int asks, asked, refused;
};

static unsigned char at(size_t place)
{
	return (unsigned char)(place * 31 + (place >> 8) * 17 + (place >> 16));
}

static void fill(struct bufferevent *bev, void *arg)
{
	struct writer *w = arg;
	static unsigned char piece[MOST];
	struct evbuffer *output = bufferevent_get_output(bev);
	while (w->sent < all && evbuffer_get_length(output) < 2 * piece_size) {
		size_t n = all - w->sent < piece_size ? all - w->sent : piece_size, i;
		for (i = 0; i < n; i++)
			piece[i] = at(w->sent + i);
		bufferevent_write(bev, piece, n);
		w->sent += n;
	}
}

static void take(struct bufferevent *bev, void *arg)
{
	struct writer *w = arg;
	static unsigned char piece[MOST];
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	size_t n, i;
	while ((n = bufferevent_read(bev, piece, piece_size)) > 0) {
		for (i = 0; i < n; i++)
			w->wrong += piece[i] != at(w->got + i);
		w->got += n;
	}
	if (w->asks && ++w->reads % every == 0 && w->asked < times && w->got < all) {
		w->asked++;
		if (SSL_version(ssl) == TLS1_2_VERSION)
			w->refused += bufferevent_ssl_renegotiate(bev) < 0;
		else
			w->refused += SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1;
	}
	fill(bev, w);
}

static void heard(struct bufferevent *bev, short what, void *arg)
{
	end_event(bev, what, ((struct writer *)arg)->end);
}

static void both_write(int version, enum over over, int client_asks, int server_asks)
{
	struct world w;
	struct writer client = { &w.client, 0, 0, 0, 0, client_asks, 0, 0 };
	struct writer server = { &w.server, 0, 0, 0, 0, server_asks, 0, 0 };
	begin(&w, version);
	SSL_CTX_set_options(w.server_ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, over, BEV_OPT_CLOSE_ON_FREE);
	w.client.connected = w.server.connected = 0;
	bufferevent_setcb(w.client.bev, take, fill, heard, &client);
	bufferevent_setcb(w.server.bev, take, fill, heard, &server);
	fill(w.client.bev, &client);
	fill(w.server.bev, &server);
	while ((client.got < all || server.got < all) && !w.client.ended && !w.server.ended)
		event_base_loop(w.base, EVLOOP_ONCE);
	SAY("all %d %d, wrong %d %d, ended %u %u\n", client.got == all, server.got == all, (int)client.wrong,
	    (int)server.wrong, w.client.ended, w.server.ended);
	SAY("asked %d %d, refused %d %d\n", client.asked, server.asked, client.refused, server.refused);
	if (w.client.ended || w.server.ended)
		SAY("client 0x%x %u, server 0x%x %u\n", (unsigned)w.client.last, w.client.last_reason,
		    (unsigned)w.server.last, w.server.last_reason);
	finish(&w);
}

CASE(by_the_client) { both_write(TLS1_2_VERSION, SOCKETS, 1, 0); }
CASE(by_the_server) { both_write(TLS1_2_VERSION, SOCKETS, 0, 1); }
CASE(by_both) { both_write(TLS1_2_VERSION, SOCKETS, 1, 1); }
CASE(by_the_client_over_a_filter) { both_write(TLS1_2_VERSION, FILTERS, 1, 0); }
CASE(by_the_server_over_a_filter) { both_write(TLS1_2_VERSION, FILTERS, 0, 1); }
CASE(by_both_over_a_filter) { both_write(TLS1_2_VERSION, FILTERS, 1, 1); }
CASE(by_both_over_a_pair) { both_write(TLS1_2_VERSION, PAIRS, 1, 1); }
CASE(keys_by_both) { both_write(TLS1_3_VERSION, SOCKETS, 1, 1); }
CASE(keys_by_both_over_a_filter) { both_write(TLS1_3_VERSION, FILTERS, 1, 1); }
CASE(keys_by_both_over_a_pair) { both_write(TLS1_3_VERSION, PAIRS, 1, 1); }

/* One handshake each, that ends where a write looks for it: the data that lies before it is not announced again. */
CASE(met_by_a_write)
{
	all = 1u << 19;
	every = 9;
	times = 1;
	piece_size = 15414;
	both_write(TLS1_2_VERSION, SOCKETS, 1, 1);
	piece_size = 37680;
	both_write(TLS1_2_VERSION, SOCKETS, 1, 1);
}

/* A server that asks again whenever it hears of the end: not one callback inside another. */
static void ask_for_handshake(struct bufferevent *bev, short what, void *arg)
{
	static int inside;
	unsigned *asked = arg;
	CHECK(what == BEV_EVENT_CONNECTED && inside == 0);
	inside++;
	if (++*asked < 5)
		SAY("asked again: %d\n", bufferevent_ssl_renegotiate(bev));
	inside--;
}

CASE(asked_in_the_callback)
{
	struct world w;
	unsigned asked = 0;
	begin(&w, TLS1_2_VERSION);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.server.bev, NULL, NULL, ask_for_handshake, &asked);
	SAY("asked: %d\n", bufferevent_ssl_renegotiate(w.server.bev));
	AWAIT(&w, asked == 5);
	SAY("heard %u, ended %u\n", asked, w.client.ended);
	finish(&w);
}
