/* ev_signal: signals of the process. */
#include "evcase.h"

static ev_signal s, s2, s3;
static ev_timer t;

static void
stop_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
	log_signal(loop, w, revents);
	ev_signal_stop(loop, w);
}

static void
raise_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)w, (void)revents;
	raise(SIGUSR1);
}

static int
is_default(int sig)
{
	struct sigaction a;
	sigaction(sig, NULL, &a);
	return a.sa_handler == SIG_DFL;
}

CASE(raised_before_the_run)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	CHECK(!is_default(SIGUSR1));
	raise(SIGUSR1);
	raise(SIGUSR1);
	SAY("left %d\n", ev_run(loop, 0));
	CHECK(is_default(SIGUSR1));
	ev_loop_destroy(loop);
}

CASE(raised_in_a_callback)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	ev_timer_init(&t, raise_cb, 0.01, 0.);
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(sent_by_another_process)
{
	struct ev_loop *loop = new_loop();
	pid_t pid;
	ev_signal_init(&s, stop_cb, SIGUSR2);
	s.data = "s";
	ev_signal_start(loop, &s);
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	SAY("left %d\n", ev_run(loop, 0));
	waitpid(pid, NULL, 0);
	ev_loop_destroy(loop);
}

CASE(several_watchers_of_one_signal)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	ev_signal_init(&s2, stop_cb, SIGUSR1);
	ev_signal_init(&s3, stop_cb, SIGUSR2);
	s.data = "a";
	s2.data = "b";
	s3.data = "other";
	ev_signal_start(loop, &s);
	ev_signal_start(loop, &s2);
	ev_signal_start(loop, &s3);
	raise(SIGUSR1);
	SAY("left %d\n", ev_run(loop, EVRUN_ONCE));
	raise(SIGUSR2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(several_signals_at_once)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	ev_signal_init(&s2, stop_cb, SIGUSR2);
	ev_signal_init(&s3, stop_cb, SIGHUP);
	s.data = "USR1";
	s2.data = "USR2";
	s3.data = "HUP";
	ev_signal_start(loop, &s);
	ev_signal_start(loop, &s2);
	ev_signal_start(loop, &s3);
	raise(SIGUSR2);
	raise(SIGHUP);
	raise(SIGUSR1);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(feed_signal)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_feed_signal(SIGUSR1);
	ev_signal_start(loop, &s);
	ev_feed_signal(SIGUSR1);
	ev_feed_signal(SIGUSR2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(feed_signal_event)
{
	struct ev_loop *loop = new_loop();
	ev_signal_init(&s, log_signal, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	ev_feed_signal_event(loop, SIGUSR1);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_feed_signal_event(loop, SIGUSR2);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_invoke_pending(loop);
	ev_signal_stop(loop, &s);
	ev_loop_destroy(loop);
}

CASE(signalfd)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_SIGNALFD);
	sigset_t mask;
	ev_signal_init(&s, stop_cb, SIGUSR1);
	ev_signal_init(&s2, stop_cb, SIGUSR2);
	s.data = "s";
	s2.data = "s2";
	ev_signal_start(loop, &s);
	ev_signal_start(loop, &s2);
	raise(SIGUSR1);
	SAY("left %d\n", !!ev_run(loop, EVRUN_ONCE));
	raise(SIGUSR2);
	SAY("left %d\n", ev_run(loop, 0));
	sigprocmask(SIG_BLOCK, NULL, &mask);
	SAY("blocked %d\n", sigismember(&mask, SIGUSR1));
	ev_loop_destroy(loop);
}

CASE(blocked_signals_stay_blocked)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOENV);
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	SAY("blocked %d\n", sigismember(&mask, SIGUSR1));
	ev_signal_stop(loop, &s);
	ev_loop_destroy(loop);
}

CASE(nosigmask)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	SAY("blocked %d\n", sigismember(&mask, SIGUSR1));
	ev_signal_stop(loop, &s);
	ev_loop_destroy(loop);
}

CASE(another_loop_may_have_it_later)
{
	struct ev_loop *a = new_loop(), *b = new_loop();
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "a";
	ev_signal_start(a, &s);
	raise(SIGUSR1);
	ev_run(a, 0);
	s.data = "b";
	ev_signal_start(b, &s);
	raise(SIGUSR1);
	SAY("a %d\n", ev_run(a, EVRUN_NOWAIT));
	SAY("b %d\n", ev_run(b, 0));
	ev_loop_destroy(a);
	ev_loop_destroy(b);
}

CASE(restarted_system_calls)
{
	struct ev_loop *loop = new_loop();
	int p[2];
	char c;
	pid_t pid;
	if (pipe(p))
		return;
	ev_signal_init(&s, stop_cb, SIGUSR1);
	s.data = "s";
	ev_signal_start(loop, &s);
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		kill(getppid(), SIGUSR1);
		usleep(20000);
		put(p[1]);
		_exit(0);
	}
	SAY("read %d\n", (int)read(p[0], &c, 1));
	waitpid(pid, NULL, 0);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}
