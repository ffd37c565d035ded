/* evbuffer: positions, searching, lines. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/event.h>
#include <limits.h>
#include <stdint.h>

/* One chain a piece. */
static struct evbuffer *
chained(const char *const *pieces)
{
	struct evbuffer *b = evbuffer_new();
	for (; *pieces; pieces++)
		evbuffer_add_reference(b, *pieces, strlen(*pieces), NULL, NULL);
	return b;
}

static long
find(struct evbuffer *b, const char *what, long from)
{
	struct evbuffer_ptr p, r;
	if (from < 0) {
		r = evbuffer_search(b, what, strlen(what), NULL);
	} else {
		if (evbuffer_ptr_set(b, &p, (size_t)from, EVBUFFER_PTR_SET) < 0)
			return -2;
		r = evbuffer_search(b, what, strlen(what), &p);
	}
	return (long)r.pos;
}

CASE(ptr_set_range)
{
	static const char *const pieces[] = { "abc", "defg", "hij", NULL };
	struct evbuffer *b = chained(pieces);
	struct evbuffer_ptr p;
	int i;
	for (i = 0; i <= 12; i++) {
		int r = evbuffer_ptr_set(b, &p, (size_t)i, EVBUFFER_PTR_SET);
		SAY("%d: %d %ld\n", i, r, (long)p.pos);
	}
	SAY("%d\n", evbuffer_ptr_set(b, &p, SIZE_MAX, EVBUFFER_PTR_SET));
	SAY("%ld\n", (long)p.pos);
	evbuffer_free(b);
}

CASE(ptr_add)
{
	static const char *const pieces[] = { "abc", "defg", "hij", NULL };
	struct evbuffer *b = chained(pieces);
	struct evbuffer_ptr p;
	SAY("%d", evbuffer_ptr_set(b, &p, 2, EVBUFFER_PTR_SET));
	SAY(" %ld\n", (long)p.pos);
	SAY("%d", evbuffer_ptr_set(b, &p, 3, EVBUFFER_PTR_ADD));
	SAY(" %ld\n", (long)p.pos);
	SAY("%d", evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_ADD));
	SAY(" %ld\n", (long)p.pos);
	SAY("%d", evbuffer_ptr_set(b, &p, 5, EVBUFFER_PTR_ADD));
	SAY(" %ld\n", (long)p.pos);
	SAY("%d", evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD));
	SAY(" %ld\n", (long)p.pos);
	evbuffer_ptr_set(b, &p, 4, EVBUFFER_PTR_SET);
	SAY("%d", evbuffer_ptr_set(b, &p, SIZE_MAX, EVBUFFER_PTR_ADD));
	SAY(" %ld\n", (long)p.pos);
	evbuffer_free(b);
}

CASE(ptr_in_empty)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p, r;
	SAY("%d", evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_SET));
	SAY(" %ld\n", (long)p.pos);
	r = evbuffer_search(b, "x", 1, &p);
	SAY("%ld\n", (long)r.pos);
	r = evbuffer_search(b, "", 0, NULL);
	SAY("%ld\n", (long)r.pos);
	SAY("%d", evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_SET));
	SAY(" %ld\n", (long)p.pos);
	evbuffer_free(b);
}

CASE(search_one_chain)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "the quick brown fox jumps over the lazy dog", 43);
	SAY("%ld\n", find(b, "the", -1));
	SAY("%ld\n", find(b, "the", 0));
	SAY("%ld\n", find(b, "the", 1));
	SAY("%ld\n", find(b, "the", 31));
	SAY("%ld\n", find(b, "the", 32));
	SAY("%ld\n", find(b, "dog", -1));
	SAY("%ld\n", find(b, "dogs", -1));
	SAY("%ld\n", find(b, "cat", -1));
	SAY("%ld\n", find(b, "g", 43));
	SAY("%ld\n", find(b, "g", 42));
	evbuffer_free(b);
}

CASE(search_across_chains)
{
	static const char *const pieces[] = { "ab", "ca", "bc", "a", "b", "c", "abcabd", "x", NULL };
	struct evbuffer *b = chained(pieces);
	int from;
	for (from = 0; from <= 16; from++)
		SAY("%ld %ld %ld %ld\n", find(b, "abc", from), find(b, "abcabd", from), find(b, "bcabcabcabcabdx", from),
		    find(b, "dx", from));
	evbuffer_free(b);
}

CASE(search_empty_string)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "abc", 3);
	SAY("%ld\n", find(b, "", -1));
	SAY("%ld\n", find(b, "", 2));
	SAY("%ld\n", find(b, "", 3));
	evbuffer_free(b);
}

CASE(search_huge_length)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr r;
	evbuffer_add(b, "abc", 3);
	r = evbuffer_search(b, "abc", (size_t)SSIZE_MAX + 1, NULL);
	SAY("%ld\n", (long)r.pos);
	r = evbuffer_search(b, "abc", SIZE_MAX, NULL);
	SAY("%ld\n", (long)r.pos);
	evbuffer_free(b);
}

