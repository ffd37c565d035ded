/* What events are told, and when: expired timeouts, edges, activation by descriptor, limits of a batch. */
#include "case.h"

#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct event_base *base;
static struct event *events[16];
static int fd[2];

static void pair_of_sockets(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
}

static void told(evutil_socket_t where, short what, void *name)
{
	(void)where;
	SAY("%s %x\n", (const char *)name, what & 0xffff);
}

static void once(void)
{
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static long micros(const struct timeval *tv)
{
	return tv->tv_sec * 1000000L + tv->tv_usec;
}

static void spin(long us)
{
	struct timeval from, now;
	gettimeofday(&from, NULL);
	do
		gettimeofday(&now, NULL);
	while (micros(&now) - micros(&from) < us);
}

/* The base without every method but one; with none, the first of all. */
static void base_of(const char *method, int flags)
{
	static const char *const all[] = {"epoll", "poll", "select"};
	struct event_config *config = event_config_new();
	size_t i;
	for (i = 0; method && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i], method))
			event_config_avoid_method(config, all[i]);
	event_config_set_flag(config, flags);
	base = event_base_new_with_config(config);
	event_config_free(config);
}

static void look(evutil_socket_t where, short what, void *name)
{
	int i, found;
	(void)where;
	(void)what;
	for (i = 0; i < 3; i++) {
		struct timeval due = {-7, -7};
		found = event_pending(events[i], EV_TIMEOUT, &due);
		if (due.tv_sec == -7)
			SAY("%s: %d pending for %x, no time\n", (const char *)name, i, found);
		else
			SAY("%s: %d pending for %x at %ld\n", (const char *)name, i, found, (long)(due.tv_sec > 1000));
	}
}

CASE(an_expired_timer_that_waits_its_turn_tells_its_time)
{
	struct timeval first = {0, 1000}, second = {0, 2000}, third = {0, 3000};
	base = event_base_new();
	events[0] = event_new(base, -1, 0, look, (void *)"first");
	events[1] = event_new(base, -1, 0, look, (void *)"second");
	events[2] = event_new(base, -1, EV_PERSIST, told, (void *)"third");
	event_add(events[0], &first);
	event_add(events[1], &second);
	event_add(events[2], &third);
	spin(8000);
	once();
	event_del(events[2]);
	event_base_free(base);
}

CASE(an_expired_timeout_of_a_descriptor_tells_its_time)
{
	struct timeval tv = {0, 1000}, later = {0, 2000}, last = {0, 3000};
	pair_of_sockets();
	base = event_base_new();
	events[0] = event_new(base, -1, 0, look, (void *)"timer");
	events[1] = event_new(base, fd[0], EV_READ, told, (void *)"read");
	events[2] = event_new(base, fd[1], EV_READ | EV_PERSIST, told, (void *)"persist");
	event_add(events[0], &tv);
	event_add(events[1], &later);
	event_add(events[2], &last);
	event_priority_set(events[0], 0);
	spin(8000);
	once();
	event_base_free(base);
}

static void compare(evutil_socket_t where, short what, void *unused)
{
	struct timeval now, due, tv = {3, 141592};
	int i;
	(void)where;
	(void)what;
	(void)unused;
	for (i = 0; i < 1000; i++) {
		tv.tv_usec = 141592 + i;
		event_base_gettimeofday_cached(base, &now);
		event_add(events[1], &tv);
		if (event_pending(events[1], EV_TIMEOUT, &due) != EV_TIMEOUT)
			SAY("not pending\n");
		if (micros(&due) - micros(&now) != micros(&tv))
			SAY("%ld instead of %ld\n", micros(&due) - micros(&now), micros(&tv));
		event_base_update_cache_time(base);
	}
}

CASE(a_pending_time_is_what_was_asked_for)
{
	struct timeval now = {0, 0};
	base = event_base_new();
	events[0] = event_new(base, -1, 0, compare, NULL);
	events[1] = event_new(base, -1, 0, told, (void *)"never");
	event_add(events[0], &now);
	once();
	event_del(events[1]);
	event_base_free(base);
}

