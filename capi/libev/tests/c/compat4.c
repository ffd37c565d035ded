/* The header without the names of libev 3.
   ctest: cflags=-DEV_COMPAT3=0 */
#include "../../../libevent/tests/c/case.h"
#include <ev.h>

static ev_loop *mine;

static void
cb(EV_P_ ev_timer *w, int revents)
{
	SAY("%d %d\n", EV_A == mine, revents == EV_TIMER);
	ev_timer_stop(EV_A_ w);
}

CASE(the_loop_has_a_type_name)
{
	ev_timer t;
	mine = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&t, cb, 0., 0.001);
	ev_timer_start(mine, &t);
	ev_run(mine, 0);
	ev_loop_destroy(mine);
}
