/* ev_embed: a loop inside a loop. */
#include "evcase.h"

static ev_embed em;
static ev_io io;
static ev_timer t;
static int p[2];
static struct ev_loop *inner;

static struct ev_loop *
embeddable(void)
{
	return ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
}

static void
read_cb(struct ev_loop *loop, ev_io *w, int revents)
{
	SAY("inner %d ", loop == inner);
	log_io(loop, w, revents);
	take(w->fd);
}

static void
put_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	put(p[1]);
}

static void
end_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	log_timer(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
}

static void
embed_cb(struct ev_loop *loop, ev_embed *w, int revents)
{
	SAY("embed: %s\n", what(revents));
	ev_embed_sweep(loop, w);
	ev_break(loop, EVBREAK_ALL);
}

CASE(swept_by_itself)
{
	struct ev_loop *loop = new_loop();
	ev_timer t2;
	inner = embeddable();
	make_pipe(p);
	ev_io_init(&io, read_cb, p[0], EV_READ);
	io.data = "io";
	ev_io_start(inner, &io);
	ev_embed_init(&em, 0, inner);
	ev_embed_start(loop, &em);
	CHECK(ev_is_active(&em));
	ev_timer_init(&t, put_cb, 0.01, 0.);
	t.data = "put";
	ev_timer_start(loop, &t);
	ev_timer_init(&t2, end_cb, 0.05, 0.);
	t2.data = "end";
	ev_timer_start(loop, &t2);
	SAY("left %d\n", !!ev_run(loop, 0));
	ev_embed_stop(loop, &em);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(inner);
	ev_loop_destroy(loop);
}

CASE(swept_by_the_callback)
{
	struct ev_loop *loop = new_loop();
	inner = embeddable();
	make_pipe(p);
	ev_io_init(&io, read_cb, p[0], EV_READ);
	io.data = "io";
	ev_embed_init(&em, embed_cb, inner);
	ev_embed_start(loop, &em);
	ev_run(loop, EVRUN_NOWAIT);
	ev_io_start(inner, &io);
	ev_run(loop, EVRUN_NOWAIT);
	put(p[1]);
	SAY("left %d\n", !!ev_run(loop, 0));
	ev_embed_stop(loop, &em);
	ev_embed_stop(loop, &em);
	ev_loop_destroy(inner);
	ev_loop_destroy(loop);
}

CASE(counts_and_priority)
{
	struct ev_loop *loop = new_loop();
	inner = embeddable();
	ev_embed_init(&em, embed_cb, inner);
	ev_set_priority(&em, 1);
	ev_embed_start(loop, &em);
	SAY("left %d priority %d\n", !!ev_run(loop, EVRUN_NOWAIT), ev_priority(&em.io));
	ev_embed_stop(loop, &em);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(inner);
	ev_loop_destroy(loop);
}

CASE(forked_together)
{
	struct ev_loop *loop = new_loop();
	ev_timer t2;
	pid_t pid;
	inner = embeddable();
	make_pipe(p);
	ev_io_init(&io, read_cb, p[0], EV_READ);
	io.data = "io";
	ev_io_start(inner, &io);
	ev_embed_init(&em, 0, inner);
	ev_embed_start(loop, &em);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		put(p[1]);
		ev_timer_init(&t2, end_cb, 0.03, 0.);
		t2.data = "end";
		ev_timer_start(loop, &t2);
		ev_run(loop, 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	SAY("parent\n");
	ev_embed_stop(loop, &em);
	ev_loop_destroy(inner);
	ev_loop_destroy(loop);
}
