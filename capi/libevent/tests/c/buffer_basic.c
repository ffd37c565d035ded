/* evbuffer: adding, removing, draining, prepending, copying out, room, pull-up. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <limits.h>
#include <stdint.h>

/* Everything the buffer holds, with its length. */
static void
show(struct evbuffer *b)
{
	size_t n = evbuffer_get_length(b), i;
	unsigned char *p = evbuffer_pullup(b, -1);
	SAY("%zu:", n);
	if (n == 0) {
		SAY(" %s\n", p ? "data" : "null");
		return;
	}
	for (i = 0; i < n && i < 120; i++)
		SAY("%c", p[i] >= 32 && p[i] < 127 ? p[i] : '.');
	SAY("\n");
}

static void
fill(unsigned char *p, size_t n, unsigned seed)
{
	size_t i;
	for (i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (unsigned char)(seed >> 16);
	}
}

static unsigned
sum(struct evbuffer *b)
{
	unsigned h = 2166136261u;
	struct evbuffer_iovec v[1];
	struct evbuffer_ptr p;
	size_t i, at = 0, n = evbuffer_get_length(b);
	evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_SET);
	while (at < n) {
		evbuffer_ptr_set(b, &p, at, EVBUFFER_PTR_SET);
		if (evbuffer_peek(b, -1, &p, v, 1) < 1)
			break;
		for (i = 0; i < v[0].iov_len; i++)
			h = (h ^ ((unsigned char *)v[0].iov_base)[i]) * 16777619u;
		at += v[0].iov_len;
	}
	return h;
}

CASE(new_is_empty)
{
	struct evbuffer *b = evbuffer_new();
	CHECK(b != NULL);
	SAY("%zu %zu\n", evbuffer_get_length(b), evbuffer_get_contiguous_space(b));
	show(b);
	evbuffer_free(b);
}

CASE(add_and_show)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add(b, "hello ", 6));
	SAY("%d\n", evbuffer_add(b, "world", 5));
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	show(b);
	evbuffer_free(b);
}

CASE(add_nothing)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add(b, "", 0));
	SAY("%d\n", evbuffer_add(b, NULL, 0));
	show(b);
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_add(b, NULL, 0));
	show(b);
	evbuffer_free(b);
}

CASE(add_many_small)
{
	struct evbuffer *b = evbuffer_new();
	int i;
	for (i = 0; i < 20000; i++)
		evbuffer_add(b, &i, sizeof i);
	SAY("%zu %u\n", evbuffer_get_length(b), sum(b));
	for (i = 0; i < 20000; i++) {
		int got = -1;
		if (evbuffer_remove(b, &got, sizeof got) != (int)sizeof got || got != i) {
			SAY("lost at %d\n", i);
			break;
		}
	}
	show(b);
	evbuffer_free(b);
}

CASE(add_sizes)
{
	static const size_t sizes[] = { 1, 2, 255, 256, 257, 487, 488, 489, 511, 512, 513, 1023, 1024, 1025, 4047, 4048, 4096,
		4097, 8191, 16384, 65535, 65536, 65537, 300000 };
	static unsigned char data[300000];
	struct evbuffer *b = evbuffer_new();
	size_t i;
	fill(data, sizeof data, 7);
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		int r = evbuffer_add(b, data, sizes[i]);
		SAY("%d %zu\n", r, evbuffer_get_length(b));
	}
	SAY("%u\n", sum(b));
	evbuffer_free(b);
}

CASE(cve_2014_6272_add)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "0123456789", 10);
	SAY("%d\n", evbuffer_add(b, "x", SIZE_MAX));
	SAY("%d\n", evbuffer_add(b, "x", SIZE_MAX - 5));
	SAY("%d\n", evbuffer_add(b, "x", (size_t)SSIZE_MAX));
	SAY("%d\n", evbuffer_add(b, "x", (size_t)SSIZE_MAX + 1));
	show(b);
	evbuffer_free(b);
}

