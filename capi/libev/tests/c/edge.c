/* Corners: descriptors closed behind the loop's back, forks, nesting, what callbacks may do. */
#include "evcase.h"

static ev_io io, io2, io3;
static ev_timer t, t2;
static ev_async as;
static ev_signal sg;
static int p[2], q[2], count;

static void
take_cb(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	take(w->fd);
}

static void
end_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
}

static void
end_after(struct ev_loop *loop, double seconds)
{
	ev_timer_init(&t, end_cb, seconds, 0.);
	t.data = "end";
	ev_timer_start(loop, &t);
}

CASE(closed_while_a_duplicate_lives)
{
	struct ev_loop *loop = new_loop();
	int d;
	make_pipe(p);
	ev_io_init(&io, take_cb, p[0], EV_READ);
	io.data = "io";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	d = dup(p[0]);
	ev_io_stop(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	close(p[0]);
	put(p[1]);
	end_after(loop, 0.03);
	ev_run(loop, 0);
	SAY("waits in vain: %d\n", ev_iteration(loop) > 50);
	close(d);
	ev_loop_destroy(loop);
}

CASE(number_taken_by_another_while_a_duplicate_lives)
{
	struct ev_loop *loop = new_loop();
	int d;
	make_pipe(p);
	make_pipe(q);
	ev_io_init(&io, take_cb, p[0], EV_READ);
	io.data = "old";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	d = dup(p[0]);
	ev_io_stop(loop, &io);
	dup2(q[0], p[0]);
	ev_io_init(&io, take_cb, p[0], EV_READ);
	io.data = "new";
	ev_io_start(loop, &io);
	put(p[1]);
	end_after(loop, 0.03);
	ev_run(loop, 0);
	put(q[1]);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	close(d);
	ev_loop_destroy(loop);
}

CASE(stopped_but_still_readable)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	ev_io_init(&io, log_io, p[0], EV_READ);
	io.data = "never";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	ev_io_stop(loop, &io);
	put(p[1]);
	end_after(loop, 0.03);
	ev_run(loop, 0);
	SAY("waits in vain: %d\n", ev_iteration(loop) > 50);
	ev_loop_destroy(loop);
}

CASE(the_null_device)
{
	struct ev_loop *loop = new_loop();
	int fd = open("/dev/null", O_RDWR);
	ev_io_init(&io, log_io, fd, EV_READ | EV_WRITE);
	io.data = "null";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	close(fd);
	ev_loop_destroy(loop);
}

CASE(file_next_to_a_pipe)
{
	struct ev_loop *loop = new_loop();
	FILE *f = tmpfile();
	make_pipe(p);
	ev_io_init(&io, log_io, fileno(f), EV_READ);
	io.data = "file";
	ev_io_init(&io2, take_cb, p[0], EV_READ);
	io2.data = "pipe";
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	ev_run(loop, EVRUN_ONCE);
	put(p[1]);
	ev_set_priority(&io2, 0);
	ev_io_stop(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	ev_io_stop(loop, &io2);
	SAY("left %d\n", ev_run(loop, 0));
	fclose(f);
	ev_loop_destroy(loop);
}

static void
start_more(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	ev_io_stop(loop, w);
	ev_io_init(&io2, take_cb, p[0], EV_READ);
	io2.data = "second";
	ev_io_start(loop, &io2);
	SAY("pending %d\n", !!ev_is_pending(&io2));
}

CASE(started_in_a_callback)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	put(p[1]);
	ev_io_init(&io, start_more, p[0], EV_READ);
	io.data = "first";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io2);
	ev_loop_destroy(loop);
}

static void
run_inside(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	if (count++)
		return;
	SAY("in\n");
	ev_run(loop, EVRUN_NOWAIT);
	SAY("out, depth %u\n", ev_depth(loop));
}

CASE(nested_run_handles_what_is_pending)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	put(p[1]);
	ev_io_init(&io, run_inside, p[0], EV_READ);
	ev_io_init(&io2, run_inside, p[0], EV_READ);
	ev_io_init(&io3, run_inside, p[0], EV_READ);
	io.data = "a";
	io2.data = "b";
	io3.data = "c";
	ev_set_priority(&io3, -1);
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	ev_io_start(loop, &io3);
	ev_run(loop, EVRUN_ONCE);
	ev_loop_destroy(loop);
}

