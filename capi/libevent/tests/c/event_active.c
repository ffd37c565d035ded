/* Manual activation. */
#include "case.h"
#include "loop_kit.h"

struct act {
	struct event *ev, *other;
	struct event_base *base;
	int left;
};

CASE(idle_event_runs_once_and_stays_idle)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_active(ev, EV_READ, 1);
	SAY("added %d active %d\n", added(base), active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("added %d active %d\n", added(base), active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

CASE(any_mask_reaches_the_callback)
{
	static const short masks[] = { 0, EV_TIMEOUT, EV_READ, EV_WRITE, EV_SIGNAL, EV_PERSIST, EV_ET, EV_CLOSED,
		EV_READ | EV_WRITE | EV_TIMEOUT, 0x7f };
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");
	size_t i;

	for (i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		event_active(ev, masks[i], 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	event_free(ev);
	event_base_free(base);
}

CASE(masks_add_up_before_the_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_active(ev, EV_READ, 1);
	event_active(ev, EV_WRITE, 1);
	event_active(ev, EV_TIMEOUT, 1);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_active(ev, EV_WRITE, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(ev);
	event_base_free(base);
}

CASE(pending_oneshot_is_used_up)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "ev");
	event_add(ev, ms(1000));
	event_active(ev, EV_WRITE, 1);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(pending_persistent_stays)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, NULL);
	event_active(ev, EV_WRITE, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("pending %s\n", bits(event_pending(ev, EV_READ, NULL)));
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(delete_takes_the_activation_back)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	event_active(ev, EV_READ, 1);
	SAY("active %d\n", active(base));
	SAY("del %d\n", event_del(ev));
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_active(ev, EV_WRITE, 1);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

static void again(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("again %s left %d\n", bits(what), a->left);
	if (--a->left > 0)
		event_active(a->ev, EV_WRITE, 1);
}

CASE(activated_inside_its_own_callback)
{
	struct event_base *base = event_base_new();
	struct act a = { .left = 4 };

	a.ev = event_new(base, -1, 0, again, &a);
	event_active(a.ev, EV_READ, 1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("left %d active %d\n", a.left, active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a.ev);
	event_base_free(base);
}

static void wake_other(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("wake %s\n", bits(what));
	event_active(a->other, EV_SIGNAL, 1);
}

CASE(order_of_activation_is_order_of_running)
{
	struct event_base *base = event_base_new();
	struct act a = { .left = 1 };
	struct event *ev[4];
	static const char *names[] = { "0", "1", "2", "3" };
	int i;

	for (i = 0; i < 4; i++)
		ev[i] = event_new(base, -1, 0, trace, (void *)names[i]);
	a.ev = event_new(base, -1, 0, wake_other, &a);
	a.other = ev[0];
	event_active(ev[2], EV_READ, 1);
	event_active(a.ev, EV_READ, 1);
	event_active(ev[3], EV_READ, 1);
	event_active(ev[1], EV_READ, 1);
	event_active(ev[2], EV_WRITE, 1);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	for (i = 0; i < 4; i++)
		event_free(ev[i]);
	event_free(a.ev);
	event_base_free(base);
}

CASE(ncalls_matters_for_signals_only)
{
	struct event_base *base = event_base_new();
	struct event *timer = event_new(base, -1, 0, trace, "timer");
	struct event *sig = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "signal");

	event_active(timer, EV_TIMEOUT, 3);
	event_active(sig, EV_SIGNAL, 3);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_active(sig, EV_SIGNAL, 0);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(timer);
	event_free(sig);
	event_base_free(base);
}

static void del_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("call %s left %d\n", bits(what), a->left);
	if (--a->left == 0)
		event_del(a->ev);
}

static void free_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("call %s left %d\n", bits(what), a->left);
	if (--a->left == 0)
		event_free(a->ev);
}

CASE(delete_ends_the_remaining_signal_calls)
{
	struct event_base *base = event_base_new();
	struct act a = { .left = 2 };

	a.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, del_self, &a);
	event_add(a.ev, NULL);
	event_active(a.ev, EV_SIGNAL, 5);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a.ev);
	a.left = 2;
	a.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, free_self, &a);
	event_add(a.ev, NULL);
	event_active(a.ev, EV_SIGNAL, 5);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

static void break_self(evutil_socket_t fd, short what, void *arg)
{
	struct act *a = arg;

	(void)fd;
	SAY("call %s left %d\n", bits(what), a->left);
	if (--a->left == 0)
		event_base_loopbreak(a->base);
}

