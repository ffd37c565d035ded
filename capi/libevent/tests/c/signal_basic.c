/* Signals. */
#include "case.h"
#include "scene.h"

CASE(macros)
{
	struct event_base *base = event_base_new();
	struct event *ev = evsignal_new(base, SIGUSR1, trace, "new"), own;

	CHECK(evsignal_initialized(ev));
	CHECK(event_get_signal(ev) == SIGUSR1);
	SAY("events %s\n", bits(event_get_events(ev)));
	SAY("add %d\n", evsignal_add(ev, NULL));
	SAY("pending %s\n", bits(evsignal_pending(ev, NULL)));
	SAY("del %d\n", evsignal_del(ev));
	SAY("pending %s\n", bits(evsignal_pending(ev, NULL)));
	SAY("assign %d\n", evsignal_assign(&own, base, SIGUSR2, trace, "own"));
	evsignal_add(&own, NULL);
	raise(SIGUSR2);
	event_base_loop(base, EVLOOP_ONCE);
	evsignal_del(&own);
	event_free(ev);
	event_base_free(base);
}

/* Delivery: in the loop, as often as raised, low numbers first. */
SCENE(delivered_in_the_loop, "event s USR1 SP; add s; raise USR1; say raised; loop once; loop nonblock")
SCENE(called_as_often_as_raised, "event s USR1 SP; add s; raise USR1 3; loop once")
SCENE(each_event_is_called_as_often,
    "event a USR1 SP; event b USR1 S; event c USR2 SP; add a; add b; add c; raise USR1 2; loop once; raise USR1; loop once;"
    "raise USR2; loop once")
SCENE(low_number_first,
    "event a USR2 SP; event b HUP SP; event c USR1 SP; add a; add b; add c; raise USR2; raise USR1; raise HUP; loop once")
SCENE(realtime_signal, "event s RT2 SP; add s; raise RT2; loop once")
SCENE(last_number, "event s LAST SP; add s; raise LAST; loop once")

CASE(impossible_numbers)
{
	static const int numbers[] = { -1, 0, NSIG, NSIG + 1, 100000, SIGKILL, SIGSTOP };
	struct event_base *base = event_base_new();
	size_t i;

	event_set_log_callback(severity_log);
	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct event *ev = event_new(base, numbers[i], EV_SIGNAL, trace, "");

		CHECK(ev != NULL);
		SAY("add %d\n", event_add(ev, NULL));
		SAY("pending %d added %d\n", event_pending(ev, EV_SIGNAL, NULL), added(base));
		event_free(ev);
	}
	event_base_free(base);
}

/* The handler that was there before comes back. */
SCENE(previous_handler_comes_back_with_the_last_event,
    "handler USR1 ours; raise USR1; event a USR1 SP; event b USR1 SP; add a; add b; raise USR1; loop once; del a; raise USR1;"
    "loop once; del b; raise USR1; handles USR1")
SCENE(previous_default_and_ignore_come_back,
    "handler USR2 ignore; event a USR1 SP; event b USR2 SP; add a; add b; handles USR1; del a; del b; handles USR1; handles USR2")
SCENE(base_free_restores_the_handler, "handler USR1 ours; event a USR1 SP; add a; base; raise USR1")
SCENE(oneshot_restores_the_handler_when_it_fires, "handler USR1 ours; event a USR1 S; add a; raise USR1; loop; raise USR1")

CASE(previous_handler_comes_back)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");
	struct sigaction sa, old;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = scene_ours;
	sigaddset(&sa.sa_mask, SIGHUP);
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	event_add(a, NULL);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_flags & SA_RESTART);
	event_del(a);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == scene_ours);
	CHECK(old.sa_flags & SA_NODEFER);
	CHECK(sigismember(&old.sa_mask, SIGHUP));
	event_free(a);
	event_base_free(base);
}

