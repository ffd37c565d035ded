/* ev_child: child processes, in the default loop. */
#include "evcase.h"

static ev_child c, c2, c3;
static int left;

static void
child_cb(struct ev_loop *loop, ev_child *w, int revents)
{
	SAY("%s: %s, right pid %d, exited %d status %d\n", (char *)w->data, what(revents), !w->pid || w->rpid == w->pid,
	    WIFEXITED(w->rstatus), WIFEXITED(w->rstatus) ? WEXITSTATUS(w->rstatus) : WTERMSIG(w->rstatus));
	ev_child_stop(loop, w);
}

static pid_t
child(int status, int ms)
{
	pid_t pid = fork();
	if (pid == 0) {
		usleep((useconds_t)ms * 1000);
		_exit(status);
	}
	return pid;
}

CASE(exits)
{
	struct ev_loop *loop = ev_default_loop(0);
	ev_child_init(&c, child_cb, child(7, 10), 0);
	c.data = "c";
	ev_child_start(loop, &c);
	SAY("left %d\n", ev_run(loop, 0));
	SAY("priority %d\n", ev_priority(&c));
	ev_loop_destroy(loop);
}

CASE(already_gone)
{
	struct ev_loop *loop = ev_default_loop(0);
	pid_t pid = child(3, 0);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	ev_child_init(&c, child_cb, pid, 0);
	c.data = "c";
	ev_child_start(loop, &c);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(killed)
{
	struct ev_loop *loop = ev_default_loop(0);
	pid_t pid = child(0, 5000);
	ev_child_init(&c, child_cb, pid, 0);
	c.data = "c";
	ev_child_start(loop, &c);
	kill(pid, SIGTERM);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(any_child)
{
	struct ev_loop *loop = ev_default_loop(0);
	ev_child_init(&c, child_cb, 0, 0);
	c.data = "any";
	ev_child_start(loop, &c);
	child(5, 5);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
count_cb(struct ev_loop *loop, ev_child *w, int revents)
{
	(void)revents;
	CHECK(w->rpid == w->pid && WEXITSTATUS(w->rstatus) == *(int *)w->data);
	ev_child_stop(loop, w);
	left--;
}

CASE(thirty_at_once)
{
	struct ev_loop *loop = ev_default_loop(0);
	static ev_child w[30];
	static int status[30];
	int i;
	for (i = 0; i < 30; i++) {
		status[i] = i;
		ev_child_init(&w[i], count_cb, child(i, i % 5), 0);
		w[i].data = &status[i];
		ev_child_start(loop, &w[i]);
	}
	left = 30;
	SAY("run %d", ev_run(loop, 0));
	SAY(" left %d\n", left);
	ev_loop_destroy(loop);
}

static void
trace_cb(struct ev_loop *loop, ev_child *w, int revents)
{
	SAY("%s: %s %s\n", (char *)w->data, what(revents),
	    WIFSTOPPED(w->rstatus) ? "stopped" : WIFCONTINUED(w->rstatus) ? "continued" : "ended");
	if (WIFSTOPPED(w->rstatus))
		kill(w->rpid, SIGCONT);
	else if (WIFCONTINUED(w->rstatus))
		kill(w->rpid, SIGTERM);
	else
		ev_break(loop, EVBREAK_ALL);
}

CASE(trace_tells_of_stops)
{
	struct ev_loop *loop = ev_default_loop(0);
	pid_t pid = child(0, 5000);
	ev_child_init(&c, trace_cb, pid, 1);
	c.data = "traced";
	ev_child_start(loop, &c);
	ev_child_init(&c2, child_cb, pid, 0);
	c2.data = "plain";
	ev_child_start(loop, &c2);
	kill(pid, SIGSTOP);
	SAY("left %d\n", !!ev_run(loop, 0));
	ev_child_stop(loop, &c);
	SAY("left %d\n", !!ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(stopped_watchers_are_not_told)
{
	struct ev_loop *loop = ev_default_loop(0);
	ev_timer t;
	ev_child_init(&c, child_cb, child(1, 0), 0);
	c.data = "never";
	ev_child_start(loop, &c);
	ev_child_stop(loop, &c);
	ev_child_stop(loop, &c);
	ev_timer_init(&t, log_timer, 0.05, 0.);
	t.data = "timer";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	SAY("reaped %d\n", waitpid(-1, NULL, WNOHANG) < 0);
	ev_loop_destroy(loop);
}

CASE(sigchld_is_watched_from_the_start)
{
	struct sigaction a;
	struct ev_loop *loop = ev_default_loop(0);
	sigaction(SIGCHLD, NULL, &a);
	CHECK(a.sa_handler != SIG_DFL);
	SAY("flags %d\n", !!(a.sa_flags & SA_RESTART));
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
	sigaction(SIGCHLD, NULL, &a);
	CHECK(a.sa_handler == SIG_DFL);
}

CASE(through_signalfd)
{
	struct ev_loop *loop = ev_default_loop(EVFLAG_SIGNALFD);
	ev_child_init(&c, child_cb, child(9, 5), 0);
	c.data = "c";
	ev_child_start(loop, &c);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}