CASE(search_range)
{
	static const char *const pieces[] = { "hello ", "wor", "ld hello wo", "rld", NULL };
	struct evbuffer *b = chained(pieces);
	struct evbuffer_ptr s, e, r;
	size_t from, to;
	for (from = 0; from <= 12; from += 3) {
		for (to = from; to <= 23; to += 4) {
			evbuffer_ptr_set(b, &s, from, EVBUFFER_PTR_SET);
			evbuffer_ptr_set(b, &e, to, EVBUFFER_PTR_SET);
			r = evbuffer_search_range(b, "world", 5, &s, &e);
			SAY("%zu-%zu: %ld\n", from, to, (long)r.pos);
		}
	}
	r = evbuffer_search_range(b, "world", 5, NULL, NULL);
	SAY("%ld\n", (long)r.pos);
	evbuffer_ptr_set(b, &e, 11, EVBUFFER_PTR_SET);
	r = evbuffer_search_range(b, "world", 5, NULL, &e);
	SAY("%ld\n", (long)r.pos);
	evbuffer_ptr_set(b, &e, 10, EVBUFFER_PTR_SET);
	r = evbuffer_search_range(b, "world", 5, NULL, &e);
	SAY("%ld\n", (long)r.pos);
	evbuffer_free(b);
}

CASE(search_range_inside_one_chain)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr s, e, r;
	size_t to;
	evbuffer_add(b, "xxabcxxabcxx", 12);
	for (to = 0; to <= 12; to++) {
		evbuffer_ptr_set(b, &s, 3, EVBUFFER_PTR_SET);
		evbuffer_ptr_set(b, &e, to, EVBUFFER_PTR_SET);
		r = evbuffer_search_range(b, "abc", 3, &s, &e);
		SAY("%zu: %ld\n", to, (long)r.pos);
	}
	evbuffer_free(b);
}

CASE(search_result_is_a_position)
{
	static const char *const pieces[] = { "ab|", "cd|ef", "|gh", NULL };
	struct evbuffer *b = chained(pieces);
	struct evbuffer_ptr p = evbuffer_search(b, "|", 1, NULL);
	while (p.pos >= 0) {
		SAY("%ld", (long)p.pos);
		SAY(" %d\n", evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD));
		p = evbuffer_search(b, "|", 1, &p);
	}
	evbuffer_free(b);
}

CASE(search_binary)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr r;
	evbuffer_add(b, "a\0b\0\0c\xff\xfe", 8);
	r = evbuffer_search(b, "\0\0", 2, NULL);
	SAY("%ld\n", (long)r.pos);
	r = evbuffer_search(b, "\xff\xfe", 2, NULL);
	SAY("%ld\n", (long)r.pos);
	evbuffer_free(b);
}

CASE(search_long)
{
	struct evbuffer *b = evbuffer_new();
	int i;
	for (i = 0; i < 20000; i++)
		evbuffer_add(b, "abababab", 8);
	evbuffer_add(b, "abababac", 8);
	SAY("%ld\n", find(b, "ababababac", -1));
	SAY("%ld\n", find(b, "ac", -1));
	SAY("%ld\n", find(b, "ad", -1));
	SAY("%ld\n", find(b, "ba", 100001));
	evbuffer_free(b);
}

static const enum evbuffer_eol_style styles[] = { EVBUFFER_EOL_ANY, EVBUFFER_EOL_CRLF, EVBUFFER_EOL_CRLF_STRICT,
	EVBUFFER_EOL_LF, EVBUFFER_EOL_NUL };

static void
print_line(const char *s, size_t n)
{
	size_t i;
	for (i = 0; i < n; i++)
		SAY(s[i] == '\r' ? "\\r" : s[i] == '\n' ? "\\n" : s[i] == 0 ? "\\0" : "%c", s[i]);
}

static void
lines_of(const char *const *pieces, const size_t *lens, int count)
{
	int style, i;
	for (style = 0; style < 5; style++) {
		struct evbuffer *b = evbuffer_new();
		char *line;
		size_t n;
		for (i = 0; i < count; i++)
			evbuffer_add_reference(b, pieces[i], lens ? lens[i] : strlen(pieces[i]), NULL, NULL);
		SAY("style %d:", style);
		while ((line = evbuffer_readln(b, &n, styles[style])) != NULL) {
			SAY(" [");
			print_line(line, n);
			SAY("]%d", line[n] == 0);
			free(line);
		}
		SAY(" left %zu n %zu\n", evbuffer_get_length(b), n);
		evbuffer_free(b);
	}
}

CASE(readln_styles)
{
	static const char *const pieces[] = { "one\ntwo\r\nthree\rfour\r\r\nfive\n\nsix\n\rseven" };
	lines_of(pieces, NULL, 1);
}