/* What keeps the loop alive, and what a timeout does. */
SCENE(keeps_the_loop_alive, "event a USR1 SP; on a 1 break; loop; add a; loop nonblock; raise USR1; loop; del a; loop")
SCENE(signal_with_a_timeout,
    "event a USR1 S; event p USR2 SP; add a 1; pending a; counts; loop; add a 100000; raise USR1; loop; pending a; add p 1;"
    "loop once; pending p")

/* Inside its own callback. */
SCENE(raised_inside_its_callback,
    "event a USR1 SP; on a 1 raise USR1; on a 2 raise USR1; add a; raise USR1; loop once; loop once; loop once; loop nonblock")
SCENE(delete_inside_ends_the_calls, "event a USR1 SP; on a 2 del a; add a; raise USR1 4; loop")
SCENE(free_inside_ends_the_calls, "event a USR1 SP; on a 2 free a; add a; raise USR1 3; loop")
SCENE(delete_and_add_inside_ends_the_calls_of_this_turn,
    "event a USR1 SP; on a 2 del a; on a 2 add a; add a; raise USR1 3; loop once; raise USR1; loop once")

/* What was raised before, or is not asked for any more. */
SCENE(raised_before_it_is_added_is_not_seen, "handler USR1 ignore; raise USR1; event a USR1 SP; add a; loop nonblock")
SCENE(raised_then_deleted_is_not_delivered,
    "event a USR1 SP; event b USR2 SP; add a; add b; raise USR1; del a; loop nonblock; add a; loop nonblock")
SCENE(deleted_and_added_again_before_the_loop,
    "event a USR1 SP; add a; raise USR1; del a; add a; loop nonblock; raise USR1 2; free a; event b USR1 S; add b; loop nonblock")

/* Masks, and other handlers. */
SCENE(blocked_signal_waits, "event a USR1 SP; add a; mask USR1 on; raise USR1; loop nonblock; mask USR1 off; loop once")
SCENE(signal_mask_is_left_alone, "event a USR1 SP; blocked USR1; add a; loop nonblock; blocked USR1")
SCENE(a_signal_interrupts_the_wait, "event a ALRM SP; on a 1 break; add a; alarm 5; loop")
SCENE(foreign_signal_during_the_wait, "handler ALRM nothing; event t - 0; add t 30; alarm 5; loop")

CASE(thousand_signals)
{
	struct event_base *base = event_base_new();
	int i, n = 0;
	struct event *a = evsignal_new(base, SIGUSR1, count, &n);

	event_add(a, NULL);
	for (i = 0; i < 1000; i++)
		raise(SIGUSR1);
	while (n < 1000)
		event_base_loop(base, EVLOOP_ONCE);
	SAY("%d\n", n);
	event_free(a);
	event_base_free(base);
}

CASE(child_exit)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGCHLD, breaker, base);
	pid_t pid;
	int status = 0;

	event_add(a, NULL);
	pid = fork();
	if (pid == 0)
		_exit(7);
	SAY("loop %d\n", event_base_dispatch(base));
	waitpid(pid, &status, 0);
	SAY("exit %d\n", WEXITSTATUS(status));
	event_free(a);
	event_base_free(base);
}

/* One base after the other. */
SCENE(second_base_after_the_first_is_freed,
    "event first USR1 SP; add first; raise USR1; loop once; free first; base; event second USR1 SP; add second; raise USR1;"
    "loop once")

/* Wanted difference: the distribution's library delivers to the base that added last. */
CASE(two_bases_ask_for_one_signal)
{
	struct event_base *one = event_base_new(), *two = event_base_new();
	int a = 0, b = 0;
	struct event *x = evsignal_new(one, SIGUSR1, count, &a), *y = evsignal_new(two, SIGUSR1, count, &b);

	event_set_log_callback(quiet_log);
	event_add(x, NULL);
	event_add(y, NULL);
	raise(SIGUSR1);
	event_base_loop(one, EVLOOP_NONBLOCK);
	event_base_loop(two, EVLOOP_NONBLOCK);
	SAY("one %d two %d\n", a, b);
	event_free(x);
	event_free(y);
	event_base_free(one);
	event_base_free(two);
}
