/* evbuffer: locking, also with a lock of the caller's. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>

static void
tell(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	SAY("added %zu deleted %zu now %zu\n", i->n_added, i->n_deleted, evbuffer_get_length(b));
}

CASE(lock_without_threads)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_enable_locking(b, NULL));
	evbuffer_lock(b);
	evbuffer_unlock(b);
	evbuffer_add(b, "x", 1);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(lock_own)
{
	struct evbuffer *b;
	evthread_use_pthreads();
	b = evbuffer_new();
	evbuffer_add_cb(b, tell, NULL);
	SAY("%d\n", evbuffer_enable_locking(b, NULL));
	SAY("%d\n", evbuffer_enable_locking(b, NULL));
	evbuffer_lock(b);
	evbuffer_lock(b);
	evbuffer_add(b, "hello", 5);
	evbuffer_unlock(b);
	evbuffer_unlock(b);
	evbuffer_drain(b, 2);
	evbuffer_free(b);
}

static int depth, most, made, gone, calls, started;
static void *
my_alloc(unsigned type)
{
	made++;
	if (started)
		SAY("lock of type %u\n", type);
	return &made;
}
static void
my_free(void *lock, unsigned type)
{
	(void)lock;
	gone++;
	SAY("lock gone, type %u\n", type);
}
static int
my_lock(unsigned mode, void *lock)
{
	(void)mode;
	(void)lock;
	calls++;
	if (++depth > most)
		most = depth;
	return 0;
}
static int
my_unlock(unsigned mode, void *lock)
{
	(void)mode;
	(void)lock;
	depth--;
	return 0;
}

static void
held(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)b;
	(void)i;
	(void)arg;
	SAY("in callback held %d\n", depth > 0);
}

static void
cleanup(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	SAY("cleanup %zu held %d\n", len, depth > 0);
}

static void
use_mine(void)
{
	static struct evthread_lock_callbacks cbs;
	cbs.lock_api_version = EVTHREAD_LOCK_API_VERSION;
	cbs.supported_locktypes = EVTHREAD_LOCKTYPE_RECURSIVE;
	cbs.alloc = my_alloc;
	cbs.free = my_free;
	cbs.lock = my_lock;
	cbs.unlock = my_unlock;
	evthread_set_lock_callbacks(&cbs);
	started = 1; /* what the library makes for itself does not count */
}

CASE(lock_calls)
{
	struct evbuffer *b, *c;
	use_mine();
	b = evbuffer_new();
	c = evbuffer_new();
	made = gone = 0;
	SAY("enable\n");
	SAY("%d\n", evbuffer_enable_locking(b, NULL));
	evbuffer_add_cb(b, held, NULL);
	calls = 0;
	evbuffer_add(b, "hello", 5);
	CHECK(calls > 0 && depth == 0);
	evbuffer_add_reference(b, "referenced", 10, cleanup, NULL);
	evbuffer_drain(b, 8);
	evbuffer_add_buffer(c, b);
	CHECK(depth == 0);
	SAY("drain c\n");
	evbuffer_drain(c, 100);
	SAY("free\n");
	evbuffer_free(b);
	evbuffer_free(c);
	CHECK(depth == 0);
	SAY("made %d gone %d\n", made, gone);
}

CASE(lock_of_the_caller)
{
	struct evbuffer *b;
	void *lock;
	use_mine();
	lock = &calls;
	b = evbuffer_new();
	made = gone = 0;
	SAY("%d\n", evbuffer_enable_locking(b, lock));
	SAY("%d\n", evbuffer_enable_locking(b, lock));
	evbuffer_lock(b);
	SAY("depth %d\n", depth);
	evbuffer_add(b, "x", 1);
	evbuffer_unlock(b);
	SAY("depth %d\n", depth);
	evbuffer_free(b);
	SAY("made %d gone %d depth %d\n", made, gone, depth);
}

static struct evbuffer *shared;
static void *
producer(void *arg)
{
	int i, id = *(int *)arg;
	for (i = 0; i < 2000; i++) {
		char word[8];
		snprintf(word, sizeof word, "%d%05d\n", id, i);
		evbuffer_add(shared, word, 7);
	}
	return NULL;
}

CASE(two_producers_one_consumer)
{
	pthread_t t[2];
	int ids[2] = { 1, 2 }, next[3] = { 0, 0, 0 }, seen = 0, bad = 0;
	evthread_use_pthreads();
	shared = evbuffer_new();
	evbuffer_enable_locking(shared, NULL);
	pthread_create(&t[0], NULL, producer, &ids[0]);
	pthread_create(&t[1], NULL, producer, &ids[1]);
	while (seen < 4000) {
		char *line = evbuffer_readln(shared, NULL, EVBUFFER_EOL_LF);
		int id, i;
		if (!line) {
			sched_yield();
			continue;
		}
		if (sscanf(line, "%1d%5d", &id, &i) != 2 || i != next[id])
			bad++;
		next[id]++;
		seen++;
		free(line);
	}
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	SAY("%d %d %d bad %d left %zu\n", seen, next[1], next[2], bad, evbuffer_get_length(shared));
	evbuffer_free(shared);
}

static void *
mover(void *arg)
{
	struct evbuffer **b = arg;
	int i;
	for (i = 0; i < 2000; i++) {
		evbuffer_add(b[0], "0123456789", 10);
		evbuffer_remove_buffer(b[0], b[1], 15);
		evbuffer_add_buffer(b[1], b[0]);
	}
	return NULL;
}

CASE(moves_in_both_directions)
{
	pthread_t t[2];
	struct evbuffer *a, *b, *ab[2], *ba[2];
	evthread_use_pthreads();
	a = evbuffer_new();
	b = evbuffer_new();
	evbuffer_enable_locking(a, NULL);
	evbuffer_enable_locking(b, NULL);
	ab[0] = ba[1] = a;
	ab[1] = ba[0] = b;
	pthread_create(&t[0], NULL, mover, ab);
	pthread_create(&t[1], NULL, mover, ba);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	SAY("%zu\n", evbuffer_get_length(a) + evbuffer_get_length(b));
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(deferred_from_another_thread)
{
	struct event_base *base;
	pthread_t t;
	int id = 3, i;
	evthread_use_pthreads();
	base = event_base_new();
	shared = evbuffer_new();
	evbuffer_enable_locking(shared, NULL);
	evbuffer_add_cb(shared, tell, NULL);
	evbuffer_defer_callbacks(shared, base);
	pthread_create(&t, NULL, producer, &id);
	pthread_join(t, NULL);
	for (i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("%zu\n", evbuffer_get_length(shared));
	evbuffer_free(shared);
	event_base_free(base);
}