CASE(loopbreak_ends_the_remaining_signal_calls)
{
	struct event_base *base = event_base_new();
	struct act a = { .left = 2, .base = base };

	a.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, break_self, &a);
	event_active(a.ev, EV_SIGNAL, 5);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(a.ev);
	event_base_free(base);
}

CASE(activated_without_reason_to_wait)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;
	struct event *ev = event_new(base, -1, 0, trace, "ev");

	pair(fd);
	io = event_new(base, fd[0], EV_READ, trace, "io");
	event_add(io, NULL);
	event_active(ev, 0, 0);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(io);
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(user_event_macros)
{
	struct event_base *base = event_base_new();
	struct event *ev = evuser_new(base, trace, "user");

	CHECK(evuser_initialized(ev));
	SAY("pending %d\n", evuser_pending(ev, NULL));
	evuser_trigger(ev);
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	evuser_trigger(ev);
	SAY("del %d\n", evuser_del(ev));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
}

CASE(without_a_base_only_a_warning)
{
	struct event ev;

	memset(&ev, 0, sizeof ev);
	event_set_log_callback(severity_log);
	event_active(&ev, EV_READ, 1);
	SAY("done\n");
}


/* The loop is idle, and the same thread's signal handler wakes it. */
static struct event *handler_event;

static void activate_in_handler(int sig)
{
	(void)sig;
	event_active(handler_event, EV_READ, 1);
}

CASE(activated_in_a_signal_handler_outside_the_loop)
{
	struct event_base *base = event_base_new();

	handler_event = event_new(base, -1, 0, trace, "ev");
	signal(SIGUSR2, activate_in_handler);
	raise(SIGUSR2);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(handler_event);
	event_base_free(base);
}

/* By descriptor and by signal. */
CASE(by_fd)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *r, *w, *rw, *other, *idle;

	pair(fd);
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "r");
	w = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "timed r");
	rw = event_new(base, fd[0], EV_CLOSED | EV_PERSIST, trace, "c");
	other = event_new(base, fd[1], EV_READ | EV_PERSIST, trace, "other");
	idle = event_new(base, fd[0], EV_READ, trace, "idle");
	event_add(r, NULL);
	event_add(w, ms(100000));
	event_add(rw, NULL);
	event_add(other, NULL);
	event_base_active_by_fd(base, fd[0], EV_READ);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_active_by_fd(base, fd[0], EV_WRITE);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_active_by_fd(base, fd[0], EV_TIMEOUT);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_active_by_fd(base, fd[0], EV_CLOSED | EV_TIMEOUT);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_active_by_fd(base, fd[1], EV_READ | EV_WRITE);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(r);
	event_free(w);
	event_free(rw);
	event_free(other);
	event_free(idle);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(by_fd_unknown)
{
	struct event_base *base = event_base_new();

	event_base_active_by_fd(base, 7, EV_READ);
	event_base_active_by_fd(base, 100000, EV_READ | EV_TIMEOUT);
	event_base_active_by_fd(base, -1, EV_READ);
	event_base_active_by_signal(base, SIGUSR1);
	SAY("active %d\n", active(base));
	event_base_free(base);
}

CASE(by_fd_for_timers_without_descriptor)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, trace, "a"), *b = event_new(base, 400, 0, trace, "b"),
		     *c = event_new(base, 400, 0, trace, "c");

	event_add(a, ms(100000));
	event_add(b, ms(100000));
	event_base_active_by_fd(base, 400, EV_TIMEOUT);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(a);
	event_free(b);
	event_free(c);
	event_base_free(base);
}

CASE(by_fd_with_common_timeout)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(100000));
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ, trace, "ev");
	event_add(ev, tv);
	event_base_active_by_fd(base, fd[0], EV_TIMEOUT);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("pending %s\n", bits(event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(by_signal)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "a");
	struct event *b = event_new(base, SIGUSR1, EV_SIGNAL, trace, "b");
	struct event *c = event_new(base, SIGUSR2, EV_SIGNAL | EV_PERSIST, trace, "c");
	struct event *idle = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "idle");

	event_add(a, NULL);
	event_add(b, NULL);
	event_add(c, NULL);
	event_base_active_by_signal(base, SIGUSR1);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_active_by_signal(base, SIGUSR1);
	SAY("active %d\n", active(base));
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(a);
	event_free(b);
	event_free(c);
	event_free(idle);
	event_base_free(base);
}

