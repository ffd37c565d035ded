/*
 * The variadic functions of the C interface, under private names. The public
 * names are jumps to these (src/variadic.rs): a C object's own symbols would
 * not be exported from the shared object.
 *
 * Nothing here keeps state. A log or fatal callback may leave by longjmp or by
 * an exception; the frames own only arrays.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum { MESSAGE_SIZE = 1024, NO_ERROR_TEXT = 0, ERROR_TEXT = 1 };
enum { SEVERITY_MSG = 1, SEVERITY_WARN = 2, SEVERITY_ERR = 3 };

/* In Rust: delivers a message, and ends the process. */
void evoxide_log_text(int severity, int with_error, int error, const char *text);
_Noreturn void evoxide_log_fatal(int code);

static void
log_formatted(int severity, int with_error, const char *format, va_list ap)
{
	int error = errno;
	char text[MESSAGE_SIZE];

	text[0] = '\0';
	if (format != NULL && vsnprintf(text, sizeof(text), format, ap) < 0)
		text[0] = '\0';
	evoxide_log_text(severity, with_error, error, text);
}

#define LOG(severity, with_error)                                     \
	do {                                                          \
		va_list ap;                                           \
		va_start(ap, format);                                 \
		log_formatted((severity), (with_error), format, ap);  \
		va_end(ap);                                           \
	} while (0)

void evoxide_event_warn(const char *format, ...);
void evoxide_event_warnx(const char *format, ...);
void evoxide_event_msgx(const char *format, ...);
void evoxide_event_sock_warn(int sock, const char *format, ...);
_Noreturn void evoxide_event_err(int code, const char *format, ...);
_Noreturn void evoxide_event_errx(int code, const char *format, ...);
_Noreturn void evoxide_event_sock_err(int code, int sock, const char *format, ...);
int evoxide_evutil_snprintf(char *buf, size_t size, const char *format, ...);
int evoxide_evutil_vsnprintf(char *buf, size_t size, const char *format, va_list ap);

void
evoxide_event_warn(const char *format, ...)
{
	LOG(SEVERITY_WARN, ERROR_TEXT);
}

void
evoxide_event_warnx(const char *format, ...)
{
	LOG(SEVERITY_WARN, NO_ERROR_TEXT);
}

void
evoxide_event_msgx(const char *format, ...)
{
	LOG(SEVERITY_MSG, NO_ERROR_TEXT);
}

void
evoxide_event_sock_warn(int sock, const char *format, ...)
{
	(void)sock; /* a socket's error is errno here */
	LOG(SEVERITY_WARN, ERROR_TEXT);
}

void
evoxide_event_err(int code, const char *format, ...)
{
	LOG(SEVERITY_ERR, ERROR_TEXT);
	evoxide_log_fatal(code);
}

void
evoxide_event_errx(int code, const char *format, ...)
{
	LOG(SEVERITY_ERR, NO_ERROR_TEXT);
	evoxide_log_fatal(code);
}

void
evoxide_event_sock_err(int code, int sock, const char *format, ...)
{
	(void)sock;
	LOG(SEVERITY_ERR, ERROR_TEXT);
	evoxide_log_fatal(code);
}

/* C99's result, 0 for no room at all; the last byte of the room is always 0. */
int
evoxide_evutil_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	int length;

	if (size == 0)
		return 0;
	length = vsnprintf(buf, size, format, ap);
	if (size <= INT_MAX)
		buf[size - 1] = '\0';
	return length;
}

int
evoxide_evutil_snprintf(char *buf, size_t size, const char *format, ...)
{
	int length;
	va_list ap;

	va_start(ap, format);
	length = evoxide_evutil_vsnprintf(buf, size, format, ap);
	va_end(ap);
	return length;
}
