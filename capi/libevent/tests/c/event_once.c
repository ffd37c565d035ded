/* event_base_once. */
#include "case.h"
#include "loop_kit.h"

CASE(timeout_without_a_time_is_due_at_once)
{
	struct event_base *base = event_base_new();

	SAY("%d\n", event_base_once(base, -1, EV_TIMEOUT, trace, "null", NULL));
	SAY("added %d active %d\n", added(base), active(base));
	SAY("%d\n", event_base_once(base, -1, EV_TIMEOUT, trace, "zero", ms(0)));
	SAY("added %d active %d\n", added(base), active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("added %d active %d\n", added(base), active(base));
	event_base_free(base);
}

CASE(timers_in_order_of_time)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, trace, "third", ms(160));
	event_base_once(base, -1, EV_TIMEOUT, trace, "first", ms(1));
	event_base_once(base, -1, EV_TIMEOUT, trace, "second", ms(80));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("added %d\n", added(base));
	event_base_free(base);
}

CASE(descriptor)
{
	struct event_base *base = epoll_base();
	int fd[2];

	pair(fd);
	put(fd[1], "x");
	SAY("%d\n", event_base_once(base, fd[0], EV_READ, trace, "read", NULL));
	SAY("%d\n", event_base_once(base, fd[1], EV_WRITE, trace, "write", NULL));
	SAY("added %d\n", added(base));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(descriptor_that_times_out)
{
	struct event_base *base = event_base_new();
	int fd[2];

	pair(fd);
	SAY("%d\n", event_base_once(base, fd[0], EV_READ, trace, "read", ms(1)));
	SAY("%d\n", event_base_once(base, fd[1], EV_READ | EV_TIMEOUT, trace, "read too", ms(5)));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(read_and_write_in_one)
{
	struct event_base *base = event_base_new();
	int fd[2];

	pair(fd);
	put(fd[1], "x");
	SAY("%d\n", event_base_once(base, fd[0], EV_READ | EV_WRITE, trace, "both", NULL));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(peer_closed)
{
	struct event_base *base = epoll_base();
	int fd[2];

	pair(fd);
	SAY("%d\n", event_base_once(base, fd[0], EV_CLOSED, trace, "closed", NULL));
	close(fd[1]);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
}

CASE(refused_masks)
{
	struct event_base *base = event_base_new();

	event_set_log_callback(severity_log);
	SAY("nothing %d\n", event_base_once(base, -1, 0, trace, "", NULL));
	SAY("signal %d\n", event_base_once(base, SIGUSR1, EV_SIGNAL, trace, "", NULL));
	SAY("persist %d\n", event_base_once(base, -1, EV_TIMEOUT | EV_PERSIST, trace, "", ms(1)));
	SAY("signal and read %d\n", event_base_once(base, SIGUSR1, EV_SIGNAL | EV_READ, trace, "", NULL));
	SAY("added %d\n", added(base));
	event_base_free(base);
}

CASE(refused_descriptor)
{
	struct event_base *base = epoll_base();
	int fd[2];

	pair(fd);
	close(fd[0]);
	close(fd[1]);
	event_set_log_callback(severity_log);
	SAY("closed %d\n", event_base_once(base, fd[0], EV_READ, trace, "", NULL));
	SAY("closed with time %d\n", event_base_once(base, fd[0], EV_READ, trace, "", ms(1)));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(never_fired_is_freed_with_the_base)
{
	struct event_base *base = event_base_new();
	int fd[2], i;

	pair(fd);
	for (i = 0; i < 5; i++) {
		event_base_once(base, fd[0], EV_READ, trace, "never", NULL);
		event_base_once(base, -1, EV_TIMEOUT, trace, "never", ms(100000));
		event_base_once(base, -1, EV_TIMEOUT, trace, "never", NULL);
	}
	SAY("added %d active %d\n", added(base), active(base));
	event_base_free(base);
	SAY("freed\n");
	close(fd[0]);
	close(fd[1]);
}

static void chain(evutil_socket_t fd, short what, void *arg)
{
	struct event_base **base = arg;
	static int left = 3;

	(void)fd;
	SAY("chain %s %d\n", bits(what), left);
	if (--left > 0)
		event_base_once(*base, -1, EV_TIMEOUT, chain, arg, left == 1 ? ms(1) : NULL);
}

CASE(scheduled_from_its_callback)
{
	struct event_base *base = event_base_new();

	event_base_once(base, -1, EV_TIMEOUT, chain, &base, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(one_call_even_if_more_comes)
{
	struct event_base *base = event_base_new();
	int fd[2];

	pair(fd);
	put(fd[1], "x");
	event_base_once(base, fd[0], EV_READ, trace, "once", ms(1));
	stall(5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(runs_at_the_middle_priority)
{
	struct event_base *base = event_base_new();
	struct event *low, *high;

	event_base_priority_init(base, 3);
	low = event_new(base, -1, 0, trace, "low");
	high = event_new(base, -1, 0, trace, "high");
	event_priority_set(low, 2);
	event_priority_set(high, 0);
	event_active(low, EV_READ, 1);
	event_base_once(base, -1, EV_TIMEOUT, trace, "once", NULL);
	event_active(high, EV_READ, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(low);
	event_free(high);
	event_base_free(base);
}
