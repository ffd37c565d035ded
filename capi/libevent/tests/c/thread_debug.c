/* What lock debugging finds, seen through a buffer's lock. The texts of the messages differ and are not shown. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>

static struct evbuffer *volatile shared;

static void
severity_log(int severity, const char *text)
{
	(void)text;
	SAY("log %d\n", severity);
}

static void
say_fatal(int code)
{
	SAY("fatal %x\n", (unsigned)code);
}

/* Debugging on before or after the locks are chosen. */
static void
set_up(int debugging_first)
{
	event_set_log_callback(severity_log);
	event_set_fatal_callback(say_fatal);
	if (debugging_first)
		evthread_enable_lock_debugging();
	evthread_use_pthreads();
	if (!debugging_first)
		evthread_enable_lock_debugging();
	shared = evbuffer_new();
	CHECK(evbuffer_enable_locking(shared, NULL) == 0);
}

CASE(sound_use)
{
	int first;
	for (first = 0; first < 2; first++) {
		set_up(first);
		evbuffer_lock(shared);
		evbuffer_lock(shared);
		CHECK(evbuffer_add(shared, "abc", 3) == 0);
		evbuffer_unlock(shared);
		evbuffer_unlock(shared);
		CHECK(evbuffer_drain(shared, 3) == 0);
		evbuffer_free(shared);
		shared = NULL;
	}
}

CASE(release_without_hold)
{
	set_up(1);
	evbuffer_unlock(shared);
	SAY("not reached\n");
}

CASE(release_without_hold_debugging_later)
{
	set_up(0);
	evbuffer_unlock(shared);
	SAY("not reached\n");
}

CASE(release_too_often)
{
	set_up(1);
	evbuffer_lock(shared);
	evbuffer_lock(shared);
	evbuffer_unlock(shared);
	evbuffer_unlock(shared);
	SAY("all given back\n");
	evbuffer_unlock(shared);
	SAY("not reached\n");
}

CASE(free_while_held)
{
	set_up(1);
	evbuffer_lock(shared);
	evbuffer_lock(shared);
	evbuffer_free(shared);
	SAY("not reached\n");
}

CASE(no_fatal_callback)
{
	set_up(1);
	event_set_fatal_callback(NULL);
	evbuffer_unlock(shared);
	SAY("not reached\n");
}

static void *
release_it(void *arg)
{
	(void)arg;
	evbuffer_unlock(shared);
	SAY("not reached\n");
	return NULL;
}

CASE(release_by_another_thread)
{
	pthread_t thread;
	set_up(1);
	evbuffer_lock(shared);
	pthread_create(&thread, NULL, release_it, NULL);
	pthread_join(thread, NULL);
}

static void *
add_some(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 500; i++) {
		evbuffer_lock(shared);
		evbuffer_add(shared, "ab", 2);
		evbuffer_drain(shared, 1);
		evbuffer_unlock(shared);
	}
	return NULL;
}

CASE(several_threads)
{
	pthread_t threads[3];
	int i;
	set_up(1);
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, add_some, NULL);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	SAY("%d bytes\n", (int)evbuffer_get_length(shared));
	evbuffer_free(shared);
	shared = NULL;
}
