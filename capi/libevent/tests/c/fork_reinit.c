/* fork: the child makes the base its own with event_reinit. */
#include "case.h"
#include "loop_kit.h"

/* Lets the child say its words first, then tells how it ended. */
static void join(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		SAY("child signal %d\n", WTERMSIG(status));
	else
		SAY("child exit %d\n", WEXITSTATUS(status));
}

CASE(without_anything)
{
	struct event_base *base = event_base_new();

	SAY("reinit %d\n", event_reinit(base));
	SAY("reinit %d\n", event_reinit(base));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(in_the_same_process)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io, *timer, *sig;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	timer = evtimer_new(base, trace, "timer");
	sig = evsignal_new(base, SIGUSR1, trace, "signal");
	event_add(io, NULL);
	event_add(timer, ms(1));
	event_add(sig, NULL);
	SAY("reinit %d\n", event_reinit(base));
	event_base_loop(base, EVLOOP_ONCE);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(io);
	event_free(timer);
	event_free(sig);
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(child_has_its_own_events)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;
	pid_t pid;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	event_add(io, NULL);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		put(fd[1], "child");
		SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
		event_free(io);
		event_base_free(base);
		_exit(0);
	}
	join(pid);
	put(fd[1], "parent");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* What the child deletes stays with the parent. */
CASE(child_deletes_after_reinit)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;
	pid_t pid;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	event_add(io, NULL);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		event_del(io);
		SAY("child loop %d\n", event_base_dispatch(base));
		_exit(0);
	}
	join(pid);
	put(fd[1], "parent");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

/* Another descriptor in the child does not show in the parent. */
CASE(child_adds_after_reinit)
{
	struct event_base *base = event_base_new();
	int fd[2], more[2];
	struct event *io, *extra;
	pid_t pid;

	pair(fd);
	pair(more);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	extra = event_new(base, more[0], EV_READ | EV_PERSIST, trace_read, "extra");
	event_add(io, NULL);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		event_add(extra, NULL);
		put(more[1], "x");
		SAY("child loop %d\n", event_base_loop(base, EVLOOP_ONCE));
		_exit(0);
	}
	join(pid);
	put(more[1], "y");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(io);
	event_free(extra);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	close(more[0]);
	close(more[1]);
}

CASE(signals_of_parent_and_child)
{
	struct event_base *base = event_base_new();
	struct event *sig = evsignal_new(base, SIGUSR1, trace, "signal");
	pid_t pid;

	event_add(sig, NULL);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		raise(SIGUSR1);
		SAY("child loop %d\n", event_base_loop(base, EVLOOP_ONCE));
		event_free(sig);
		SAY("child loop %d\n", event_base_dispatch(base));
		_exit(0);
	}
	join(pid);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	raise(SIGUSR1);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(sig);
	event_base_free(base);
}

/* A signal that the parent had received, but not run, is the parent's. */
CASE(signal_raised_before_the_fork)
{
	struct event_base *base = event_base_new();
	struct event *sig = evsignal_new(base, SIGUSR1, trace, "signal");
	pid_t pid;

	event_add(sig, NULL);
	raise(SIGUSR1);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		SAY("child loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
		_exit(0);
	}
	join(pid);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(sig);
	event_base_free(base);
}

CASE(timers_and_active_events)
{
	struct event_base *base = event_base_new();
	struct event *timer = evtimer_new(base, trace, "timer"), *user = event_new(base, -1, 0, trace, "user");
	pid_t pid;

	event_add(timer, ms(5));
	event_active(user, EV_READ, 1);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		SAY("child loop %d\n", event_base_dispatch(base));
		event_free(timer);
		event_free(user);
		_exit(0);
	}
	join(pid);
	SAY("loop %d\n", event_base_dispatch(base));
	event_free(timer);
	event_free(user);
	event_base_free(base);
}

