/* ev_async: waking a loop. */
#include "evcase.h"

static ev_async a, b;
static ev_timer t;
static struct ev_loop *loop;

static void
stop_cb(struct ev_loop *l, ev_async *w, int revents)
{
	log_async(l, w, revents);
	ev_async_stop(l, w);
}

CASE(sent_before_the_run)
{
	loop = new_loop();
	ev_async_init(&a, stop_cb);
	a.data = "a";
	ev_async_start(loop, &a);
	CHECK(!ev_async_pending(&a));
	ev_async_send(loop, &a);
	ev_async_send(loop, &a);
	CHECK(ev_async_pending(&a));
	CHECK(!ev_is_pending(&a));
	SAY("left %d\n", ev_run(loop, 0));
	CHECK(!ev_async_pending(&a));
	ev_loop_destroy(loop);
}

static void
send_cb(struct ev_loop *l, ev_timer *w, int revents)
{
	log_timer(l, w, revents);
	ev_async_send(l, &a);
}

CASE(sent_in_a_callback)
{
	loop = new_loop();
	ev_async_init(&a, stop_cb);
	a.data = "a";
	ev_async_start(loop, &a);
	ev_timer_init(&t, send_cb, 0.01, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(only_who_was_sent_to)
{
	loop = new_loop();
	ev_async_init(&a, log_async);
	ev_async_init(&b, log_async);
	a.data = "a";
	b.data = "b";
	ev_async_start(loop, &a);
	ev_async_start(loop, &b);
	ev_async_send(loop, &b);
	ev_run(loop, EVRUN_ONCE);
	ev_async_send(loop, &a);
	ev_async_send(loop, &b);
	ev_run(loop, EVRUN_ONCE);
	ev_async_stop(loop, &a);
	ev_async_send(loop, &b);
	ev_run(loop, EVRUN_ONCE);
	ev_async_stop(loop, &b);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
handler(int sig)
{
	(void)sig;
	ev_async_send(loop, &a);
}

CASE(sent_from_a_signal_handler)
{
	loop = new_loop();
	ev_async_init(&a, stop_cb);
	a.data = "a";
	ev_async_start(loop, &a);
	signal(SIGALRM, handler);
	ualarm(20000, 0);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(start_forgets_what_was_sent)
{
	loop = new_loop();
	ev_async_init(&a, log_async);
	a.data = "a";
	a.sent = 1;
	ev_async_start(loop, &a);
	SAY("sent %d\n", (int)a.sent);
	ev_run(loop, EVRUN_NOWAIT);
	ev_async_stop(loop, &a);
	ev_loop_destroy(loop);
}

CASE(after_a_fork)
{
	pid_t pid;
	loop = new_loop();
	ev_async_init(&a, stop_cb);
	a.data = "a";
	ev_async_start(loop, &a);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		ev_async_send(loop, &a);
		SAY("child left %d\n", ev_run(loop, 0));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	SAY("parent left %d\n", !!ev_run(loop, EVRUN_NOWAIT));
	ev_async_send(loop, &a);
	SAY("parent left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}