CASE(cve_2014_6272_prepend)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "0123456789", 10);
	SAY("%d\n", evbuffer_prepend(b, "x", SIZE_MAX));
	SAY("%d\n", evbuffer_prepend(b, "x", SIZE_MAX - 9));
	SAY("%d\n", evbuffer_prepend(b, "x", SIZE_MAX - 10));
	show(b);
	evbuffer_free(b);
}

CASE(cve_2014_6272_expand)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_expand(b, SIZE_MAX));
	SAY("%d\n", evbuffer_expand(b, SIZE_MAX - 100));
	evbuffer_add(b, "0123456789", 10);
	SAY("%d\n", evbuffer_expand(b, SIZE_MAX));
	SAY("%d\n", evbuffer_expand(b, SIZE_MAX - 5));
	SAY("%d\n", evbuffer_expand(b, (size_t)SSIZE_MAX));
	SAY("%d\n", evbuffer_expand(b, 0));
	show(b);
	evbuffer_free(b);
}

CASE(cve_2015_6525_reserve)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	SAY("%d\n", evbuffer_reserve_space(b, SSIZE_MAX, v, 1));
	SAY("%d\n", evbuffer_reserve_space(b, SSIZE_MAX, v, 2));
	SAY("%d\n", evbuffer_reserve_space(b, SSIZE_MAX - 8, v, 2));
	evbuffer_add(b, "0123456789", 10);
	SAY("%d\n", evbuffer_reserve_space(b, SSIZE_MAX, v, 1));
	SAY("%d\n", evbuffer_reserve_space(b, SSIZE_MAX, v, 2));
	show(b);
	evbuffer_free(b);
}

CASE(remove_in_pieces)
{
	struct evbuffer *b = evbuffer_new();
	char out[16];
	int n;
	evbuffer_add(b, "abcdefghij", 10);
	memset(out, 0, sizeof out);
	n = evbuffer_remove(b, out, 3);
	SAY("%d %s\n", n, out);
	memset(out, 0, sizeof out);
	n = evbuffer_remove(b, out, 0);
	SAY("%d %s\n", n, out);
	n = evbuffer_remove(b, out, 15);
	SAY("%d %.7s\n", n, out);
	n = evbuffer_remove(b, out, 15);
	SAY("%d\n", n);
	show(b);
	evbuffer_free(b);
}

CASE(remove_across_chains)
{
	static unsigned char data[100000], out[100000];
	struct evbuffer *b = evbuffer_new();
	size_t at = 0, step = 1;
	int n;
	fill(data, sizeof data, 3);
	for (at = 0; at < sizeof data; at += 1000)
		evbuffer_add(b, data + at, 1000);
	at = 0;
	while ((n = evbuffer_remove(b, out + at, step)) > 0) {
		at += (size_t)n;
		step = step * 3 % 7919;
	}
	SAY("%zu %d\n", at, memcmp(data, out, sizeof data));
	evbuffer_free(b);
}

CASE(drain_some)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "abcdefghij", 10);
	SAY("%d\n", evbuffer_drain(b, 4));
	show(b);
	SAY("%d\n", evbuffer_drain(b, 0));
	show(b);
	SAY("%d\n", evbuffer_drain(b, 100));
	show(b);
	SAY("%d\n", evbuffer_drain(b, 100));
	SAY("%d\n", evbuffer_drain(b, 0));
	evbuffer_add(b, "again", 5);
	SAY("%d\n", evbuffer_drain(b, SIZE_MAX));
	show(b);
	evbuffer_free(b);
}

CASE(prepend_small)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_prepend(b, "world", 5));
	SAY("%d\n", evbuffer_prepend(b, "hello ", 6));
	SAY("%d\n", evbuffer_prepend(b, "", 0));
	show(b);
	evbuffer_add(b, "!", 1);
	show(b);
	evbuffer_drain(b, 3);
	evbuffer_prepend(b, "HEL", 3);
	show(b);
	evbuffer_free(b);
}

