/* event2/thread.h: setting callbacks, the built-in locks, lock debugging. */
#include "case.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <pthread.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif
struct evthread_lock_callbacks *evthread_get_lock_callbacks(void);
struct evthread_condition_callbacks *evthread_get_condition_callbacks(void);
#ifdef __cplusplus
}
#endif

static int locked, unlocked, allocated, freed;

static void *
lock_alloc(unsigned type)
{
	(void)type;
	allocated++;
	return malloc(8);
}

static void
lock_free(void *lock, unsigned type)
{
	(void)type;
	freed++;
	free(lock);
}

static int
lock_lock(unsigned mode, void *lock)
{
	(void)mode, (void)lock;
	locked++;
	return 0;
}

static int
lock_unlock(unsigned mode, void *lock)
{
	(void)mode, (void)lock;
	unlocked++;
	return 0;
}

static void *
cond_alloc(unsigned type)
{
	(void)type;
	return malloc(8);
}

static void
cond_free(void *cond)
{
	free(cond);
}

static int
cond_signal(void *cond, int broadcast)
{
	(void)cond, (void)broadcast;
	return 0;
}

static int
cond_wait(void *cond, void *lock, const struct timeval *tv)
{
	(void)cond, (void)lock, (void)tv;
	return 0;
}

static unsigned long
five(void)
{
	return 5;
}

/* Static, so that what a fatal error leaves behind is still reachable. */
static struct event_base *volatile left_behind;

static const struct evthread_lock_callbacks first = { 1, 1, lock_alloc, lock_free, lock_lock, lock_unlock };
static const struct evthread_lock_callbacks other = { 1, 1, lock_alloc, lock_free, lock_unlock, lock_lock };
static const struct evthread_condition_callbacks conds = { 1, cond_alloc, cond_free, cond_signal, cond_wait };
static const struct evthread_condition_callbacks other_conds = { 2, cond_alloc, cond_free, cond_signal, cond_wait };

static void
say_log(int severity, const char *text)
{
	SAY("log %d %s\n", severity, text);
}

CASE(set_twice)
{
	event_set_log_callback(say_log);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_lock_callbacks(&other) == -1);
	CHECK(evthread_get_lock_callbacks()->lock == lock_lock);
}

CASE(set_incomplete)
{
	struct evthread_lock_callbacks part = first;
	event_set_log_callback(say_log);
	part.unlock = NULL;
	CHECK(evthread_set_lock_callbacks(&part) == -1);
	part = first;
	part.alloc = NULL;
	CHECK(evthread_set_lock_callbacks(&part) == -1);
	CHECK(evthread_get_lock_callbacks()->alloc == NULL);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
}

CASE(set_versions)
{
	struct evthread_lock_callbacks odd = first;
	event_set_log_callback(say_log);
	odd.lock_api_version = 0;
	odd.supported_locktypes = 0;
	CHECK(evthread_set_lock_callbacks(&odd) == 0);
	CHECK(evthread_set_lock_callbacks(&first) == -1);
	SAY("%d %u\n", evthread_get_lock_callbacks()->lock_api_version, evthread_get_lock_callbacks()->supported_locktypes);
}

CASE(unset)
{
	event_set_log_callback(say_log);
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(evthread_get_lock_callbacks()->alloc == NULL);
}

CASE(set_after_a_base)
{
	struct event_base *base = event_base_new();
	event_set_log_callback(say_log);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_use_pthreads() == 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
}

CASE(set_after_a_base_in_debug_mode)
{
	event_set_log_callback(say_log);
	event_enable_debug_mode();
	left_behind = event_base_new();
	evthread_set_lock_callbacks(&first);
	SAY("not reached\n");
}

CASE(conditions_after_a_base_in_debug_mode)
{
	event_set_log_callback(say_log);
	event_enable_debug_mode();
	left_behind = event_base_new();
	evthread_set_id_callback(five);
	SAY("an id may still be set\n");
	evthread_set_condition_callbacks(&conds);
	SAY("not reached\n");
}

