/* Making events: arguments, getters, the struct in the user's own memory. */
#include "case.h"
#include "loop_kit.h"

CASE(getters_give_back_the_arguments)
{
	struct event_base *base = event_base_new();
	int fd[2];
	int n = 0;
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST, count, &n);
	CHECK(event_get_fd(ev) == fd[0]);
	CHECK(event_get_base(ev) == base);
	CHECK(event_get_callback(ev) == count);
	CHECK(event_get_callback_arg(ev) == &n);
	SAY("events %s\n", bits(event_get_events(ev)));
	SAY("priority %d\n", event_get_priority(ev));
	CHECK(event_initialized(ev));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(get_assignment_whole_and_in_parts)
{
	struct event_base *base = event_base_new(), *b = NULL;
	evutil_socket_t fd = -7;
	short events = 0;
	event_callback_fn cb = NULL;
	void *arg = NULL;
	int n = 0;
	struct event *ev = event_new(base, 1, EV_WRITE | EV_ET, count, &n);

	event_get_assignment(ev, &b, &fd, &events, &cb, &arg);
	CHECK(b == base);
	CHECK(fd == 1);
	SAY("%s\n", bits(events));
	CHECK(cb == count);
	CHECK(arg == &n);
	event_get_assignment(ev, NULL, NULL, NULL, NULL, NULL);
	fd = -7;
	event_get_assignment(ev, NULL, &fd, NULL, NULL, NULL);
	CHECK(fd == 1);
	events = 0;
	event_get_assignment(ev, NULL, NULL, &events, NULL, NULL);
	SAY("%s\n", bits(events));
	event_free(ev);
	event_base_free(base);
}

CASE(timeout_flag_is_kept_but_means_nothing)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_TIMEOUT, trace, "t");

	SAY("events %s\n", bits(event_get_events(ev)));
	CHECK(event_add(ev, NULL) == 0);
	SAY("pending %s\n", bits(event_pending(ev, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL, NULL)));
	SAY("added %d\n", added(base));
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	CHECK(event_add(ev, ms(0)) == 0);
	SAY("pending %s\n", bits(event_pending(ev, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL, NULL)));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(ev);
	event_base_free(base);
}

CASE(signal_and_io_do_not_mix)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_set_log_callback(severity_log);
	SAY("%d\n", event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_READ, trace, ""));
	SAY("%d\n", event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_WRITE, trace, ""));
	SAY("%d\n", event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_CLOSED, trace, ""));
	SAY("%d\n", event_assign(&ev, base, SIGUSR1, EV_SIGNAL, trace, ""));
	SAY("%d\n", event_assign(&ev, base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, ""));
	CHECK(event_new(base, SIGUSR1, EV_SIGNAL | EV_READ, trace, "") == NULL);
	event_base_free(base);
}

CASE(struct_size)
{
	SAY("%d\n", (int)event_get_struct_event_size());
	CHECK(event_get_struct_event_size() <= sizeof(struct event));
}

CASE(initialized_tells_zeroed_memory)
{
	struct event_base *base = event_base_new();
	struct event *ev = calloc(1, sizeof *ev);

	SAY("%d\n", event_initialized(ev));
	event_assign(ev, base, -1, 0, trace, "");
	SAY("%d\n", event_initialized(ev) != 0);
	event_add(ev, ms(1000));
	SAY("%d\n", event_initialized(ev) != 0);
	event_del(ev);
	SAY("%d\n", event_initialized(ev) != 0);
	CHECK(evtimer_initialized(ev));
	CHECK(evsignal_initialized(ev));
	CHECK(evuser_initialized(ev));
	memset(ev, 0, sizeof *ev);
	SAY("%d\n", event_initialized(ev));
	free(ev);
	event_base_free(base);
}

static struct event still;

CASE(static_event)
{
	struct event_base *base = event_base_new();

	CHECK(!event_initialized(&still));
	CHECK(event_assign(&still, base, -1, 0, trace, "static") == 0);
	CHECK(event_add(&still, ms(1)) == 0);
	SAY("%d\n", event_base_dispatch(base));
	CHECK(event_initialized(&still));
	SAY("pending %d\n", event_pending(&still, EV_TIMEOUT, NULL));
	event_base_free(base);
}