CASE(prepend_many)
{
	struct evbuffer *b = evbuffer_new();
	char word[16];
	int i;
	for (i = 0; i < 5000; i++) {
		snprintf(word, sizeof word, "%d,", i);
		evbuffer_prepend(b, word, strlen(word));
	}
	SAY("%zu %u\n", evbuffer_get_length(b), sum(b));
	evbuffer_drain(b, evbuffer_get_length(b) - 12);
	show(b);
	evbuffer_free(b);
}

CASE(prepend_large_after_add)
{
	static unsigned char data[20000];
	struct evbuffer *b = evbuffer_new();
	fill(data, sizeof data, 11);
	evbuffer_add(b, data + 15000, 5000);
	SAY("%d\n", evbuffer_prepend(b, data + 3000, 12000));
	SAY("%d\n", evbuffer_prepend(b, data, 3000));
	CHECK(evbuffer_get_length(b) == sizeof data);
	CHECK(memcmp(evbuffer_pullup(b, -1), data, sizeof data) == 0);
	evbuffer_free(b);
}

CASE(prepend_then_drain_to_nothing)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "tail", 4);
	evbuffer_prepend(b, "head", 4);
	evbuffer_drain(b, 8);
	show(b);
	evbuffer_prepend(b, "again", 5);
	evbuffer_add(b, "!", 1);
	show(b);
	evbuffer_free(b);
}

CASE(copyout_leaves_content)
{
	struct evbuffer *b = evbuffer_new();
	char out[16];
	evbuffer_add(b, "abcdefghij", 10);
	memset(out, 0, sizeof out);
	SAY("%zd", evbuffer_copyout(b, out, 4));
	SAY(" %s\n", out);
	SAY("%zd\n", evbuffer_copyout(b, out, 0));
	memset(out, 0, sizeof out);
	SAY("%zd", evbuffer_copyout(b, out, 15));
	SAY(" %s\n", out);
	show(b);
	evbuffer_free(b);
}

CASE(copyout_empty)
{
	struct evbuffer *b = evbuffer_new();
	char out[4];
	SAY("%zd\n", evbuffer_copyout(b, out, 4));
	SAY("%zd\n", evbuffer_copyout(b, out, 0));
	SAY("%zd\n", evbuffer_copyout(b, NULL, 0));
	SAY("%d\n", evbuffer_remove(b, out, 4));
	SAY("%d\n", evbuffer_remove(b, out, 0));
	evbuffer_free(b);
}

CASE(copyout_from_position)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p;
	char out[16];
	int i;
	for (i = 0; i < 26; i++) {
		char c = (char)('a' + i);
		evbuffer_add_reference(b, "abcdefghijklmnopqrstuvwxyz" + i, 1, NULL, NULL);
		(void)c;
	}
	evbuffer_ptr_set(b, &p, 20, EVBUFFER_PTR_SET);
	memset(out, 0, sizeof out);
	SAY("%zd", evbuffer_copyout_from(b, &p, out, 4));
	SAY(" %s\n", out);
	memset(out, 0, sizeof out);
	SAY("%zd", evbuffer_copyout_from(b, &p, out, 15));
	SAY(" %s\n", out);
	evbuffer_ptr_set(b, &p, 26, EVBUFFER_PTR_SET);
	SAY("%zd\n", evbuffer_copyout_from(b, &p, out, 15));
	memset(out, 0, sizeof out);
	SAY("%zd", evbuffer_copyout_from(b, NULL, out, 3));
	SAY(" %s\n", out);
	evbuffer_free(b);
}

CASE(copyout_many_chains)
{
	static unsigned char data[50000], out[50000];
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_ptr p;
	size_t at;
	fill(data, sizeof data, 5);
	for (at = 0; at < sizeof data; at += 500)
		evbuffer_add(b, data + at, 500);
	SAY("%zd\n", evbuffer_copyout(b, out, sizeof out));
	CHECK(memcmp(data, out, sizeof out) == 0);
	evbuffer_ptr_set(b, &p, 12345, EVBUFFER_PTR_SET);
	SAY("%zd\n", evbuffer_copyout_from(b, &p, out, 30000));
	CHECK(memcmp(data + 12345, out, 30000) == 0);
	evbuffer_free(b);
}

