/*
 * Bufferevents over TLS that several threads use.
 *
 * ctest: ldflags=-levent_openssl ldflags=-lssl ldflags=-lcrypto
 */
#include <event2/thread.h>
#define SSL_KIT_THREADS
#include "ssl_kit.h"
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

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

static void loop_runs(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	sem_post(arg);
}

/*
 * Freed by one thread while the loop of another moves its data. The original ends the process now and then (an event that it removes is
 * "not on queue"), so there all happens in one thread.
 */
BOTH_VERSIONS(freed_by_another_thread)
{
	struct world w;
	struct timeval at_once = { 0, 0 };
	int threads = dlsym(RTLD_DEFAULT, "evoxide_tls_session") != NULL;
	pthread_t loop;
	sem_t runs;
	int i, n;
	evthread_use_pthreads();
	begin(&w, version);
	sem_init(&runs, 0, 0);
	if (threads) {
		event_base_once(w.base, -1, EV_TIMEOUT, loop_runs, &runs, &at_once);
		pthread_create(&loop, NULL, run_loop, w.base);
		/* A loop that has not begun would not see the order to end. */
		sem_wait(&runs);
	}
	for (n = 0; n < 10; n++) {
		w.client.quiet = w.server.quiet = 1;
		make_ends(&w, SOCKETS, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE);
		listen_to(&w.client);
		listen_to(&w.server);
		for (i = 0; i < n; i++)
			bufferevent_write(w.client.bev, "0123456789", 10);
		if (threads)
			usleep(500 * (useconds_t)(n % 4));
		else
			settle(&w);
		bufferevent_free(n & 1 ? w.client.bev : w.server.bev);
		bufferevent_free(n & 1 ? w.server.bev : w.client.bev);
	}
	if (threads) {
		event_base_loopbreak(w.base);
		pthread_join(loop, NULL);
	}
	w.client.bev = w.server.bev = NULL;
	SAY("done\n");
	finish(&w);
}

/* A base in a thread of its own, with sessions of its own; between them it writes to both ends of one that all share. */
struct lane {
	struct world w;
	struct world *shared;
	enum over over;
	int intact;
};

enum { LANES = 3, ROUNDS = 3, SIZE = 40000, SHARED = 500 };

static void
share_contexts(struct world *w, struct world *of)
{
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->guard = event_new(w->base, -1, 0, on_late, w);
	SSL_CTX_up_ref(w->client_ctx = of->client_ctx);
	SSL_CTX_up_ref(w->server_ctx = of->server_ctx);
}

static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	struct world *w = &lane->w;
	unsigned long sum;
	unsigned char *data = message(SIZE, &sum);
	int round;
	for (round = 0; round < ROUNDS; round++) {
		memset(&w->client, 0, sizeof(w->client));
		memset(&w->server, 0, sizeof(w->server));
		w->client.quiet = w->server.quiet = w->server.echo = 1;
		connect_ends(w, lane->over, BEV_OPT_CLOSE_ON_FREE | (round & 1 ? BEV_OPT_THREADSAFE : 0));
		bufferevent_write(lane->shared->client.bev, data, SHARED);
		bufferevent_write(w->client.bev, data, SIZE);
		AWAIT(w, w->client.got == SIZE);
		bufferevent_write(lane->shared->server.bev, data, SHARED);
		lane->intact += w->client.sum == sum;
		bufferevent_free(w->client.bev);
		bufferevent_free(w->server.bev);
		w->client.bev = w->server.bev = NULL;
	}
	free(data);
	return NULL;
}

/* The ends of the shared session are on bases and in threads of their own too. */
BOTH_VERSIONS(bases_in_threads)
{
	struct world w, other;
	struct lane lanes[LANES];
	pthread_t loops[2], threads[LANES];
	evutil_socket_t fd[2];
	size_t all = LANES * ROUNDS * SHARED;
	int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE, i;
	evthread_use_pthreads();
	begin(&w, version);
	share_contexts(&other, &w);
	w.client.quiet = w.server.quiet = 1;
	connected_sockets(fd);
	w.client.bev = bufferevent_openssl_socket_new(w.base, fd[0], SSL_new(w.client_ctx), BUFFEREVENT_SSL_CONNECTING, options);
	w.server.bev = bufferevent_openssl_socket_new(other.base, fd[1], SSL_new(w.server_ctx), BUFFEREVENT_SSL_ACCEPTING, options);
	listen_to(&w.client);
	listen_to(&w.server);
	pthread_create(&loops[0], NULL, run_loop, w.base);
	pthread_create(&loops[1], NULL, run_loop, other.base);
	for (i = 0; i < LANES; i++) {
		share_contexts(&lanes[i].w, &w);
		lanes[i].shared = &w;
		lanes[i].over = (enum over)i;
		lanes[i].intact = 0;
		pthread_create(&threads[i], NULL, run_lane, &lanes[i]);
	}
	for (i = 0; i < LANES; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < LANES; i++) {
		SAY("intact %d\n", lanes[i].intact);
		finish(&lanes[i].w);
	}
	for (i = 0; i < 20000 && (got_of(&w.client) < all || got_of(&w.server) < all); i++)
		usleep(1000);
	SAY("shared %d %d\n", (int)got_of(&w.client), (int)got_of(&w.server));
	event_base_loopbreak(w.base);
	event_base_loopbreak(other.base);
	pthread_join(loops[0], NULL);
	pthread_join(loops[1], NULL);
	finish(&w);
	finish(&other);
}
