/* ev_idle, ev_prepare, ev_check, ev_fork, ev_cleanup. */
#include "evcase.h"

static ev_prepare pr[3];
static ev_check ck[3];
static ev_idle id[3];
static ev_fork fk;
static ev_cleanup cl[2];
static ev_timer t;
static const char *names[] = { "a", "b", "c" };

CASE(prepare_and_check_surround_the_wait)
{
	struct ev_loop *loop = new_loop();
	ev_prepare_init(&pr[0], log_prepare);
	pr[0].data = "p";
	ev_check_init(&ck[0], log_check);
	ck[0].data = "c";
	ev_prepare_start(loop, &pr[0]);
	ev_check_start(loop, &ck[0]);
	ev_timer_init(&t, log_timer, 0.001, 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	ev_run(loop, EVRUN_ONCE);
	ev_prepare_stop(loop, &pr[0]);
	ev_check_stop(loop, &ck[0]);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(order_within_a_list)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 3; i++) {
		ev_prepare_init(&pr[i], log_prepare);
		pr[i].data = (void *)names[i];
		ev_prepare_start(loop, &pr[i]);
		ev_check_init(&ck[i], log_check);
		ck[i].data = (void *)names[i];
		ev_check_start(loop, &ck[i]);
	}
	ev_run(loop, EVRUN_NOWAIT);
	ev_prepare_stop(loop, &pr[0]);
	ev_check_stop(loop, &ck[1]);
	SAY("without prepare a, check b\n");
	ev_run(loop, EVRUN_NOWAIT);
	ev_prepare_start(loop, &pr[0]);
	ev_run(loop, EVRUN_NOWAIT);
	ev_verify(loop);
	ev_loop_destroy(loop);
}

CASE(priorities_of_prepare)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 3; i++) {
		ev_prepare_init(&pr[i], log_prepare);
		pr[i].data = (void *)names[i];
		ev_set_priority(&pr[i], 1 - i);
		ev_prepare_start(loop, &pr[i]);
	}
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
}

static void
start_idle(struct ev_loop *loop, ev_prepare *w, int revents)
{
	log_prepare(loop, w, revents);
	ev_idle_start(loop, &id[0]);
}

static void
stop_idle(struct ev_loop *loop, ev_idle *w, int revents)
{
	log_idle(loop, w, revents);
	ev_idle_stop(loop, w);
	ev_break(loop, EVBREAK_ONE);
}

CASE(prepare_may_start_idle)
{
	struct ev_loop *loop = new_loop();
	ev_prepare_init(&pr[0], start_idle);
	pr[0].data = "p";
	ev_prepare_start(loop, &pr[0]);
	ev_idle_init(&id[0], stop_idle);
	id[0].data = "i";
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(idle_of_lower_priority_waits)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 3; i++) {
		ev_idle_init(&id[i], log_idle);
		id[i].data = (void *)names[i];
		ev_set_priority(&id[i], i - 1);
		ev_idle_start(loop, &id[i]);
	}
	ev_run(loop, EVRUN_NOWAIT);
	ev_idle_stop(loop, &id[2]);
	ev_run(loop, EVRUN_NOWAIT);
	ev_timer_init(&t, log_timer, 0., 0.);
	t.data = "t";
	ev_timer_start(loop, &t);
	ev_sleep(0.002);
	SAY("with a timer\n");
	ev_run(loop, EVRUN_NOWAIT);
	SAY("without\n");
	ev_run(loop, EVRUN_NOWAIT);
	ev_idle_stop(loop, &id[1]);
	ev_run(loop, EVRUN_NOWAIT);
	ev_idle_stop(loop, &id[0]);
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
}

CASE(two_idle_of_one_priority)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 3; i++) {
		ev_idle_init(&id[i], log_idle);
		id[i].data = (void *)names[i];
		ev_idle_start(loop, &id[i]);
	}
	ev_run(loop, EVRUN_ONCE);
	ev_idle_stop(loop, &id[0]);
	ev_run(loop, EVRUN_ONCE);
	ev_loop_destroy(loop);
}

CASE(fork_watchers)
{
	struct ev_loop *loop = new_loop();
	pid_t pid;
	int status;
	ev_fork_init(&fk, log_fork);
	fk.data = "f";
	ev_fork_start(loop, &fk);
	ev_unref(loop);
	ev_prepare_init(&pr[0], log_prepare);
	pr[0].data = "p";
	ev_prepare_start(loop, &pr[0]);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		ev_run(loop, EVRUN_NOWAIT);
		ev_run(loop, EVRUN_NOWAIT);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	SAY("parent\n");
	ev_run(loop, EVRUN_NOWAIT);
	ev_ref(loop);
	ev_fork_stop(loop, &fk);
	ev_loop_destroy(loop);
}

CASE(forkcheck_notices_by_itself)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_FORKCHECK);
	pid_t pid;
	int status;
	ev_fork_init(&fk, log_fork);
	fk.data = "f";
	ev_fork_start(loop, &fk);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_run(loop, EVRUN_NOWAIT);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	SAY("parent\n");
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
}

static void
read_cb(struct ev_loop *loop, ev_io *w, int revents)
{
	log_io(loop, w, revents);
	take(w->fd);
	ev_break(loop, EVBREAK_ALL);
}

CASE(descriptors_after_a_fork)
{
	struct ev_loop *loop = new_loop();
	ev_io io;
	int p[2], status;
	pid_t pid;
	make_pipe(p);
	ev_io_init(&io, read_cb, p[0], EV_READ);
	io.data = "io";
	ev_io_start(loop, &io);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		put(p[1]);
		ev_run(loop, 0);
		SAY("child\n");
		ev_io_stop(loop, &io);
		ev_run(loop, EVRUN_NOWAIT);
		ev_loop_destroy(loop);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	put(p[1]);
	ev_run(loop, 0);
	SAY("parent\n");
	ev_io_stop(loop, &io);
	ev_loop_destroy(loop);
}

CASE(cleanup_runs_when_the_loop_goes)
{
	struct ev_loop *loop = new_loop();
	int i;
	for (i = 0; i < 2; i++) {
		ev_cleanup_init(&cl[i], log_cleanup);
		cl[i].data = (void *)names[i];
		ev_cleanup_start(loop, &cl[i]);
	}
	SAY("left %d\n", ev_run(loop, 0));
	ev_loop_destroy(loop);
	SAY("destroyed\n");
}

CASE(stopped_cleanup_does_not)
{
	struct ev_loop *loop = new_loop();
	ev_cleanup_init(&cl[0], log_cleanup);
	cl[0].data = "never";
	ev_cleanup_start(loop, &cl[0]);
	ev_cleanup_stop(loop, &cl[0]);
	ev_loop_destroy(loop);
	SAY("destroyed\n");
}

CASE(priorities_of_cleanup)
{
	struct ev_loop *loop = new_loop();
	ev_cleanup_init(&cl[0], log_cleanup);
	cl[0].data = "later";
	ev_cleanup_init(&cl[1], log_cleanup);
	cl[1].data = "first";
	ev_set_priority(&cl[1], 2);
	ev_cleanup_start(loop, &cl[1]);
	ev_cleanup_start(loop, &cl[0]);
	ev_loop_destroy(loop);
}
