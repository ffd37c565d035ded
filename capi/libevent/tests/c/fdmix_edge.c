/* Edge-triggered events. */
#include "case.h"
#include "loop_kit.h"

CASE(fires_on_the_edge_only)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "et");
	event_add(ev, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	put(fd[1], "y");
	event_base_loop(base, EVLOOP_ONCE);
	drain(fd[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(level_for_comparison)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "lt");
	event_add(ev, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	drain(fd[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(read_and_write_edges)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST | EV_ET, trace, "et");
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(adding_again_gives_a_new_edge)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "et");
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	event_del(ev);
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(oneshot_edge)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_READ | EV_ET, trace, "et");
	event_add(ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_add(ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void mix(void)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *et, *lt, *et2;

	pair(fd);
	event_set_log_callback(severity_log);
	et = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "et");
	et2 = event_new(base, fd[0], EV_WRITE | EV_PERSIST | EV_ET, trace, "et2");
	lt = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "lt");
	SAY("et %d\n", event_add(et, NULL));
	SAY("lt %d\n", event_add(lt, NULL));
	SAY("lt pending %s added %d\n", bits(event_pending(lt, EV_READ | EV_TIMEOUT, NULL)), added(base));
	event_del(lt);
	SAY("lt with time %d\n", event_add(lt, ms(1)));
	SAY("lt pending %s added %d\n", bits(event_pending(lt, EV_READ | EV_TIMEOUT, NULL)), added(base));
	event_del(lt);
	SAY("et2 %d\n", event_add(et2, NULL));
	event_del(et2);
	event_del(et);
	SAY("lt %d\n", event_add(lt, NULL));
	SAY("et %d\n", event_add(et, NULL));
	SAY("et pending %s added %d\n", bits(event_pending(et, EV_READ | EV_TIMEOUT, NULL)), added(base));
	event_del(lt);
	event_del(et);
	SAY("et %d\n", event_add(et, NULL));
	event_free(et);
	event_free(et2);
	event_free(lt);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	libevent_global_shutdown();
}

/* The documentation forbids it; it is refused in debug mode only. */
CASE(edge_and_level_mixed)
{
	mix();
}

CASE(edge_and_level_mixed_in_debug_mode)
{
	event_enable_debug_mode();
	mix();
}

CASE(deleting_one_of_two_keeps_the_other_edge_triggered)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *a, *b;

	pair(fd);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "a");
	b = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "b");
	event_add(a, NULL);
	event_add(b, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(a);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	put(fd[1], "y");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(a);
	event_free(b);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(deleting_the_writer_keeps_the_reader_edge_triggered)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *r, *w;

	pair(fd);
	r = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "r");
	w = event_new(base, fd[0], EV_WRITE | EV_PERSIST | EV_ET, trace, "w");
	event_add(r, NULL);
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(w);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	put(fd[1], "y");
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(closed_edge)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_CLOSED | EV_PERSIST | EV_ET, trace, "et");
	event_add(ev, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(fd[1]);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
}

CASE(edge_with_timeout)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_ET, trace, "et");
	event_add(ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	put(fd[1], "x");
	event_add(ev, ms(100000));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}