CASE(conditions)
{
	struct evthread_condition_callbacks part = conds;
	event_set_log_callback(say_log);
	part.wait_condition = NULL;
	CHECK(evthread_set_condition_callbacks(&part) == 0);
	CHECK(evthread_get_condition_callbacks()->alloc_condition == NULL);
	CHECK(evthread_set_condition_callbacks(&conds) == 0);
	CHECK(evthread_set_condition_callbacks(&conds) == 0);
	CHECK(evthread_set_condition_callbacks(&other_conds) == -1);
	CHECK(evthread_set_condition_callbacks(NULL) == 0);
	CHECK(evthread_set_condition_callbacks(&other_conds) == 0);
	SAY("%d\n", evthread_get_condition_callbacks()->condition_api_version);
}

CASE(pthreads_after_own)
{
	event_set_log_callback(say_log);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_use_pthreads() == 0);
	CHECK(evthread_get_lock_callbacks()->lock == lock_lock);
}

CASE(pthreads_twice)
{
	event_set_log_callback(say_log);
	CHECK(evthread_use_pthreads() == 0);
	CHECK(evthread_use_pthreads() == 0);
	CHECK(evthread_set_lock_callbacks(&first) == -1);
	SAY("%d %u\n", evthread_get_lock_callbacks()->lock_api_version, evthread_get_lock_callbacks()->supported_locktypes);
	SAY("%d\n", evthread_get_condition_callbacks()->condition_api_version);
}

static void *
try_it(void *lock)
{
	SAY("elsewhere: try %s\n", strerror(evthread_get_lock_callbacks()->lock(EVTHREAD_TRY, lock)));
	return NULL;
}

CASE(builtin_lock)
{
	struct evthread_lock_callbacks *cbs = evthread_get_lock_callbacks();
	pthread_t thread;
	void *lock;
	evthread_use_pthreads();
	lock = cbs->alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
	CHECK(cbs->lock(0, lock) == 0);
	CHECK(cbs->lock(EVTHREAD_TRY, lock) == 0);
	pthread_create(&thread, NULL, try_it, lock);
	pthread_join(thread, NULL);
	CHECK(cbs->unlock(0, lock) == 0);
	CHECK(cbs->unlock(0, lock) == 0);
	cbs->free(lock, EVTHREAD_LOCKTYPE_RECURSIVE);
	lock = cbs->alloc(0);
	CHECK(cbs->lock(0, lock) == 0);
	CHECK(cbs->lock(EVTHREAD_TRY, lock) == EBUSY);
	CHECK(cbs->unlock(0, lock) == 0);
	cbs->free(lock, 0);
}

CASE(builtin_condition_times_out)
{
	struct evthread_lock_callbacks *cbs = evthread_get_lock_callbacks();
	struct evthread_condition_callbacks *cond_cbs = evthread_get_condition_callbacks();
	struct timeval tv = { 0, 20000 };
	struct timespec before, after;
	void *lock, *cond;
	evthread_use_pthreads();
	lock = cbs->alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
	cond = cond_cbs->alloc_condition(0);
	cbs->lock(0, lock);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK(cond_cbs->wait_condition(cond, lock, &tv) == 1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 19);
	tv.tv_sec = -5;
	CHECK(cond_cbs->wait_condition(cond, lock, &tv) == 1);
	CHECK(cond_cbs->signal_condition(cond, 0) == 0);
	CHECK(cond_cbs->signal_condition(cond, 1) == 0);
	CHECK(cbs->unlock(0, lock) == 0);
	cond_cbs->free_condition(cond);
	cbs->free(lock, EVTHREAD_LOCKTYPE_RECURSIVE);
}

static struct {
	void *lock, *cond;
	int ready;
} shared;

