/*
 * The functions and options of bufferevents over TLS.
 *
 * ctest: valgrind=tls13 ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"
#include <fcntl.h>

static void echo_over(int version, enum over over, int options, size_t size)
{
	struct world w;
	unsigned long sum;
	unsigned char *data = message(size, &sum);
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.server.echo = 1;
	connect_ends(&w, over, options);
	bufferevent_write(w.client.bev, data, size);
	AWAIT(&w, w.client.got >= size);
	SAY("echoed %d, intact %d\n", w.client.got == size, w.client.sum == sum);
	free(data);
	finish(&w);
}

BOTH_VERSIONS(echo_over_a_pair) { echo_over(version, PAIRS, BEV_OPT_CLOSE_ON_FREE, 100000); }
BOTH_VERSIONS(echo_of_tls_in_tls) { echo_over(version, NESTED, BEV_OPT_CLOSE_ON_FREE, 100000); }
BOTH_VERSIONS(echo_deferred) { echo_over(version, SOCKETS, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS, 100000); }
BOTH_VERSIONS(echo_deferred_filter)
{
	echo_over(version, FILTERS, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS, 100000);
}
BOTH_VERSIONS(echo_of_one_byte) { echo_over(version, SOCKETS, BEV_OPT_CLOSE_ON_FREE, 1); }
BOTH_VERSIONS(echo_of_a_record) { echo_over(version, SOCKETS, BEV_OPT_CLOSE_ON_FREE, 16384); }
BOTH_VERSIONS(echo_of_a_record_and_a_byte) { echo_over(version, FILTERS, BEV_OPT_CLOSE_ON_FREE, 16385); }

static int ssls_freed;

static void on_ssl_freed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (ptr)
		ssls_freed++;
}

static int is_open(evutil_socket_t fd) { return fcntl(fd, F_GETFD) >= 0; }

/* What freeing frees. */
static void freeing(int version, int filter, int close)
{
	struct world w;
	evutil_socket_t fd[2];
	struct bufferevent *below = NULL, *bev;
	int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_freed);
	SSL *ssl;
	begin(&w, version);
	connected_sockets(fd);
	ssl = SSL_new(w.client_ctx);
	SSL_set_ex_data(ssl, index, &w);
	if (filter) {
		below = bufferevent_socket_new(w.base, fd[0], close ? BEV_OPT_CLOSE_ON_FREE : 0);
		bev = bufferevent_openssl_filter_new(
		    w.base, below, ssl, BUFFEREVENT_SSL_CONNECTING, close ? BEV_OPT_CLOSE_ON_FREE : 0);
	} else {
		bev = bufferevent_openssl_socket_new(
		    w.base, fd[0], ssl, BUFFEREVENT_SSL_CONNECTING, close ? BEV_OPT_CLOSE_ON_FREE : 0);
	}
	SAY("ex_data %d\n", SSL_get_ex_data(bufferevent_openssl_get_ssl(bev), index) == &w);
	bufferevent_free(bev);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	SAY("SSL freed %d, descriptor open %d\n", ssls_freed, is_open(fd[0]));
	if (!close) {
		SSL_free(ssl);
		if (below)
			bufferevent_free(below);
		evutil_closesocket(fd[0]);
	}
	evutil_closesocket(fd[1]);
	finish(&w);
}

CASE(close_on_free) { freeing(TLS1_3_VERSION, 0, 1); }
CASE(close_on_free_filter) { freeing(TLS1_3_VERSION, 1, 1); }
CASE(no_close_on_free) { freeing(TLS1_3_VERSION, 0, 0); }
CASE(no_close_on_free_filter) { freeing(TLS1_3_VERSION, 1, 0); }

