/*
 * scene.h: scenarios as tables of steps, and the one runner for all of them.
 *
 *     SCENE(delivered_in_the_loop, "event s USR1 SP; add s; raise USR1; loop once; loop nonblock")
 *
 * is a case whose steps run in order on one base. A step is a verb and its words; it prints itself with what it returned. What is
 * left at the end is freed. A callback prints its event's name and what it was called with.
 *
 *     base [epoll]                  another base instead of the one that was there
 *     event NAME FD EVENTS          an event: FD is a socket (a0), a signal (USR1, RT2, or a number after #) or -; EVENTS are letters
 *                                   as bits() prints them (T R W S P C, E for EV_ET, F), and D: take what came, G: wait at the gate
 *     add NAME [MS], del, noblock, block, free, finalize NAME, pending NAME, initialized NAME
 *     active NAME [EVENTS [CALLS]], once NAME FD EVENTS [MS], signal SIG (activates it by hand)
 *     set NAME PRIORITY, get NAME, levels N, counts
 *     pair A (a0 and a1), put A1 TEXT, close A0, dup A0 A1, dup2 A0 A1, same A0 A1 (one number?)
 *     raise SIG [TIMES], alarm MS, handler SIG ours|ignore|nothing, handles SIG, blocked SIG, mask SIG on|off
 *     loop [once|nonblock|exit MS], exit [MS], break, reinit, stall MS, say TEXT
 *     on NAME N STEP                when the callback of NAME runs for the Nth time, it does this, too
 *     fork                          the steps that begin with "child" run in a child, which ends; then the parent goes on
 *     thread, await, open, finish   a thread runs the loop; a callback was called; the gate opens; the thread ends
 *     finished                      whether the callback at the gate has ended
 */
#ifndef SCENE_H
#define SCENE_H

#include "loop_kit.h"
#include <event2/thread.h>
#include <pthread.h>

enum { ACTORS = 24, SOCKETS = 8, HOOKS = 24, STEPS = 64, WORDS = 6, TEXT = 160 };

struct actor {
	char name[24];
	struct event *ev;
	int takes, waits, calls;
};

struct hook {
	char who[24], step[TEXT];
	int call;
};

static struct {
	struct event_base *base;
	struct actor actors[ACTORS];
	struct hook hooks[HOOKS];
	int fd[SOCKETS][2], tell[2], gate[2], in_child, finished;
	pthread_t thread;
	int threaded, answer;
} scene;

static void scene_step(const char *step);

static void scene_ours(int sig)
{
	(void)sig;
	SAY("the program's handler\n");
}

static void scene_nothing(int sig)
{
	(void)sig;
}

static struct actor *scene_actor(const char *name)
{
	int i;

	for (i = 0; i < ACTORS; i++) {
		if (!scene.actors[i].name[0])
			snprintf(scene.actors[i].name, sizeof scene.actors[i].name, "%s", name);
		if (!strcmp(scene.actors[i].name, name))
			return &scene.actors[i];
	}
	abort();
}

/* A socket's place: letter and side. */
static int *scene_fd(const char *word)
{
	return &scene.fd[(word[0] - 'a') & (SOCKETS - 1)][word[1] - '0'];
}

static int scene_signal(const char *word)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "HUP", SIGHUP },   { "ALRM", SIGALRM },
		      { "CHLD", SIGCHLD }, { "KILL", SIGKILL }, { "STOP", SIGSTOP }, { "LAST", NSIG - 1 } };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!strcmp(names[i].name, word))
			return names[i].number;
	}
	return strncmp(word, "RT", 2) ? atoi(word + 1) : SIGRTMIN + atoi(word + 2);
}

/* The number that an event is about. */
static int scene_about(const char *word)
{
	if (!strcmp(word, "-"))
		return -1;
	return word[0] >= 'a' ? *scene_fd(word) : scene_signal(word);
}

static short scene_bits(const char *word)
{
	static const char letters[] = "TRWSPCEF";
	static const short values[] = { EV_TIMEOUT, EV_READ, EV_WRITE, EV_SIGNAL, EV_PERSIST, EV_CLOSED, EV_ET, EV_FINALIZE };
	short events = 0;

	for (; *word; word++) {
		const char *at = strchr(letters, *word);

		if (at)
			events |= values[at - letters];
	}
	return events;
}

