/* Lock, condition and identity callbacks of the user's own, counted, under an event base. */
#include "case.h"
#include "loop_kit.h"
#include <event2/thread.h>
#include <pthread.h>

static int locks, conds, lock_calls, unlock_calls, lock_frees, cond_frees, signals, waits, ids, try_calls, odd;

struct lock {
	pthread_mutex_t m;
	unsigned type;
};

static void *lock_alloc(unsigned type)
{
	struct lock *l = malloc(sizeof *l);
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	if (type & EVTHREAD_LOCKTYPE_RECURSIVE)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&l->m, &attr);
	pthread_mutexattr_destroy(&attr);
	l->type = type;
	__atomic_add_fetch(&locks, 1, __ATOMIC_SEQ_CST);
	return l;
}

static void lock_free(void *p, unsigned type)
{
	struct lock *l = p;

	if (l->type != type)
		odd++;
	pthread_mutex_destroy(&l->m);
	free(l);
	lock_frees++;
}

static int lock_lock(unsigned mode, void *p)
{
	struct lock *l = p;
	int r;

	if (mode & EVTHREAD_TRY) {
		__atomic_add_fetch(&try_calls, 1, __ATOMIC_SEQ_CST);
		r = pthread_mutex_trylock(&l->m);
	} else {
		r = pthread_mutex_lock(&l->m);
	}
	if (r == 0)
		__atomic_add_fetch(&lock_calls, 1, __ATOMIC_SEQ_CST);
	return r;
}

static int lock_unlock(unsigned mode, void *p)
{
	struct lock *l = p;

	(void)mode;
	__atomic_add_fetch(&unlock_calls, 1, __ATOMIC_SEQ_CST);
	return pthread_mutex_unlock(&l->m);
}

static void *cond_alloc(unsigned type)
{
	pthread_cond_t *c = malloc(sizeof *c);

	if (type)
		odd++;
	pthread_cond_init(c, NULL);
	conds++;
	return c;
}

static void cond_free(void *c)
{
	pthread_cond_destroy(c);
	free(c);
	cond_frees++;
}

static int cond_signal(void *c, int broadcast)
{
	__atomic_add_fetch(&signals, 1, __ATOMIC_SEQ_CST);
	return broadcast ? pthread_cond_broadcast(c) : pthread_cond_signal(c);
}

static int cond_wait(void *c, void *l, const struct timeval *tv)
{
	__atomic_add_fetch(&waits, 1, __ATOMIC_SEQ_CST);
	if (tv)
		odd++;
	return pthread_cond_wait(c, &((struct lock *)l)->m);
}

static unsigned long identity(void)
{
	__atomic_add_fetch(&ids, 1, __ATOMIC_SEQ_CST);
	return (unsigned long)pthread_self();
}

static int set_up(void)
{
	struct evthread_lock_callbacks l = { EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE, lock_alloc, lock_free,
		lock_lock, lock_unlock };
	struct evthread_condition_callbacks c = { EVTHREAD_CONDITION_API_VERSION, cond_alloc, cond_free, cond_signal,
		cond_wait };

	evthread_set_id_callback(identity);
	return evthread_set_lock_callbacks(&l) | evthread_set_condition_callbacks(&c);
}

static void balance(void)
{
	CHECK(lock_calls == unlock_calls);
	CHECK(odd == 0);
}

CASE(a_base_has_a_lock)
{
	struct event_base *base;
	int before;

	SAY("set %d\n", set_up());
	before = locks;
	base = event_base_new();
	CHECK(locks > before);
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	CHECK(lock_calls > 0);
	CHECK(ids > 0);
	event_base_free(base);
	CHECK(conds == cond_frees);
	balance();
	libevent_global_shutdown();
	CHECK(locks == lock_frees);
}

CASE(nolock_base_has_none)
{
	struct event_base *base;
	struct event_config *cfg = event_config_new();
	int calls;

	SAY("set %d\n", set_up());
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	calls = lock_calls;
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	CHECK(lock_calls == calls);
	CHECK(conds == 0);
	event_base_free(base);
	libevent_global_shutdown();
}

CASE(base_made_before_has_none)
{
	struct event_base *base = event_base_new();

	SAY("set %d\n", set_up());
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	balance();
	libevent_global_shutdown();
}

static struct event_base *looping;
static int go[2], gate[2];

static void slow(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)fd;
	(void)what;
	(void)arg;
	put(go[1], "!");
	if (read(gate[0], &c, 1) != 1)
		abort();
	stall(50);
}

