/* Printing into a buffer says what snprintf says, for every kind of format and around the end of the room. */
#include "buffer_util.h"
#include <limits.h>
#include <wchar.h>

static char big[20000];

/* The same into a buffer that holds `before` bytes already and into memory. */
#define SAME(before, ...) do { \
	static char want[40000], got[40000]; \
	struct evbuffer *b = evbuffer_new(); \
	int expected = snprintf(want, sizeof want, __VA_ARGS__), answer; \
	evbuffer_add(b, big, before); \
	answer = evbuffer_add_printf(b, __VA_ARGS__); \
	evbuffer_drain(b, before); \
	evbuffer_copyout(b, got, sizeof got); \
	same(#__VA_ARGS__, expected == answer && (int)evbuffer_get_length(b) == expected \
	    && memcmp(want, got, (size_t)expected) == 0); \
	evbuffer_free(b); \
} while (0)

static int failures;

static void same(const char *what, int ok)
{
	if (!ok) {
		failures++;
		SAY("NO %s\n", what);
	}
}

CASE(plain)
{
	SAME(0, "text");
	SAME(0, "%s", "");
	SAME(0, "%s: %s\r\n", "Content-Type", "text/html");
	SAME(0, "%c%c%c", 'a', 0, 255);
	SAME(0, "100%%, %d%%", 99);
	SAME(0, "%d %d %d %d %d", 0, 1, -1, INT_MAX, INT_MIN);
	SAME(0, "%u %u %u", 0u, 1u, UINT_MAX);
	SAME(0, "%ld %ld %ld %ld", 0L, -1L, LONG_MAX, LONG_MIN);
	SAME(0, "%lu %lu", 0UL, ULONG_MAX);
	SAME(0, "%zu %zd", SIZE_MAX, (ssize_t)-5);
	CHECK(failures == 0);
}

CASE(anything_else)
{
	const char *null = NULL;

	SAME(0, "%5d|%-5d|%05d|%+d|% d", 1, 2, 3, 4, 5);
	SAME(0, "%.3s|%10s|%-10s|", "abcdef", "right", "left");
	SAME(0, "%*d %.*s", 7, 42, 2, "xyz");
	SAME(0, "%x %X %o %#x %i", 255, 255, 8, 16, -3);
	SAME(0, "%hd %hhd %lld %llu %jd", -1, -1, LLONG_MIN, ULLONG_MAX, (intmax_t)-9);
	SAME(0, "%f %.2f %e %g", 1.5, 2.25, 1e10, 0.1);
	SAME(0, "%d %s then %5.1f", 1, "two", 3.0);
	SAME(0, "%1$s %2$s %1$s", "a", "b");
	SAME(0, "%s", null);
	SAME(0, "%ls", L"wide");
	SAME(0, "%lc", (wint_t)L'w');
	CHECK(failures == 0);
}

CASE(around_the_end_of_the_room)
{
	int n;

	memset(big, 'x', sizeof big - 1);
	for (n = 0; n < 2200; n++) {
		SAME((size_t)n, "%s %d", "a few words", n);
		if (n % 8 == 0)
			SAME((size_t)n, "%.*s", n, big);
	}
	for (n = 8150; n < 8230; n++)
		SAME((size_t)n, "%s,%u", "tail", (unsigned)n);
	SAME(0, "%s", big);
	SAME(700, "%s%s", big, "!");
	SAME(700, "%s%5s", big, "!");
	CHECK(failures == 0);
}

CASE(frozen)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_freeze(b, 0);
	CHECK(evbuffer_add_printf(b, "%d", 1) == -1);
	evbuffer_unfreeze(b, 0);
	CHECK(evbuffer_add_printf(b, "%d", 1) == 1);
	CHECK(evbuffer_get_length(b) == 1);
	evbuffer_free(b);
}

CASE(add_printf)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_printf(b, "%s: %d\r\n", "Content-Length", 42));
	SAY("%d\n", evbuffer_add_printf(b, "%s", ""));
	SAY("%d\n", evbuffer_add_printf(b, "%c%5.2f|%-6s|%06x", 'x', 3.14159, "ab", 0xbeefu));
	show(b);
	evbuffer_free(b);
}

CASE(add_printf_long)
{
	struct evbuffer *b = evbuffer_new();
	int i;
	SAY("%d\n", evbuffer_add_printf(b, "%20000d", 7));
	SAY("%zu %u\n", evbuffer_get_length(b), sum(b));
	for (i = 0; i < 300; i++)
		evbuffer_add_printf(b, "%*d,", i, i);
	SAY("%zu %u\n", evbuffer_get_length(b), sum(b));
	evbuffer_free(b);
}

static int
add_v(struct evbuffer *b, const char *format, ...)
{
	va_list ap;
	int r;
	va_start(ap, format);
	r = evbuffer_add_vprintf(b, format, ap);
	va_end(ap);
	return r;
}

CASE(add_vprintf)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "<", 1);
	SAY("%d\n", add_v(b, "%d %s %ld %g %c %p", 1, "two", 3L, 4.5, '5', NULL));
	SAY("%d\n", add_v(b, "%1$s %1$s", "twice"));
	evbuffer_add(b, ">", 1);
	show(b);
	SAY("%d\n", add_v(b, "%5000s", "x"));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

/* What was printed can be read as a string where it lies, whatever lay there before. */
CASE(a_zero_follows)
{
	static const char *const formats[] = { "%d", "%d%%", "%d.%s", "%5d", "" };
	size_t i;
	for (i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct evbuffer *b = evbuffer_new();
		struct evbuffer_iovec room;
		/* Room that is full of something. */
		CHECK(evbuffer_reserve_space(b, 100, &room, 1) == 1);
		memset(room.iov_base, '#', 100);
		evbuffer_add(b, "=", 1);
		evbuffer_add_printf(b, formats[i], 7, "text");
		SAY("[%s]\n", (char *)evbuffer_pullup(b, -1));
		evbuffer_free(b);
	}
}