static void
sig_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
	log_signal(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
}

CASE(signals_after_a_fork)
{
	struct ev_loop *loop = new_loop();
	pid_t pid;
	ev_signal_init(&sg, sig_cb, SIGUSR1);
	sg.data = "sig";
	ev_signal_start(loop, &sg);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		raise(SIGUSR1);
		ev_run(loop, 0);
		SAY("child\n");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ev_run(loop, EVRUN_NOWAIT);
	raise(SIGUSR1);
	ev_run(loop, 0);
	SAY("parent\n");
	ev_signal_stop(loop, &sg);
	ev_loop_destroy(loop);
}

static void
log_as(struct ev_loop *loop, ev_async *w, int revents)
{
	log_async(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
}

CASE(everything_after_ev_loop_fork_in_the_same_process)
{
	struct ev_loop *loop = new_loop();
	ev_periodic pe;
	ev_stat st;
	make_pipe(p);
	ev_io_init(&io, take_cb, p[0], EV_READ);
	io.data = "io";
	ev_io_start(loop, &io);
	ev_async_init(&as, log_as);
	as.data = "async";
	ev_async_start(loop, &as);
	ev_signal_init(&sg, sig_cb, SIGUSR1);
	sg.data = "signal";
	ev_signal_start(loop, &sg);
	ev_periodic_init(&pe, log_periodic, ev_time() + 1000., 0., 0);
	pe.data = "periodic";
	ev_periodic_start(loop, &pe);
	ev_stat_init(&st, (void (*)(struct ev_loop *, ev_stat *, int))log_io, "/etc/passwd", 0.);
	ev_stat_start(loop, &st);
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_fork(loop);
	put(p[1]);
	ev_run(loop, EVRUN_ONCE);
	ev_loop_fork(loop);
	ev_async_send(loop, &as);
	ev_run(loop, 0);
	ev_loop_fork(loop);
	raise(SIGUSR1);
	ev_run(loop, 0);
	ev_loop_fork(loop);
	end_after(loop, 0.02);
	ev_run(loop, 0);
	ev_verify(loop);
	CHECK(ev_is_active(&pe));
	ev_periodic_stop(loop, &pe);
	ev_io_stop(loop, &io);
	ev_async_stop(loop, &as);
	ev_signal_stop(loop, &sg);
	ev_stat_stop(loop, &st);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
send_again(struct ev_loop *loop, ev_async *w, int revents)
{
	log_async(loop, w, revents);
	if (++count < 3)
		ev_async_send(loop, w);
	else
		ev_async_stop(loop, w);
}

CASE(async_sent_in_its_own_callback)
{
	struct ev_loop *loop = new_loop();
	ev_async_init(&as, send_again);
	as.data = "async";
	ev_async_start(loop, &as);
	ev_async_send(loop, &as);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
long_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_sleep(0.03);
}

CASE(timers_count_from_the_loops_time)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, long_cb, 0.01, 0.);
	t.data = "long";
	ev_timer_init(&t2, log_timer, 0.02, 0.);
	t2.data = "short";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
now_or_never(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_feed_event(loop, &t2, EV_TIMER);
	ev_timer_stop(loop, &t2);
	SAY("pending %d\n", !!ev_is_pending(&t2));
	ev_feed_event(loop, &t2, EV_CUSTOM);
	ev_clear_pending(loop, &t2);
	ev_feed_event(loop, &t2, EV_CUSTOM | EV_READ);
}

CASE(fed_stopped_cleared_and_fed)
{
	struct ev_loop *loop = new_loop();
	ev_timer_init(&t, now_or_never, 0.001, 0.);
	t.data = "t";
	ev_timer_init(&t2, log_timer, 50., 0.);
	t2.data = "t2";
	ev_timer_start(loop, &t);
	ev_timer_start(loop, &t2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
destroy_other(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_loop_destroy(w->data == (void *)"x" ? NULL : (struct ev_loop *)ev_userdata(loop));
}

CASE(another_loop_destroyed_in_a_callback)
{
	struct ev_loop *loop = new_loop(), *other = new_loop();
	ev_timer_init(&t2, log_timer, 50., 0.);
	ev_timer_start(other, &t2);
	ev_set_userdata(loop, other);
	ev_timer_init(&t, destroy_other, 0.001, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}
