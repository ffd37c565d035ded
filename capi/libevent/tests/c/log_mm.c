/* The log, fatal and allocator hooks of event2/event.h, and the message functions exported beside the headers. */
#include "case.h"
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <setjmp.h>

#ifdef __cplusplus
extern "C" {
#endif
void event_warn(const char *format, ...);
void event_warnx(const char *format, ...);
void event_msgx(const char *format, ...);
void event_err(int code, const char *format, ...);
void event_errx(int code, const char *format, ...);
void event_sock_warn(evutil_socket_t sock, const char *format, ...);
void event_sock_err(int code, evutil_socket_t sock, const char *format, ...);
#ifdef __cplusplus
}
#endif

static void
say_log(int severity, const char *text)
{
	size_t len = strlen(text);
	SAY("log %d, %d bytes: %.40s%s%s\n", severity, (int)len, text, len > 60 ? " ... " : "", len > 60 ? text + len - 20 : "");
}

static void
say_fatal(int code)
{
	SAY("fatal %d\n", code);
}

/* Standard error goes where the case's output goes. */
static void
merge(void)
{
	fflush(stdout);
	dup2(1, 2);
}

CASE(default_sink)
{
	merge();
	errno = ENOENT;
	event_warn("number %d", 3);
	event_warnx("text %s", "abc");
	event_msgx("message %c", 'c');
	errno = EBADF;
	event_sock_warn(-1, "socket %d", -1);
}

CASE(callback_severities)
{
	event_set_log_callback(say_log);
	errno = ENOENT;
	event_warn("a");
	event_warnx("b");
	event_msgx("c");
	errno = EBADF;
	event_sock_warn(-1, "d");
	merge();
	event_set_log_callback(NULL);
	event_warnx("back on stderr");
}

CASE(no_format)
{
	event_set_log_callback(say_log);
	errno = ENOENT;
	event_warn(NULL);
	event_warnx(NULL);
	event_warnx("%s", "");
}

CASE(long_messages)
{
	char text[3000];
	int length;
	event_set_log_callback(say_log);
	for (length = 990; length < 1030; length++) {
		memset(text, 'x', sizeof(text));
		text[length] = '\0';
		event_warnx("%s", text);
		errno = ENOENT;
		event_warn("%s", text);
	}
	text[length] = 'x';
	text[2999] = '\0';
	event_msgx("%s", text);
}

CASE(many_arguments)
{
	event_set_log_callback(say_log);
	event_warnx("%d %d %d %d %d %d %d %d %.1f %.1f %.1f", 1, 2, 3, 4, 5, 6, 7, 8, 1.5, 2.5, 3.5);
	event_sock_warn(1, "%d %d %d %d %d %d %.1f", 1, 2, 3, 4, 5, 6, 9.5);
}

CASE(errx_exits)
{
	merge();
	event_errx(7, "leaving %d", 7);
}

CASE(err_exits_with_text)
{
	merge();
	errno = ENOENT;
	event_err(3, "leaving");
}

CASE(sock_err_exits)
{
	merge();
	errno = EBADF;
	event_sock_err(4, -1, "leaving %s", "now");
}

CASE(errx_aborts)
{
	merge();
	event_errx((int)0xdeaddead, "aborting");
}

CASE(fatal_callback_returns)
{
	event_set_log_callback(say_log);
	event_set_fatal_callback(say_fatal);
	event_errx(9, "with a callback");
}

CASE(fatal_callback_abort_code)
{
	event_set_fatal_callback(say_fatal);
	event_set_log_callback(say_log);
	event_errx((int)0xdeaddead, "with a callback");
}

static void
leave(int code)
{
	SAY("leaving with %d\n", code);
	fflush(stdout);
	_exit(40 + code);
}

CASE(fatal_callback_exits)
{
	event_set_log_callback(say_log);
	event_set_fatal_callback(leave);
	event_errx(2, "x");
}

static void
at_exit_handler(void)
{
	SAY("exit handler\n");
}