static void *run(void *arg)
{
	(void)arg;
	event_base_loop(looping, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

CASE(blocking_delete_uses_the_condition)
{
	pthread_t t;
	struct event *ev;
	char c;

	SAY("set %d\n", set_up());
	if (pipe(go) < 0 || pipe(gate) < 0)
		abort();
	looping = event_base_new();
	CHECK(conds == 1);
	ev = event_new(looping, -1, 0, slow, NULL);
	event_active(ev, EV_READ, 1);
	pthread_create(&t, NULL, run, NULL);
	if (read(go[0], &c, 1) != 1)
		abort();
	put(gate[1], "!");
	SAY("del %d\n", event_del(ev));
	CHECK(waits >= 1);
	CHECK(signals >= 1);
	event_base_loopbreak(looping);
	pthread_join(t, NULL);
	event_free(ev);
	event_base_free(looping);
	CHECK(conds == cond_frees);
	balance();
	close(go[0]);
	close(go[1]);
	close(gate[0]);
	close(gate[1]);
}

CASE(callbacks_run_without_the_lock)
{
	struct event_base *base;
	struct event *ev;
	int held;

	SAY("set %d\n", set_up());
	base = event_base_new();
	ev = event_new(base, -1, 0, trace, "ev");
	event_active(ev, EV_READ, 1);
	held = lock_calls - unlock_calls;
	CHECK(held == 0);
	event_base_dispatch(base);
	event_free(ev);
	event_base_free(base);
	balance();
	libevent_global_shutdown();
}

static int held_inside = -1;

static void look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	held_inside = lock_calls - unlock_calls;
}

CASE(no_lock_is_held_inside_a_callback)
{
	struct event_base *base;

	SAY("set %d\n", set_up());
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, look, NULL, NULL);
	event_base_dispatch(base);
	SAY("held %d\n", held_inside);
	event_base_once(base, SIGUSR1, EV_TIMEOUT, look, NULL, ms(1));
	event_base_dispatch(base);
	SAY("held %d\n", held_inside);
	event_base_free(base);
	libevent_global_shutdown();
}

static void final_look(struct event *ev, void *arg)
{
	(void)ev;
	(void)arg;
	held_inside = lock_calls - unlock_calls;
}

CASE(no_lock_is_held_inside_a_finalizer)
{
	struct event_base *base;
	struct event *ev;

	SAY("set %d\n", set_up());
	base = event_base_new();
	ev = event_new(base, -1, 0, look, NULL);
	event_free_finalize(0, ev, final_look);
	event_base_dispatch(base);
	SAY("held %d\n", held_inside);
	event_base_free(base);
	libevent_global_shutdown();
}

static int walk_look(const struct event_base *base, const struct event *ev, void *arg)
{
	(void)base;
	(void)ev;
	(void)arg;
	held_inside = lock_calls - unlock_calls;
	return 0;
}

/* The walk holds the base's lock the whole time. */
CASE(the_lock_is_held_during_foreach)
{
	struct event_base *base;
	struct event *ev;

	SAY("set %d\n", set_up());
	base = event_base_new();
	ev = event_new(base, -1, 0, look, NULL);
	event_add(ev, ms(100000));
	event_base_foreach_event(base, walk_look, NULL);
	CHECK(held_inside > 0);
	event_free(ev);
	event_base_free(base);
	balance();
	libevent_global_shutdown();
}

CASE(lock_debugging_counts_pairs)
{
	struct event_base *base;
	struct event *ev;

	evthread_enable_lock_debugging();
	SAY("set %d\n", set_up());
	base = event_base_new();
	ev = evsignal_new(base, SIGUSR1, trace, "signal");
	event_add(ev, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
	CHECK(lock_calls > 0);
	balance();
	libevent_global_shutdown();
	CHECK(locks == lock_frees);
}

CASE(lock_debugging_with_pthreads)
{
	struct event_base *base;

	evthread_enable_lock_debugging();
	SAY("use %d\n", evthread_use_pthreads());
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	libevent_global_shutdown();
}

CASE(other_callbacks_are_refused)
{
	event_set_log_callback(severity_log);
	SAY("use %d\n", evthread_use_pthreads());
	SAY("use %d\n", evthread_use_pthreads());
	SAY("set %d\n", set_up());
	libevent_global_shutdown();
}

/* After the shutdown the old ones are taken away, then new ones may come. */
CASE(new_callbacks_after_global_shutdown)
{
	struct event_base *base;

	event_set_log_callback(severity_log);
	SAY("use %d\n", evthread_use_pthreads());
	base = event_base_new();
	event_base_free(base);
	libevent_global_shutdown();
	SAY("refused %d\n", set_up());
	SAY("none %d\n", evthread_set_lock_callbacks(NULL));
	SAY("none %d\n", evthread_set_condition_callbacks(NULL));
	SAY("set %d\n", set_up());
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	CHECK(lock_calls > 0);
	event_base_free(base);
	balance();
	libevent_global_shutdown();
}

CASE(fork_with_locks)
{
	struct event_base *base;
	struct event *ev;
	pid_t pid;

	SAY("use %d\n", evthread_use_pthreads());
	base = event_base_new();
	ev = evsignal_new(base, SIGUSR1, trace, "signal");
	event_add(ev, NULL);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		raise(SIGUSR1);
		SAY("child loop %d\n", event_base_loop(base, EVLOOP_ONCE));
		event_base_loopexit(base, ms(1));
		SAY("child loop %d\n", event_base_dispatch(base));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(ev);
	event_base_free(base);
	libevent_global_shutdown();
}