/* Which base an event belongs to is what counts, not which base's loop ran last. */
static struct event_base *two[2];
static struct event *of_two[2];

static void inner_cb(evutil_socket_t fd, short what, void *arg)
{
	int *left = arg;
	(void)fd, (void)what;
	SAY("inner %d\n", *left);
	event_active(of_two[0], EV_WRITE, 1);
	if (--*left > 0)
		event_active(of_two[1], EV_READ, 1);
}

static void outer_cb(evutil_socket_t fd, short what, void *arg)
{
	int *left = arg, inner = 2;
	(void)fd;
	SAY("outer %d what %d\n", *left, what);
	if (--*left > 0) {
		of_two[1] = event_new(two[1], -1, EV_PERSIST, inner_cb, &inner);
		event_active(of_two[1], EV_READ, 1);
		SAY("inner loop %d\n", event_base_loop(two[1], EVLOOP_NONBLOCK));
		event_free(of_two[1]);
	}
}

CASE(loops_of_two_bases_inside_each_other)
{
	int left = 3;
	two[0] = event_base_new();
	two[1] = event_base_new();
	of_two[0] = event_new(two[0], -1, EV_PERSIST, outer_cb, &left);
	event_active(of_two[0], EV_READ, 1);
	SAY("outer loop %d\n", event_base_loop(two[0], EVLOOP_NONBLOCK));
	SAY("outer loop %d\n", event_base_loop(two[0], EVLOOP_NONBLOCK));
	event_free(of_two[0]);
	event_base_free(two[1]);
	event_base_free(two[0]);
}

static void count_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	++*(int *)arg;
}

CASE(bases_that_come_and_go)
{
	int i, n = 0;
	struct event_base *kept = event_base_new();
	struct event *on_kept = event_new(kept, -1, EV_PERSIST, count_cb, &n);
	for (i = 0; i < 5; i++) {
		struct event_base *base = event_base_new();
		struct event *ev = event_new(base, -1, EV_PERSIST, count_cb, &n);
		event_active(ev, EV_READ, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		event_active(ev, EV_READ, 1);
		event_active(on_kept, EV_READ, 1);
		event_base_loop(i & 1 ? kept : base, EVLOOP_NONBLOCK);
		event_free(ev);
		event_base_free(base);
		SAY("%d\n", n);
	}
	event_base_loop(kept, EVLOOP_NONBLOCK);
	SAY("%d\n", n);
	event_free(on_kept);
	event_base_free(kept);
}

/* Many are made active and most of those deleted, so that the queue has room to be put in order; what is left is added then. */
CASE(persistent_ones_added_after_many_were_deleted)
{
	enum { MOST = 80 };
	struct event_base *base;
	struct event *few[4], *many[MOST];
	int fd[2], i, round, count;

	pair(fd);
	put(fd[1], "x");
	for (count = 4; count <= MOST; count += 8) {
		base = event_base_new();
		few[0] = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "descriptor");
		few[1] = event_new(base, -1, EV_PERSIST, trace, "timer");
		few[2] = event_new(base, fd[0], EV_READ, trace, "one-shot");
		few[3] = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "signal");
		for (i = 0; i < 4; i++)
			event_active(few[i], i ? EV_WRITE : EV_TIMEOUT, 1);
		for (i = 0; i < count; i++) {
			many[i] = event_new(base, -1, 0, trace, "never");
			event_active(many[i], EV_READ, 1);
		}
		for (round = 0; round < 3; round++) {
			for (i = 0; i < count - 1; i++)
				event_del(many[i]);
			for (i = 0; i < count - 1; i++)
				event_active(many[i], EV_READ, 1);
		}
		for (i = 0; i < count; i++)
			event_free(many[i]);
		/* The first takes back the activation, the second waits for the descriptor. */
		event_add(few[0], ms(10000));
		event_add(few[0], ms(10000));
		event_remove_timer(few[0]);
		event_add(few[1], ms(10000));
		event_add(few[2], NULL);
		event_add(few[3], NULL);
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		SAY("%d: pending %s %s %s %s\n", count, bits(event_pending(few[0], EV_READ, NULL)),
		    bits(event_pending(few[1], EV_TIMEOUT, NULL)), bits(event_pending(few[2], EV_READ, NULL)),
		    bits(event_pending(few[3], EV_SIGNAL, NULL)));
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		for (i = 0; i < 4; i++)
			event_free(few[i]);
		SAY("added %d active %d\n", added(base), active(base));
		event_base_free(base);
	}
	close(fd[0]);
	close(fd[1]);
}
