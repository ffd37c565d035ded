/* The life of an event: add, fire, add again, delete and free at awkward moments. */
#include "case.h"
#include "loop_kit.h"

struct act {
	struct event *ev, *other;
	struct event_base *base;
	int left;
	const char *name;
};

CASE(oneshot_is_idle_after_firing)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "abc");
	ev = event_new(base, fd[0], EV_READ, trace, "once");
	CHECK(event_add(ev, NULL) == 0);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
	SAY("loop %d\n", event_base_dispatch(base));
	CHECK(event_add(ev, NULL) == 0);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void limited(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s left %d\n", a->name, bits(what), a->left);
	if (--a->left == 0)
		SAY("del %d\n", event_del(a->ev));
}

CASE(persist_fires_until_deleted_inside)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .left = 3, .name = "persist" };

	pair(fd);
	put(fd[1], "abc");
	a.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, limited, &a);
	event_add(a.ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("pending %d\n", event_pending(a.ev, EV_READ, NULL));
	event_free(a.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void add_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s pending %s\n", a->name, bits(what), bits(event_pending(a->ev, EV_READ | EV_TIMEOUT | EV_SIGNAL, NULL)));
	if (--a->left > 0)
		SAY("add %d\n", event_add(a->ev, event_get_fd(a->ev) < 0 ? ms(1) : NULL));
}

CASE(oneshot_added_again_inside)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .left = 3, .name = "io" }, t = { .left = 3, .name = "timer" };

	pair(fd);
	put(fd[1], "abc");
	a.ev = event_new(base, fd[0], EV_READ, add_self, &a);
	event_add(a.ev, NULL);
	SAY("loop %d\n", event_base_dispatch(base));
	t.ev = event_new(base, -1, 0, add_self, &t);
	event_add(t.ev, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a.ev);
	event_free(t.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void free_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s\n", a->name, bits(what));
	event_free(a->ev);
	a->ev = NULL;
}

CASE(freed_inside_its_callback)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .name = "oneshot" }, b = { .name = "persist" }, c = { .name = "timer" }, d = { .name = "signal" };

	pair(fd);
	put(fd[1], "abc");
	a.ev = event_new(base, fd[0], EV_READ, free_self, &a);
	b.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, free_self, &b);
	c.ev = event_new(base, -1, EV_PERSIST, free_self, &c);
	d.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, free_self, &d);
	event_add(a.ev, NULL);
	event_base_dispatch(base);
	event_add(b.ev, ms(1000));
	event_base_dispatch(base);
	event_add(c.ev, ms(1));
	event_base_dispatch(base);
	event_add(d.ev, NULL);
	raise(SIGUSR1);
	event_base_dispatch(base);
	SAY("added %d\n", added(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(free_of_a_pending_event)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	put(fd[1], "abc");
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "never");
	event_add(ev, ms(1));
	SAY("added %d\n", added(base));
	event_free(ev);
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(free_of_an_active_event)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "never");

	event_active(ev, EV_READ, 1);
	SAY("active %d\n", active(base));
	event_free(ev);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(delete_what_was_never_added)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, 0, EV_READ, trace, "");
	struct event *sig = event_new(base, SIGUSR1, EV_SIGNAL, trace, "");

	SAY("%d %d\n", event_del(ev), event_del(ev));
	SAY("%d\n", event_del(sig));
	SAY("%d %d\n", event_del_noblock(ev), event_del_block(ev));
	event_free(ev);
	event_free(sig);
	event_base_free(base);
}

CASE(delete_twice)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "");

	event_add(ev, ms(1000));
	SAY("%d %d\n", event_del(ev), event_del(ev));
	event_add(ev, ms(1000));
	SAY("%d %d\n", event_del_noblock(ev), event_del_block(ev));
	SAY("added %d\n", added(base));
	event_free(ev);
	event_base_free(base);
}

static void del_other(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s\n", a->name, bits(what));
	if (a->other) {
		SAY("other %s\n", bits(event_pending(a->other, EV_READ | EV_WRITE, NULL)));
		SAY("del other %d\n", event_del(a->other));
		SAY("other %s\n", bits(event_pending(a->other, EV_READ | EV_WRITE, NULL)));
	}
}

