/* Configuration of a base, and the environment. */
#include "case.h"
#include "loop_kit.h"

static void clean_env(void)
{
	static const char *names[] = { "EVENT_NOEPOLL", "EVENT_NOPOLL", "EVENT_NOSELECT", "EVENT_SHOW_METHOD",
		"EVENT_EPOLL_USE_CHANGELIST", "EVENT_PRECISE_TIMER", "EVENT_NOKQUEUE" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		unsetenv(names[i]);
}

static void show(struct event_config *cfg)
{
	struct event_base *base = event_base_new_with_config(cfg);

	if (base == NULL) {
		SAY("none\n");
	} else {
		SAY("%s features %x\n", event_base_get_method(base), event_base_get_features(base));
		event_base_free(base);
	}
}

CASE(empty_config)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	CHECK(cfg != NULL);
	show(cfg);
	show(cfg);
	event_config_free(cfg);
	show(NULL);
}

CASE(avoid_methods_one_by_one)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	event_set_log_callback(severity_log);
	SAY("%d\n", event_config_avoid_method(cfg, "epoll"));
	show(cfg);
	SAY("%d\n", event_config_avoid_method(cfg, "poll"));
	show(cfg);
	SAY("%d\n", event_config_avoid_method(cfg, "select"));
	show(cfg);
	event_config_free(cfg);
}

CASE(avoid_in_another_order)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	event_config_avoid_method(cfg, "select");
	show(cfg);
	event_config_avoid_method(cfg, "poll");
	show(cfg);
	event_config_free(cfg);
}

CASE(avoid_unknown_or_in_capitals)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	SAY("%d\n", event_config_avoid_method(cfg, "no such thing"));
	SAY("%d\n", event_config_avoid_method(cfg, ""));
	show(cfg);
	SAY("%d\n", event_config_avoid_method(cfg, "EPOLL"));
	show(cfg);
	SAY("%d\n", event_config_avoid_method(cfg, "epoll"));
	SAY("%d\n", event_config_avoid_method(cfg, "epoll"));
	show(cfg);
	event_config_free(cfg);
}

CASE(avoid_copies_the_name)
{
	struct event_config *cfg = event_config_new();
	char name[] = "epoll";

	clean_env();
	event_config_avoid_method(cfg, name);
	strcpy(name, "poll");
	show(cfg);
	event_config_free(cfg);
}

CASE(required_features)
{
	static const int wanted[] = { 0, EV_FEATURE_ET, EV_FEATURE_O1, EV_FEATURE_FDS, EV_FEATURE_EARLY_CLOSE,
		EV_FEATURE_ET | EV_FEATURE_O1, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE,
		EV_FEATURE_ET | EV_FEATURE_FDS, EV_FEATURE_O1 | EV_FEATURE_FDS, EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE, 0x10 };
	size_t i;

	clean_env();
	event_set_log_callback(severity_log);
	for (i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		struct event_config *cfg = event_config_new();

		SAY("%x: %d ", wanted[i], event_config_require_features(cfg, wanted[i]));
		show(cfg);
		event_config_free(cfg);
	}
}

CASE(required_features_are_replaced)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	event_config_require_features(cfg, EV_FEATURE_ET | EV_FEATURE_FDS);
	event_config_require_features(cfg, EV_FEATURE_FDS);
	show(cfg);
	event_config_require_features(cfg, 0);
	show(cfg);
	event_config_free(cfg);
}

CASE(features_and_avoided_methods)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	event_set_log_callback(severity_log);
	event_config_avoid_method(cfg, "epoll");
	event_config_require_features(cfg, EV_FEATURE_O1);
	show(cfg);
	event_config_require_features(cfg, EV_FEATURE_FDS);
	show(cfg);
	event_config_require_features(cfg, EV_FEATURE_EARLY_CLOSE);
	show(cfg);
	event_config_free(cfg);
}

CASE(null_config)
{
	SAY("require %d\n", event_config_require_features(NULL, EV_FEATURE_ET));
	SAY("flag %d\n", event_config_set_flag(NULL, EVENT_BASE_FLAG_NOLOCK));
	SAY("cpus %d\n", event_config_set_num_cpus_hint(NULL, 2));
}

CASE(other_setters)
{
	struct event_config *cfg = event_config_new();
	struct timeval tv = { 0, 100 };

	clean_env();
	SAY("flag %d\n", event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK));
	SAY("flag %d\n", event_config_set_flag(cfg, EVENT_BASE_FLAG_STARTUP_IOCP));
	SAY("flag %d\n", event_config_set_flag(cfg, 0x4000));
	SAY("cpus %d\n", event_config_set_num_cpus_hint(cfg, 16));
	SAY("cpus %d\n", event_config_set_num_cpus_hint(cfg, -3));
	SAY("dispatch %d\n", event_config_set_max_dispatch_interval(cfg, &tv, 5, 1));
	SAY("dispatch %d\n", event_config_set_max_dispatch_interval(cfg, NULL, -1, -1));
	show(cfg);
	event_config_free(cfg);
}