/* What a new one says of itself. */
static void look(enum bufferevent_ssl_state state, int filter)
{
	struct world w;
	evutil_socket_t fd[2];
	struct bufferevent *below = NULL, *bev;
	SSL *ssl;
	begin(&w, TLS1_3_VERSION);
	connected_sockets(fd);
	ssl = SSL_new(w.server_ctx);
	if (state == BUFFEREVENT_SSL_OPEN)
		SSL_set_accept_state(ssl);
	if (filter) {
		below = bufferevent_socket_new(w.base, fd[0], BEV_OPT_CLOSE_ON_FREE);
		bev = bufferevent_openssl_filter_new(w.base, below, ssl, state, BEV_OPT_CLOSE_ON_FREE);
	} else {
		bev = bufferevent_openssl_socket_new(w.base, fd[0], ssl, state, BEV_OPT_CLOSE_ON_FREE);
	}
	SAY("made %d\n", bev != NULL);
	if (bev) {
		SAY("enabled 0x%x, fd its own %d, SSL's %d, below %d, its SSL %d, server %d\n",
		    (unsigned)bufferevent_get_enabled(bev), bufferevent_getfd(bev) == fd[0], SSL_get_fd(ssl) == fd[0],
		    bufferevent_get_underlying(bev) == below, bufferevent_openssl_get_ssl(bev) == ssl, SSL_is_server(ssl));
		SAY("base %d, priority %d, dirty %d, error %lu\n", bufferevent_get_base(bev) == w.base,
		    bufferevent_get_priority(bev), bufferevent_openssl_get_allow_dirty_shutdown(bev),
		    bufferevent_get_openssl_error(bev));
		SAY("readers %d, writers %d\n", (int)bufferevent_get_max_to_read(bev), (int)bufferevent_get_max_to_write(bev));
		bufferevent_free(bev);
	}
	evutil_closesocket(fd[1]);
	finish(&w);
}

CASE(new_connecting) { look(BUFFEREVENT_SSL_CONNECTING, 0); }
CASE(new_accepting) { look(BUFFEREVENT_SSL_ACCEPTING, 0); }
CASE(new_open) { look(BUFFEREVENT_SSL_OPEN, 0); }
CASE(new_connecting_filter) { look(BUFFEREVENT_SSL_CONNECTING, 1); }
CASE(new_accepting_filter) { look(BUFFEREVENT_SSL_ACCEPTING, 1); }
CASE(new_open_filter) { look(BUFFEREVENT_SSL_OPEN, 1); }

/* The program does the handshake; the bufferevents begin open. */
static void begins_open(int version, int filter)
{
	struct world w;
	evutil_socket_t fd[2];
	SSL *ssl[2];
	int i, n, done = 0;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connected_sockets(fd);
	ssl[0] = SSL_new(w.client_ctx);
	ssl[1] = SSL_new(w.server_ctx);
	SSL_set_connect_state(ssl[0]);
	SSL_set_accept_state(ssl[1]);
	for (i = 0; i < 2; i++)
		SSL_set_fd(ssl[i], fd[i]);
	for (n = 0; n < 100 && done != 3; n++)
		for (i = 0; i < 2; i++)
			if (SSL_do_handshake(ssl[i]) == 1)
				done |= 1 << i;
	SAY("done %d\n", done);
	for (i = 0; i < 2; i++) {
		struct end *end = i ? &w.server : &w.client;
		if (filter)
			end->bev = bufferevent_openssl_filter_new(w.base,
			    bufferevent_socket_new(w.base, fd[i], BEV_OPT_CLOSE_ON_FREE), ssl[i], BUFFEREVENT_SSL_OPEN,
			    BEV_OPT_CLOSE_ON_FREE);
		else
			end->bev = bufferevent_openssl_socket_new(
			    w.base, fd[i], ssl[i], BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE);
		listen_to(end);
	}
	w.server.echo = 1;
	bufferevent_write(w.client.bev, "open", 4);
	AWAIT(&w, w.client.got == 4);
	SAY("connected %u %u, got %s\n", w.client.connected, w.server.connected, w.client.first);
	finish(&w);
}

BOTH_VERSIONS(open_sockets) { begins_open(version, 0); }
BOTH_VERSIONS(open_filters) { begins_open(version, 1); }

