/*
 * TLS where allocations fail, the library's and OpenSSL's: every call fails cleanly, each end is told, nothing is left behind.
 *
 * ctest: ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include "ssl_kit.h"

static int until_failure = -1, failures;
static long live;

static int refuses(void)
{
	if (until_failure < 0)
		return 0;
	if (until_failure-- > 0)
		return 0;
	failures++;
	return 1;
}

static void *my_malloc(size_t n)
{
	void *p = refuses() ? NULL : malloc(n);
	live += p != NULL;
	return p;
}

static void *my_realloc(void *p, size_t n)
{
	void *q = refuses() ? NULL : realloc(p, n);
	live += !p && q;
	return q;
}

static void my_free(void *p)
{
	live -= p != NULL;
	free(p);
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return n && !refuses() ? malloc(n) : NULL;
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return refuses() ? NULL : realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

/* One connection with one echo; the n-th allocation from here on fails. Whether none failed. */
static int attempt(struct world *w, enum over over, int version, int n)
{
	evutil_socket_t fd[2];
	struct end *ends[2] = { &w->client, &w->server };
	SSL *ssl[2];
	int i, turns, made;
	failures = 0;
	(void)version;
	ssl[0] = SSL_new(w->client_ctx);
	ssl[1] = SSL_new(w->server_ctx);
	if (!ssl[0] || !ssl[1] || evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return 1;
	for (i = 0; i < 2; i++) {
		evutil_make_socket_nonblocking(fd[i]);
		memset(ends[i], 0, sizeof(*ends[i]));
		ends[i]->quiet = 1;
		ends[i]->echo = i;
	}
	until_failure = n;
	for (i = 0; i < 2; i++) {
		struct end *end = ends[i];
		enum bufferevent_ssl_state state = i ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING;
		if (over == SOCKETS) {
			end->bev = bufferevent_openssl_socket_new(w->base, fd[i], ssl[i], state, 0);
		} else {
			end->below = bufferevent_socket_new(w->base, fd[i], 0);
			end->bev = end->below ? bufferevent_openssl_filter_new(w->base, end->below, ssl[i], state, 0) : NULL;
		}
		if (end->bev)
			listen_to(end);
	}
	made = w->client.bev && w->server.bev;
	if (w->client.bev)
		bufferevent_write(w->client.bev, "echo", 4);
	for (turns = 0; made && turns < 200 && w->client.got < 4 && !w->client.ended && !w->server.ended; turns++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	for (i = 0; i < 2; i++) {
		if (ends[i]->bev)
			bufferevent_free(ends[i]->bev);
		if (ends[i]->below)
			bufferevent_free(ends[i]->below);
	}
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	until_failure = -1;
	for (i = 0; i < 2; i++) {
		SSL_free(ssl[i]);
		evutil_closesocket(fd[i]);
	}
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	return !failures;
}

static void sweep(int version, enum over over, int step)
{
	struct world w;
	long before;
	int n, done = 0;
	event_set_mem_functions(my_malloc, my_realloc, my_free);
	begin(&w, version);
	attempt(&w, over, version, -1);
	before = live;
	for (n = 0; n < 20000 && !done; n += step)
		done = attempt(&w, over, version, n);
	attempt(&w, over, version, -1);
	SAY("went through all: %d, works afterwards: %d, left behind: %ld\n", done, w.client.got == 4, live - before);
	w.client.bev = w.server.bev = NULL;
	finish(&w);
}

BOTH_VERSIONS(the_library_over_sockets) { sweep(version, SOCKETS, 1); }
BOTH_VERSIONS(the_library_over_filters) { sweep(version, FILTERS, 1); }
CASE(openssl_over_sockets)
{
	CHECK(CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) == 1);
	sweep(TLS1_3_VERSION, SOCKETS, 41);
}
CASE(openssl_over_filters)
{
	CHECK(CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) == 1);
	sweep(TLS1_2_VERSION, FILTERS, 41);
}
