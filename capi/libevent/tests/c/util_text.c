/* Text of event2/util.h: numbers, comparison, formatting, dates; and the timer macros. */
#include "case.h"
#include <event2/util.h>
#include <limits.h>

CASE(strtoll_bases)
{
	static const char *const texts[] = { "123", "-5", "+7", "0x1f", "077", "  12z", "", "abc", "-", "0x", "zz" };
	static const int bases[] = { 0, 8, 10, 16, 36 };
	size_t i, k;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (k = 0; k < sizeof(bases) / sizeof(bases[0]); k++) {
			char *end = NULL;
			ev_int64_t v = evutil_strtoll(texts[i], &end, bases[k]);
			SAY("[%s] base %d: %lld at %d\n", texts[i], bases[k], (long long)v, (int)(end - texts[i]));
		}
	}
}

CASE(strtoll_limits)
{
	static const char *const texts[] = { "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "99999999999999999999999" };
	size_t i;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ev_int64_t v;
		errno = 0;
		v = evutil_strtoll(texts[i], NULL, 10);
		SAY("%s: %lld, ERANGE %d\n", texts[i], (long long)v, errno == ERANGE);
	}
	errno = 0;
	evutil_strtoll("1", NULL, 99);
	CHECK(errno == EINVAL);
}

CASE(casecmp)
{
	static const char *const texts[] = { "", "a", "A", "ab", "AB", "abc", "b", "Z", "z", "[", "{", "_", "@", "`", "\xe4", "\xc4", "\xff" };
	size_t i, k, n = sizeof(texts) / sizeof(texts[0]);
	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++)
			SAY("%d ", evutil_ascii_strcasecmp(texts[i], texts[k]));
		SAY("\n");
	}
}

CASE(ncasecmp)
{
	size_t n;
	for (n = 0; n <= 6; n++)
		SAY("%d %d %d %d\n", evutil_ascii_strncasecmp("Hello", "hELP!", n), evutil_ascii_strncasecmp("ab", "ABC", n),
		    evutil_ascii_strncasecmp("same", "SAME", n), evutil_ascii_strncasecmp("\xff", "a", n));
}

/* Nothing behind the first difference or behind the count is read. */
CASE(ncasecmp_unterminated)
{
	char *a = (char *)malloc(3), *b = (char *)malloc(3);
	memcpy(a, "GET", 3);
	memcpy(b, "get", 3);
	CHECK(evutil_ascii_strncasecmp(a, b, 3) == 0);
	b[2] = 'x';
	CHECK(evutil_ascii_strncasecmp(a, b, 100) == -1);
	CHECK(evutil_ascii_strcasecmp(b, a) == 1);
	free(a);
	free(b);
}

CASE(snprintf_room)
{
	char out[16];
	size_t room;
	for (room = 0; room <= 7; room++) {
		int r, i;
		memset(out, 'Z', sizeof(out));
		r = evutil_snprintf(out, room, "%s%d", "abc", 42);
		SAY("%d: %d ", (int)room, r);
		for (i = 0; i < 8; i++)
			SAY("%c", out[i] ? out[i] : '.');
		SAY("\n");
	}
}

CASE(snprintf_no_buffer)
{
	SAY("%d\n", evutil_snprintf(NULL, 0, "%s", "text"));
}

CASE(snprintf_types)
{
	char out[256];
	SAY("%d\n", evutil_snprintf(out, sizeof(out), "%d %u %ld %lld %zu %c %5.2f %e %x %-5s| %05d %p %%", -1, 2u, 3l, 4ll, (size_t)5, 'c', 2.5,
	    1e10, 255u, "ab", 42, (void *)0));
	SAY("%s\n", out);
	SAY("%d\n", evutil_snprintf(out, sizeof(out), "%f %f %f %f %f %f %f %f %f %d %d %d %d %d %d %d", 1., 2., 3., 4., 5., 6., 7., 8., 9., 1, 2, 3, 4, 5, 6, 7));
	SAY("%s\n", out);
}

