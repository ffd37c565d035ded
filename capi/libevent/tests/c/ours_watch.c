/* event2/watch.h and the other additions of libevent 2.2 to the loop. */
#include "case.h"
#include "loop_kit.h"
#include <event2/thread.h>
#include <event2/watch.h>

static char said[256];

static void note(const char *what)
{
	if (strlen(said) + strlen(what) + 2 < sizeof said) {
		strcat(said, what);
		strcat(said, " ");
	}
}

static void on_prepare(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	note(arg);
}

static void on_check(struct evwatch *w, const struct evwatch_check_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	note(arg);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	note(arg);
}

CASE(before_and_after_the_wait)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, on_prepare, "prepare"), *c = evwatch_check_new(base, on_check, "check");

	CHECK(p != NULL && c != NULL);
	CHECK(evwatch_base(p) == base);
	CHECK(evwatch_base(c) == base);
	event_base_once(base, -1, EV_TIMEOUT, on_event, "event", ms(1));
	CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(!strcmp(said, "prepare check event "));
	evwatch_free(p);
	evwatch_free(c);
	event_base_free(base);
}

CASE(they_do_not_keep_the_loop_running)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, on_prepare, "prepare");

	CHECK(event_base_dispatch(base) == 1);
	CHECK(!strcmp(said, ""));
	CHECK(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_VIRTUAL) == 0);
	evwatch_free(p);
	event_base_free(base);
}

CASE(in_the_order_in_which_they_were_made)
{
	struct event_base *base = event_base_new();
	struct evwatch *w[6];
	int i;

	w[0] = evwatch_check_new(base, on_check, "c1");
	w[1] = evwatch_prepare_new(base, on_prepare, "p1");
	w[2] = evwatch_prepare_new(base, on_prepare, "p2");
	w[3] = evwatch_check_new(base, on_check, "c2");
	w[4] = evwatch_prepare_new(base, on_prepare, "p3");
	w[5] = evwatch_check_new(base, on_check, "c3");
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	CHECK(!strcmp(said, "p1 p2 p3 c1 c2 c3 "));
	for (i = 0; i < 6; i++)
		evwatch_free(w[i]);
	event_base_free(base);
}

CASE(every_turn)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, on_prepare, "p"), *c = evwatch_check_new(base, on_check, "c");

	event_base_once(base, -1, EV_TIMEOUT, on_event, "1", ms(1));
	event_base_once(base, -1, EV_TIMEOUT, on_event, "2", ms(60));
	CHECK(event_base_dispatch(base) == 1);
	CHECK(!strcmp(said, "p c 1 p c 2 "));
	evwatch_free(p);
	evwatch_free(c);
	event_base_free(base);
}

static int limits, unlimited;
static struct timeval last_limit;

static void ask(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	struct timeval tv = { -7, -7 };

	(void)w;
	(void)arg;
	if (evwatch_prepare_get_timeout(info, &tv)) {
		limits++;
		last_limit = tv;
	} else {
		unlimited++;
	}
}

CASE(how_long_the_wait_will_be)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, ask, NULL);
	int fd[2];
	struct event *io;

	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	CHECK(limits == 1 && last_limit.tv_sec == 0 && last_limit.tv_usec == 0);
	event_base_once(base, -1, EV_TIMEOUT, on_event, "t", ms(50));
	event_base_loop(base, EVLOOP_ONCE);
	CHECK(limits == 2 && last_limit.tv_sec == 0 && last_limit.tv_usec > 0 && last_limit.tv_usec <= 50000);
	pair(fd);
	put(fd[1], "x");
	io = event_new(base, fd[0], EV_READ, on_event, "io");
	event_add(io, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	CHECK(limits == 2 && unlimited == 1);
	event_active(io, EV_READ, 1);
	event_base_loop(base, EVLOOP_ONCE);
	CHECK(limits == 3 && last_limit.tv_sec == 0 && last_limit.tv_usec == 0);
	event_free(io);
	evwatch_free(p);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

static void free_itself(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)info;
	note(arg);
	evwatch_free(w);
}