CASE(exit_handlers_run)
{
	atexit(at_exit_handler);
	event_set_log_callback(say_log);
	event_errx(5, "x");
}

static jmp_buf out;

static void
jump_out(int code)
{
	longjmp(out, code);
}

static void
jump_out_of_log(int severity, const char *text)
{
	(void)text;
	longjmp(out, 10 + severity);
}

CASE(longjmp_from_fatal)
{
	int i;
	event_set_log_callback(say_log);
	event_set_fatal_callback(jump_out);
	for (i = 1; i <= 3; i++) {
		int code = setjmp(out);
		if (code == 0)
			event_errx(i, "round %d", i);
		SAY("came back with %d\n", code);
	}
}

CASE(longjmp_from_log)
{
	int code = setjmp(out);
	event_set_log_callback(jump_out_of_log);
	if (code == 0)
		event_warnx("x");
	SAY("came back with %d\n", code);
	code = setjmp(out);
	if (code == 0)
		evutil_make_socket_nonblocking(-1);
	SAY("came back with %d\n", code);
}

CASE(errno_and_the_callback)
{
	event_set_log_callback(say_log);
	errno = 0;
	CHECK(evutil_make_socket_nonblocking(-1) == -1);
	CHECK(errno == EBADF);
}

CASE(debug_logging_is_off)
{
	struct event_base *base;
	event_set_log_callback(say_log);
	base = event_base_new();
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	SAY("quiet\n");
}

CASE(debug_logging_goes_off_again)
{
	struct event_base *base;
	event_set_log_callback(say_log);
	event_enable_debug_logging(EVENT_DBG_ALL);
	event_enable_debug_logging(EVENT_DBG_NONE);
	base = event_base_new();
	event_base_free(base);
	SAY("quiet\n");
}

/* Allocator hooks, seen through the smallest object. */

static int mallocs, reallocs, frees, null_frees;
static void *last_malloc;

static void *
my_malloc(size_t size)
{
	mallocs++;
	last_malloc = malloc(size);
	return last_malloc;
}

static void *
my_realloc(void *memory, size_t size)
{
	reallocs++;
	return realloc(memory, size);
}

static void
my_free(void *memory)
{
	frees++;
	if (memory == NULL)
		null_frees++;
	free(memory);
}

static void *
no_malloc(size_t size)
{
	(void)size;
	return NULL;
}

CASE(hooks_see_a_timer)
{
	struct evutil_monotonic_timer *timer;
	event_set_mem_functions(my_malloc, my_realloc, my_free);
	timer = evutil_monotonic_timer_new();
	CHECK(timer != NULL && (void *)timer == last_malloc);
	CHECK(mallocs == 1 && frees == 0);
	evutil_monotonic_timer_free(timer);
	CHECK(frees == 1);
	evutil_monotonic_timer_free(NULL);
	CHECK(null_frees == 0);
}

CASE(hooks_one_by_one)
{
	struct evutil_monotonic_timer *timer;
	event_set_mem_functions(my_malloc, NULL, NULL);
	timer = evutil_monotonic_timer_new();
	evutil_monotonic_timer_free(timer);
	SAY("%d %d\n", mallocs, frees);
	event_set_mem_functions(NULL, NULL, my_free);
	timer = evutil_monotonic_timer_new();
	evutil_monotonic_timer_free(timer);
	SAY("%d %d\n", mallocs, frees);
	event_set_mem_functions(NULL, NULL, NULL);
	timer = evutil_monotonic_timer_new();
	evutil_monotonic_timer_free(timer);
	SAY("%d %d\n", mallocs, frees);
}

CASE(hooks_that_fail)
{
	event_set_mem_functions(no_malloc, my_realloc, my_free);
	CHECK(evutil_monotonic_timer_new() == NULL);
	CHECK(event_base_new() == NULL);
	CHECK(event_config_new() == NULL);
	CHECK(null_frees == 0);
}