CASE(deleting_an_active_event_keeps_it_from_running)
{
	struct event_base *base = event_base_new();
	struct act a = { .name = "a" }, b = { .name = "b" };

	a.ev = event_new(base, -1, 0, del_other, &a);
	b.ev = event_new(base, -1, 0, del_other, &b);
	a.other = b.ev;
	event_active(a.ev, EV_READ, 1);
	event_active(b.ev, EV_WRITE, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("active %d\n", active(base));
	event_free(a.ev);
	event_free(b.ev);
	event_base_free(base);
}

CASE(two_ready_the_first_deletes_the_other)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .name = "one" }, b = { .name = "one" };

	pair(fd);
	put(fd[0], "x");
	put(fd[1], "x");
	a.ev = event_new(base, fd[0], EV_READ | EV_PERSIST, del_other, &a);
	b.ev = event_new(base, fd[1], EV_READ | EV_PERSIST, del_other, &b);
	a.other = b.ev;
	b.other = a.ev;
	event_add(a.ev, NULL);
	event_add(b.ev, NULL);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("added %d\n", added(base));
	event_free(a.ev);
	event_free(b.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void free_other(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s\n", a->name, bits(what));
	event_free(a->other);
}

CASE(freeing_an_active_event_from_another)
{
	struct event_base *base = event_base_new();
	struct act a = { .name = "a" }, b = { .name = "b" };

	a.ev = event_new(base, -1, 0, free_other, &a);
	b.ev = event_new(base, -1, EV_PERSIST, trace, &b);
	event_add(b.ev, ms(1000));
	a.other = b.ev;
	event_active(a.ev, EV_READ, 1);
	event_active(b.ev, EV_WRITE, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a.ev);
	event_base_free(base);
}

static void add_other(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s\n", a->name, bits(what));
	SAY("add other %d\n", event_add(a->other, NULL));
	SAY("other pending %s\n", bits(event_pending(a->other, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
}

/* The descriptor event is active and waits for its turn; adding it again keeps that activation. */
CASE(added_again_while_active)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .name = "a" };

	pair(fd);
	a.ev = event_new(base, -1, 0, add_other, &a);
	a.other = event_new(base, fd[0], EV_READ, trace_read, "other");
	event_active(a.ev, EV_READ, 1);
	event_active(a.other, EV_WRITE, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("other pending %s\n", bits(event_pending(a.other, EV_READ | EV_WRITE, NULL)));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(a.ev);
	event_free(a.other);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void restart_other(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("%s %s\n", a->name, bits(what));
	SAY("other pending %s\n", bits(event_pending(a->other, EV_TIMEOUT, NULL)));
	SAY("add other %d\n", event_add(a->other, ms(1000)));
	SAY("other pending %s active %d\n", bits(event_pending(a->other, EV_TIMEOUT, NULL)),
	    active(a->base));
}

/* Added while it is active for its timeout, an event gets the new timeout only; added once more, it gets its descriptor, too. */
CASE(added_twice_after_an_activation_by_timeout)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_WRITE, trace, "ev");
	event_active(ev, EV_TIMEOUT, 1);
	event_add(ev, ms(100000));
	SAY("pending %s added %d active %d\n", bits(event_pending(ev, EV_WRITE | EV_TIMEOUT, NULL)), added(base), active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_add(ev, ms(200000));
	SAY("pending %s added %d active %d\n", bits(event_pending(ev, EV_WRITE | EV_TIMEOUT, NULL)), added(base), active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(added_while_active_for_another_reason)
{
	static const short kinds[] = { EV_WRITE, EV_WRITE | EV_PERSIST };
	struct event_base *base = event_base_new();
	int fd[2], i, j;
	struct event *ev;

	pair(fd);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			ev = event_new(base, fd[0], kinds[i], trace, "ev");
			event_active(ev, EV_READ, 1);
			event_add(ev, j ? ms(100000) : NULL);
			SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
			event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
			SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
			event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
			event_free(ev);
		}
	}
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* A timeout of zero is no interval: when it fires, even a persistent event is over. */
CASE(persistent_event_with_a_zero_timeout)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, ms(0));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("pending %s added %d\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)), added(base));
	event_add(ev, NULL);
	event_active(ev, EV_TIMEOUT, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("pending %s added %d\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)), added(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* A timer that has expired but not run yet, given a new time: the expiry is taken back. */
CASE(expired_timer_added_again_before_its_callback)
{
	struct event_base *base = event_base_new();
	struct act a = { .name = "a", .base = base };

	a.ev = event_new(base, -1, 0, restart_other, &a);
	a.other = event_new(base, -1, 0, trace, "other");
	event_add(a.ev, ms(1));
	event_add(a.other, ms(2));
	stall(10);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("added %d\n", added(base));
	event_free(a.ev);
	event_free(a.other);
	event_base_free(base);
}

CASE(add_with_null_keeps_the_timeout)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;
	struct timeval a, b;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "ev");
	event_add(ev, ms(20));
	CHECK(event_pending(ev, EV_TIMEOUT, &a) == EV_TIMEOUT);
	CHECK(event_add(ev, NULL) == 0);
	CHECK(event_pending(ev, EV_TIMEOUT, &b) == EV_TIMEOUT);
	CHECK(evutil_timercmp(&a, &b, ==));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(add_with_a_time_replaces_the_timeout)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");
	struct event *mark = event_new(base, -1, 0, trace, "mark");
	struct timeval a, b;

	event_add(ev, ms(3600000));
	event_pending(ev, EV_TIMEOUT, &a);
	event_add(mark, ms(150));
	CHECK(event_add(ev, ms(1)) == 0);
	event_pending(ev, EV_TIMEOUT, &b);
	CHECK(evutil_timercmp(&b, &a, <));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_free(mark);
	event_base_free(base);
}

CASE(remove_timer_leaves_the_rest)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;
	struct event *timer = event_new(base, -1, 0, trace, "timer");

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "ev");
	event_add(ev, ms(1));
	SAY("added %d\n", added(base));
	SAY("remove %d\n", event_remove_timer(ev));
	SAY("pending %s added %d\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)), added(base));
	SAY("remove %d\n", event_remove_timer(ev));
	stall(5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	event_add(timer, ms(1));
	SAY("remove %d\n", event_remove_timer(timer));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("idle: remove %d\n", event_remove_timer(timer));
	event_free(ev);
	event_free(timer);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* A persistent timer whose timeout is removed does not come back. */
CASE(remove_timer_of_a_persistent_event)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, ms(1));
	event_remove_timer(ev);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
	stall(5);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(pending_answers_only_what_is_asked)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST | EV_ET, trace, "");
	SAY("idle %s\n", bits(event_pending(ev, -1, NULL)));
	event_add(ev, NULL);
	SAY("all %s\n", bits(event_pending(ev, -1, NULL)));
	SAY("read %s\n", bits(event_pending(ev, EV_READ, NULL)));
	SAY("write %s\n", bits(event_pending(ev, EV_WRITE, NULL)));
	SAY("timeout %s\n", bits(event_pending(ev, EV_TIMEOUT, NULL)));
	SAY("persist %s\n", bits(event_pending(ev, EV_PERSIST | EV_ET, NULL)));
	event_add(ev, ms(1000));
	SAY("all %s\n", bits(event_pending(ev, -1, NULL)));
	SAY("nothing %s\n", bits(event_pending(ev, 0, NULL)));
	event_free(ev);
	ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "");
	event_add(ev, NULL);
	SAY("signal %s\n", bits(event_pending(ev, -1, NULL)));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(pending_of_an_active_event)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_active(ev, EV_WRITE | EV_TIMEOUT, 1);
	SAY("%s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT | EV_SIGNAL, NULL)));
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("%s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT | EV_SIGNAL, NULL)));
	event_free(ev);
	event_base_free(base);
}

CASE(pending_tells_the_time_of_day)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "");
	struct timeval now, at, left, same = { 7, 7 };

	event_pending(ev, EV_TIMEOUT, &same);
	CHECK(same.tv_sec == 7 && same.tv_usec == 7);
	event_add(ev, ms(100000));
	evutil_gettimeofday(&now, NULL);
	CHECK(event_pending(ev, EV_TIMEOUT, &at) == EV_TIMEOUT);
	evutil_timersub(&at, &now, &left);
	CHECK(left.tv_sec >= 90 && left.tv_sec <= 101);
	event_pending(ev, EV_READ, &same);
	CHECK(same.tv_sec == 7 && same.tv_usec == 7);
	event_free(ev);
	event_base_free(base);
}

CASE(pending_of_an_event_without_base)
{
	struct event ev;

	memset(&ev, 0, sizeof ev);
	event_set_log_callback(severity_log);
	SAY("%d\n", event_pending(&ev, EV_READ | EV_TIMEOUT, NULL));
	SAY("del %d\n", event_del(&ev));
}

static void show_running(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	(void)what;
	SAY("%s is running: %d\n", a->name, event_base_get_running_event(a->base) == a->ev);
	event_del(a->ev);
	SAY("deleted, still running: %d\n", event_base_get_running_event(a->base) == a->ev);
}

CASE(running_event)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct act a = { .base = base, .name = "timer" }, b = { .base = base, .name = "io" },
		   c = { .base = base, .name = "signal" };

	pair(fd);
	a.ev = event_new(base, -1, EV_PERSIST, show_running, &a);
	event_add(a.ev, ms(1));
	event_base_dispatch(base);
	b.ev = event_new(base, fd[0], EV_WRITE, show_running, &b);
	event_add(b.ev, NULL);
	event_base_dispatch(base);
	c.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, show_running, &c);
	event_add(c.ev, NULL);
	raise(SIGUSR1);
	event_base_dispatch(base);
	event_free(a.ev);
	event_free(b.ev);
	event_free(c.ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(many_adds_of_one_event_count_once)
{
	struct event_base *base = event_base_new();
	int fd[2], i;
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace_read, "ev");
	for (i = 0; i < 5; i++)
		event_add(ev, NULL);
	SAY("added %d\n", added(base));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("del %d\n", event_del(ev));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}
