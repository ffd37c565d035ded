/* Callbacks that are left by longjmp: the loop cannot be entered again, all else works. */
#include "case.h"
#include "loop_kit.h"
#include <setjmp.h>

static jmp_buf away;

static void jump(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)arg;
	SAY("jump %s\n", bits(what));
	longjmp(away, 1);
}

CASE(out_of_a_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, -1, 0, jump, NULL), *other = event_new(base, -1, 0, trace, "other");

	event_set_log_callback(severity_log);
	event_active(ev, EV_READ, 1);
	event_active(other, EV_READ, 1);
	if (setjmp(away) == 0)
		event_base_dispatch(base);
	SAY("out\n");
	SAY("add %d\n", event_add(ev, ms(1)));
	SAY("pending %s\n", bits(event_pending(ev, EV_TIMEOUT, NULL)));
	SAY("added %d active %d\n", added(base), active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("del %d\n", event_del(ev));
	event_free(ev);
	event_free(other);
	event_base_free(base);
}

CASE(out_of_a_timer_of_another_base)
{
	struct event_base *base = event_base_new(), *fresh;
	struct event *ev = event_new(base, -1, EV_PERSIST, jump, NULL);

	event_add(ev, ms(1));
	if (setjmp(away) == 0)
		event_base_dispatch(base);
	event_free(ev);
	event_base_free(base);
	fresh = event_base_new();
	event_base_once(fresh, -1, EV_TIMEOUT, trace, "fresh", NULL);
	SAY("loop %d\n", event_base_dispatch(fresh));
	event_base_free(fresh);
}

CASE(out_of_a_signal_callback)
{
	struct event_base *base = event_base_new();
	struct event *ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, jump, NULL);

	event_add(ev, NULL);
	event_active(ev, EV_SIGNAL, 3);
	if (setjmp(away) == 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	SAY("del %d\n", event_del(ev));
	event_free(ev);
	event_base_free(base);
}