CASE(expand_then_add)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_expand(b, 10000));
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_add(b, "abc", 3);
	SAY("%d\n", evbuffer_expand(b, 100));
	show(b);
	SAY("%d\n", evbuffer_expand(b, 1000000));
	show(b);
	evbuffer_add(b, "def", 3);
	show(b);
	evbuffer_free(b);
}

CASE(expand_keeps_one_extent)
{
	struct evbuffer *b = evbuffer_new();
	static char data[50000];
	evbuffer_expand(b, sizeof data);
	evbuffer_add(b, data, 20000);
	evbuffer_add(b, data, 30000);
	SAY("%d\n", evbuffer_peek(b, -1, NULL, NULL, 0));
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_free(b);
}

CASE(expand_after_partial_drain)
{
	struct evbuffer *b = evbuffer_new();
	static char data[3000];
	memset(data, 'x', sizeof data);
	evbuffer_add(b, data, sizeof data);
	evbuffer_drain(b, 2990);
	SAY("%d\n", evbuffer_expand(b, 2000));
	show(b);
	SAY("%d\n", evbuffer_expand(b, 200000));
	show(b);
	evbuffer_free(b);
}

CASE(pullup_sizes)
{
	struct evbuffer *b = evbuffer_new();
	unsigned char *p;
	evbuffer_add_reference(b, "abc", 3, NULL, NULL);
	evbuffer_add_reference(b, "defg", 4, NULL, NULL);
	evbuffer_add_reference(b, "hij", 3, NULL, NULL);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	p = evbuffer_pullup(b, 0);
	SAY("%d\n", p != NULL);
	p = evbuffer_pullup(b, 2);
	SAY("%.2s %zu\n", (char *)p, evbuffer_get_contiguous_space(b));
	p = evbuffer_pullup(b, 5);
	SAY("%.5s %zu\n", (char *)p, evbuffer_get_contiguous_space(b));
	p = evbuffer_pullup(b, 11);
	SAY("%d\n", p != NULL);
	p = evbuffer_pullup(b, -1);
	SAY("%.10s %zu\n", (char *)p, evbuffer_get_contiguous_space(b));
	p = evbuffer_pullup(b, -7);
	SAY("%d\n", p != NULL);
	p = evbuffer_pullup(b, SSIZE_MAX);
	SAY("%d\n", p != NULL);
	evbuffer_free(b);
}

CASE(pullup_empty)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_pullup(b, -1) != NULL);
	SAY("%d\n", evbuffer_pullup(b, 0) != NULL);
	SAY("%d\n", evbuffer_pullup(b, 1) != NULL);
	evbuffer_expand(b, 100);
	SAY("%d\n", evbuffer_pullup(b, -1) != NULL);
	SAY("%d\n", evbuffer_pullup(b, 1) != NULL);
	evbuffer_free(b);
}

CASE(pullup_writable)
{
	struct evbuffer *b = evbuffer_new();
	unsigned char *p;
	evbuffer_add(b, "hello", 5);
	p = evbuffer_pullup(b, -1);
	p[0] = 'J';
	show(b);
	evbuffer_add(b, " world", 6);
	p = evbuffer_pullup(b, -1);
	p[5] = '_';
	show(b);
	evbuffer_free(b);
}

