/* Priorities. */
#include "case.h"
#include "scene.h"

SCENE(number_of_priorities,
    "counts; levels 0; counts; levels -1; counts; levels 1; counts; levels 5; counts; levels 2; counts; levels 255; counts;"
    "levels 256; counts; levels 100000; counts")
SCENE(middle_is_the_default,
    "levels 1; event a - 0; get a; levels 2; event b - 0; get b; levels 3; event c - 0; get c; levels 4; event d - 0; get d;"
    "levels 5; event e - 0; get e; levels 9; event f - 0; get f; levels 255; event g - 0; get g")
SCENE(set_within_range,
    "levels 4; event e - 0; set e -1; set e 0; get e; set e 3; get e; set e 4; set e 256; get e")
SCENE(set_while_pending_but_not_while_active,
    "levels 4; event e - 0; add e 100000; set e 3; active e; set e 1; get e; loop nonblock; set e 1")
SCENE(init_again_while_something_is_active,
    "event e - 0; active e; levels 1; levels 4; counts; loop nonblock; levels 4; counts")
/* Fewer priorities while events of a higher number are pending. */
SCENE(init_with_fewer_while_pending, "levels 8; event e - 0; set e 1; add e 1; levels 2; loop")

SCENE(low_number_runs_first,
    "levels 5; event 0 - 0; event 1 - 0; event 2 - 0; event 3 - 0; event 4 - 0; set 0 0; set 1 1; set 2 2; set 3 3; set 4 4;"
    "active 3; active 1; active 4; active 0; active 2; loop")
/* A more urgent event, activated in a callback, comes before the less urgent ones that wait. */
SCENE(urgent_one_activated_in_a_callback_goes_first,
    "levels 3; event urgent - 0; event a - 0; event b - 0; set urgent 0; set a 2; set b 2; on a 1 active urgent;"
    "active a; active b; loop")
SCENE(same_priority_activated_in_a_callback_goes_last,
    "levels 3; event c - 0; event a - 0; event b - 0; set c 2; set a 2; set b 2; on a 1 active c; active a; active b; loop")
/* One priority a turn: between two levels the loop looks for new events. */
SCENE(new_events_are_looked_for_between_levels,
    "pair a; levels 3; event low - 0; event high a0 RD; event mid a1 W; set low 2; set high 0; set mid 1; add high; active low;"
    "active mid W; put a1 x; loop nonblock")
SCENE(data_sent_by_an_urgent_callback_beats_the_less_urgent,
    "pair a; levels 3; event low - 0; event sender - 0; event reader a0 RD; set low 2; set sender 0; set reader 1; add reader;"
    "on sender 1 put a1 x; active low; active sender; loop")
SCENE(urgent_ones_can_starve_the_rest,
    "levels 2; event urgent - 0; event low - 0; set urgent 0; set low 1; on urgent 1 active urgent; on urgent 2 active urgent;"
    "on urgent 3 active urgent; on urgent 4 active urgent; active low; active urgent; loop")
/* ONCE ends only when nothing is active any more; every level runs. */
SCENE(once_runs_every_level,
    "levels 3; event 0 - 0; event 1 - 0; event 2 - 0; set 0 0; set 1 1; set 2 2; active 2; active 1; active 0; loop once; counts")
SCENE(timers_and_signals_with_priorities,
    "levels 3; pair a; put a1 x; event timer - 0; event signal USR1 S; event io a0 R; set timer 0; set signal 2; set io 1;"
    "add signal; add io; add timer 1; stall 5; signal USR1; loop once")

CASE(two_hundred_fifty_five_levels)
{
	enum { N = 255 };
	struct event_base *base = event_base_new();
	struct event *ev[N];
	int i, n = 0, last = 0;

	event_base_priority_init(base, N);
	for (i = 0; i < N; i++) {
		ev[i] = event_new(base, -1, 0, count, i == N - 1 ? &last : &n);
		if (event_priority_set(ev[i], i) < 0)
			SAY("refused %d\n", i);
		event_active(ev[i], EV_READ, 1);
	}
	SAY("active %d\n", active(base));
	SAY("loop %d\n", event_base_dispatch(base));
	SAY("ran %d and %d\n", n, last);
	for (i = 0; i < N; i++)
		event_free(ev[i]);
	event_base_free(base);
}