CASE(readln_styles_split)
{
	static const char *const pieces[] = { "one\r", "\n", "two", "\r\r", "\r\nthr", "ee\n", "\n", "\r", "\r\n", "tail\r" };
	lines_of(pieces, NULL, 10);
}

CASE(readln_nul)
{
	static const char *const pieces[] = { "one\0two\0\0", "thr", "ee\0", "fo\nur" };
	static const size_t lens[] = { 9, 3, 3, 5 };
	lines_of(pieces, lens, 4);
}

CASE(readln_empty)
{
	struct evbuffer *b = evbuffer_new();
	size_t n = 77;
	int style;
	for (style = 0; style < 5; style++) {
		char *line = evbuffer_readln(b, &n, styles[style]);
		SAY("%d %zu\n", line != NULL, n);
		n = 77;
	}
	evbuffer_add(b, "no end", 6);
	SAY("%d", evbuffer_readln(b, &n, EVBUFFER_EOL_LF) != NULL);
	SAY(" %zu %zu\n", n, evbuffer_get_length(b));
	SAY("%d", evbuffer_readln(b, NULL, EVBUFFER_EOL_LF) != NULL);
	SAY(" %zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(readln_unknown_style)
{
	struct evbuffer *b = evbuffer_new();
	size_t n = 77;
	evbuffer_add(b, "a\nb\n", 4);
	SAY("%d", evbuffer_readln(b, &n, (enum evbuffer_eol_style)17) != NULL);
	SAY(" %zu\n", n);
	evbuffer_free(b);
}

CASE(readln_many)
{
	struct evbuffer *b = evbuffer_new();
	char *line;
	size_t n, total = 0;
	int i, count = 0;
	for (i = 0; i < 5000; i++)
		evbuffer_add_printf(b, "%*d\r\n", i % 90, i);
	while ((line = evbuffer_readln(b, &n, EVBUFFER_EOL_CRLF)) != NULL) {
		if (atoi(line) != count || strlen(line) != n)
			SAY("bad line %d\n", count);
		count++;
		total += n;
		free(line);
	}
	SAY("%d %zu %zu\n", count, total, evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(search_eol_styles)
{
	static const char *const pieces[] = { "one\r", "\ntwo\n", "three\r\r\n\r", "\nfour", NULL };
	int style;
	for (style = 0; style < 5; style++) {
		struct evbuffer *b = chained(pieces);
		struct evbuffer_ptr p, r;
		size_t len = 99, from;
		for (from = 0; from <= evbuffer_get_length(b); from++) {
			evbuffer_ptr_set(b, &p, from, EVBUFFER_PTR_SET);
			r = evbuffer_search_eol(b, &p, &len, styles[style]);
			SAY("%d/%zu: %ld %zu\n", style, from, (long)r.pos, len);
		}
		r = evbuffer_search_eol(b, NULL, NULL, styles[style]);
		SAY("%ld\n", (long)r.pos);
		evbuffer_free(b);
	}
}

CASE(search_eol_end_and_empty)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p, r;
	size_t len = 99;
	r = evbuffer_search_eol(b, NULL, &len, EVBUFFER_EOL_LF);
	SAY("%ld %zu\n", (long)r.pos, len);
	evbuffer_add(b, "abc\n", 4);
	evbuffer_ptr_set(b, &p, 4, EVBUFFER_PTR_SET);
	r = evbuffer_search_eol(b, &p, &len, EVBUFFER_EOL_LF);
	SAY("%ld %zu\n", (long)r.pos, len);
	evbuffer_ptr_set(b, &p, 3, EVBUFFER_PTR_SET);
	r = evbuffer_search_eol(b, &p, &len, EVBUFFER_EOL_LF);
	SAY("%ld %zu\n", (long)r.pos, len);
	evbuffer_free(b);
}

static int frees;
static void
counted_free(void *p)
{
	if (p)
		frees++;
	free(p);
}

CASE(readln_from_hooks)
{
	struct evbuffer *b;
	char *line;
	event_set_mem_functions(malloc, realloc, counted_free);
	b = evbuffer_new();
	evbuffer_add(b, "line\nrest", 9);
	line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
	SAY("%s\n", line);
	free(line);
	frees = 0;
	evbuffer_free(b);
	CHECK(frees > 0);
}

CASE(search_longer_than_any_content)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p;
	evbuffer_add(b, "hello", 5);
	p = evbuffer_search(b, "h", (size_t)-1, NULL);
	SAY("%zd\n", p.pos);
	p = evbuffer_search(b, "h", (size_t)1 << 63, NULL);
	SAY("%zd\n", p.pos);
	p = evbuffer_search(b, "h", ((size_t)1 << 63) - 1, NULL);
	SAY("%zd\n", p.pos);
	SAY("%d\n", evbuffer_find(b, (const unsigned char *)"h", (size_t)-1) != NULL);
	evbuffer_free(b);
}
