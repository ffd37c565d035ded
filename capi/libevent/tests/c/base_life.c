/* Making and freeing a base; what it says about itself. */
#include "case.h"
#include "loop_kit.h"
#include <dirent.h>

CASE(new_and_free)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_free(event_base_new());
	SAY("done\n");
}

CASE(methods_supported)
{
	const char **m = event_get_supported_methods();

	while (*m)
		SAY("%s\n", *m++);
	m = event_get_supported_methods();
	SAY("again %s\n", *m);
}

CASE(method_and_features)
{
	struct event_base *base = event_base_new();

	SAY("%s features %x\n", event_base_get_method(base), event_base_get_features(base));
	event_base_free(base);
	base = epoll_base();
	SAY("%s features %x\n", event_base_get_method(base), event_base_get_features(base));
	event_base_free(base);
}

CASE(empty_loop_answers_one)
{
	struct event_base *base = event_base_new();

	SAY("%d\n", event_base_dispatch(base));
	SAY("%d\n", event_base_loop(base, 0));
	SAY("%d\n", event_base_loop(base, EVLOOP_ONCE));
	SAY("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	SAY("exit %d break %d\n", event_base_got_exit(base), event_base_got_break(base));
	event_base_free(base);
}

CASE(freed_with_events_pending)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event a, b, c, d;

	pair(fd);
	event_assign(&a, base, fd[0], EV_READ | EV_PERSIST, trace, "a");
	event_assign(&b, base, -1, 0, trace, "b");
	event_assign(&c, base, SIGUSR1, EV_SIGNAL | EV_PERSIST, trace, "c");
	event_assign(&d, base, -1, 0, trace, "d");
	event_add(&a, ms(100000));
	event_add(&b, ms(100000));
	event_add(&c, NULL);
	event_active(&d, EV_READ, 1);
	event_base_free(base);
	SAY("flags %02x %02x %02x %02x\n", a.ev_evcallback.evcb_flags, b.ev_evcallback.evcb_flags,
	    c.ev_evcallback.evcb_flags, d.ev_evcallback.evcb_flags);
	base = event_base_new();
	CHECK(event_assign(&a, base, fd[0], EV_WRITE, trace, "a again") == 0);
	CHECK(event_add(&a, NULL) == 0);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(events_outlive_their_base)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, trace, "a"), *b = event_new(base, -1, 0, trace, "b");

	event_add(b, ms(100000));
	event_del(b);
	event_base_free(base);
	base = event_base_new();
	SAY("set %d\n", event_base_set(base, a));
	event_add(a, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_base_set(base, b);
	event_free(b);
	event_base_free(base);
}

CASE(free_with_common_timeouts_and_priorities)
{
	struct event_base *base = event_base_new();
	struct event ev[6];
	int i;

	event_base_priority_init(base, 10);
	for (i = 0; i < 6; i++) {
		const struct timeval *tv = event_base_init_common_timeout(base, ms(100000 + 1000 * i));

		event_assign(&ev[i], base, -1, 0, trace, "");
		event_priority_set(&ev[i], i);
		event_add(&ev[i], tv);
		if (i & 1)
			event_active(&ev[i], EV_READ, 1);
	}
	SAY("added %d active %d\n", added(base), active(base));
	event_base_free(base);
	SAY("freed\n");
}

CASE(free_nofinalize)
{
	struct event_base *base = event_base_new();
	struct event ev;

	event_assign(&ev, base, -1, 0, trace, "");
	event_add(&ev, ms(100000));
	event_base_free_nofinalize(base);
	SAY("freed\n");
}

CASE(free_of_nothing)
{
	event_set_log_callback(severity_log);
	event_base_free(NULL);
	SAY("done\n");
}

CASE(two_bases_side_by_side)
{
	struct event_base *one = event_base_new(), *two = event_base_new();
	struct event *a = event_new(one, -1, 0, trace, "one"), *b = event_new(two, -1, 0, trace, "two");

	event_add(a, ms(1));
	event_add(b, ms(1));
	SAY("loop %d\n", event_base_dispatch(two));
	SAY("loop %d\n", event_base_dispatch(one));
	event_free(a);
	event_free(b);
	event_base_free(one);
	event_base_free(two);
}

static struct event_base *other_base;

static void run_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	SAY("%s %s\n", (char *)arg, bits(what));
	SAY("other loop %d\n", event_base_dispatch(other_base));
}

CASE(loop_of_another_base_inside_a_callback)
{
	struct event_base *base = event_base_new();
	struct event *a = event_new(base, -1, 0, run_other, "outer"), *b;

	other_base = event_base_new();
	b = event_new(other_base, -1, 0, trace, "inner");
	event_add(a, ms(1));
	event_add(b, ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(a);
	event_free(b);
	event_base_free(base);
	event_base_free(other_base);
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* 2000 bases, each with a timer, a descriptor and a signal: nothing stays open. */
CASE(no_descriptor_stays_open)
{
	int fd[2], i, before = 0, ran = 0;

	pair(fd);
	for (i = 0; i < 2000; i++) {
		struct event_base *base = event_base_new();
		struct event t, w, s;

		event_assign(&t, base, -1, 0, count, &ran);
		event_assign(&w, base, fd[0], EV_WRITE, count, &ran);
		event_assign(&s, base, SIGUSR1, EV_SIGNAL, count, &ran);
		event_add(&t, ms(0));
		event_add(&w, NULL);
		event_add(&s, NULL);
		event_base_active_by_signal(base, SIGUSR1);
		event_base_dispatch(base);
		event_base_free(base);
		if (i == 3)
			before = descriptors();
	}
	CHECK(descriptors() == before);
	SAY("ran %d\n", ran);
	close(fd[0]);
	close(fd[1]);
}

CASE(descriptors_do_not_pass_exec)
{
	struct event_base *base;
	struct event *sig;
	int fd, before[64], kept = 0;

	for (fd = 0; fd < 64; fd++)
		before[fd] = fcntl(fd, F_GETFD);
	base = event_base_new();
	sig = event_new(base, SIGUSR1, EV_SIGNAL, trace, "");
	event_add(sig, NULL);
	for (fd = 0; fd < 64; fd++)
		if (before[fd] < 0 && fcntl(fd, F_GETFD) >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			kept++;
	SAY("kept %d\n", kept);
	event_free(sig);
	event_base_free(base);
}