CASE(pullup_many_chains)
{
	static unsigned char data[100000];
	struct evbuffer *b = evbuffer_new();
	size_t at;
	fill(data, sizeof data, 9);
	for (at = 0; at < sizeof data; at += 2500)
		evbuffer_add(b, data + at, 2500);
	CHECK(memcmp(evbuffer_pullup(b, 10000), data, 10000) == 0);
	CHECK(evbuffer_get_contiguous_space(b) >= 10000);
	CHECK(evbuffer_get_length(b) == sizeof data);
	CHECK(memcmp(evbuffer_pullup(b, -1), data, sizeof data) == 0);
	CHECK(evbuffer_get_contiguous_space(b) == sizeof data);
	evbuffer_add(b, "tail", 4);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(reserve_and_commit)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	int n = evbuffer_reserve_space(b, 100, v, 1);
	SAY("%d %d\n", n, v[0].iov_len >= 100);
	SAY("%zu\n", evbuffer_get_length(b));
	memcpy(v[0].iov_base, "reserved", 8);
	v[0].iov_len = 8;
	SAY("%d\n", evbuffer_commit_space(b, v, 1));
	show(b);
	n = evbuffer_reserve_space(b, 5000, v, 1);
	SAY("%d %d\n", n, v[0].iov_len >= 5000);
	memset(v[0].iov_base, 'z', 5000);
	v[0].iov_len = 5000;
	SAY("%d\n", evbuffer_commit_space(b, v, 1));
	SAY("%zu\n", evbuffer_get_length(b));
	show(b);
	evbuffer_free(b);
}

CASE(reserve_twice_same_room)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2], w[2];
	evbuffer_add(b, "abc", 3);
	CHECK(evbuffer_reserve_space(b, 1000, v, 1) == 1);
	CHECK(evbuffer_reserve_space(b, 1000, w, 1) == 1);
	CHECK(v[0].iov_base == w[0].iov_base);
	memcpy(w[0].iov_base, "def", 3);
	w[0].iov_len = 3;
	SAY("%d\n", evbuffer_commit_space(b, w, 1));
	show(b);
	evbuffer_free(b);
}

CASE(commit_nothing)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	SAY("%d\n", evbuffer_commit_space(b, v, 0));
	evbuffer_reserve_space(b, 10, v, 1);
	v[0].iov_len = 0;
	SAY("%d\n", evbuffer_commit_space(b, v, 1));
	show(b);
	evbuffer_add(b, "abc", 3);
	evbuffer_reserve_space(b, 10, v, 1);
	SAY("%d\n", evbuffer_commit_space(b, v, 0));
	v[0].iov_len = 0;
	SAY("%d\n", evbuffer_commit_space(b, v, 1));
	show(b);
	evbuffer_free(b);
}

CASE(commit_wrong_extent)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2], w[3];
	evbuffer_reserve_space(b, 100, v, 1);
	w[0] = w[1] = w[2] = v[0];
	w[0].iov_base = (char *)w[0].iov_base + 1;
	w[0].iov_len = 5;
	SAY("%d\n", evbuffer_commit_space(b, w, 1));
	w[0] = v[0];
	w[0].iov_len = v[0].iov_len + 1;
	SAY("%d\n", evbuffer_commit_space(b, w, 1));
	w[0].iov_len = SIZE_MAX;
	SAY("%d\n", evbuffer_commit_space(b, w, 1));
	w[0] = v[0];
	w[0].iov_len = 3;
	SAY("%d\n", evbuffer_commit_space(b, w, 3));
	SAY("%d\n", evbuffer_commit_space(b, w, -1));
	show(b);
	evbuffer_free(b);
}

CASE(commit_after_add)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	evbuffer_reserve_space(b, 100, v, 1);
	v[0].iov_len = 5;
	evbuffer_add(b, "in between", 10);
	SAY("%d\n", evbuffer_commit_space(b, v, 1));
	show(b);
	evbuffer_free(b);
}

