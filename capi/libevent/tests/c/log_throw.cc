/* Exceptions leave log and fatal callbacks through the library's frames. */
#include "case.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>

extern "C" {
void event_warnx(const char *format, ...);
void event_errx(int code, const char *format, ...);
}

static void
throwing_log(int severity, const char *text)
{
	(void)text;
	throw severity;
}

static void
throwing_fatal(int code)
{
	throw 100 + code;
}

static void
silent_log(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

struct Witness {
	~Witness() { SAY("unwound\n"); }
};

CASE(from_log_through_a_message)
{
	event_set_log_callback(throwing_log);
	try {
		Witness w;
		event_warnx("%s", "text");
	} catch (int severity) {
		SAY("caught %d\n", severity);
	}
}

CASE(from_log_through_a_call)
{
	event_set_log_callback(throwing_log);
	for (int i = 0; i < 3; i++) {
		try {
			Witness w;
			evutil_make_socket_nonblocking(-1);
		} catch (int severity) {
			SAY("caught %d\n", severity);
		}
	}
}

CASE(from_log_while_setting_locks)
{
	evthread_use_pthreads();
	event_set_log_callback(throwing_log);
	try {
		Witness w;
		evthread_set_lock_callbacks(NULL);
	} catch (int severity) {
		SAY("caught %d\n", severity);
	}
}

CASE(from_fatal)
{
	event_set_log_callback(silent_log);
	event_set_fatal_callback(throwing_fatal);
	for (int i = 0; i < 3; i++) {
		try {
			Witness w;
			event_errx(i, "round %d", i);
		} catch (int code) {
			SAY("caught %d\n", code);
		}
	}
}
