/* loopexit, loopbreak, loopcontinue. */
#include "case.h"
#include "loop_kit.h"

static void leave(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("leave %d\n", event_base_loopexit(arg, NULL));
}

static void quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("break %d\n", event_base_loopbreak(arg));
}

static void proceed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("continue %d\n", event_base_loopcontinue(arg));
}

static void three(struct event_base *base, event_callback_fn second)
{
	event_base_once(base, -1, EV_TIMEOUT, trace, "first", NULL);
	event_base_once(base, -1, EV_TIMEOUT, second, base, NULL);
	event_base_once(base, -1, EV_TIMEOUT, trace, "third", NULL);
}

static void ends(struct event_base *base)
{
	SAY("exit %d break %d\n", event_base_got_exit(base), event_base_got_break(base));
}

CASE(loopexit_lets_the_active_ones_run)
{
	struct event_base *base = event_base_new();

	three(base, leave);
	event_base_once(base, -1, EV_TIMEOUT, trace, "later", ms(300));
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(loopbreak_ends_after_this_callback)
{
	struct event_base *base = event_base_new();

	three(base, quit);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(loopcontinue_looks_again)
{
	struct event_base *base = event_base_new();
	struct event *high;
	int fd[2];

	pair(fd);
	event_base_priority_init(base, 2);
	high = event_new(base, fd[0], EV_READ, trace_read, "urgent");
	event_priority_set(high, 0);
	event_add(high, NULL);
	three(base, proceed);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("--\n");
	event_base_once(base, -1, EV_TIMEOUT, proceed, base, NULL);
	event_base_once(base, -1, EV_TIMEOUT, trace, "last", NULL);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_free(high);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static int send_to;

static void send_and_proceed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	put(send_to, "x");
	SAY("sends, continue %d\n", event_base_loopcontinue(arg));
}

static void send_only(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	put(send_to, "x");
	SAY("sends\n");
}

static void sent_before_the_rest(event_callback_fn cb)
{
	struct event_base *base = event_base_new();
	struct event *high;
	int fd[2];

	pair(fd);
	send_to = fd[1];
	event_base_priority_init(base, 3);
	high = event_new(base, fd[0], EV_READ, trace_read, "urgent");
	event_priority_set(high, 0);
	event_add(high, NULL);
	event_base_once(base, -1, EV_TIMEOUT, cb, base, NULL);
	event_base_once(base, -1, EV_TIMEOUT, trace, "rest", NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(high);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(loopcontinue_lets_urgent_data_in)
{
	sent_before_the_rest(send_and_proceed);
}

CASE(without_loopcontinue_the_rest_comes_first)
{
	sent_before_the_rest(send_only);
}

CASE(loopexit_before_the_loop)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "never");
	event_add(ev, NULL);
	SAY("loopexit %d\n", event_base_loopexit(base, NULL));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	ends(base);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* A break asked for while no loop runs is forgotten when the loop begins. */
CASE(loopbreak_before_the_loop)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "runs", ms(1));
	SAY("loopbreak %d\n", event_base_loopbreak(base));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(loopcontinue_outside)
{
	struct event_base *base = event_base_new();

	SAY("loopcontinue %d\n", event_base_loopcontinue(base));
	event_base_once(base, -1, EV_TIMEOUT, trace, "runs", ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(without_a_base)
{
	SAY("%d %d\n", event_base_loopbreak(NULL), event_base_loopcontinue(NULL));
}

CASE(timed_loopexit)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "far");

	evtimer_add(ev, ms(100000));
	SAY("loopexit %d\n", event_base_loopexit(base, ms(5)));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	ends(base);
	event_free(ev);
	event_base_free(base);
}

CASE(timed_loopexit_of_zero)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "active", NULL);
	SAY("loopexit %d\n", event_base_loopexit(base, ms(0)));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(timed_loopexit_in_an_empty_loop)
{
	struct event_base *base = event_base_new();

	event_base_loopexit(base, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(timed_loopexit_outlives_another_end)
{
	struct event_base *base = event_base_new();
	struct event *ev = evtimer_new(base, trace, "far");

	evtimer_add(ev, ms(100000));
	event_base_loopexit(base, ms(200));
	event_base_once(base, -1, EV_TIMEOUT, quit, base, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_free(ev);
	event_base_free(base);
}

static void both(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopexit(arg, NULL);
	event_base_loopbreak(arg);
	ends(arg);
}

CASE(exit_and_break_together)
{
	struct event_base *base = event_base_new();

	three(base, both);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_base_free(base);
}

CASE(exit_with_priorities)
{
	struct event_base *base = event_base_new();
	struct event *low;

	event_base_priority_init(base, 3);
	low = event_new(base, -1, 0, trace, "low");
	event_priority_set(low, 2);
	event_active(low, EV_READ, 1);
	three(base, leave);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(low);
	event_base_free(base);
}

static void again(evutil_socket_t fd, short what, void *arg)
{
	struct event **ev = arg;
	static int left = 3;

	(void)fd;
	(void)what;
	SAY("again %d\n", left);
	event_base_loopexit(event_get_base(*ev), NULL);
	if (--left)
		event_active(*ev, EV_READ, 1);
}

/* What the callbacks of the last turn activate still runs. */
CASE(exit_runs_what_becomes_active_meanwhile)
{
	struct event_base *base = event_base_new();
	struct event *ev;

	ev = event_new(base, -1, 0, again, &ev);
	event_active(ev, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	ends(base);
	event_free(ev);
	event_base_free(base);
}

CASE(break_then_go_on_with_persistent_events)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, quit, base);
	event_add(ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("loop %d\n", event_base_dispatch(base));
	drain(fd[0]);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	ends(base);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static struct event_base *handler_base;


static void break_in_handler(int sig)
{
	(void)sig;
	event_base_loopbreak(handler_base);
}

static void with_handler(void (*handler)(int))
{
	struct event *ev;
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = handler;
	sigaction(SIGALRM, &sa, NULL);
	handler_base = event_base_new();
	ev = evtimer_new(handler_base, trace, "far");
	evtimer_add(ev, ms(100000));
	ualarm(20000, 20000);
	SAY("loop %d\n", event_base_dispatch(handler_base));
	ualarm(0, 0);
	ends(handler_base);
	event_free(ev);
	event_base_free(handler_base);
}

CASE(loopbreak_in_a_signal_handler)
{
	with_handler(break_in_handler);
}

static void brk_in_callback(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	SAY("raises\n");
	raise(SIGUSR2);
}

CASE(loopbreak_in_a_handler_during_a_callback)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = break_in_handler;
	sigaction(SIGUSR2, &sa, NULL);
	handler_base = event_base_new();
	event_base_once(handler_base, -1, EV_TIMEOUT, brk_in_callback, NULL, NULL);
	event_base_once(handler_base, -1, EV_TIMEOUT, trace, "next", NULL);
	SAY("loop %d\n", event_base_dispatch(handler_base));
	ends(handler_base);
	event_base_free(handler_base);
}
