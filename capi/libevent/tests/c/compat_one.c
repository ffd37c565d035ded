/* The calls of the 1.x days, on the current base. */
#include "case.h"
#include "loop_kit.h"
#include <event.h>

CASE(init_gives_the_current_base)
{
	struct event_base *base = event_init();
	struct event ev;

	CHECK(base != NULL);
	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == base);
	CHECK(event_initialized(&ev));
	event_add(&ev, ms(1));
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

CASE(second_init_replaces_the_first)
{
	struct event_base *one = event_init(), *two = event_init();
	struct event ev;

	CHECK(one != two);
	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == two);
	event_base_free(one);
	event_base_free(two);
}

CASE(base_free_of_nothing_means_the_current)
{
	struct event_base *base = event_init();
	struct event ev;

	(void)base;
	evtimer_set(&ev, trace, "ev");
	evtimer_add(&ev, ms(1));
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	event_base_free(NULL);
	event_set_log_callback(severity_log);
	event_base_free(NULL);
	SAY("done\n");
}

CASE(loop_flags)
{
	struct event_base *base = event_init();
	struct event ev;

	evtimer_set(&ev, trace, "ev");
	SAY("empty %d\n", event_loop(0));
	evtimer_add(&ev, ms(100000));
	SAY("nonblock %d\n", event_loop(EVLOOP_NONBLOCK));
	evtimer_add(&ev, ms(1));
	SAY("once %d\n", event_loop(EVLOOP_ONCE));
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

CASE(method)
{
	struct event_base *base = event_init();

	CHECK(!strcmp(event_get_method(), event_base_get_method(base)));
	event_base_free(base);
}

static void quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	SAY("loopbreak %d\n", event_loopbreak());
}

static void leave(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	SAY("loopexit %d\n", event_loopexit(NULL));
}