/* Every callback: says who and what, takes its turn at the gate, does what the hooks say. */
static void scene_act(evutil_socket_t fd, short what, void *arg)
{
	struct actor *a = (struct actor *)arg;
	int i, call = ++a->calls;
	char c, name[24];

	memcpy(name, a->name, sizeof name);
	if (a->takes && (what & EV_READ))
		SAY("%s %s %d\n", name, bits(what), drain(fd));
	else if (!a->waits)
		SAY("%s %s\n", name, bits(what));
	for (i = 0; i < HOOKS; i++) {
		if (!strcmp(scene.hooks[i].who, name) && scene.hooks[i].call == call)
			scene_step(scene.hooks[i].step);
	}
	if (scene.threaded)
		put(scene.tell[1], "!");
	if (a->waits) {
		if (read(scene.gate[0], &c, 1) != 1)
			abort();
		stall(30);
		__atomic_store_n(&scene.finished, 1, __ATOMIC_SEQ_CST);
	}
}

static void scene_finalized(struct event *ev, void *arg)
{
	(void)ev;
	(void)arg;
	SAY("finalized, callback finished %d\n", __atomic_load_n(&scene.finished, __ATOMIC_SEQ_CST));
	if (scene.threaded)
		put(scene.tell[1], "!");
}

static void *scene_loop(void *arg)
{
	scene.answer = event_base_loop((struct event_base *)arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void scene_await(void)
{
	char c;

	if (read(scene.tell[0], &c, 1) != 1)
		abort();
}

/* Starts the thread; its loop runs when this returns. */
static void scene_start(void)
{
	evthread_use_pthreads();
	event_base_free(scene.base);
	scene.base = event_base_new();
	if (pipe(scene.tell) < 0 || pipe(scene.gate) < 0)
		abort();
	scene.threaded = 1;
	event_base_once(scene.base, -1, EV_TIMEOUT, scene_act, scene_actor("started"), NULL);
	pthread_create(&scene.thread, NULL, scene_loop, scene.base);
	scene_await();
}

static int scene_run(char words[WORDS][TEXT], int n)
{
	int flags = 0;

	if (n > 1 && !strcmp(words[1], "exit"))
		event_base_loopexit(scene.base, ms(atoi(words[2])));
	if (n > 1 && !strcmp(words[1], "once"))
		flags = EVLOOP_ONCE;
	if (n > 1 && !strcmp(words[1], "nonblock"))
		flags = EVLOOP_NONBLOCK;
	return event_base_loop(scene.base, flags);
}

/* Which handler a signal has. */
static const char *scene_handler(int sig)
{
	struct sigaction sa;

	sigaction(sig, NULL, &sa);
	if (sa.sa_handler == SIG_DFL)
		return "default";
	if (sa.sa_handler == SIG_IGN)
		return "ignored";
	return sa.sa_handler == scene_ours ? "the program's" : "the library's";
}

static int scene_mask(int sig, const char *how)
{
	sigset_t set;

	sigemptyset(&set);
	if (how) {
		sigaddset(&set, sig);
		return sigprocmask(strcmp(how, "on") ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
	}
	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, sig);
}

static void scene_on(const char *step)
{
	struct hook *h = scene.hooks;
	int used = 0;

	while (h->who[0])
		h++;
	if (h - scene.hooks >= HOOKS - 1 || sscanf(step, "on %23s %d %n", h->who, &h->call, &used) < 2)
		abort();
	snprintf(h->step, sizeof h->step, "%s", step + used);
}

/* The base of an event is gone: only its memory is freed. */
static void scene_forget(struct actor *a)
{
	if (a->ev) {
		event_debug_unassign(a->ev);
		free(a->ev);
		a->ev = NULL;
	}
}

/* What verbs about an event return. */
static int scene_event(const char *verb, struct actor *a, char words[WORDS][TEXT], int n)
{
	if (!strcmp(verb, "event")) {
		a->takes = strchr(words[3], 'D') != NULL;
		a->waits = strchr(words[3], 'G') != NULL;
		a->ev = event_new(scene.base, scene_about(words[2]), scene_bits(words[3]), scene_act, a);
		return -2;
	}
	if (!strcmp(verb, "once"))
		return event_base_once(scene.base, scene_about(words[2]), scene_bits(words[3]), scene_act, a,
		    n > 4 ? ms(atoi(words[4])) : NULL);
	if (!strcmp(verb, "add"))
		return event_add(a->ev, n > 2 ? ms(atoi(words[2])) : NULL);
	if (!strcmp(verb, "del"))
		return event_del(a->ev);
	if (!strcmp(verb, "block"))
		return event_del_block(a->ev);
	if (!strcmp(verb, "noblock"))
		return event_del_noblock(a->ev);
	if (!strcmp(verb, "set"))
		return event_priority_set(a->ev, atoi(words[2]));
	if (!strcmp(verb, "get"))
		return event_get_priority(a->ev);
	if (!strcmp(verb, "initialized"))
		return event_initialized(a->ev);
	if (!strcmp(verb, "active")) {
		event_active(a->ev, n > 2 ? scene_bits(words[2]) : EV_READ, n > 3 ? (short)atoi(words[3]) : 1);
		return 0;
	}
	if (!strcmp(verb, "free")) {
		struct event *ev = a->ev;

		a->ev = NULL;
		event_free(ev);
		return 0;
	}
	if (!strcmp(verb, "finalize")) {
		struct event *ev = a->ev;

		a->ev = NULL;
		return event_free_finalize(0, ev, scene_finalized);
	}
	abort();
}

/* What the other verbs return; -2 for those that return nothing. */
static int scene_other(const char *verb, char words[WORDS][TEXT], int n)
{
	int i, times = n > 2 ? atoi(words[2]) : 1;

	if (!strcmp(verb, "loop"))
		return scene_run(words, n);
	if (!strcmp(verb, "exit"))
		return event_base_loopexit(scene.base, n > 1 ? ms(atoi(words[1])) : NULL);
	if (!strcmp(verb, "break"))
		return event_base_loopbreak(scene.base);
	if (!strcmp(verb, "reinit"))
		return event_reinit(scene.base);
	if (!strcmp(verb, "levels"))
		return event_base_priority_init(scene.base, atoi(words[1]));
	if (!strcmp(verb, "handler"))
		return signal(scene_signal(words[1]), !strcmp(words[2], "ours") ? scene_ours :
		    !strcmp(words[2], "ignore") ? SIG_IGN : scene_nothing) == SIG_ERR;
	if (!strcmp(verb, "mask"))
		return scene_mask(scene_signal(words[1]), words[2]);
	if (!strcmp(verb, "blocked"))
		return scene_mask(scene_signal(words[1]), NULL);
	if (!strcmp(verb, "same"))
		return *scene_fd(words[1]) == *scene_fd(words[2]);
	if (!strcmp(verb, "dup2"))
		return dup2(*scene_fd(words[1]), *scene_fd(words[2])) < 0;
	if (!strcmp(verb, "raise")) {
		for (i = 0; i < times; i++)
			raise(scene_signal(words[1]));
	} else if (!strcmp(verb, "signal")) {
		event_base_active_by_signal(scene.base, scene_signal(words[1]));
	} else if (!strcmp(verb, "pair")) {
		pair(scene.fd[words[1][0] - 'a']);
	} else if (!strcmp(verb, "put")) {
		put(*scene_fd(words[1]), words[2]);
	} else if (!strcmp(verb, "close")) {
		close(*scene_fd(words[1]));
	} else if (!strcmp(verb, "dup")) {
		*scene_fd(words[2]) = dup(*scene_fd(words[1]));
	} else if (!strcmp(verb, "stall")) {
		stall(atoi(words[1]));
	} else if (!strcmp(verb, "alarm")) {
		ualarm((useconds_t)atoi(words[1]) * 1000, 0);
	} else if (!strcmp(verb, "thread")) {
		scene_start();
	} else if (!strcmp(verb, "await")) {
		scene_await();
	} else if (!strcmp(verb, "open")) {
		put(scene.gate[1], "!");
	} else if (!strcmp(verb, "base")) {
		event_base_free(scene.base);
		for (i = 0; i < ACTORS; i++)
			scene_forget(&scene.actors[i]);
		scene.base = n > 1 && !strcmp(words[1], "epoll") ? epoll_base() : event_base_new();
	} else {
		abort();
	}
	return -2;
}

static void scene_step(const char *step)
{
	static const char *const about_events[] = { "event", "once", "add", "del", "block", "noblock", "set", "get",
		"initialized", "active", "free", "finalize" };
	char words[WORDS][TEXT] = { "" };
	const char *verb = words[0];
	size_t i;
	int n, result;

	if (!strncmp(step, "on ", 3)) {
		scene_on(step);
		return;
	}
	if (!strncmp(step, "say ", 4)) {
		SAY("%s\n", step + 4);
		return;
	}
	n = sscanf(step, "%159s %159s %159s %159s %159s", words[0], words[1], words[2], words[3], words[4]);
	if (!strcmp(verb, "counts")) {
		SAY("added %d active %d levels %d\n", added(scene.base), active(scene.base),
		    event_base_get_npriorities(scene.base));
	} else if (!strcmp(verb, "pending")) {
		SAY("%s: %s\n", step,
		    bits(event_pending(scene_actor(words[1])->ev, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL | EV_CLOSED, NULL)));
	} else if (!strcmp(verb, "handles")) {
		SAY("%s: %s\n", step, scene_handler(scene_signal(words[1])));
	} else if (!strcmp(verb, "finished")) {
		SAY("callback finished %d\n", __atomic_load_n(&scene.finished, __ATOMIC_SEQ_CST));
	} else if (!strcmp(verb, "finish")) {
		pthread_join(scene.thread, NULL);
		scene.threaded = 0;
		SAY("loop %d exit %d break %d\n", scene.answer, event_base_got_exit(scene.base),
		    event_base_got_break(scene.base));
	} else {
		for (i = 0; i < sizeof about_events / sizeof about_events[0] && strcmp(about_events[i], verb); i++) {
		}
		result = i < sizeof about_events / sizeof about_events[0] ?
		    scene_event(verb, scene_actor(words[1]), words, n) :
		    scene_other(verb, words, n);
		/* Where a thread runs the loop, what it says comes in an order of its own. */
		if (result != -2 && !scene.threaded)
			SAY("%s: %d\n", step, result);
		else if (result < 0 && result != -2)
			SAY("%s failed\n", step);
	}
}

/* Runs the child's steps in a child, and waits for it. */
static void scene_fork(char *const *steps, int n)
{
	int i, status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (i = 0; i < n && !strncmp(steps[i], "child ", 6); i++) {
			SAY("child ");
			scene_step(steps[i] + 6);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) || WEXITSTATUS(status))
		SAY("child signal %d exit %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WEXITSTATUS(status));
}

static void scene_play(const char *text)
{
	char *all = strdup(text), *steps[STEPS], *at, *rest;
	int i, n = 0;

	memset(scene.fd, -1, sizeof scene.fd);
	event_set_log_callback(quiet_log);
	scene.base = event_base_new();
	for (at = strtok_r(all, ";", &rest); at && n < STEPS; at = strtok_r(NULL, ";", &rest))
		steps[n++] = at + strspn(at, " ");
	for (i = 0; i < n; i++) {
		if (!strcmp(steps[i], "fork"))
			scene_fork(&steps[i + 1], n - i - 1);
		else if (strncmp(steps[i], "child ", 6))
			scene_step(steps[i]);
	}
	for (i = 0; i < ACTORS; i++) {
		if (scene.actors[i].ev)
			event_free(scene.actors[i].ev);
	}
	event_base_free(scene.base);
	for (i = 0; i < SOCKETS; i++) {
		close(scene.fd[i][0]);
		close(scene.fd[i][1]);
	}
	free(all);
}

/* A case that is a scenario. */
#define SCENE(name, text) \
	CASE(name)        \
	{                 \
		scene_play(text); \
	}

#endif