CASE(child_frees_the_base)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io, *sig;
	pid_t pid;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	sig = evsignal_new(base, SIGUSR1, trace, "signal");
	event_add(io, NULL);
	event_add(sig, NULL);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		event_free(io);
		event_free(sig);
		event_base_free(base);
		base = event_base_new();
		event_base_once(base, -1, EV_TIMEOUT, trace, "new base", NULL);
		SAY("child loop %d\n", event_base_dispatch(base));
		event_base_free(base);
		_exit(0);
	}
	join(pid);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(io);
	event_free(sig);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(descriptor_closed_in_the_child)
{
	struct event_base *base = event_base_new();
	int fd[2], more[2];
	struct event *a, *b;
	pid_t pid;

	pair(fd);
	pair(more);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "closed");
	b = event_new(base, more[0], EV_READ | EV_PERSIST, trace_read, "open");
	event_add(a, NULL);
	event_add(b, NULL);
	pid = fork();
	if (pid == 0) {
		event_set_log_callback(quiet_log);
		close(fd[0]);
		SAY("reinit %d\n", event_reinit(base));
		_exit(0);
	}
	join(pid);
	put(more[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
	close(more[0]);
	close(more[1]);
}

CASE(several_events_on_one_descriptor)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *a, *b, *c;
	pid_t pid;

	pair(fd);
	a = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "a");
	b = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST, trace, "b");
	c = event_new(base, fd[0], EV_CLOSED | EV_PERSIST, trace, "c");
	event_add(a, NULL);
	event_add(b, NULL);
	event_add(c, NULL);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		SAY("added %d\n", added(base));
		put(fd[1], "x");
		event_base_loop(base, EVLOOP_ONCE);
		_exit(0);
	}
	join(pid);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(a);
	event_free(b);
	event_free(c);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(fork_after_a_loop_that_ended)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *io;
	pid_t pid;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "io");
	event_add(io, NULL);
	event_base_loopexit(base, NULL);
	event_base_dispatch(base);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		put(fd[1], "x");
		SAY("child loop %d\n", event_base_loop(base, EVLOOP_ONCE));
		_exit(3);
	}
	join(pid);
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

struct forker {
	struct event_base *base;
	struct event *io;
	pid_t pid;
	int feed;
};

static void fork_now(evutil_socket_t fd, short what, void *arg)
{
	struct forker *f = arg;

	(void)fd;
	(void)what;
	f->pid = fork();
	if (f->pid == 0) {
		SAY("reinit %d\n", event_reinit(f->base));
		put(f->feed, "x");
	} else {
		join(f->pid);
		SAY("parent goes on\n");
	}
}

/* The child reinitialises inside the callback and goes on with the same loop. */
CASE(fork_inside_a_callback)
{
	struct event_base *base = event_base_new();
	struct forker f = { .base = base };
	int fd[2];

	pair(fd);
	f.feed = fd[1];
	f.io = event_new(base, fd[0], EV_READ, trace_read, "io");
	event_add(f.io, NULL);
	event_base_once(base, -1, EV_TIMEOUT, fork_now, &f, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (f.pid == 0)
		_exit(4);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(f.io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(edge_triggered)
{
	struct event_base *base = epoll_base();
	int fd[2];
	struct event *io;
	pid_t pid;

	pair(fd);
	io = event_new(base, fd[0], EV_READ | EV_PERSIST | EV_ET, trace, "et");
	event_add(io, NULL);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	pid = fork();
	if (pid == 0) {
		SAY("reinit %d\n", event_reinit(base));
		event_base_loop(base, EVLOOP_NONBLOCK);
		SAY("--\n");
		event_base_loop(base, EVLOOP_NONBLOCK);
		_exit(0);
	}
	join(pid);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(io);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(common_timeouts_and_priorities_survive)
{
	struct event_base *base = event_base_new();
	const struct timeval *tv = event_base_init_common_timeout(base, ms(3));
	struct event *a, *b;
	pid_t pid;

	event_base_priority_init(base, 3);
	a = evtimer_new(base, trace, "low");
	b = evtimer_new(base, trace, "high");
	event_priority_set(a, 2);
	event_priority_set(b, 0);
	event_add(a, tv);
	event_add(b, tv);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		stall(10);
		SAY("child loop %d\n", event_base_dispatch(base));
		event_free(a);
		event_free(b);
		_exit(0);
	}
	join(pid);
	event_free(a);
	event_free(b);
	event_base_free(base);
}

/* The signal's earlier handler comes back in the child, too. */
static void of_the_user(int sig)
{
	(void)sig;
	SAY("the user's handler\n");
}

CASE(previous_handler_in_the_child)
{
	struct event_base *base = event_base_new();
	struct event *sig = evsignal_new(base, SIGUSR1, trace, "signal");
	pid_t pid;

	signal(SIGUSR1, of_the_user);
	event_add(sig, NULL);
	pid = fork();
	if (pid == 0) {
		event_reinit(base);
		event_del(sig);
		raise(SIGUSR1);
		_exit(0);
	}
	join(pid);
	raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	event_free(sig);
	raise(SIGUSR1);
	event_base_free(base);
}
