/* Several events on one descriptor, each with its own mask. */
#include "case.h"
#include "loop_kit.h"

CASE(two_readers_last_added_runs_first)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *a, *b, *c;

	pair(fd);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "a");
	b = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "b");
	c = event_new(base, fd[0], EV_READ, trace, "c");
	event_add(a, NULL);
	event_add(b, NULL);
	event_add(c, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(a);
	event_add(a, NULL);
	SAY("--\n");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(c);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(reader_and_writer_apart)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *r, *w;

	pair(fd);
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "r");
	w = event_new(base, fd[0], EV_WRITE, trace, "w");
	event_add(r, NULL);
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_add(w, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	SAY("--\n");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(r);
	SAY("--\n");
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("added %d\n", added(base));
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(one_event_for_both)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST, trace, "rw");
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	drain(fd[0]);
	event_base_loop(base, EVLOOP_ONCE);
	close(fd[1]);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
}

CASE(both_and_each)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *rw, *r, *w;

	pair(fd);
	rw = event_new(base, fd[0], EV_READ | EV_WRITE, trace, "rw");
	r = event_new(base, fd[0], EV_READ, trace, "r");
	w = event_new(base, fd[0], EV_WRITE, trace, "w");
	event_add(rw, NULL);
	event_add(r, NULL);
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("r pending %s\n", bits(event_pending(r, EV_READ, NULL)));
	put(fd[1], "x");
	event_add(rw, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("added %d\n", added(base));
	event_free(rw);
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(deleting_one_of_two_readers)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *a, *b;

	pair(fd);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "a");
	b = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "b");
	event_add(a, NULL);
	event_add(b, NULL);
	event_del(b);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(a);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_add(b, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(closed_event_on_shutdown)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *c, *r;

	pair(fd);
	c = event_new(base, fd[0], EV_CLOSED | EV_PERSIST, trace, "c");
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "r");
	event_add(c, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(fd[1], "unread data does not hide it");
	event_base_loop(base, EVLOOP_NONBLOCK);
	shutdown(fd[1], SHUT_WR);
	event_base_loop(base, EVLOOP_ONCE);
	event_add(r, NULL);
	SAY("--\n");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(c);
	event_free(r);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(closed_and_read_in_one)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_CLOSED | EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, NULL);
	SAY("events %s\n", bits(event_get_events(ev)));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT | EV_SIGNAL | EV_CLOSED, NULL)));
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	close(fd[1]);
	event_base_loop(base, EVLOOP_ONCE);
	drain(fd[0]);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
}

CASE(peer_gone_wakes_reader_and_writer)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *r, *w;

	pair(fd);
	r = event_new(base, fd[0], EV_READ, trace, "r");
	w = event_new(base, fd[0], EV_WRITE, trace, "w");
	close(fd[1]);
	event_add(r, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
}

CASE(pipe_ends)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *r, *w;

	if (pipe(fd) < 0)
		abort();
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "r");
	w = event_new(base, fd[1], EV_WRITE | EV_PERSIST, trace, "w");
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(w);
	event_add(r, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	close(fd[1]);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
}

CASE(broken_pipe_wakes_the_writer)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *w;
	char junk[4096];

	if (pipe(fd) < 0)
		abort();
	memset(junk, 'j', sizeof junk);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	while (write(fd[1], junk, sizeof junk) > 0)
		;
	w = event_new(base, fd[1], EV_WRITE, trace, "w");
	event_add(w, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("--\n");
	close(fd[0]);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(w);
	event_base_free(base);
	close(fd[1]);
}

CASE(no_condition_at_all)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "x");
	ev = event_new(base, fd[0], EV_PERSIST, trace, "ev");
	SAY("add %d added %d\n", event_add(ev, NULL), added(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(negative_descriptor_is_accepted)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_READ, trace, "ev"), *two = event_new(base, -2, EV_WRITE, trace, "two");

	SAY("add %d\n", event_add(ev, NULL));
	SAY("add %d\n", event_add(two, NULL));
	SAY("added %d\n", added(base));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ, NULL)));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("add %d\n", event_add(ev, ms(1)));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
	SAY("del %d\n", event_del(two));
	SAY("added %d\n", added(base));
	event_free(ev);
	event_free(two);
	event_base_free(base);
}

CASE(negative_descriptor_can_be_activated)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_READ | EV_PERSIST, trace, "ev");

	event_add(ev, NULL);
	event_active(ev, EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ, NULL)));
	event_del(ev);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

CASE(impossible_descriptor)
{
	struct event_base *base = epoll_base();
	struct event *ev = event_new(base, INT_MAX, EV_READ, trace, "ev");

	event_set_log_callback(severity_log);
	SAY("add %d\n", event_add(ev, NULL));
	SAY("add %d\n", event_add(ev, ms(1)));
	SAY("pending %s added %d\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)), added(base));
	SAY("del %d\n", event_del(ev));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

CASE(closed_descriptor)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *ev;

	pair(fd);
	close(fd[0]);
	close(fd[1]);
	event_set_log_callback(severity_log);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	errno = 0;
	SAY("add %d\n", event_add(ev, NULL));
	CHECK(errno == EBADF);
	SAY("add %d\n", event_add(ev, ms(1)));
	SAY("pending %s added %d\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)), added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

CASE(regular_file_needs_another_backend)
{
	struct event_base *base = epoll_base();
	FILE *file = tmpfile();
	struct event *ev = event_new(base, fileno(file), EV_READ, trace, "ev");
	struct event_config *cfg = event_config_new();

	event_set_log_callback(severity_log);
	errno = 0;
	SAY("add %d\n", event_add(ev, NULL));
	CHECK(errno == EPERM);
	SAY("added %d\n", added(base));
	event_free(ev);
	event_base_free(base);
	event_config_require_features(cfg, EV_FEATURE_FDS);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	CHECK(base != NULL);
	ev = event_new(base, fileno(file), EV_READ, trace, "ev");
	SAY("add %d\n", event_add(ev, NULL));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	fclose(file);
}

CASE(hundred_events_on_one_descriptor)
{
	struct event_base *base = event_base_new();
	int fd[2], i, n = 0;
	struct event *ev[100];

	pair(fd);
	for (i = 0; i < 100; i++) {
		ev[i] = event_new(base, fd[0], (i & 1 ? EV_READ : EV_WRITE) | (i % 3 ? EV_PERSIST : 0), count, &n);
		event_add(ev[i], NULL);
	}
	SAY("added %d\n", added(base));
	event_base_loop(base, EVLOOP_ONCE);
	SAY("ran %d added %d\n", n, added(base));
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	SAY("ran %d added %d\n", n, added(base));
	for (i = 0; i < 100; i++)
		event_free(ev[i]);
	SAY("added %d\n", added(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(many_descriptors)
{
	enum { N = 300 };
	struct event_base *base = event_base_new();
	int fd[N][2], i, n = 0;
	struct event *ev[N];

	for (i = 0; i < N; i++) {
		pair(fd[i]);
		ev[i] = event_new(base, fd[i][0], EV_READ, count, &n);
		event_add(ev[i], NULL);
	}
	for (i = 0; i < N; i += 3)
		put(fd[i][1], "x");
	while (n < N / 3)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("ran %d added %d\n", n, added(base));
	for (i = 0; i < N; i++) {
		event_free(ev[i]);
		close(fd[i][0]);
		close(fd[i][1]);
	}
	event_base_free(base);
}
