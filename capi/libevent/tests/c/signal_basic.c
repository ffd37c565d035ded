/* Signals. */
#include "case.h"
#include "loop_kit.h"

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

CASE(delivered_in_the_loop)
{
	struct event_base *base = event_base_new();
	struct event *ev = evsignal_new(base, SIGUSR1, trace, "usr1");

	event_add(ev, NULL);
	raise(SIGUSR1);
	SAY("raised\n");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
}

CASE(called_as_often_as_raised)
{
	struct event_base *base = event_base_new();
	struct event *ev = evsignal_new(base, SIGUSR1, trace, "usr1");

	event_add(ev, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
}

CASE(each_event_is_called_as_often)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a"), *b = event_new(base, SIGUSR1, EV_SIGNAL, trace, "once"),
		     *c = evsignal_new(base, SIGUSR2, trace, "c");

	event_add(a, NULL);
	event_add(b, NULL);
	event_add(c, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	raise(SIGUSR2);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(c);
	event_base_free(base);
}

CASE(low_number_first)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR2, trace, "usr2"), *b = evsignal_new(base, SIGHUP, trace, "hup"),
		     *c = evsignal_new(base, SIGUSR1, trace, "usr1");

	event_add(a, NULL);
	event_add(b, NULL);
	event_add(c, NULL);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGHUP);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(c);
	event_base_free(base);
}

CASE(realtime_signal)
{
	struct event_base *base = event_base_new();
	struct event *ev = evsignal_new(base, SIGRTMIN + 2, trace, "rt");

	SAY("add %d\n", event_add(ev, NULL));
	raise(SIGRTMIN + 2);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
}

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

CASE(last_number)
{
	struct event_base *base = event_base_new();
	struct event *ev = evsignal_new(base, NSIG - 1, trace, "last");

	SAY("add %d\n", event_add(ev, NULL));
	raise(NSIG - 1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
}

static void of_the_user(int sig)
{
	(void)sig;
	SAY("the user's handler\n");
}

CASE(previous_handler_comes_back)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a"), *b = evsignal_new(base, SIGUSR1, trace, "b");
	struct sigaction sa, old;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = of_the_user;
	sigaddset(&sa.sa_mask, SIGHUP);
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	event_add(a, NULL);
	event_add(b, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(a);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(b);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == of_the_user);
	CHECK(old.sa_flags & SA_NODEFER);
	CHECK(sigismember(&old.sa_mask, SIGHUP));
	event_free(a);
	event_free(b);
	event_base_free(base);
}

CASE(previous_default_and_ignore_come_back)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a"), *b = evsignal_new(base, SIGUSR2, trace, "b");
	struct sigaction old;

	signal(SIGUSR2, SIG_IGN);
	event_add(a, NULL);
	event_add(b, NULL);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler != SIG_DFL);
	CHECK(old.sa_flags & SA_RESTART);
	event_del(a);
	event_del(b);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &old);
	CHECK(old.sa_handler == SIG_IGN);
	event_free(a);
	event_free(b);
	event_base_free(base);
}

CASE(base_free_restores_the_handler)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");

	signal(SIGUSR1, of_the_user);
	event_add(a, NULL);
	event_base_free(base);
	raise(SIGUSR1);
	event_debug_unassign(a);
	free(a);
}

CASE(oneshot_restores_the_handler_when_it_fires)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, SIGUSR1, EV_SIGNAL, trace, "a");

	signal(SIGUSR1, of_the_user);
	event_add(a, NULL);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	raise(SIGUSR1);
	event_free(a);
	event_base_free(base);
}

CASE(keeps_the_loop_alive)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, breaker, base);

	SAY("empty loop %d\n", event_base_dispatch(base));
	event_add(a, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_del(a);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_base_free(base);
}

CASE(signal_with_a_timeout)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, SIGUSR1, EV_SIGNAL, trace, "a"), *p = evsignal_new(base, SIGUSR2, trace, "p");

	SAY("add %d\n", event_add(a, ms(1)));
	SAY("pending %s\n", bits(event_pending(a, EV_SIGNAL | EV_TIMEOUT, NULL)));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("add %d\n", event_add(a, ms(100000)));
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("pending %s\n", bits(event_pending(a, EV_SIGNAL | EV_TIMEOUT, NULL)));
	SAY("add %d\n", event_add(p, ms(1)));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(p, EV_SIGNAL | EV_TIMEOUT, NULL)));
	event_free(a);
	event_free(p);
	event_base_free(base);
}