CASE(reserve_bad_arguments)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	SAY("%d\n", evbuffer_reserve_space(b, 10, v, 0));
	SAY("%d\n", evbuffer_reserve_space(b, 10, v, -1));
	SAY("%d\n", evbuffer_reserve_space(b, -1, v, 1));
	SAY("%d\n", evbuffer_reserve_space(b, 0, v, 1) >= 0);
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(reserve_two_extents_hold_enough)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	static char data[3000];
	size_t room = 0, want = 6000, i;
	int n;
	memset(data, 'd', sizeof data);
	evbuffer_add(b, data, sizeof data);
	n = evbuffer_reserve_space(b, (ev_ssize_t)want, v, 2);
	CHECK(n == 1 || n == 2);
	for (i = 0; i < (size_t)n; i++)
		room += v[i].iov_len;
	CHECK(room >= want);
	for (i = 0; i < (size_t)n; i++) {
		if (v[i].iov_len > want)
			v[i].iov_len = want;
		memset(v[i].iov_base, 'r', v[i].iov_len);
		want -= v[i].iov_len;
	}
	SAY("%d\n", evbuffer_commit_space(b, v, n));
	SAY("%zu %u\n", evbuffer_get_length(b), sum(b));
	evbuffer_free(b);
}

CASE(reserve_then_forget)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[2];
	evbuffer_add(b, "abc", 3);
	evbuffer_reserve_space(b, 20000, v, 2);
	evbuffer_reserve_space(c, 20000, v, 2);
	evbuffer_add(b, "def", 3);
	show(b);
	evbuffer_add_buffer(c, b);
	show(c);
	show(b);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(peek_all)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[4];
	int n, i;
	evbuffer_add_reference(b, "abc", 3, NULL, NULL);
	evbuffer_add_reference(b, "defg", 4, NULL, NULL);
	evbuffer_add_reference(b, "hi", 2, NULL, NULL);
	SAY("%d\n", evbuffer_peek(b, -1, NULL, NULL, 0));
	n = evbuffer_peek(b, -1, NULL, v, 4);
	SAY("%d\n", n);
	for (i = 0; i < n; i++)
		SAY("%.*s|", (int)v[i].iov_len, (char *)v[i].iov_base);
	SAY("\n");
	SAY("%d\n", evbuffer_peek(b, -1, NULL, v, 2));
	SAY("%d\n", evbuffer_peek(b, -1, NULL, v, 1));
	evbuffer_free(b);
}

CASE(peek_lengths)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[4];
	int len, n, i;
	evbuffer_add_reference(b, "abc", 3, NULL, NULL);
	evbuffer_add_reference(b, "defg", 4, NULL, NULL);
	evbuffer_add_reference(b, "hi", 2, NULL, NULL);
	for (len = 0; len <= 10; len++) {
		n = evbuffer_peek(b, len, NULL, v, 4);
		SAY("%d: %d %d:", len, n, evbuffer_peek(b, len, NULL, NULL, 0));
		for (i = 0; i < n && i < 4; i++)
			SAY(" %.*s", (int)v[i].iov_len, (char *)v[i].iov_base);
		SAY(" / %d", evbuffer_peek(b, len, NULL, v, 1));
		SAY("\n");
	}
	evbuffer_free(b);
}

CASE(peek_start_at)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[4];
	struct evbuffer_ptr p;
	int at, n, i;
	evbuffer_add_reference(b, "abc", 3, NULL, NULL);
	evbuffer_add_reference(b, "defg", 4, NULL, NULL);
	evbuffer_add_reference(b, "hi", 2, NULL, NULL);
	for (at = 0; at <= 9; at++) {
		evbuffer_ptr_set(b, &p, (size_t)at, EVBUFFER_PTR_SET);
		n = evbuffer_peek(b, -1, &p, v, 4);
		SAY("%d: %d:", at, n);
		for (i = 0; i < n; i++)
			SAY(" %.*s", (int)v[i].iov_len, (char *)v[i].iov_base);
		n = evbuffer_peek(b, 2, &p, v, 4);
		SAY(" / %d", n);
		SAY(" / %d\n", evbuffer_peek(b, -1, &p, NULL, 0));
	}
	evbuffer_free(b);
}