CASE(edges_with_the_changelist)
{
	struct event *r, *w;
	pair_of_sockets();
	base_of("epoll", EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	r = event_new(base, fd[0], EV_READ | EV_ET | EV_PERSIST, told, (void *)"read");
	w = event_new(base, fd[0], EV_WRITE | EV_ET | EV_PERSIST, told, (void *)"write");
	event_add(r, NULL);
	event_add(w, NULL);
	CHECK(write(fd[1], "x", 1) == 1);
	once();
	SAY("nothing new\n");
	once();
	SAY("one deleted and added\n");
	event_del(w);
	event_add(w, NULL);
	once();
	SAY("nothing new\n");
	once();
	SAY("both deleted and added\n");
	event_del(w);
	event_del(r);
	event_add(r, NULL);
	event_add(w, NULL);
	once();
	SAY("one deleted, and added a turn later\n");
	event_del(w);
	once();
	event_add(w, NULL);
	once();
	event_free(r);
	event_free(w);
	event_base_free(base);
}

static void edge_on(const char *method)
{
	struct event *e, *timed;
	struct timeval tv = {50, 0};
	pair_of_sockets();
	base_of(method, 0);
	SAY("%s\n", method);
	e = event_new(base, fd[0], EV_READ | EV_WRITE | EV_ET | EV_PERSIST, told, (void *)"edge");
	timed = event_new(base, fd[0], EV_READ | EV_ET, told, (void *)"with a timeout");
	SAY("added %d\n", event_add(e, NULL));
	CHECK(write(fd[1], "x", 1) == 1);
	once();
	event_base_active_by_fd(base, fd[0], EV_READ);
	event_del(e);
	event_add(e, NULL);
	once();
	event_del(e);
	event_add(timed, &tv);
	once();
	event_free(e);
	event_free(timed);
	event_base_free(base);
}

CASE(edge_triggered_events_on_every_method)
{
	edge_on("epoll");
	edge_on("poll");
	edge_on("select");
}

CASE(activation_by_descriptor)
{
	static const short kinds[] = {EV_CLOSED, EV_READ, EV_WRITE, EV_TIMEOUT, EV_TIMEOUT | EV_READ,
	    EV_TIMEOUT | EV_CLOSED, EV_READ | EV_CLOSED, EV_READ | EV_WRITE | EV_CLOSED};
	static const struct {
		const char *name;
		short mask;
		int timed;
	} rows[] = {
	    {"read", EV_READ, 0},
	    {"closed", EV_CLOSED, 0},
	    {"read or closed", EV_READ | EV_CLOSED, 0},
	    {"read, in time", EV_READ, 1},
	    {"persistent read, in time", EV_READ | EV_PERSIST, 1},
	    {"closed, in time", EV_CLOSED, 1},
	    {"time only", 0, 1},
	};
	const int count = sizeof(rows) / sizeof(rows[0]);
	struct timeval tv = {100, 0};
	size_t k;
	int i;
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		pair_of_sockets();
		base_of("epoll", 0);
		for (i = 0; i < count; i++) {
			events[i] = event_new(base, fd[0], rows[i].mask, told, (void *)rows[i].name);
			tv.tv_sec = 100 + i;
			event_add(events[i], rows[i].timed ? &tv : NULL);
		}
		SAY("for %x:\n", kinds[k]);
		event_base_active_by_fd(base, fd[0], kinds[k]);
		once();
		for (i = 0; i < count; i++)
			event_free(events[i]);
		event_base_free(base);
		close(fd[0]);
		close(fd[1]);
	}
}

static void slow(evutil_socket_t where, short what, void *name)
{
	told(where, what, name);
	spin(8000);
}

/* Two wait for one descriptor and for a short time; the first to run takes longer than that. */
static void starved(int limit, int priorities)
{
	struct event_config *config = event_config_new();
	struct timeval tv = {0, 5000}, more = {0, 6000};
	int turn;
	pair_of_sockets();
	if (limit)
		event_config_set_max_dispatch_interval(config, NULL, limit, 0);
	event_config_avoid_method(config, "poll");
	event_config_avoid_method(config, "select");
	base = event_base_new_with_config(config);
	event_config_free(config);
	event_base_priority_init(base, 2);
	events[0] = event_new(base, fd[0], EV_READ, slow, (void *)"second");
	events[1] = event_new(base, fd[1], EV_READ, slow, (void *)"first");
	event_priority_set(events[0], priorities ? 1 : 0);
	event_priority_set(events[1], 0);
	CHECK(write(fd[0], "x", 1) == 1 && write(fd[1], "x", 1) == 1);
	SAY("limit %d, priorities %d\n", limit, priorities);
	event_add(events[0], &more);
	event_add(events[1], &tv);
	/* What the kernel lists first is not certain: the more urgent runs first, or the one made active by hand. */
	if (!priorities)
		event_active(events[1], EV_READ, 1);
	for (turn = 0; turn < 4; turn++)
		once();
	event_free(events[0]);
	event_free(events[1]);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(a_timeout_that_comes_while_an_event_waits_is_told_alone)
{
	starved(0, 1);
	starved(1, 0);
	starved(1, 1);
}

static void and_exit(evutil_socket_t where, short what, void *name)
{
	told(where, what, name);
	event_base_loopexit(base, NULL);
	event_active(events[1], EV_READ, 1);
	event_active(events[2], EV_READ, 1);
	SAY("active %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
}

CASE(exit_takes_its_place_among_the_active_ones)
{
	int limit;
	for (limit = 1; limit < 5; limit++) {
		struct event_config *config = event_config_new();
		int i;
		event_config_set_max_dispatch_interval(config, NULL, limit, 0);
		base = event_base_new_with_config(config);
		event_config_free(config);
		events[0] = event_new(base, -1, 0, and_exit, (void *)"exits");
		events[1] = event_new(base, -1, 0, told, (void *)"one");
		events[2] = event_new(base, -1, 0, told, (void *)"two");
		event_active(events[0], EV_READ, 1);
		SAY("limit %d: %d\n", limit, event_base_loop(base, 0));
		SAY("left %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
		SAY("again: %d\n", event_base_loop(base, 0));
		for (i = 0; i < 3; i++)
			event_free(events[i]);
		event_base_free(base);
	}
}

#define MANY 3000

static int ran, in_order;

static void count(evutil_socket_t where, short what, void *arg)
{
	(void)where;
	in_order += what == EV_READ && (long)arg == ran++;
}

CASE(activation_takes_no_memory)
{
	static struct event *many[MANY];
	struct timeval tv = {100, 0};
	size_t before, after;
	int i;
	base = event_base_new();
	for (i = 0; i < MANY; i++) {
		many[i] = event_new(base, -1, 0, count, (void *)(long)i);
		if (i % 2)
			event_add(many[i], &tv);
	}
	before = mallinfo2().uordblks;
	for (i = 0; i < MANY; i++)
		event_active(many[i], EV_READ, 1);
	event_active(many[0], EV_READ, 7);
	after = mallinfo2().uordblks;
	SAY("more memory: %d\n", before < after);
	SAY("active %d\n", event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
	event_del(many[MANY - 1]);
	once();
	SAY("ran %d, in order %d\n", ran, in_order);
	for (i = 0; i < MANY; i++)
		event_free(many[i]);
	event_base_free(base);
}