static void raise_again(evutil_socket_t sig, short what, void *arg)
{
	int *left = arg;

	SAY("raise %s %d\n", bits(what), *left);
	if (--*left)
		raise((int)sig);
}

CASE(raised_inside_its_callback)
{
	struct event_base *base = event_base_new();
	int left = 3;
	struct event *a = evsignal_new(base, SIGUSR1, raise_again, &left);

	event_add(a, NULL);
	raise(SIGUSR1);
	while (left)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_base_free(base);
}

struct many {
	struct event *ev;
	int left;
};

static void del_at(evutil_socket_t sig, short what, void *arg)
{
	struct many *m = arg;

	(void)sig;
	SAY("call %s left %d\n", bits(what), m->left);
	if (--m->left == 0)
		event_del(m->ev);
}

CASE(delete_inside_ends_the_calls)
{
	struct event_base *base = event_base_new();
	struct many m = { .left = 2 };

	m.ev = evsignal_new(base, SIGUSR1, del_at, &m);
	event_add(m.ev, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(m.ev);
	event_base_free(base);
}

static void free_at(evutil_socket_t sig, short what, void *arg)
{
	struct many *m = arg;

	(void)sig;
	SAY("call %s left %d\n", bits(what), m->left);
	if (--m->left == 0)
		event_free(m->ev);
}

CASE(free_inside_ends_the_calls)
{
	struct event_base *base = event_base_new();
	struct many m = { .left = 2 };

	m.ev = evsignal_new(base, SIGUSR1, free_at, &m);
	event_add(m.ev, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

static void readd_at(evutil_socket_t sig, short what, void *arg)
{
	struct many *m = arg;

	(void)sig;
	SAY("call %s left %d\n", bits(what), m->left);
	if (--m->left == 1) {
		event_del(m->ev);
		event_add(m->ev, NULL);
	}
}

CASE(delete_and_add_inside_ends_the_calls_of_this_turn)
{
	struct event_base *base = event_base_new();
	struct many m = { .left = 3 };

	m.ev = evsignal_new(base, SIGUSR1, readd_at, &m);
	event_add(m.ev, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(m.ev);
	event_base_free(base);
}

CASE(raised_before_it_is_added_is_not_seen)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");

	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	event_add(a, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(a);
	event_base_free(base);
}

CASE(raised_then_deleted_is_not_delivered)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a"), *b = evsignal_new(base, SIGUSR2, trace, "b");

	event_add(a, NULL);
	event_add(b, NULL);
	raise(SIGUSR1);
	event_del(a);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_add(a, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(a);
	event_free(b);
	event_base_free(base);
}

/* What has arrived is kept until the loop looks, even if nobody asks for it in between. */
CASE(deleted_and_added_again_before_the_loop)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");

	event_add(a, NULL);
	raise(SIGUSR1);
	event_del(a);
	event_add(a, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	raise(SIGUSR1);
	raise(SIGUSR1);
	event_free(a);
	a = event_new(base, SIGUSR1, EV_SIGNAL, trace, "b");
	event_add(a, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(a);
	event_base_free(base);
}

CASE(blocked_signal_waits)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");
	sigset_t set;

	event_add(a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(a);
	event_base_free(base);
}

CASE(signal_mask_is_left_alone)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "a");
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	event_add(a, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(sigismember(&before, SIGUSR1) == sigismember(&after, SIGUSR1));
	SAY("blocked %d\n", sigismember(&after, SIGUSR1));
	event_free(a);
	event_base_free(base);
}

CASE(a_signal_interrupts_the_wait)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGALRM, breaker, base);

	event_add(a, NULL);
	ualarm(5000, 0);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_base_free(base);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A handler of the user's own does not end the wait with an error. */
CASE(foreign_signal_during_the_wait)
{
	struct event_base *base = event_base_new();
	struct event *timer = evtimer_new(base, trace, "timer");

	signal(SIGALRM, nothing);
	evtimer_add(timer, ms(30));
	ualarm(5000, 0);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(timer);
	event_base_free(base);
}

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
CASE(second_base_after_the_first_is_freed)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "first");

	event_add(a, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_base_free(base);
	base = event_base_new();
	a = evsignal_new(base, SIGUSR1, trace, "second");
	event_add(a, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_base_free(base);
}

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