CASE(peek_empty)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	struct evbuffer_ptr p;
	SAY("%d\n", evbuffer_peek(b, -1, NULL, v, 2));
	SAY("%d\n", evbuffer_peek(b, 5, NULL, v, 2));
	SAY("%d\n", evbuffer_peek(b, 5, NULL, NULL, 0));
	evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_SET);
	SAY("%d\n", evbuffer_peek(b, -1, &p, v, 2));
	evbuffer_expand(b, 100);
	SAY("%d\n", evbuffer_peek(b, -1, NULL, v, 2) >= 0);
	evbuffer_free(b);
}

CASE(peek_is_the_buffer)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[1];
	static const char data[] = "referenced";
	evbuffer_add_reference(b, data, 10, NULL, NULL);
	evbuffer_peek(b, 10, NULL, v, 1);
	CHECK(v[0].iov_base == (void *)data);
	CHECK(evbuffer_pullup(b, 4) == (unsigned char *)data);
	evbuffer_free(b);
}

CASE(contiguous_space)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_add_reference(b, "abc", 3, NULL, NULL);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_add_reference(b, "defghi", 6, NULL, NULL);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_drain(b, 1);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_drain(b, 2);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_prepend(b, "zz", 2);
	SAY("%zu\n", evbuffer_get_contiguous_space(b));
	evbuffer_free(b);
}

CASE(add_iovec)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[4];
	v[0].iov_base = (void *)"one ";
	v[0].iov_len = 4;
	v[1].iov_base = (void *)"";
	v[1].iov_len = 0;
	v[2].iov_base = (void *)"two ";
	v[2].iov_len = 4;
	v[3].iov_base = (void *)"three";
	v[3].iov_len = 5;
	SAY("%zu\n", evbuffer_add_iovec(b, v, 4));
	show(b);
	SAY("%zu\n", evbuffer_add_iovec(b, v, 0));
	SAY("%zu\n", evbuffer_add_iovec(b, v, 1));
	show(b);
	SAY("%zu\n", evbuffer_add_iovec(b, NULL, 0));
	evbuffer_free(b);
}

CASE(add_iovec_overflow)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	v[0].iov_base = (void *)"one ";
	v[0].iov_len = 4;
	v[1].iov_base = (void *)"";
	v[1].iov_len = SIZE_MAX - 3;
	evbuffer_add(b, "keep", 4);
	v[0].iov_len = SIZE_MAX;
	SAY("%zu\n", evbuffer_add_iovec(b, v, 1));
	show(b);
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

CASE(flags)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
	SAY("%d\n", evbuffer_clear_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
	SAY("%d\n", evbuffer_set_flags(b, 0));
	SAY("%d\n", evbuffer_set_flags(b, ~(ev_uint64_t)0));
	SAY("%d\n", evbuffer_clear_flags(b, ~(ev_uint64_t)0));
	evbuffer_free(b);
}

CASE(steady_flow_never_empty)
{
	static unsigned char data[1000];
	struct evbuffer *b = evbuffer_new();
	unsigned char out[1000];
	int i, bad = 0;
	fill(data, sizeof data, 1);
	evbuffer_add(b, data, 500);
	for (i = 0; i < 20000; i++) {
		evbuffer_add(b, data + 500, 500);
		evbuffer_add(b, data, 500);
		if (evbuffer_remove(b, out, 1000) != 1000 || memcmp(out, data, 1000))
			bad++;
	}
	SAY("%d %zu\n", bad, evbuffer_get_length(b));
	evbuffer_free(b);
}

static size_t fail_above, allocated;
static void *
limited_malloc(size_t n)
{
	allocated++;
	return n > fail_above ? NULL : malloc(n);
}
static void *
limited_realloc(void *p, size_t n)
{
	return n > fail_above ? NULL : realloc(p, n);
}

CASE(object_from_hooks)
{
	struct evbuffer *b;
	fail_above = (size_t)-1;
	event_set_mem_functions(limited_malloc, limited_realloc, free);
	b = evbuffer_new();
	CHECK(allocated > 0);
	evbuffer_add(b, "abc", 3);
	show(b);
	evbuffer_free(b);
	fail_above = 0;
	CHECK(evbuffer_new() == NULL);
}