static void *
wake_it(void *broadcast)
{
	evthread_get_lock_callbacks()->lock(0, shared.lock);
	shared.ready = 1;
	evthread_get_condition_callbacks()->signal_condition(shared.cond, broadcast != NULL);
	evthread_get_lock_callbacks()->unlock(0, shared.lock);
	return NULL;
}

CASE(builtin_condition_wakes)
{
	struct evthread_lock_callbacks *cbs = evthread_get_lock_callbacks();
	struct evthread_condition_callbacks *cond_cbs = evthread_get_condition_callbacks();
	pthread_t thread;
	int round;
	evthread_use_pthreads();
	shared.lock = cbs->alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
	shared.cond = cond_cbs->alloc_condition(0);
	for (round = 0; round < 2; round++) {
		int bad = 0;
		cbs->lock(0, shared.lock);
		shared.ready = 0;
		pthread_create(&thread, NULL, wake_it, round ? &shared : NULL);
		while (!shared.ready)
			bad += cond_cbs->wait_condition(shared.cond, shared.lock, NULL) != 0;
		cbs->unlock(0, shared.lock);
		pthread_join(thread, NULL);
		SAY("woken, bad %d\n", bad);
	}
	cond_cbs->free_condition(shared.cond);
	cbs->free(shared.lock, EVTHREAD_LOCKTYPE_RECURSIVE);
}

static void *
no_malloc(size_t size)
{
	(void)size;
	return NULL;
}

CASE(builtin_without_memory)
{
	evthread_use_pthreads();
	event_set_mem_functions(no_malloc, NULL, NULL);
	CHECK(evthread_get_lock_callbacks()->alloc(EVTHREAD_LOCKTYPE_RECURSIVE) == NULL);
	CHECK(evthread_get_condition_callbacks()->alloc_condition(0) == NULL);
}

/* Lock debugging keeps the program's own functions visible, whichever comes first. */
CASE(debugging_then_callbacks)
{
	event_set_log_callback(say_log);
	evthread_enable_lock_debugging();
	CHECK(evthread_get_lock_callbacks()->alloc == NULL);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_get_lock_callbacks()->lock == lock_lock);
	CHECK(evthread_set_lock_callbacks(&other) == -1);
	CHECK(evthread_set_condition_callbacks(&conds) == 0);
	CHECK(evthread_get_condition_callbacks()->wait_condition == cond_wait);
}

CASE(callbacks_then_debugging)
{
	event_set_log_callback(say_log);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	evthread_enable_lock_debugging();
	evthread_enable_lock_debuging();
	CHECK(evthread_get_lock_callbacks()->lock == lock_lock);
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_lock_callbacks(&other) == -1);
}

CASE(debugging_counts_pairs)
{
	struct event_base *base;
	struct event *ev;
	struct timeval tv = { 0, 1000 };
	int round;
	evthread_enable_lock_debugging();
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	CHECK(evthread_set_condition_callbacks(&conds) == 0);
	evthread_set_id_callback(five);
	for (round = 0; round < 3; round++) {
		base = event_base_new();
		ev = event_new(base, -1, 0, (event_callback_fn)(void (*)(void))five, NULL);
		CHECK(event_add(ev, &tv) == 0 && event_del(ev) == 0);
		event_active(ev, EV_TIMEOUT, 1);
		CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
		event_free(ev);
		event_base_free(base);
		CHECK(locked > 0 && locked == unlocked);
	}
	libevent_global_shutdown();
	CHECK(locked == unlocked && allocated == freed);
}

CASE(debugging_ends_with_shutdown)
{
	event_set_log_callback(say_log);
	evthread_enable_lock_debugging();
	CHECK(evthread_set_lock_callbacks(&first) == 0);
	libevent_global_shutdown();
	CHECK(allocated == freed);
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(evthread_set_lock_callbacks(&other) == 0);
	CHECK(evthread_get_lock_callbacks()->lock == lock_unlock);
}