static int
through_va_list(char *out, size_t room, const char *format, ...)
{
	va_list ap;
	int r;
	va_start(ap, format);
	r = evutil_vsnprintf(out, room, format, ap);
	va_end(ap);
	return r;
}

CASE(vsnprintf_room)
{
	char out[16];
	memset(out, 'Z', sizeof(out));
	SAY("%d\n", through_va_list(out, sizeof(out), "%s %d %.1f", "abc", 42, 0.5));
	SAY("%s, last %d\n", out, out[15]);
	SAY("%d\n", through_va_list(out, 4, "%s %d", "abc", 42));
	SAY("%s\n", out);
	SAY("%d\n", through_va_list(out, 0, "%s", "abc"));
}

CASE(date_given)
{
	struct tm tm;
	char out[64];
	memset(&tm, 0, sizeof(tm));
	tm.tm_year = 94;
	tm.tm_mon = 10;
	tm.tm_mday = 6;
	tm.tm_hour = 8;
	tm.tm_min = 49;
	tm.tm_sec = 37;
	SAY("%d\n", evutil_date_rfc1123(out, sizeof(out), &tm));
	SAY("%s\n", out);
	for (tm.tm_wday = 0, tm.tm_mon = 0; tm.tm_mon < 12; tm.tm_mon++, tm.tm_wday = tm.tm_mon % 7) {
		evutil_date_rfc1123(out, sizeof(out), &tm);
		SAY("%s\n", out);
	}
	tm.tm_mon = 0;
	tm.tm_year = 9999;
	tm.tm_mday = -5;
	tm.tm_hour = 123;
	SAY("%d\n", evutil_date_rfc1123(out, sizeof(out), &tm));
	SAY("%s\n", out);
	tm.tm_year = -1900;
	SAY("%d\n", evutil_date_rfc1123(out, sizeof(out), &tm));
	SAY("%s\n", out);
}

CASE(date_room)
{
	struct tm tm;
	char out[40];
	size_t room;
	memset(&tm, 0, sizeof(tm));
	tm.tm_mday = 1;
	for (room = 0; room <= 32; room += room < 4 || room > 26 ? 1 : 23) {
		int r, i;
		memset(out, 'Z', sizeof(out));
		r = evutil_date_rfc1123(out, room, &tm);
		SAY("%d: %d ", (int)room, r);
		for (i = 0; i < 34; i++)
			SAY("%c", out[i] ? out[i] : '.');
		SAY("\n");
	}
}

CASE(date_now)
{
	time_t before = time(NULL), after;
	char out[64], low[64], high[64];
	struct tm tm;
	CHECK(evutil_date_rfc1123(out, sizeof(out), NULL) == 29);
	after = time(NULL);
	gmtime_r(&before, &tm);
	evutil_date_rfc1123(low, sizeof(low), &tm);
	gmtime_r(&after, &tm);
	evutil_date_rfc1123(high, sizeof(high), &tm);
	CHECK(after - before > 1 || strcmp(out, low) == 0 || strcmp(out, high) == 0);
}

CASE(timer_macros)
{
	struct timeval a = { 1, 600000 }, b = { 2, 500000 }, c;
	evutil_timeradd(&a, &b, &c);
	SAY("%ld.%06ld\n", (long)c.tv_sec, (long)c.tv_usec);
	evutil_timersub(&b, &a, &c);
	SAY("%ld.%06ld\n", (long)c.tv_sec, (long)c.tv_usec);
	CHECK(evutil_timercmp(&a, &b, <));
	CHECK(!evutil_timercmp(&a, &b, ==));
	CHECK(evutil_timercmp(&b, &a, >=));
	CHECK(evutil_timerisset(&c));
	evutil_timerclear(&c);
	CHECK(!evutil_timerisset(&c));
	CHECK(evutil_gettimeofday(&c, NULL) == 0 && c.tv_sec > 1000000000);
}
