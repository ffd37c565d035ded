/* fork: the child makes the base its own with event_reinit. */
#include "case.h"
#include "scene.h"

SCENE(without_anything, "reinit; reinit; loop")
SCENE(in_the_same_process,
    "pair a; event io a0 RPD; event timer - 0; event signal USR1 SP; add io; add timer 1; add signal; reinit; loop once;"
    "put a1 x; loop once; raise USR1; loop once; free io; free timer; free signal; loop")

SCENE(child_has_its_own_events,
    "pair a; event io a0 RPD; add io; fork; child reinit; child put a1 child; child loop once; child free io;"
    "put a1 parent; loop once")
/* What the child deletes stays with the parent. */
SCENE(child_deletes_after_reinit,
    "pair a; event io a0 RPD; add io; fork; child reinit; child del io; child loop; put a1 parent; loop once")
/* Another descriptor in the child does not show in the parent. */
SCENE(child_adds_after_reinit,
    "pair a; pair b; event io a0 RPD; event extra b0 RPD; add io; fork; child reinit; child add extra; child put b1 x;"
    "child loop once; put b1 y; loop nonblock")
SCENE(child_frees_the_base,
    "pair a; event io a0 RPD; event signal USR1 SP; add io; add signal; fork; child reinit; child free io; child free signal;"
    "child base; child once new - T; child loop; put a1 x; loop once; raise USR1; loop once")
SCENE(descriptor_closed_in_the_child,
    "pair a; pair b; event closed a0 RPD; event open b0 RPD; add closed; add open; fork; child close a0; child reinit;"
    "put b1 x; loop once")
SCENE(several_events_on_one_descriptor,
    "base epoll; pair a; event a a0 RP; event b a0 RWP; event c a0 CP; add a; add b; add c; fork; child reinit; child counts;"
    "child put a1 x; child loop once; loop once")
SCENE(fork_after_a_loop_that_ended,
    "pair a; event io a0 RPD; add io; exit; loop; fork; child reinit; child put a1 x; child loop once")
SCENE(edge_triggered,
    "base epoll; pair a; event et a0 RPE; add et; put a1 x; loop once; fork; child reinit; child loop nonblock;"
    "child loop nonblock; loop nonblock")

SCENE(signals_of_parent_and_child,
    "event signal USR1 SP; add signal; fork; child reinit; child raise USR1; child loop once; child free signal; child loop;"
    "loop nonblock; raise USR1; loop once")
/* A signal that the parent had received, but not run, is the parent's. */
SCENE(signal_raised_before_the_fork,
    "event signal USR1 SP; add signal; raise USR1; fork; child reinit; child loop nonblock; loop nonblock")
/* The signal's earlier handler comes back in the child, too. */
SCENE(previous_handler_in_the_child,
    "handler USR1 ours; event signal USR1 SP; add signal; fork; child reinit; child del signal; child raise USR1; raise USR1;"
    "loop once; free signal; raise USR1")
SCENE(timers_and_active_events,
    "event timer - 0; event user - 0; add timer 5; active user; fork; child reinit; child loop; child free timer;"
    "child free user; loop")

struct forker {
	struct event_base *base;
	pid_t pid;
	int feed;
};

static void fork_now(evutil_socket_t fd, short what, void *arg)
{
	struct forker *f = arg;
	int status = 0;

	(void)fd;
	(void)what;
	f->pid = fork();
	if (f->pid == 0) {
		SAY("reinit %d\n", event_reinit(f->base));
		put(f->feed, "x");
	} else {
		waitpid(f->pid, &status, 0);
		SAY("child exit %d\nparent goes on\n", WEXITSTATUS(status));
	}
}

/* The child reinitialises inside the callback and goes on with the same loop. */
CASE(fork_inside_a_callback)
{
	struct event_base *base = event_base_new();
	struct forker f = { .base = base };
	struct event *io;
	int fd[2];

	pair(fd);
	f.feed = fd[1];
	io = event_new(base, fd[0], EV_READ, trace_read, "io");
	event_add(io, NULL);
	event_base_once(base, -1, EV_TIMEOUT, fork_now, &f, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (f.pid == 0)
		_exit(4);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
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
	waitpid(pid, NULL, 0);
	event_free(a);
	event_free(b);
	event_base_free(base);
}
