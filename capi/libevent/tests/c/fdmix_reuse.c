/* Descriptors that are closed, duplicated or used again while the loop knows them. */
#include "case.h"
#include "loop_kit.h"

CASE(closed_before_delete)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, NULL);
	close(fd[0]);
	SAY("del %d\n", event_del(ev));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	close(fd[1]);
}

CASE(closed_while_pending_never_fires)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, NULL);
	close(fd[0]);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ, NULL)));
	event_free(ev);
	event_base_free(base);
	close(fd[1]);
}

CASE(number_used_again_after_close_and_delete)
{
	struct event_base *base = epoll_base();
	int a[2], b[2];
	struct event *ev;

	pair(a);
	ev = event_new(base, a[0], EV_READ | EV_PERSIST, trace_read, "first");
	event_add(ev, NULL);
	close(a[0]);
	event_free(ev);
	pair(b);
	CHECK(b[0] == a[0]);
	ev = event_new(base, b[0], EV_READ | EV_PERSIST, trace_read, "second");
	SAY("add %d\n", event_add(ev, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(b[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(ev);
	event_base_free(base);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

CASE(number_used_again_after_a_oneshot_fired)
{
	struct event_base *base = event_base_new();
	int a[2], b[2], i;
	struct event *ev;

	for (i = 0; i < 3; i++) {
		pair(a);
		put(a[1], "x");
		ev = event_new(base, a[0], EV_READ, trace_read, "ev");
		SAY("add %d\n", event_add(ev, NULL));
		event_base_dispatch(base);
		close(a[0]);
		pair(b);
		CHECK(b[0] == a[0]);
		SAY("add %d\n", event_add(ev, NULL));
		put(b[1], "yz");
		event_base_dispatch(base);
		event_free(ev);
		close(a[1]);
		close(b[0]);
		close(b[1]);
	}
	event_base_free(base);
}

/* A oneshot event leaves no trace in the kernel: the number may carry edge or level interest next. */
CASE(oneshot_then_persistent_then_edge)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *o, *p, *e;

	pair(fd);
	put(fd[1], "x");
	o = event_new(base, fd[0], EV_READ, trace, "oneshot");
	p = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "persist");
	e = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "edge");
	event_add(o, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("add %d\n", event_add(p, NULL));
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(p);
	event_add(o, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("add %d\n", event_add(e, NULL));
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_del(e);
	event_add(o, NULL);
	event_add(p, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(o);
	event_free(p);
	event_free(e);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(duplicate_is_another_descriptor)
{
	struct event_base *base = event_base_new();
	int fd[2], copy;
	struct event *a, *b;

	pair(fd);
	copy = dup(fd[0]);
	a = event_new(base, fd[0], EV_READ, trace, "same");
	b = event_new(base, copy, EV_READ, trace, "same");
	SAY("add %d %d\n", event_add(a, NULL), event_add(b, NULL));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_free(b);
	event_base_free(base);
	close(copy);
	close(fd[0]);
	close(fd[1]);
}

/* The file lives on in the duplicate: after the delete it must not fire any more. */
CASE(deleted_then_closed_while_a_duplicate_lives)
{
	struct event_base *base = event_base_new();
	int fd[2], copy, more[2];
	struct event *a, *b;

	pair(fd);
	copy = dup(fd[0]);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "a");
	event_add(a, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(a);
	close(fd[0]);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	pair(more);
	CHECK(more[0] == fd[0]);
	b = event_new(base, more[0], EV_READ | EV_PERSIST, trace, "b");
	SAY("add %d\n", event_add(b, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(more[1], "y");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_base_free(base);
	close(copy);
	close(fd[1]);
	close(more[0]);
	close(more[1]);
}

CASE(oneshot_fired_and_closed_while_a_duplicate_lives)
{
	struct event_base *base = event_base_new();
	int fd[2], copy, more[2];
	struct event *a, *b, *timer;

	pair(fd);
	copy = dup(fd[0]);
	a = event_new(base, fd[0], EV_READ, trace, "a");
	timer = event_new(base, -1, 0, trace, "timer");
	event_add(a, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	close(fd[0]);
	put(fd[1], "more");
	event_add(timer, ms(5));
	event_base_dispatch(base);
	pair(more);
	CHECK(more[0] == fd[0]);
	b = event_new(base, more[0], EV_READ | EV_PERSIST, trace, "b");
	SAY("add %d\n", event_add(b, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(more[1], "y");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(timer);
	event_base_free(base);
	close(copy);
	close(fd[1]);
	close(more[0]);
	close(more[1]);
}

/* dup2 puts another file under the number without the loop's knowledge. */
CASE(replaced_by_dup2)
{
	struct event_base *base = event_base_new();
	int a[2], b[2];
	struct event *ev;

	pair(a);
	pair(b);
	ev = event_new(base, a[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, NULL);
	event_del(ev);
	dup2(b[0], a[0]);
	SAY("add %d\n", event_add(ev, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(b[1], "seen");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

/* A descriptor closed behind the back of a second event on the same number. */
CASE(second_event_after_close_and_reopen)
{
	struct event_base *base = epoll_base();
	int a[2], b[2];
	struct event *r, *w;

	pair(a);
	r = event_new(base, a[0], EV_READ | EV_PERSIST, trace_read, "r");
	event_add(r, NULL);
	close(a[0]);
	pair(b);
	CHECK(b[0] == a[0]);
	w = event_new(base, b[0], EV_WRITE, trace, "w");
	SAY("add %d\n", event_add(w, NULL));
	event_base_loop(base, EVLOOP_ONCE);
	put(b[1], "x");
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

static void swap_inside(evutil_socket_t fd, short what, void *arg)
{
	struct {
		struct event *ev;
		int more[2];
		struct event_base *base;
	} *s = arg;

	SAY("swap %s %d\n", bits(what), drain(fd));
	event_del(s->ev);
	close(fd);
	pair(s->more);
	CHECK(s->more[0] == fd);
	event_assign(s->ev, s->base, fd, EV_READ, trace_read, "new");
	event_add(s->ev, NULL);
	put(s->more[1], "abc");
}

CASE(number_changes_hands_inside_the_callback)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event ev;
	struct {
		struct event *ev;
		int more[2];
		struct event_base *base;
	} s;

	pair(fd);
	s.ev = &ev;
	s.base = base;
	event_assign(&ev, base, fd[0], EV_READ | EV_PERSIST, swap_inside, &s);
	event_add(&ev, NULL);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[1]);
	close(s.more[0]);
	close(s.more[1]);
}

CASE(descriptor_held_by_a_child)
{
	struct event_base *base = event_base_new();
	int fd[2], hold[2];
	struct event *ev;
	pid_t child;
	char c;

	pair(fd);
	if (pipe(hold) < 0)
		abort();
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, NULL);
	child = fork();
	if (child == 0) {
		close(hold[1]);
		if (read(hold[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	event_del(ev);
	close(fd[0]);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[1]);
	close(hold[0]);
	close(hold[1]);
	waitpid(child, NULL, 0);
}