CASE(every_flag_makes_a_working_base)
{
	int flag;

	clean_env();
	for (flag = 1; flag <= 0x20; flag <<= 1) {
		struct event_config *cfg = event_config_new();
		struct event_base *base;
		int fd[2];

		event_config_set_flag(cfg, flag);
		base = event_base_new_with_config(cfg);
		event_config_free(cfg);
		pair(fd);
		put(fd[1], "x");
		SAY("flag %x\n", flag);
		event_base_once(base, fd[0], EV_READ, trace, "read", NULL);
		event_base_loop(base, EVLOOP_ONCE);
		event_base_once(base, -1, EV_TIMEOUT, trace, "timer", ms(1));
		SAY("loop %d\n", event_base_dispatch(base));
		event_base_free(base);
		close(fd[0]);
		close(fd[1]);
	}
}

CASE(environment_takes_methods_away)
{
	clean_env();
	event_set_log_callback(severity_log);
	setenv("EVENT_NOEPOLL", "1", 1);
	show(NULL);
	setenv("EVENT_NOPOLL", "1", 1);
	show(NULL);
	setenv("EVENT_NOSELECT", "1", 1);
	show(NULL);
	unsetenv("EVENT_NOEPOLL");
	show(NULL);
}

CASE(environment_counts_even_when_empty)
{
	clean_env();
	setenv("EVENT_NOEPOLL", "", 1);
	show(NULL);
	setenv("EVENT_NOPOLL", "0", 1);
	show(NULL);
}

CASE(environment_in_small_letters_is_nothing)
{
	clean_env();
	setenv("EVENT_NOepoll", "1", 1);
	setenv("event_noepoll", "1", 1);
	setenv("EVENT_NOKQUEUE", "1", 1);
	show(NULL);
}

CASE(environment_ignored_on_request)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	setenv("EVENT_NOEPOLL", "1", 1);
	setenv("EVENT_NOPOLL", "1", 1);
	show(cfg);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	show(cfg);
	event_config_avoid_method(cfg, "epoll");
	show(cfg);
	event_config_free(cfg);
}

CASE(environment_does_not_shorten_the_list)
{
	const char **m;

	clean_env();
	setenv("EVENT_NOEPOLL", "1", 1);
	for (m = event_get_supported_methods(); *m; m++)
		SAY("%s\n", *m);
}

static void last_word(int severity, const char *msg)
{
	SAY("%d %s\n", severity, msg);
}

CASE(show_method)
{
	clean_env();
	event_set_log_callback(last_word);
	show(NULL);
	setenv("EVENT_SHOW_METHOD", "1", 1);
	show(NULL);
	setenv("EVENT_NOEPOLL", "1", 1);
	show(NULL);
	unsetenv("EVENT_NOEPOLL");
	setenv("EVENT_EPOLL_USE_CHANGELIST", "1", 1);
	show(NULL);
}

CASE(changelist_names_the_method)
{
	struct event_config *cfg = event_config_new();

	clean_env();
	setenv("EVENT_EPOLL_USE_CHANGELIST", "1", 1);
	show(NULL);
	show(cfg);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	show(cfg);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	show(cfg);
	event_config_free(cfg);
}

CASE(changelist_base_works)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;
	int fd[2];
	struct event *r, *w;

	clean_env();
	event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	pair(fd);
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "r");
	w = event_new(base, fd[0], EV_WRITE, trace, "w");
	event_add(r, NULL);
	event_add(w, NULL);
	event_del(r);
	event_add(r, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	put(fd[1], "x");
	event_base_loop(base, EVLOOP_ONCE);
	event_del(r);
	put(fd[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
	event_add(r, NULL);
	event_add(w, NULL);
	event_del(w);
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(r);
	event_free(w);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(changelist_and_closed_descriptor)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;
	int fd[2], more[2];
	struct event *ev;

	clean_env();
	event_set_log_callback(quiet_log);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	pair(fd);
	ev = event_new(base, fd[0], EV_READ | EV_PERSIST, trace_read, "ev");
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_del(ev);
	close(fd[0]);
	pair(more);
	CHECK(more[0] == fd[0]);
	SAY("add %d\n", event_add(ev, NULL));
	put(more[1], "x");
	SAY("loop %d\n", event_base_loop(base, EVLOOP_ONCE));
	event_free(ev);
	event_base_free(base);
	close(fd[1]);
	close(more[0]);
	close(more[1]);
}

CASE(precise_timer_from_the_environment)
{
	struct event_base *base;

	clean_env();
	setenv("EVENT_PRECISE_TIMER", "1", 1);
	base = event_base_new();
	event_base_once(base, -1, EV_TIMEOUT, trace, "b", ms(80));
	event_base_once(base, -1, EV_TIMEOUT, trace, "a", ms(2));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}

CASE(config_may_be_freed_before_the_base_is_used)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	clean_env();
	event_config_avoid_method(cfg, "epoll");
	event_config_set_max_dispatch_interval(cfg, ms(1000), 3, 0);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	event_base_once(base, -1, EV_TIMEOUT, trace, "one", ms(1));
	SAY("loop %d\n", event_base_dispatch(base));
	event_base_free(base);
}