CASE(once_break_exit)
{
	struct event_base *base = event_init();

	SAY("once %d\n", event_once(-1, EV_TIMEOUT, quit, NULL, NULL));
	SAY("once %d\n", event_once(-1, EV_TIMEOUT, trace, "after", NULL));
	SAY("dispatch %d\n", event_dispatch());
	SAY("got_break %d\n", event_base_got_break(base));
	SAY("once %d\n", event_once(-1, EV_TIMEOUT, leave, NULL, NULL));
	SAY("once %d\n", event_once(-1, EV_TIMEOUT, trace, "far", ms(100000)));
	SAY("dispatch %d\n", event_dispatch());
	SAY("got_exit %d\n", event_base_got_exit(base));
	SAY("loopexit %d\n", event_loopexit(ms(2)));
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

CASE(priorities)
{
	struct event_base *base = event_init();
	struct event ev;

	SAY("init %d\n", event_priority_init(7));
	SAY("n %d\n", event_base_get_npriorities(base));
	evtimer_set(&ev, trace, "ev");
	SAY("default %d\n", event_get_priority(&ev));
	SAY("set %d\n", event_priority_set(&ev, 6));
	SAY("too much %d\n", event_priority_set(&ev, 7));
	event_base_free(base);
}

CASE(timeout_macros)
{
	struct event_base *base = event_init();
	struct event ev;

	memset(&ev, 0, sizeof ev);
	CHECK(!timeout_initialized(&ev));
	timeout_set(&ev, trace, "timeout");
	CHECK(timeout_initialized(&ev));
	SAY("add %d\n", timeout_add(&ev, ms(100000)));
	SAY("pending %d\n", timeout_pending(&ev, NULL));
	SAY("del %d\n", timeout_del(&ev));
	SAY("pending %d\n", timeout_pending(&ev, NULL));
	timeout_add(&ev, ms(1));
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

CASE(signal_macros)
{
	struct event_base *base = event_init();
	struct event ev;

	memset(&ev, 0, sizeof ev);
	CHECK(!signal_initialized(&ev));
	signal_set(&ev, SIGUSR1, trace, "signal");
	CHECK(signal_initialized(&ev));
	CHECK(EVENT_SIGNAL(&ev) == SIGUSR1);
	SAY("add %d\n", signal_add(&ev, NULL));
	SAY("pending %s\n", bits(signal_pending(&ev, NULL)));
	raise(SIGUSR1);
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	SAY("del %d\n", signal_del(&ev));
	evsignal_set(&ev, SIGUSR2, trace, "evsignal");
	SAY("add %d\n", evsignal_add(&ev, NULL));
	raise(SIGUSR2);
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	SAY("del %d\n", evsignal_del(&ev));
	event_base_free(base);
}

CASE(descriptor_event)
{
	struct event_base *base = event_init();
	struct event ev;
	int fd[2];

	pair(fd);
	event_set(&ev, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	CHECK(EVENT_FD(&ev) == fd[0]);
	event_add(&ev, NULL);
	put(fd[1], "abc");
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	event_del(&ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(set_then_base_set)
{
	struct event_base *current = event_init(), *other = event_base_new();
	struct event ev;

	event_set(&ev, -1, 0, trace, "ev");
	SAY("base_set %d\n", event_base_set(other, &ev));
	CHECK(event_get_base(&ev) == other);
	event_add(&ev, ms(1));
	SAY("current %d other %d\n", event_dispatch(), event_base_dispatch(other));
	event_base_free(other);
	event_base_free(current);
}

/* Without event_init, event_set leaves the base for event_base_set. */
CASE(set_before_init_then_base_set)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == NULL);
	SAY("base_set %d\n", event_base_set(base, &ev));
	event_add(&ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(assign_without_base_takes_the_current)
{
	struct event_base *base = event_init();
	struct event ev;

	SAY("assign %d\n", event_assign(&ev, NULL, -1, 0, trace, "ev"));
	CHECK(event_get_base(&ev) == base);
	event_add(&ev, ms(1));
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

CASE(new_base_is_not_the_current)
{
	struct event_base *current = event_init(), *base = event_base_new();
	struct event ev;

	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == current);
	CHECK(base != current);
	event_base_free(base);
	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == current);
	event_base_free(current);
	event_set(&ev, -1, 0, trace, "ev");
	CHECK(event_get_base(&ev) == NULL);
}

CASE(event_set_with_a_bad_mask)
{
	struct event_base *base = event_init();
	struct event ev;

	event_set_log_callback(severity_log);
	memset(&ev, 0, sizeof ev);
	event_set(&ev, SIGUSR1, EV_SIGNAL | EV_READ, trace, "ev");
	SAY("done\n");
	event_base_free(base);
}

/* The classic program: a static event that adds itself again. */
static struct event classic;
static int classic_left = 3;

static void classic_cb(int fd, short what, void *arg)
{
	struct timeval tv = { 0, 1000 };

	(void)fd;
	CHECK(arg == &classic);
	SAY("%s %d\n", bits(what), classic_left);
	if (--classic_left)
		evtimer_add(&classic, &tv);
}

CASE(classic_timer)
{
	struct timeval tv = { 0, 1000 };
	struct event_base *base = event_init();

	evtimer_set(&classic, classic_cb, &classic);
	evtimer_add(&classic, &tv);
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
}

static void classic_read(int fd, short what, void *arg)
{
	struct event *ev = arg;
	char buf[16];
	int n = (int)read(fd, buf, sizeof buf);

	SAY("%s %d\n", bits(what), n);
	if (n > 0)
		event_add(ev, NULL);
}

CASE(classic_reader)
{
	struct event_base *base = event_init();
	struct event ev;
	int fd[2];

	pair(fd);
	event_set(&ev, fd[0], EV_READ, classic_read, &ev);
	event_add(&ev, NULL);
	put(fd[1], "hello");
	SAY("loop %d\n", event_loop(EVLOOP_ONCE));
	put(fd[1], "again");
	close(fd[1]);
	SAY("dispatch %d\n", event_dispatch());
	event_base_free(base);
	close(fd[0]);
}
