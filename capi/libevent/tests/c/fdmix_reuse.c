/* Descriptors that are closed, duplicated or used again while the loop knows them. */
#include "case.h"
#include "scene.h"

SCENE(closed_before_delete, "base epoll; pair a; event e a0 RP; add e; close a0; del e; counts; loop")
SCENE(closed_while_pending_never_fires,
    "base epoll; pair a; put a1 x; event e a0 RP; add e; close a0; loop nonblock; pending e")
SCENE(number_used_again_after_close_and_delete,
    "base epoll; pair a; event first a0 RPD; add first; close a0; free first; pair b; same a0 b0; event second b0 RPD; add second;"
    "loop nonblock; put b1 x; loop once")
SCENE(number_used_again_after_a_oneshot_fired,
    "pair a; put a1 x; event e a0 RD; add e; loop; close a0; pair b; same a0 b0; add e; put b1 yz; loop; close b0; pair c;"
    "same b0 c0; add e; put c1 abc; loop")
/* A oneshot event leaves no trace in the kernel: the number may carry edge or level interest next. */
SCENE(oneshot_then_persistent_then_edge,
    "base epoll; pair a; put a1 x; event oneshot a0 R; event persist a0 RP; event edge a0 RPE; add oneshot; loop once;"
    "add persist; loop once; loop once; del persist; add oneshot; loop once; add edge; loop once; loop nonblock; del edge;"
    "add oneshot; add persist; loop once; loop once")

SCENE(duplicate_is_another_descriptor,
    "pair a; dup a0 b0; event one a0 R; event two b0 R; add one; put a1 x; loop; add two; loop; add two; add one; counts;"
    "del two; loop nonblock; add two; loop nonblock; counts") /* one by one: the original's poll tells them in any order */
/* The file lives on in the duplicate: after the delete it must not fire any more. */
SCENE(deleted_then_closed_while_a_duplicate_lives,
    "pair a; dup a0 b0; event a a0 RP; add a; put a1 x; loop once; del a; close a0; loop nonblock; pair c; same c0 a0;"
    "event b c0 RP; add b; loop nonblock; put c1 y; loop once")
SCENE(oneshot_fired_and_closed_while_a_duplicate_lives,
    "pair a; dup a0 b0; event a a0 R; event timer - 0; add a; put a1 x; loop once; close a0; put a1 more; add timer 5; loop;"
    "pair c; same c0 a0; event b c0 RP; add b; loop nonblock; put c1 y; loop once")
/* dup2 puts another file under the number without the loop's knowledge. */
SCENE(replaced_by_dup2,
    "pair a; pair b; event e a0 RPD; add e; del e; dup2 b0 a0; add e; loop nonblock; put b1 seen; loop once")
/* A descriptor closed without a delete while a second event comes on the same number. */
SCENE(second_event_after_close_and_reopen,
    "base epoll; pair a; event r a0 RPD; add r; close a0; pair b; same b0 a0; event w b0 W; add w; loop once; put b1 x;"
    "loop nonblock")
SCENE(number_changes_hands_inside_the_callback,
    "pair a; event old a0 RPD; on old 1 free old; on old 1 close a0; on old 1 pair b; on old 1 same a0 b0;"
    "on old 1 event new b0 RD; on old 1 add new; on old 1 put b1 abc; add old; put a1 x; loop")

CASE(descriptor_held_by_a_child)
{
	struct event_base *base = event_base_new();
	int fd[2], hold[2];
	struct event *ev;
	pid_t child;
	char c;

	pair(fd);
	if (pipe(hold) < 0)
		abort();
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "ev");
	event_add(ev, NULL);
	child = fork();
	if (child == 0) {
		close(hold[1]);
		if (read(hold[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	event_del(ev);
	close(fd[0]);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_free(ev);
	event_base_free(base);
	close(fd[1]);
	close(hold[0]);
	close(hold[1]);
	waitpid(child, NULL, 0);
}