CASE(event_on_the_stack_thrown_away)
{
	struct event_base *base = event_base_new();
	int i;

	for (i = 0; i < 3; i++) {
		struct event ev;

		memset(&ev, 0x5a, sizeof ev);
		event_assign(&ev, base, -1, 0, trace, "stack");
		if (i == 1) {
			event_add(&ev, ms(0));
			SAY("%d\n", event_base_dispatch(base));
		}
		memset(&ev, 0xa5, sizeof ev);
	}
	SAY("added %d\n", added(base));
	SAY("%d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(copied_while_idle)
{
	struct event_base *base = event_base_new();
	struct event a, b, c;
	int fd[2];

	pair(fd);
	event_assign(&a, base, fd[0], EV_READ | EV_PERSIST, trace_read, "copy");
	b = a;
	CHECK(event_add(&b, NULL) == 0);
	SAY("a %d b %d\n", event_pending(&a, EV_READ, NULL), event_pending(&b, EV_READ, NULL));
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	CHECK(event_del(&b) == 0);
	c = b;
	memset(&b, 0xee, sizeof b);
	CHECK(event_add(&c, NULL) == 0);
	CHECK(event_add(&a, NULL) == 0);
	put(fd[1], "yz");
	event_del(&a);
	event_base_loop(base, EVLOOP_ONCE);
	event_del(&c);
	SAY("added %d\n", added(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(copied_after_it_fired)
{
	struct event_base *base = event_base_new();
	struct event a, b;

	event_assign(&a, base, -1, 0, trace, "timer");
	event_add(&a, ms(1));
	event_base_dispatch(base);
	b = a;
	CHECK(event_add(&a, ms(1)) == 0);
	CHECK(event_add(&b, ms(2)) == 0);
	SAY("added %d\n", added(base));
	event_del(&a);
	SAY("b %s\n", bits(event_pending(&b, EV_TIMEOUT, NULL)));
	event_base_dispatch(base);
	event_base_free(base);
}

CASE(assigned_again_while_idle)
{
	struct event_base *base = event_base_new();
	struct event ev;
	int fd[2];

	pair(fd);
	event_assign(&ev, base, fd[0], EV_READ, trace, "first");
	event_add(&ev, NULL);
	event_del(&ev);
	CHECK(event_assign(&ev, base, fd[1], EV_WRITE, trace, "second") == 0);
	CHECK(event_add(&ev, NULL) == 0);
	event_base_dispatch(base);
	CHECK(event_assign(&ev, base, -1, 0, trace, "third") == 0);
	CHECK(event_add(&ev, ms(1)) == 0);
	event_base_dispatch(base);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void reassign(evutil_socket_t fd, short what, void *arg)
{
	struct event *ev = arg;

	(void)fd;
	SAY("reassign %s\n", bits(what));
	event_assign(ev, event_get_base(ev), -1, 0, trace, "after");
	event_add(ev, ms(1));
}

CASE(assigned_again_inside_its_callback)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, reassign, &ev);
	event_add(&ev, ms(1));
	SAY("%d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(self_cbarg)
{
	struct event_base *base = event_base_new();
	struct event own;
	struct event *ev = event_new(base, -1, 0, trace, event_self_cbarg());

	CHECK(event_self_cbarg() != NULL);
	CHECK(event_self_cbarg() == event_self_cbarg());
	CHECK(event_get_callback_arg(ev) == ev);
	event_assign(&own, base, -1, 0, trace, event_self_cbarg());
	CHECK(event_get_callback_arg(&own) == &own);
	event_free(ev);
	event_base_free(base);
}

static void free_self(evutil_socket_t fd, short what, void *arg)
{
	struct event *ev = arg;

	(void)fd;
	SAY("self %s\n", bits(what));
	CHECK(event_get_callback_arg(ev) == ev);
	event_free(ev);
}

CASE(self_cbarg_freed_inside_its_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, EV_PERSIST, free_self, event_self_cbarg());

	event_add(ev, ms(1));
	SAY("%d\n", event_base_dispatch(base));
	SAY("added %d\n", added(base));
	event_base_free(base);
}

CASE(base_set_only_while_idle)
{
	struct event_base *one = event_base_new(), *two = event_base_new();
	struct event *ev = event_new(one, -1, 0, trace, "moved");

	SAY("%d\n", event_base_set(two, ev));
	CHECK(event_get_base(ev) == two);
	event_add(ev, ms(1));
	SAY("pending: %d\n", event_base_set(one, ev));
	CHECK(event_get_base(ev) == two);
	SAY("one %d two %d\n", event_base_dispatch(one), event_base_dispatch(two));
	SAY("after: %d\n", event_base_set(one, ev));
	event_active(ev, EV_READ, 1);
	SAY("active: %d\n", event_base_set(two, ev));
	SAY("one %d\n", event_base_dispatch(one));
	event_free(ev);
	event_base_free(one);
	event_base_free(two);
}

CASE(base_set_sets_the_middle_priority)
{
	struct event_base *one = event_base_new(), *two = event_base_new();
	struct event *ev;

	event_base_priority_init(one, 3);
	event_base_priority_init(two, 9);
	ev = event_new(one, -1, 0, trace, "");
	SAY("%d\n", event_get_priority(ev));
	event_priority_set(ev, 2);
	event_base_set(two, ev);
	SAY("%d\n", event_get_priority(ev));
	event_free(ev);
	event_base_free(one);
	event_base_free(two);
}

/* Programs of the 1.x days write to the struct: what is there when the callback is due counts. */
CASE(callback_and_argument_are_read_when_due)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, breaker, base);
	event_active(&ev, EV_READ, 1);
	ev.ev_evcallback.evcb_cb_union.evcb_callback = trace;
	ev.ev_evcallback.evcb_arg = "edited";
	event_base_loop(base, EVLOOP_NONBLOCK);
	ev.ev_evcallback.evcb_arg = "edited again";
	event_add(&ev, ms(1));
	ev.ev_evcallback.evcb_arg = "edited while pending";
	event_base_dispatch(base);
	event_base_free(base);
}

/* What programs ask the flag word: is it an event at all, and is it in a table. */
CASE(flag_word_follows_the_life)
{
	struct event_base *base = event_base_new();
	struct event ev;
	int fd[2];
	enum { SEEN = EVLIST_INIT | EVLIST_INSERTED | EVLIST_FINALIZING | EVLIST_INTERNAL };

	pair(fd);
	event_assign(&ev, base, fd[0], EV_READ, trace, "");
	SAY("assigned %02x\n", ev.ev_evcallback.evcb_flags);
	event_add(&ev, NULL);
	SAY("added %02x\n", ev.ev_evcallback.evcb_flags & SEEN);
	event_active(&ev, EV_READ, 1);
	SAY("active %02x\n", ev.ev_evcallback.evcb_flags & SEEN);
	event_del(&ev);
	SAY("deleted %02x\n", ev.ev_evcallback.evcb_flags);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(callback_sees_fd_and_argument)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *ev;

	pair(fd);
	ev = event_new(base, fd[0], EV_WRITE, breaker, base);
	event_add(ev, NULL);
	CHECK(event_base_dispatch(base) == 0);
	CHECK(event_get_fd(ev) == fd[0]);
	SAY("got_break %d\n", event_base_got_break(base));
	event_free(ev);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void show_fd(evutil_socket_t fd, short what, void *arg)
{
	SAY("%s fd is %s\n", bits(what), fd == *(int *)arg ? "ours" : "another");
}

CASE(callback_descriptor)
{
	struct event_base *base = event_base_new();
	int fd[2], none = -1, sig = SIGUSR1, odd = 12345;
	struct event *a, *b, *c, *d;

	pair(fd);
	a = event_new(base, fd[0], EV_WRITE, show_fd, &fd[0]);
	b = event_new(base, -1, 0, show_fd, &none);
	c = event_new(base, SIGUSR1, EV_SIGNAL, show_fd, &sig);
	d = event_new(base, 12345, 0, show_fd, &odd);
	event_add(a, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	event_add(b, ms(1));
	event_base_loop(base, EVLOOP_ONCE);
	event_add(c, NULL);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	SAY("add %d\n", event_add(d, ms(1)));
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(c);
	event_free(d);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(version)
{
	SAY("%s\n", event_get_version());
	SAY("%08x\n", (unsigned)event_get_version_number());
	CHECK(!strcmp(event_get_version(), LIBEVENT_VERSION));
	CHECK(event_get_version_number() == LIBEVENT_VERSION_NUMBER);
}
