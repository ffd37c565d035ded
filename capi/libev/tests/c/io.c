/* ev_io: descriptors. */
#include "evcase.h"

static ev_io io, io2, io3;
static int p[2], q[2];

static void
read_and_log(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	take(w->fd);
}

static void
stop_in_callback(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	ev_io_stop(loop, w);
	SAY("active %d pending %d\n", !!ev_is_active(w), !!ev_is_pending(w));
}

CASE(read_is_level_triggered)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	ev_io_init(&io, log_io, p[0], EV_READ);
	io.data = "r";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	SAY("nothing yet\n");
	put(p[1]);
	ev_run(loop, EVRUN_NOWAIT);
	ev_run(loop, EVRUN_ONCE);
	take(p[0]);
	ev_run(loop, EVRUN_NOWAIT);
	SAY("taken\n");
	ev_io_stop(loop, &io);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(write_is_ready_at_once)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	ev_io_init(&io, stop_in_callback, p[1], EV_WRITE);
	io.data = "w";
	ev_io_start(loop, &io);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(both_on_a_socket)
{
	struct ev_loop *loop = new_loop();
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	put(s[1]);
	ev_io_init(&io, stop_in_callback, s[0], EV_READ | EV_WRITE);
	io.data = "rw";
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

CASE(two_watchers_of_one_descriptor)
{
	struct ev_loop *loop = new_loop();
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	ev_io_init(&io, log_io, s[0], EV_READ);
	io.data = "reader";
	ev_io_init(&io2, log_io, s[0], EV_WRITE);
	io2.data = "writer";
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	ev_run(loop, EVRUN_ONCE);
	put(s[1]);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io2);
	ev_run(loop, EVRUN_ONCE);
	take(s[0]);
	ev_run(loop, EVRUN_NOWAIT);
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
}

CASE(three_readers_of_one_descriptor)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	ev_io_init(&io, log_io, p[0], EV_READ);
	ev_io_init(&io2, log_io, p[0], EV_READ);
	ev_io_init(&io3, log_io, p[0], EV_READ);
	io.data = "1";
	io2.data = "2";
	io3.data = "3";
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	ev_io_start(loop, &io3);
	put(p[1]);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io2);
	SAY("without 2\n");
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	ev_io_stop(loop, &io3);
	ev_loop_destroy(loop);
}

CASE(start_and_stop_twice)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	ev_io_init(&io, log_io, p[0], EV_READ);
	io.data = "r";
	SAY("active %d\n", !!ev_is_active(&io));
	ev_io_start(loop, &io);
	ev_io_start(loop, &io);
	SAY("active %d\n", !!ev_is_active(&io));
	ev_io_stop(loop, &io);
	ev_io_stop(loop, &io);
	SAY("active %d left %d\n", !!ev_is_active(&io), ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(restart_keeps_working)
{
	struct ev_loop *loop = new_loop();
	int i;
	make_pipe(p);
	ev_io_init(&io, read_and_log, p[0], EV_READ);
	io.data = "r";
	for (i = 0; i < 3; i++) {
		ev_io_start(loop, &io);
		put(p[1]);
		ev_run(loop, EVRUN_ONCE);
		ev_io_stop(loop, &io);
		put(p[1]);
		SAY("stopped: %d\n", ev_run(loop, EVRUN_NOWAIT));
		take(p[0]);
	}
	ev_loop_destroy(loop);
}

CASE(set_changes_the_events)
{
	struct ev_loop *loop = new_loop();
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	ev_io_init(&io, log_io, s[0], EV_READ);
	io.data = "io";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	ev_io_stop(loop, &io);
	ev_io_set(&io, s[0], EV_WRITE);
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	put(s[1]);
	ev_io_stop(loop, &io);
	ev_io_modify(&io, EV_READ);
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	SAY("events %x\n", io.events & 3);
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
}

CASE(number_reused_by_another_file)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	make_pipe(q);
	ev_io_init(&io, read_and_log, p[0], EV_READ);
	io.data = "old";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	ev_io_stop(loop, &io);
	CHECK(dup2(q[0], p[0]) == p[0]);
	ev_io_set(&io, p[0], EV_READ);
	io.data = "new";
	ev_io_start(loop, &io);
	put(q[1]);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
}

