/*
 * Bufferevents over TLS that several threads use.
 *
 * ctest: ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include <event2/thread.h>
#define SSL_KIT_THREADS
#include "ssl_kit.h"
#include <pthread.h>

static void *run_loop(void *arg)
{
	event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void *writer(void *arg)
{
	struct end *end = arg;
	int i;
	for (i = 0; i < 200; i++) {
		bufferevent_write(end->bev, "0123456789", 10);
		if (i % 16 == 0) {
			bufferevent_get_openssl_error(end->bev);
			bufferevent_openssl_get_ssl(end->bev);
			bufferevent_openssl_set_allow_dirty_shutdown(end->bev, i & 1);
		}
	}
	return NULL;
}

static size_t got_of(struct end *end)
{
	size_t got;
	bufferevent_lock(end->bev);
	got = end->got;
	bufferevent_unlock(end->bev);
	return got;
}

/* Two threads write at each end while the loop runs in a third. */
static void writers(int version, enum over over, int options)
{
	struct world w;
	pthread_t loop, t[4];
	int i;
	evthread_use_pthreads();
	begin(&w, version);
	w.client.quiet = w.server.quiet = 1;
	make_ends(&w, over, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE | options);
	listen_to(&w.client);
	listen_to(&w.server);
	pthread_create(&loop, NULL, run_loop, w.base);
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, writer, i & 1 ? &w.client : &w.server);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (i = 0; i < 20000 && (got_of(&w.client) < 4000 || got_of(&w.server) < 4000); i++)
		usleep(1000);
	SAY("got %d %d\n", (int)got_of(&w.client), (int)got_of(&w.server));
	event_base_loopbreak(w.base);
	pthread_join(loop, NULL);
	finish(&w);
}

BOTH_VERSIONS(writers_over_sockets) { writers(version, SOCKETS, 0); }
BOTH_VERSIONS(writers_over_filters) { writers(version, FILTERS, 0); }
BOTH_VERSIONS(writers_deferred) { writers(version, SOCKETS, BEV_OPT_DEFER_CALLBACKS); }

/* Freed by one thread while the loop of another moves its data. */
BOTH_VERSIONS(freed_by_another_thread)
{
	struct world w;
	pthread_t loop;
	int i, n;
	evthread_use_pthreads();
	begin(&w, version);
	pthread_create(&loop, NULL, run_loop, w.base);
	for (n = 0; n < 10; n++) {
		w.client.quiet = w.server.quiet = 1;
		make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE);
		listen_to(&w.client);
		listen_to(&w.server);
		for (i = 0; i < n; i++)
			bufferevent_write(w.client.bev, "0123456789", 10);
		usleep(500 * (useconds_t)(n % 4));
		bufferevent_free(n & 1 ? w.client.bev : w.server.bev);
		bufferevent_free(n & 1 ? w.server.bev : w.client.bev);
	}
	event_base_loopbreak(w.base);
	pthread_join(loop, NULL);
	w.client.bev = w.server.bev = NULL;
	SAY("done\n");
	finish(&w);
}
