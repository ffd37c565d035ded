/* Loop flags and answers. */
#include "case.h"
#include "loop_kit.h"

CASE(dispatch_ends_when_nothing_is_left)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "a", ms(1));
	event_base_once(base, -1, EV_TIMEOUT, trace, "b", ms(3));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("exit %d break %d\n", event_base_got_exit(base), event_base_got_break(base));
	event_base_free(base);
}

CASE(once_with_the_last_event)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "a", ms(1));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_base_free(base);
}

CASE(once_waits_until_something_ran)
{
	struct event_base *base = event_base_new();
	struct event *a = evtimer_new(base, trace, "a"), *b = evtimer_new(base, trace, "b");

	evtimer_add(a, ms(1));
	evtimer_add(b, ms(300));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(a);
	event_free(b);
	event_base_free(base);
}

struct endless {
	struct event_base *base;
	struct event *ev;
	int left;
};

static void until(evutil_socket_t fd, short what, void *arg)
{
	struct endless *e = arg;

	(void)fd;
	SAY("%s left %d\n", bits(what), e->left);
	if (--e->left == 0)
		event_del(e->ev);
}

/* NONBLOCK goes on while turns find something to run. */
CASE(nonblock_goes_on_while_events_are_ready)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct endless e = { .base = base, .left = 3 };

	pair(fd);
	put(fd[1], "x");
	e.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, until, &e);
	event_add(e.ev, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(e.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* With ONCE it is one turn. */
CASE(nonblock_and_once)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct endless e = { .base = base, .left = 3 };

	pair(fd);
	put(fd[1], "x");
	e.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, until, &e);
	event_add(e.ev, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
	drain(fd[0]);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
	event_free(e.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(nonblock_does_not_wait)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "never");
	event_add(ev, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(no_exit_on_empty_with_nonblock)
{
	struct event_base *base = event_base_new();

	SAY("loop %d\n", event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_NONBLOCK));
	event_base_free(base);
}

static void leave(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("leave\n");
	event_base_loopexit(arg, NULL);
}

static struct event_base *alarm_base;

static void on_alarm(int sig)
{
	(void)sig;
	event_base_loopbreak(alarm_base);
}

static void handler(int sig)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_alarm;
	sigaction(sig, &sa, NULL);
}

/* Nothing to do, no end; the user's own signal handler breaks the loop. */
CASE(no_exit_on_empty_waits)
{
	alarm_base = event_base_new();
	handler(SIGALRM);
	ualarm(20000, 20000);
	SAY("loop %d\n", event_base_loop(alarm_base, EVLOOP_NO_EXIT_ON_EMPTY));
	ualarm(0, 0);
	SAY("break %d\n", event_base_got_break(alarm_base));
	event_base_free(alarm_base);
}

CASE(no_exit_on_empty_goes_on_after_the_last_event)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "one", ms(1));
	event_base_once(base, -1, EV_TIMEOUT, leave, base, ms(5));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY));
	SAY("exit %d\n", event_base_got_exit(base));
	event_base_free(base);
}

CASE(no_exit_on_empty_with_once)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "one", ms(1));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_ONCE));
	event_base_free(base);
}

static void nested(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	SAY("nested loop %d\n", event_base_loop(arg, EVLOOP_NONBLOCK));
	SAY("nested dispatch %d\n", event_base_dispatch(arg));
	event_base_once(arg, -1, EV_TIMEOUT, trace, "after", NULL);
}

CASE(nested_call_is_refused)
{
	struct event_base *base = event_base_new();

	event_set_log_callback(severity_log);
	event_base_once(base, -1, EV_TIMEOUT, nested, base, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(unknown_flags)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "one", ms(1));
	SAY("loop %d\n", event_base_loop(base, 0x100));
	event_base_free(base);
}

CASE(many_active_and_once)
{
	struct event_base *base = event_base_new();
	struct event *ev[50];
	int i, n = 0;

	for (i = 0; i < 50; i++) {
		ev[i] = event_new(base, -1, 0, count, &n);
		event_active(ev[i], EV_READ, 1);
	}
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("ran %d\n", n);
	for (i = 0; i < 50; i++)
		event_free(ev[i]);
	event_base_free(base);
}

/* What was ready when the wait ended runs in that turn, what callbacks make ready runs later. */
static int chain_fd[3][2];

static void relay(evutil_socket_t fd, short what, void *arg)
{
	int i = *(int *)arg;

	(void)what;
	SAY("relay %d got %d\n", i, drain(fd));
	if (i + 1 < 3)
		put(chain_fd[i + 1][1], "xx");
}

CASE(relay_over_three_descriptors)
{
	struct event_base *base = event_base_new();
	struct event *ev[3];
	int i, index[3] = { 0, 1, 2 };

	for (i = 0; i < 3; i++) {
		pair(chain_fd[i]);
		ev[i] = event_new(base, chain_fd[i][0], EV_READ | EV_PERSIST, relay, &index[i]);
		event_add(ev[i], NULL);
	}
	put(chain_fd[0][1], "x");
	for (i = 0; i < 3; i++)
		SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	for (i = 0; i < 3; i++) {
		event_free(ev[i]);
		close(chain_fd[i][0]);
		close(chain_fd[i][1]);
	}
	event_base_free(base);
}