CASE(closed_and_reopened_between_turns)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 3; i++) {
		make_pipe(p);
		ev_io_init(&io, stop_in_callback, p[0], EV_READ);
		io.data = "r";
		ev_io_start(loop, &io);
		put(p[1]);
		ev_run(loop, 0);
		close(p[0]);
		close(p[1]);
	}
	ev_loop_destroy(loop);
}

static void
error_cb(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	SAY("active %d\n", !!ev_is_active(w));
}

CASE(not_open)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	close(p[0]);
	ev_io_init(&io, error_cb, p[0], EV_READ);
	io.data = "closed";
	ev_io_start(loop, &io);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(regular_file_is_always_ready)
{
	struct ev_loop *loop = new_loop();
	FILE *f = tmpfile();
	ev_io_init(&io, stop_in_callback, fileno(f), EV_READ);
	io.data = "file";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_ONCE);
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	fclose(f);
	ev_loop_destroy(loop);
}

CASE(hang_up_is_readable)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	close(p[1]);
	ev_io_init(&io, stop_in_callback, p[0], EV_READ);
	io.data = "eof";
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	make_pipe(p);
	close(p[0]);
	ev_io_init(&io, stop_in_callback, p[1], EV_WRITE);
	io.data = "broken";
	ev_io_start(loop, &io);
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

static void
stop_other(struct ev_loop *loop, ev_io *w, int revents)
{
	ev_io *other = w == &io ? &io2 : &io;
	log_io(loop, w, revents);
	SAY("other pending %d\n", !!ev_is_pending(other));
	ev_io_stop(loop, other);
	SAY("other pending %d\n", !!ev_is_pending(other));
	ev_io_stop(loop, w);
}

