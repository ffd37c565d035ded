/* Timers that wait for nothing else: ends of the loop, finalizers, forks, missing memory, kinds of bases, common timeouts. */
#include "case.h"
#include "timer_kit.h"

CASE(huge_timeouts_do_not_wrap)
{
	struct timeval huge = { (time_t)1 << 33, 999999 }, year = { 86400 * 366, 0 };
	base = event_base_new();
	evs[0] = timer("huge");
	evs[1] = timer("year");
	evs[2] = timer("now");
	SAY("%d %d\n", event_add(evs[0], &huge), event_add(evs[1], &year));
	event_add(evs[2], ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	counts("once");
	event_add(evs[0], ms(1));
	event_add(evs[1], &huge);
	event_base_loop(base, EVLOOP_ONCE);
	counts("moved");
	event_free(evs[0]);
	event_free(evs[1]);
	event_free(evs[2]);
	event_base_free(base);
}

static void chain(evutil_socket_t fd, short what, void *arg)
{
	static int left = 5;
	(void)fd;
	(void)arg;
	SAY("chain %s %d\n", bits(what), left);
	if (--left)
		event_add(evs[0], ms(0));
}

CASE(loop_flags_with_timers_due)
{
	base = event_base_new();
	evs[0] = evtimer_new(base, chain, NULL);
	SAY("empty once %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_add(evs[0], ms(0));
	SAY("once %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("nonblock %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("both %d\n", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
	SAY("dispatch %d\n", event_base_dispatch(base));
	evs[1] = timer("later");
	event_add(evs[1], ms(40));
	SAY("nonblock %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	counts("not yet");
	SAY("once %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(evs[0]);
	event_free(evs[1]);
	event_base_free(base);
}

static void stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("stopping by %s\n", (char *)arg);
	if (*(char *)arg == 'b')
		event_base_loopbreak(base);
	else if (*(char *)arg == 'c')
		event_base_loopcontinue(base);
	else
		event_base_loopexit(base, NULL);
}

CASE(ends_of_the_loop_between_timers)
{
	static const char *how[] = { "break", "exit", "continue" };
	int i;
	for (i = 0; i < 3; i++) {
		base = event_base_new();
		evs[0] = timer("before");
		evs[1] = evtimer_new(base, stop, (void *)how[i]);
		evs[2] = timer("after");
		event_add(evs[0], ms(1));
		event_add(evs[1], ms(2));
		event_add(evs[2], ms(3));
		nap(8);
		SAY("%d", event_base_loop(base, 0));
		SAY(" break %d exit %d\n", event_base_got_break(base), event_base_got_exit(base));
		counts("stopped");
		SAY("pending %s\n", bits(event_pending(evs[2], EV_TIMEOUT, NULL)));
		event_base_dispatch(base);
		event_free(evs[0]);
		event_free(evs[1]);
		event_free(evs[2]);
		event_base_free(base);
	}
}

CASE(loopexit_timers_of_different_times)
{
	base = event_base_new();
	evs[0] = timer("ten");
	event_add(evs[0], ms(10));
	evs[1] = timer("thirty");
	event_add(evs[1], ms(30));
	event_base_loopexit(base, ms(60));
	event_base_loopexit(base, ms(20));
	counts("before");
	SAY("%d exit %d\n", event_base_dispatch(base), event_base_got_exit(base));
	counts("first");
	SAY("%d exit %d\n", event_base_dispatch(base), event_base_got_exit(base));
	counts("second");
	SAY("%d exit %d\n", event_base_dispatch(base), event_base_got_exit(base));
	event_free(evs[0]);
	event_free(evs[1]);
	event_base_free(base);
}

static void finalized(struct event *e, void *arg)
{
	SAY("finalized %s, pending %s\n", (char *)arg, bits(event_pending(e, EV_TIMEOUT, NULL)));
}

static void finalize_others(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	SAY("%d\n", event_free_finalize(0, evs[1], finalized));
	SAY("%d\n", event_finalize(0, evs[2], finalized));
	SAY("add %d\n", event_add(evs[2], ms(1)));
	event_active(evs[2], EV_READ, 1);
	counts("finalizing");
}

/* One of them is pending, the other due in the same turn. */
CASE(finalized_while_pending_and_while_active)
{
	base = event_base_new();
	evs[0] = evtimer_new(base, finalize_others, (void *)"first");
	evs[1] = timer("pending");
	evs[2] = timer("active");
	event_add(evs[0], ms(1));
	event_add(evs[1], ms(1000));
	event_add(evs[2], ms(2));
	nap(5);
	event_base_dispatch(base);
	counts("done");
	event_free(evs[0]);
	event_debug_unassign(evs[2]);
	free(evs[2]);
	event_base_free(base);
}

CASE(base_freed_while_finalizing)
{
	base = event_base_new();
	evs[0] = timer("timer");
	event_add(evs[0], ms(1000));
	event_free_finalize(0, evs[0], finalized);
	evs[1] = timer("other");
	event_add(evs[1], ms(1000));
	event_base_free(base);
	free(evs[1]);
}

static void deletes_itself(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	event_free(evs[0]);
	evs[0] = evtimer_new(base, say, (void *)"in the same memory, perhaps");
	event_add(evs[0], ms(1));
	event_del(evs[0]);
	event_add(evs[0], ms(2));
}

CASE(frees_itself_and_makes_another)
{
	int persist;
	for (persist = 0; persist < 2; persist++) {
		base = event_base_new();
		evs[0] = event_new(base, -1, persist ? EV_PERSIST : 0, deletes_itself, (void *)"first");
		event_add(evs[0], ms(1));
		event_base_dispatch(base);
		counts("done");
		event_free(evs[0]);
		event_base_free(base);
	}
}

CASE(fork_and_reinit_with_timers_in_every_place)
{
	pid_t child;
	int status = 0;
	base = event_base_new();
	evs[0] = evtimer_new(base, say, (void *)"settled");
	event_add(evs[0], ms(10));
	event_base_loop(base, EVLOOP_NONBLOCK);
	evs[1] = timer("not settled");
	event_add(evs[1], ms(20));
	evs[2] = timer("common");
	event_add(evs[2], event_base_init_common_timeout(base, ms(35)));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		SAY("reinit %d\n", event_reinit(base));
		event_base_dispatch(base);
		event_free(evs[0]);
		event_free(evs[1]);
		event_free(evs[2]);
		event_base_free(base);
		_exit(0);
	}
	waitpid(child, &status, 0);
	SAY("child %d\n", status);
	event_base_dispatch(base);
	event_free(evs[0]);
	event_free(evs[1]);
	event_free(evs[2]);
	event_base_free(base);
}

CASE(copied_while_idle)
{
	struct event a, b;
	base = event_base_new();
	event_assign(&a, base, -1, 0, say, (void *)"copied");
	event_add(&a, ms(1000));
	event_del(&a);
	memcpy(&b, &a, sizeof b);
	memset(&a, 0xa5, sizeof a);
	event_add(&b, ms(1));
	event_base_dispatch(base);
	memcpy(&a, &b, sizeof a);
	memset(&b, 0xa5, sizeof b);
	event_add(&a, ms(0));
	event_base_dispatch(base);
	event_base_free(base);
}

CASE(callback_and_argument_edited_while_pending)
{
	struct event e;
	base = event_base_new();
	event_assign(&e, base, -1, 0, say, (void *)"old");
	event_add(&e, ms(1));
	e.ev_evcallback.evcb_arg = (void *)"new";
	event_base_dispatch(base);
	event_base_free(base);
}

static void *no_memory(size_t n)
{
	(void)n;
	return NULL;
}

static void *no_more_memory(void *p, size_t n)
{
	(void)p;
	(void)n;
	return NULL;
}

/* A timer that was pending once can be added again without memory. */
CASE(added_again_without_memory)
{
	struct event e[3];
	int i;
	base = event_base_new();
	for (i = 0; i < 3; i++) {
		event_assign(&e[i], base, -1, 0, say, (void *)"timer");
		event_add(&e[i], ms(5));
	}
	event_base_dispatch(base);
	event_set_mem_functions(no_memory, no_more_memory, free);
	for (i = 0; i < 3; i++)
		SAY("%d\n", event_add(&e[i], ms(i)));
	event_base_dispatch(base);
	counts("done");
	SAY("new %d\n", evtimer_new(base, say, NULL) != NULL);
	SAY("once %d\n", event_base_once(base, -1, EV_TIMEOUT, say, NULL, ms(1)));
	SAY("exit %d\n", event_base_loopexit(base, ms(1)));
	event_set_mem_functions(malloc, realloc, free);
	event_base_free(base);
}

static void plan(int flag)
{
	struct event_config *cfg = event_config_new();
	event_config_set_flag(cfg, flag);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
}

static void stalls(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	event_add(evs[1], ms(2));
	nap(6);
	event_add(evs[2], ms(1));
	SAY("other pending %s\n", bits(event_pending(evs[1], EV_TIMEOUT, NULL)));
}

CASE(kinds_of_bases)
{
	static const int flags[] = { 0, EVENT_BASE_FLAG_NO_CACHE_TIME, EVENT_BASE_FLAG_PRECISE_TIMER,
		EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST, EVENT_BASE_FLAG_NOLOCK };
	size_t i;
	int k;
	for (i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		SAY("flags %x\n", flags[i]);
		plan(flags[i]);
		evs[0] = evtimer_new(base, stalls, (void *)"first");
		evs[1] = timer("two after the first");
		evs[2] = timer("armed last");
		event_add(evs[0], ms(1));
		event_base_dispatch(base);
		counts("done");
		for (k = 0; k < 3; k++)
			event_free(evs[k]);
		event_base_free(base);
	}
}

CASE(debug_mode_knows_what_is_pending)
{
	struct event e;
	event_enable_debug_mode();
	base = event_base_new();
	event_assign(&e, base, -1, 0, say, (void *)"timer");
	event_add(&e, ms(1));
	event_base_dispatch(base);
	/* It has run, so it may be assigned and taken away. */
	event_assign(&e, base, -1, EV_PERSIST, say, (void *)"persistent");
	event_add(&e, ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(&e, EV_TIMEOUT, NULL)));
	event_del(&e);
	event_debug_unassign(&e);
	event_base_free(base);
}

CASE(debug_mode_after_the_base)
{
	struct event e;
	event_enable_debug_mode();
	base = event_base_new();
	event_assign(&e, base, -1, 0, say, (void *)"timer");
	event_add(&e, ms(1000));
	event_base_free(base);
	base = event_base_new();
	event_assign(&e, base, -1, 0, say, (void *)"timer");
	event_add(&e, ms(0));
	event_base_dispatch(base);
	event_base_free(base);
}

static void late_common(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	event_add(evs[1], event_base_init_common_timeout(base, ms(4)));
	event_add(evs[2], ms(6));
	event_add(evs[3], event_base_init_common_timeout(base, ms(4)));
	event_add(evs[4], event_base_init_common_timeout(base, ms(3)));
	/* From list to list, and to the heap and back. */
	event_add(evs[1], ms(5));
	event_add(evs[2], event_base_init_common_timeout(base, ms(3)));
	event_add(evs[2], event_base_init_common_timeout(base, ms(4)));
	event_add(evs[5], event_base_init_common_timeout(base, ms(3)));
	event_del(evs[5]);
	event_add(evs[6], event_base_init_common_timeout(base, ms(4)));
	event_free(evs[6]);
	counts("armed");
}

CASE(between_common_lists_and_the_heap)
{
	static const char *names[] = { "", "five", "four, second", "four, first", "three", "deleted", "freed" };
	int i;
	base = event_base_new();
	for (i = 1; i < 7; i++)
		evs[i] = timer(names[i]);
	evs[0] = evtimer_new(base, late_common, (void *)"arms");
	event_add(evs[0], ms(1));
	event_base_dispatch(base);
	counts("done");
	for (i = 0; i < 6; i++)
		event_free(evs[i]);
	event_base_free(base);
}

static void common_self(evutil_socket_t fd, short what, void *arg)
{
	static int runs;
	(void)fd;
	SAY("%s %s pending %s\n", (char *)arg, bits(what), bits(event_pending(evs[0], EV_TIMEOUT, NULL)));
	runs++;
	if (runs == 2)
		event_active(evs[0], EV_READ, 1);
	if (runs == 4)
		event_priority_set(evs[0], 0);
	if (runs == 5)
		event_add(evs[0], ms(3));
	if (runs == 7)
		event_del(evs[0]);
}

CASE(persistent_common_timer)
{
	base = event_base_new();
	event_base_priority_init(base, 2);
	evs[0] = event_new(base, -1, EV_PERSIST, common_self, (void *)"persistent");
	event_add(evs[0], event_base_init_common_timeout(base, ms(2)));
	event_base_dispatch(base);
	counts("done");
	event_free(evs[0]);
	event_base_free(base);
}
