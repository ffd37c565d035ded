/* The programs of a well-known introduction, with shorter times. */
#include "evcase.h"
#include <math.h>

static ev_io stdin_watcher;
static ev_timer timeout_watcher;

static void
stdin_cb(EV_P_ ev_io *w, int revents)
{
	(void)revents;
	SAY("stdin ready\n");
	ev_io_stop(EV_A_ w);
	ev_break(EV_A_ EVBREAK_ALL);
}

static void
timeout_cb(EV_P_ ev_timer *w, int revents)
{
	(void)w, (void)revents;
	SAY("timeout\n");
	ev_break(EV_A_ EVBREAK_ONE);
}

static void
input_or_timeout(void)
{
	struct ev_loop *loop = EV_DEFAULT;
	ev_io_init(&stdin_watcher, stdin_cb, 0, EV_READ);
	ev_io_start(loop, &stdin_watcher);
	ev_timer_init(&timeout_watcher, timeout_cb, 0.055, 0.);
	ev_timer_start(loop, &timeout_watcher);
	ev_run(loop, 0);
}

CASE(input_comes)
{
	int p[2];
	make_pipe(p);
	dup2(p[0], 0);
	put(p[1]);
	input_or_timeout();
}

CASE(input_does_not_come)
{
	int p[2];
	make_pipe(p);
	dup2(p[0], 0);
	input_or_timeout();
}

CASE(loops)
{
	struct ev_loop *epoller;
	if (!ev_default_loop(0))
		SAY("could not initialise libev\n");
	epoller = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!epoller)
		SAY("no epoll found here\n");
	SAY("epoll %d\n", ev_backend(epoller) == EVBACKEND_EPOLL);
	ev_loop_destroy(epoller);
}

static int ticks;
static ev_timer mytimer;

static void
idle_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	SAY("no activity\n");
	ev_timer_stop(loop, w);
}

static void
activity_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	SAY("activity\n");
	ev_timer_again(loop, &mytimer);
	if (++ticks == 3)
		ev_timer_stop(loop, w);
}

CASE(inactivity_timeout)
{
	struct ev_loop *loop = EV_DEFAULT;
	ev_timer active;
	ev_timer_init(&mytimer, idle_cb, 0., 0.1);
	ev_timer_again(loop, &mytimer);
	ev_timer_init(&active, activity_cb, 0.03, 0.03);
	ev_timer_start(loop, &active);
	ev_run(loop, 0);
}

static ev_periodic tick;

static void
clock_cb(struct ev_loop *loop, ev_periodic *w, int revents)
{
	(void)revents;
	SAY("full tenth\n");
	ev_periodic_stop(loop, w);
}

static ev_tstamp
my_scheduler_cb(ev_periodic *w, ev_tstamp now) EV_NOEXCEPT
{
	(void)w;
	return now + (0.1 - fmod(now, 0.1));
}

CASE(periodic_in_three_ways)
{
	struct ev_loop *loop = EV_DEFAULT;
	ev_periodic_init(&tick, clock_cb, 0., 0.1, 0);
	ev_periodic_start(loop, &tick);
	ev_run(loop, 0);
	ev_periodic_init(&tick, clock_cb, 0., 0., my_scheduler_cb);
	ev_periodic_start(loop, &tick);
	ev_run(loop, 0);
	ev_periodic_init(&tick, clock_cb, fmod(ev_now(loop), 0.1), 0.1, 0);
	ev_periodic_start(loop, &tick);
	ev_run(loop, 0);
}

static void
sigint_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)w, (void)revents;
	SAY("interrupted\n");
	ev_break(loop, EVBREAK_ALL);
}

CASE(interrupt)
{
	struct ev_loop *loop = EV_DEFAULT;
	static ev_signal signal_watcher;
	ev_signal_init(&signal_watcher, sigint_cb, SIGINT);
	ev_signal_start(loop, &signal_watcher);
	raise(SIGINT);
	ev_run(loop, 0);
}

static ev_child cw;

static void
child_cb(EV_P_ ev_child *w, int revents)
{
	(void)revents;
	ev_child_stop(EV_A_ w);
	SAY("process exited with status %x\n", (unsigned)w->rstatus);
}

CASE(child)
{
	pid_t pid;
	EV_DEFAULT;
	pid = fork();
	if (pid == 0)
		_exit(1);
	ev_child_init(&cw, child_cb, pid, 0);
	ev_child_start(EV_DEFAULT_ & cw);
	ev_run(EV_DEFAULT_ 0);
}

static void
passwd_cb(struct ev_loop *loop, ev_stat *w, int revents)
{
	(void)revents;
	if (w->attr.st_nlink)
		SAY("current size %ld\n", (long)w->attr.st_size);
	else
		SAY("it is not there\n");
	ev_break(loop, EVBREAK_ALL);
}

static char passwd_path[] = "/tmp/evexample.XXXXXX";

static void
change_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	if (w->data) {
		unlink(passwd_path);
	} else {
		FILE *f = fopen(passwd_path, "w");
		fputs("root", f);
		fclose(f);
	}
}

CASE(watched_file)
{
	struct ev_loop *loop = EV_DEFAULT;
	static ev_stat passwd;
	ev_timer t;
	close(mkstemp(passwd_path));
	ev_stat_init(&passwd, passwd_cb, passwd_path, 0.12);
	ev_stat_start(loop, &passwd);
	ev_timer_init(&t, change_cb, 0.01, 0.);
	t.data = NULL;
	ev_timer_start(loop, &t);
	ev_run(loop, 0);
	ev_timer_init(&t, change_cb, 0.01, 0.);
	t.data = "remove";
	ev_timer_start(loop, &t);
	ev_run(loop, 0);
}