CASE(stopping_clears_what_is_pending)
{
	struct ev_loop *loop = new_loop();
	make_pipe(p);
	make_pipe(q);
	put(p[1]);
	put(q[1]);
	ev_io_init(&io, stop_other, p[0], EV_READ);
	ev_io_init(&io2, stop_other, q[0], EV_READ);
	io.data = "one";
	io2.data = "one";
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

static void
free_self(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	ev_io_stop(loop, w);
	free(w);
}

CASE(freed_in_its_callback)
{
	struct ev_loop *loop = new_loop();
	int i;
	make_pipe(p);
	put(p[1]);
	for (i = 0; i < 3; i++) {
		ev_io *w = malloc(sizeof *w);
		ev_io_init(w, free_self, p[0], EV_READ);
		w->data = "gone";
		ev_io_start(loop, w);
	}
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(priorities_decide_the_order)
{
	struct ev_loop *loop = new_loop();
	ev_io w[5];
	static const char *names[] = { "-2", "-1", "0", "1", "2" };
	int i;
	make_pipe(p);
	put(p[1]);
	for (i = 0; i < 5; i++) {
		ev_io_init(&w[i], stop_in_callback, p[0], EV_READ);
		w[i].data = (void *)names[i];
		ev_set_priority(&w[i], i - 2);
		ev_io_start(loop, &w[i]);
	}
	ev_run(loop, 0);
	ev_io_init(&io, log_io, p[0], EV_READ);
	ev_set_priority(&io, 9);
	ev_io_start(loop, &io);
	SAY("clamped to %d\n", ev_priority(&io));
	ev_io_stop(loop, &io);
	ev_set_priority(&io, -9);
	ev_io_start(loop, &io);
	SAY("clamped to %d\n", ev_priority(&io));
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
}

CASE(many_descriptors)
{
	struct ev_loop *loop = new_loop();
	enum { N = 150 };
	static ev_io w[N];
	static int s[N][2];
	int i, n;
	for (i = 0; i < N; i++) {
		make_pipe(s[i]);
		ev_io_init(&w[i], stop_in_callback, s[i][0], EV_READ);
		w[i].data = "x";
		ev_io_start(loop, &w[i]);
	}
	for (i = 0; i < N; i += 50)
		put(s[i][1]);
	ev_run(loop, EVRUN_ONCE);
	for (i = n = 0; i < N; i++)
		n += !!ev_is_active(&w[i]);
	SAY("%d active\n", n);
	ev_loop_destroy(loop);
}

CASE(feed_fd_event_reaches_those_who_want_it)
{
	struct ev_loop *loop = new_loop();
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	ev_io_init(&io, log_io, s[0], EV_READ);
	io.data = "r";
	ev_io_init(&io2, log_io, s[1], EV_READ);
	io2.data = "other";
	ev_io_start(loop, &io);
	ev_io_start(loop, &io2);
	ev_run(loop, EVRUN_NOWAIT);
	ev_feed_fd_event(loop, s[0], EV_READ | EV_WRITE);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_feed_fd_event(loop, s[0], EV_WRITE);
	ev_invoke_pending(loop);
	ev_io_stop(loop, &io);
	ev_io_stop(loop, &io2);
	ev_loop_destroy(loop);
}

CASE(feed_fd_event_before_the_kernel_knows)
{
	struct ev_loop *loop = new_loop();
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	ev_io_init(&io, log_io, s[0], EV_READ);
	io.data = "r";
	ev_io_start(loop, &io);
	ev_feed_fd_event(loop, s[0], EV_READ | EV_WRITE);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_invoke_pending(loop);
	ev_run(loop, EVRUN_NOWAIT);
	ev_init(&io2, log_io);
	ev_io_set(&io2, s[0], EV_WRITE);
	io2.data = "w";
	ev_io_start(loop, &io2);
	ev_feed_fd_event(loop, s[0], EV_READ | EV_WRITE);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_io_stop(loop, &io2);
	ev_feed_fd_event(loop, s[0], EV_READ | EV_WRITE);
	ev_feed_fd_event(loop, s[1], EV_READ);
	ev_feed_fd_event(loop, 100000, EV_READ);
	ev_feed_fd_event(loop, -1, EV_READ);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_invoke_pending(loop);
	ev_io_stop(loop, &io);
	ev_feed_fd_event(loop, s[0], EV_READ);
	SAY("pending %u\n", ev_pending_count(loop));
	ev_loop_destroy(loop);
}

CASE(each_backend)
{
	unsigned b;
	for (b = EVBACKEND_SELECT; b <= EVBACKEND_EPOLL; b <<= 1) {
		struct ev_loop *loop = ev_loop_new(b | EVFLAG_NOENV);
		CHECK(loop && ev_backend(loop) == b);
		make_pipe(p);
		make_pipe(q);
		ev_io_init(&io, read_and_log, p[0], EV_READ);
		ev_io_init(&io2, stop_in_callback, q[1], EV_WRITE);
		io.data = "r";
		io2.data = "w";
		ev_io_start(loop, &io);
		ev_io_start(loop, &io2);
		ev_run(loop, EVRUN_ONCE);
		put(p[1]);
		ev_run(loop, EVRUN_ONCE);
		ev_io_stop(loop, &io);
		put(p[1]);
		ev_run(loop, EVRUN_NOWAIT);
		SAY("left %d\n", ev_run(loop, 0));
		ev_loop_destroy(loop);
	}
}

CASE(high_descriptor)
{
	unsigned b;
	make_pipe(p);
	for (b = EVBACKEND_POLL; b <= EVBACKEND_EPOLL; b <<= 1) {
		struct ev_loop *loop = ev_loop_new(b | EVFLAG_NOENV);
		int fd = fcntl(p[0], F_DUPFD, 1000);
		CHECK(fd >= 1000);
		put(p[1]);
		ev_io_init(&io, stop_in_callback, fd, EV_READ);
		io.data = "high";
		ev_io_start(loop, &io);
		ev_run(loop, 0);
		take(p[0]);
		close(fd);
		ev_loop_destroy(loop);
	}
}