/* The descriptor comes later. */
BOTH_VERSIONS(descriptor_later)
{
	struct world w;
	evutil_socket_t fd[2];
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connected_sockets(fd);
	w.client.bev = bufferevent_openssl_socket_new(
	    w.base, -1, SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	w.server.bev = bufferevent_openssl_socket_new(
	    w.base, -1, SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	SAY("fd %d, SSL's %d\n", (int)bufferevent_getfd(w.client.bev),
	    SSL_get_fd(bufferevent_openssl_get_ssl(w.client.bev)));
	listen_to(&w.client);
	listen_to(&w.server);
	w.server.echo = 1;
	bufferevent_write(w.client.bev, "later", 5);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	SAY("given %d", bufferevent_setfd(w.client.bev, fd[0]));
	SAY(" %d\n", bufferevent_setfd(w.server.bev, fd[1]));
	SAY("fd %d, SSL's %d\n", bufferevent_getfd(w.client.bev) == fd[0],
	    SSL_get_fd(bufferevent_openssl_get_ssl(w.client.bev)) == fd[0]);
	AWAIT(&w, w.client.got == 5);
	SAY("got %s, connected %u %u\n", w.client.first, w.client.connected, w.server.connected);
	finish(&w);
}

/* The descriptor lies in the SSL already. */
BOTH_VERSIONS(descriptor_of_the_ssl)
{
	struct world w;
	evutil_socket_t fd[2];
	SSL *ssl;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connected_sockets(fd);
	ssl = SSL_new(w.client_ctx);
	SSL_set_fd(ssl, fd[0]);
	w.client.bev = bufferevent_openssl_socket_new(w.base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	ssl = SSL_new(w.server_ctx);
	SSL_set_fd(ssl, fd[1]);
	w.server.bev =
	    bufferevent_openssl_socket_new(w.base, fd[1], ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	SAY("made %d %d, fd %d\n", w.client.bev != NULL, w.server.bev != NULL, bufferevent_getfd(w.client.bev) == fd[0]);
	listen_to(&w.client);
	listen_to(&w.server);
	w.server.echo = 1;
	bufferevent_write(w.client.bev, "own", 3);
	AWAIT(&w, w.client.got == 3);
	SAY("got %s\n", w.client.first);
	finish(&w);
}

/* Two descriptors at once are refused, and so is one for an object with a BIO that has none. */
static void refused(int options)
{
	struct world w;
	evutil_socket_t fd[2];
	int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_freed);
	SSL *ssl;
	begin(&w, TLS1_3_VERSION);
	connected_sockets(fd);
	ssl = SSL_new(w.client_ctx);
	SSL_up_ref(ssl);
	SSL_set_fd(ssl, fd[1]);
	SSL_set_ex_data(ssl, index, &w);
	SAY("made %d\n", bufferevent_openssl_socket_new(w.base, fd[0], ssl, BUFFEREVENT_SSL_CONNECTING, options) != NULL);
	SSL_free(ssl);
	SAY("it had one reference %d, descriptor open %d\n", ssls_freed, is_open(fd[0]));
	while (!ssls_freed)
		SSL_free(ssl);
	ssls_freed = 0;
	ssl = SSL_new(w.client_ctx);
	SSL_set_ex_data(ssl, index, &w);
	SSL_up_ref(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SAY("made %d\n", bufferevent_openssl_socket_new(w.base, fd[0], ssl, BUFFEREVENT_SSL_CONNECTING, options) != NULL);
	SAY("made %d\n", bufferevent_openssl_socket_new(w.base, fd[0], ssl, (enum bufferevent_ssl_state)7, 0) != NULL);
	while (!ssls_freed)
		SSL_free(ssl);
	finish(&w);
}

CASE(descriptors_that_differ) { refused(0); }
CASE(descriptors_that_differ_close_on_free) { refused(BEV_OPT_CLOSE_ON_FREE); }

/* Memory BIOs of the program's own stay the session's; the program carries the bytes. */
BOTH_VERSIONS(own_memory_bios)
{
	struct world w;
	SSL *ssl, *peer;
	BIO *in, *out;
	struct bufferevent *bev;
	int n, done = 0;
	char data[8192];
	begin(&w, version);
	ssl = SSL_new(w.client_ctx);
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_mem());
	SSL_set_bio(ssl, in, out);
	bev = bufferevent_openssl_socket_new(w.base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	SAY("made %d, read %d, write %d\n", bev != NULL, SSL_get_rbio(ssl) == in, SSL_get_wbio(ssl) == out);
	peer = SSL_new(w.server_ctx);
	SSL_set_bio(peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(peer);
	for (n = 0; n < 20 && done != 3; n++) {
		int size;
		done |= SSL_do_handshake(ssl) == 1 ? 1 : 0;
		while ((size = BIO_read(SSL_get_wbio(ssl), data, sizeof(data))) > 0)
			BIO_write(SSL_get_rbio(peer), data, size);
		done |= SSL_do_handshake(peer) == 1 ? 2 : 0;
		while ((size = BIO_read(SSL_get_wbio(peer), data, sizeof(data))) > 0)
			BIO_write(SSL_get_rbio(ssl), data, size);
	}
	SAY("handshake %d\n", done);
	SSL_free(peer);
	bufferevent_free(bev);
	finish(&w);
}

/* The BIO of a session over a bufferevent. */
CASE(bio_of_a_filter)
{
	struct world w;
	SSL *ssl;
	begin(&w, TLS1_3_VERSION);
	make_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	ssl = bufferevent_openssl_get_ssl(w.client.bev);
	SAY("fd %d, one BIO %d, descriptor %d, below's %d\n", SSL_get_fd(ssl), SSL_get_rbio(ssl) == SSL_get_wbio(ssl),
	    (int)bufferevent_getfd(w.client.bev) >= 0, (int)bufferevent_getfd(w.client.below) >= 0);
	SAY("pending %d %d\n", (int)BIO_pending(SSL_get_rbio(ssl)), (int)BIO_wpending(SSL_get_wbio(ssl)));
	evbuffer_add(bufferevent_get_output(w.client.below), "four", 4);
	SAY("waiting to be written %d\n", (int)BIO_wpending(SSL_get_wbio(ssl)));
	SAY("flush %d\n", (int)BIO_flush(SSL_get_wbio(ssl)));
	finish(&w);
}

CASE(descriptor_withdrawn)
{
	struct world w;
	evutil_socket_t fd;
	begin(&w, TLS1_3_VERSION);
	make_ends(&w, SOCKETS, 0);
	fd = bufferevent_getfd(w.client.bev);
	SAY("withdrawn %d\n", bufferevent_setfd(w.client.bev, -1));
	SAY("fd %d, SSL's %d, open %d\n", (int)bufferevent_getfd(w.client.bev),
	    SSL_get_fd(bufferevent_openssl_get_ssl(w.client.bev)), is_open(fd));
	SAY("given again %d\n", bufferevent_setfd(w.client.bev, fd));
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.connected && w.server.connected);
	SSL_free(bufferevent_openssl_get_ssl(w.client.bev));
	SSL_free(bufferevent_openssl_get_ssl(w.server.bev));
	evutil_closesocket(fd);
	evutil_closesocket(bufferevent_getfd(w.server.bev));
	finish(&w);
}

/* Events and buffers may be reached in the usual ways. */
BOTH_VERSIONS(usual_functions)
{
	struct world w;
	char data[16];
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	w.server.keep = 1;
	event_base_priority_init(w.base, 3);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	SAY("priority %d", bufferevent_priority_set(w.client.bev, 0));
	SAY(" %d, refused %d\n", bufferevent_get_priority(w.client.bev), bufferevent_priority_set(w.client.bev, 9));
	listen_to(&w.client);
	listen_to(&w.server);
	AWAIT(&w, w.client.connected && w.server.connected);
	bufferevent_lock(w.client.bev);
	bufferevent_unlock(w.client.bev);
	bufferevent_incref(w.client.bev);
	SAY("last %d\n", bufferevent_decref(w.client.bev));
	bufferevent_disable(w.server.bev, EV_READ);
	SAY("enabled 0x%x\n", (unsigned)bufferevent_get_enabled(w.server.bev));
	bufferevent_write(w.client.bev, "hello there", 11);
	settle(&w);
	SAY("disabled: %d in the input\n", (int)evbuffer_get_length(bufferevent_get_input(w.server.bev)));
	bufferevent_enable(w.server.bev, EV_READ);
	AWAIT(&w, w.server.got == 11);
	SAY("read %d", (int)bufferevent_read(w.server.bev, data, 5));
	SAY(" %.5s\n", data);
	bufferevent_disable(w.client.bev, EV_WRITE);
	bufferevent_write(w.client.bev, "more", 4);
	settle(&w);
	SAY("held %d\n", (int)evbuffer_get_length(bufferevent_get_output(w.client.bev)));
	w.server.drained = 5;
	bufferevent_enable(w.client.bev, EV_WRITE);
	AWAIT(&w, w.server.got == 15);
	SAY("sent %d\n", (int)evbuffer_get_length(bufferevent_get_output(w.client.bev)));
	finish(&w);
}

/* A handshake asks for neither direction to be enabled. */
BOTH_VERSIONS(handshake_while_disabled)
{
	struct world w;
	begin(&w, version);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.client.bev, end_read, NULL, end_event, &w.client);
	bufferevent_setcb(w.server.bev, end_read, NULL, end_event, &w.server);
	w.client.quiet = w.server.quiet = 1;
	bufferevent_disable(w.client.bev, EV_READ | EV_WRITE);
	bufferevent_disable(w.server.bev, EV_READ | EV_WRITE);
	settle(&w);
	SAY("connected %u %u\n", w.client.connected, w.server.connected);
	finish(&w);
}

static void free_it(struct bufferevent *bev, short what, void *arg)
{
	struct end *end = arg;
	SAY("%s: 0x%x, freed\n", end->name, (unsigned)what);
	end->bev = NULL;
	bufferevent_free(bev);
}

static void free_reader(struct bufferevent *bev, void *arg)
{
	struct end *end = arg;
	SAY("%s: freed in its read callback\n", end->name);
	end->bev = NULL;
	bufferevent_free(bev);
}

BOTH_VERSIONS(freed_in_the_connected_callback)
{
	struct world w;
	begin(&w, version);
	make_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	listen_to(&w.server);
	w.server.quiet = 1;
	bufferevent_setcb(w.client.bev, NULL, NULL, free_it, &w.client);
	bufferevent_enable(w.client.bev, EV_READ | EV_WRITE);
	AWAIT(&w, !w.client.bev && w.server.ended);
	finish(&w);
}

BOTH_VERSIONS(freed_in_the_read_callback)
{
	struct world w;
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	connect_ends(&w, FILTERS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.server.bev, free_reader, NULL, NULL, &w.server);
	bufferevent_write(w.client.bev, "x", 1);
	AWAIT(&w, !w.server.bev && w.client.ended);
	finish(&w);
}

/* Callbacks taken away, then given back. */
CASE(no_callbacks)
{
	struct world w;
	begin(&w, TLS1_3_VERSION);
	make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_enable(w.client.bev, EV_READ | EV_WRITE);
	bufferevent_enable(w.server.bev, EV_READ | EV_WRITE);
	bufferevent_write(w.client.bev, "silent", 6);
	AWAIT(&w, evbuffer_get_length(bufferevent_get_input(w.server.bev)) == 6);
	w.server.quiet = 1;
	listen_to(&w.server);
	bufferevent_trigger(w.server.bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	AWAIT(&w, w.server.got == 6);
	SAY("got %s\n", w.server.first);
	finish(&w);
}