CASE(freed_inside_its_callback)
{
	struct event_base *base = event_base_new();
	struct evwatch *c = evwatch_check_new(base, on_check, "c");

	evwatch_prepare_new(base, free_itself, "p");
	evwatch_prepare_new(base, free_itself, "q");
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	CHECK(!strcmp(said, "p q c c "));
	evwatch_free(c);
	event_base_free(base);
}

static struct evwatch *victim;

static void free_other(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	note(arg);
	if (victim)
		evwatch_free(victim);
	victim = NULL;
}

CASE(freed_by_the_one_before)
{
	struct event_base *base = event_base_new();
	struct evwatch *a = evwatch_prepare_new(base, free_other, "a"), *b;

	victim = evwatch_prepare_new(base, on_prepare, "never");
	b = evwatch_prepare_new(base, on_prepare, "b");
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	CHECK(!strcmp(said, "a b "));
	evwatch_free(a);
	evwatch_free(b);
	event_base_free(base);
}

static struct event *made_ready;

static void make_ready(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	note(arg);
	if (made_ready)
		event_active(made_ready, EV_READ, 1);
	made_ready = NULL;
}

/* What a prepare callback activates keeps the loop from waiting. */
CASE(activation_inside_prepare_ends_the_wait)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, make_ready, "p");
	struct event *far = event_new(base, -1, 0, on_event, "far"), *ev = event_new(base, -1, 0, on_event, "ev");

	made_ready = ev;
	event_add(far, ms(100000));
	CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(!strcmp(said, "p ev "));
	event_free(far);
	event_free(ev);
	evwatch_free(p);
	event_base_free(base);
}

static struct event *made_pending;

static void make_pending(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)w;
	(void)info;
	(void)arg;
	if (made_pending)
		event_add(made_pending, ms(1));
	made_pending = NULL;
}

CASE(timer_added_inside_prepare_shortens_the_wait)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, make_pending, NULL);
	struct event *far = event_new(base, -1, 0, on_event, "far"), *ev = event_new(base, -1, 0, on_event, "near");

	made_pending = ev;
	event_add(far, ms(100000));
	CHECK(event_base_loop(base, EVLOOP_ONCE) == 0);
	CHECK(!strcmp(said, "near "));
	event_free(far);
	event_free(ev);
	evwatch_free(p);
	event_base_free(base);
}

static void break_now(struct evwatch *w, const struct evwatch_prepare_cb_info *info, void *arg)
{
	(void)info;
	(void)arg;
	event_base_loopbreak(evwatch_base(w));
}

CASE(break_inside_prepare)
{
	struct event_base *base = event_base_new();
	struct evwatch *p = evwatch_prepare_new(base, break_now, NULL);
	struct event *far = event_new(base, -1, 0, on_event, "far");

	event_add(far, ms(100000));
	CHECK(event_base_dispatch(base) == 0);
	CHECK(event_base_got_break(base));
	event_free(far);
	evwatch_free(p);
	event_base_free(base);
}

CASE(freed_with_the_base)
{
	struct event_base *base = event_base_new();
	int i;

	for (i = 0; i < 5; i++) {
		evwatch_prepare_new(base, on_prepare, "p");
		evwatch_check_new(base, on_check, "c");
	}
	event_base_free(base);
	SAY("freed\n");
}

CASE(nothing_given)
{
	struct event_base *base = event_base_new();

	CHECK(evwatch_prepare_new(NULL, on_prepare, NULL) == NULL);
	CHECK(evwatch_check_new(NULL, on_check, NULL) == NULL);
	evwatch_free(NULL);
	event_base_free(base);
}

CASE(signal_method)
{
	struct event_base *base = event_base_new();

	CHECK(!strcmp(event_base_get_signal_method(base), "signal"));
	event_base_free(base);
}

CASE(pthreads_with_flags)
{
	struct event_base *base;

	CHECK(evthread_use_pthreads_with_flags(EVTHREAD_PTHREAD_PRIO_INHERIT) == 0);
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, on_event, "once", NULL);
	CHECK(event_base_dispatch(base) == 1);
	CHECK(!strcmp(said, "once "));
	event_base_free(base);
	libevent_global_shutdown();
}
