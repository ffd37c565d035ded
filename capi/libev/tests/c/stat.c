/* ev_stat: attributes of paths. */
#include "evcase.h"

static ev_stat st, st2;
static ev_timer t;
static char dir[64], path[100], other[100];

static void
begin(void)
{
	strcpy(dir, "/tmp/evcase.XXXXXX");
	if (!mkdtemp(dir))
		exit(93);
	sprintf(path, "%s/file", dir);
	sprintf(other, "%s/other", dir);
}

static void
end(void)
{
	unlink(path);
	unlink(other);
	rmdir(dir);
}

static void
fill(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	fputs(text, f);
	fclose(f);
}

static void
stat_cb(struct ev_loop *loop, ev_stat *w, int revents)
{
	SAY("%s: %s, links %d -> %d", (char *)w->data, what(revents), (int)w->prev.st_nlink, (int)w->attr.st_nlink);
	if (w->attr.st_nlink && w->prev.st_nlink)
		SAY(", size %d -> %d", (int)w->prev.st_size, (int)w->attr.st_size);
	SAY("\n");
	ev_break(loop, EVBREAK_ALL);
}

static int step;

static void
step_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)w, (void)revents;
	switch (step) {
	case 0: fill(path, "hello"); break;
	case 1: unlink(path); break;
	case 2: fill(other, "moved here"); rename(other, path); break;
	case 3: chmod(path, 0600); break;
	}
}

static void
steps(struct ev_loop *loop, int from, int to)
{
	for (step = from; step <= to; step++) {
		ev_timer_init(&t, step_cb, 0.02, 0.);
		ev_timer_start(loop, &t);
		ev_run(loop, 0);
	}
}

CASE(start_looks_at_once)
{
	struct ev_loop *loop = new_loop();
	begin();
	fill(path, "abc");
	ev_stat_init(&st, stat_cb, path, 0.);
	ev_stat_start(loop, &st);
	SAY("size %d links %d interval %.7f\n", (int)st.attr.st_size, (int)st.attr.st_nlink, st.interval);
	ev_stat_stop(loop, &st);
	ev_stat_set(&st, path, 0.001);
	ev_stat_start(loop, &st);
	SAY("interval %.7f\n", st.interval);
	ev_stat_stop(loop, &st);
	ev_stat_set(&st, other, 1.);
	ev_stat_start(loop, &st);
	SAY("links %d interval %.7f\n", (int)st.attr.st_nlink, st.interval);
	ev_stat_stop(loop, &st);
	SAY("left %d\n", ev_run(loop, 0));
	end();
	ev_loop_destroy(loop);
}

CASE(life_of_a_file)
{
	struct ev_loop *loop = new_loop();
	begin();
	fill(path, "");
	ev_stat_init(&st, stat_cb, path, 0.12);
	st.data = "st";
	ev_stat_start(loop, &st);
	steps(loop, 0, 3);
	ev_stat_stop(loop, &st);
	end();
	ev_loop_destroy(loop);
}

CASE(without_inotify)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOINOTIFY);
	begin();
	fill(path, "");
	ev_stat_init(&st, stat_cb, path, 0.11);
	st.data = "st";
	ev_stat_start(loop, &st);
	steps(loop, 0, 3);
	ev_stat_stop(loop, &st);
	end();
	ev_loop_destroy(loop);
}

CASE(created_later)
{
	struct ev_loop *loop = new_loop();
	begin();
	ev_stat_init(&st, stat_cb, path, 0.12);
	st.data = "st";
	ev_stat_start(loop, &st);
	SAY("links %d\n", (int)st.attr.st_nlink);
	steps(loop, 0, 1);
	ev_stat_stop(loop, &st);
	end();
	ev_loop_destroy(loop);
}

static int told;

static void
both_cb(struct ev_loop *loop, ev_stat *w, int revents)
{
	(void)w, (void)revents;
	if (++told == 2)
		ev_break(loop, EVBREAK_ALL);
}

CASE(two_watchers_of_one_path)
{
	struct ev_loop *loop = new_loop();
	begin();
	fill(path, "");
	ev_stat_init(&st, both_cb, path, 0.12);
	ev_stat_init(&st2, both_cb, path, 0.12);
	ev_stat_start(loop, &st);
	ev_stat_start(loop, &st2);
	steps(loop, 0, 0);
	SAY("told %d\n", told);
	ev_stat_stop(loop, &st);
	st2.data = "second";
	ev_set_cb(&st2, stat_cb);
	steps(loop, 1, 1);
	ev_stat_stop(loop, &st2);
	end();
	ev_loop_destroy(loop);
}

CASE(stat_stat)
{
	struct ev_loop *loop = new_loop();
	begin();
	fill(path, "1234");
	ev_stat_init(&st, stat_cb, path, 0.);
	ev_stat_stat(loop, &st);
	SAY("size %d\n", (int)st.attr.st_size);
	unlink(path);
	ev_stat_stat(loop, &st);
	SAY("links %d\n", (int)st.attr.st_nlink);
	end();
	ev_loop_destroy(loop);
}

CASE(an_active_one_keeps_the_loop_alive)
{
	struct ev_loop *loop = new_loop();
	ev_stat_init(&st, stat_cb, "/etc/passwd", 0.);
	ev_stat_start(loop, &st);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_stat_start(loop, &st);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_stat_stop(loop, &st);
	ev_stat_stop(loop, &st);
	SAY("left %d\n", ev_run(loop, EVRUN_NOWAIT));
	ev_loop_destroy(loop);
}

CASE(after_a_fork)
{
	struct ev_loop *loop = new_loop();
	pid_t pid;
	begin();
	fill(path, "");
	ev_stat_init(&st, stat_cb, path, 0.12);
	st.data = "st";
	ev_stat_start(loop, &st);
	ev_run(loop, EVRUN_NOWAIT);
	pid = fork();
	if (pid == 0) {
		ev_loop_fork(loop);
		steps(loop, 0, 1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	SAY("parent\n");
	ev_run(loop, EVRUN_ONCE);
	ev_stat_stop(loop, &st);
	end();
	ev_loop_destroy(loop);
}
