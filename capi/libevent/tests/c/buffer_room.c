/* evbuffer: room and looking. Expand, pull-up, reserve and commit, peek. */
#include "buffer_util.h"
#include <limits.h>

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

/* Which room is offered, told by where it lies: what the two libraries' rooms are long differs. */
CASE(reserve_two_extents_when_the_rest_is_short)
{
	static char data[20000];
	struct evbuffer_iovec v[4];
	int n, k, i;
	for (n = 1; n <= 4; n++) {
		struct evbuffer *b = evbuffer_new();
		evbuffer_add(b, data, 100);
		k = evbuffer_reserve_space(b, 10, v, n);
		SAY("%d: fits: %d", n, k);
		k = evbuffer_reserve_space(b, 30000, v, n);
		SAY(", does not: %d\n", k);
		if (k == 2) {
			size_t first = v[0].iov_len;
			SAY("together enough: %d\n", first + v[1].iov_len >= 30000);
			for (i = 0; i < k; i++)
				memset(v[i].iov_base, 'a' + i, v[i].iov_len);
			v[1].iov_len = 5;
			SAY("commit %d\n", evbuffer_commit_space(b, v, 2));
			SAY("all of the first: %d\n", evbuffer_get_length(b) == 100 + first + 5);
			evbuffer_drain(b, 99 + first);
			show(b);
		}
		evbuffer_free(b);
	}
}

CASE(reserve_two_extents_in_an_empty_buffer)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	SAY("%d\n", evbuffer_reserve_space(b, 100, v, 2));
	SAY("%d\n", evbuffer_reserve_space(b, 50, v, 2));
	evbuffer_free(b);
}

static void
commit_two(const char *what, int change)
{
	static char data[400];
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[2], p[4];
	int k, i, count = 2, result;
	memset(data, 'x', sizeof data);
	evbuffer_add(b, data, sizeof data);
	k = evbuffer_reserve_space(b, 10000, v, 2);
	CHECK(k == 2);
	for (i = 0; i < k; i++) {
		memset(v[i].iov_base, 'a' + i, v[i].iov_len);
	}
	switch (change) {
	case 0: v[0].iov_len = 5; v[1].iov_len = 7; break;
	case 1: v[0].iov_len = 0; v[1].iov_len = 7; break;
	case 2: v[0].iov_len = 5; v[1].iov_len = 0; break;
	case 3: v[0].iov_len = 5; count = 1; break;
	case 4: v[0] = v[1]; v[0].iov_len = 7; count = 1; break;
	case 5: v[1].iov_len++; break;
	case 6: v[0].iov_len++; break;
	case 7: v[0].iov_base = (char *)v[0].iov_base + 1; v[0].iov_len = 1; break;
	case 8: p[0] = v[0]; v[0] = v[1]; v[1] = p[0]; v[0].iov_len = v[1].iov_len = 1; break;
	case 9: v[0].iov_len = v[1].iov_len = 0; break;
	case 10: count = 0; break;
	}
	result = evbuffer_commit_space(b, v, count);
	SAY("%s: %d, %zu\n", what, result, evbuffer_get_length(b));
	/* What comes next follows it. */
	evbuffer_add(b, "next", 4);
	evbuffer_drain(b, sizeof data);
	show(b);
	evbuffer_free(b);
}

CASE(commit_two_extents)
{
	commit_two("both", 0);
	commit_two("the second alone, the first empty", 1);
	commit_two("the first alone, the second empty", 2);
	commit_two("the first alone", 3);
	commit_two("the second alone", 4);
	commit_two("the second too long", 5);
	commit_two("the first too long", 6);
	commit_two("another place", 7);
	commit_two("the other way round", 8);
	commit_two("nothing", 9);
	commit_two("no extents", 10);
}

CASE(commit_two_extents_after_a_change)
{
	static char data[400];
	struct evbuffer_iovec v[2];
	int change, result;
	for (change = 0; change < 2; change++) {
		struct evbuffer *b = evbuffer_new();
		evbuffer_add(b, data, sizeof data);
		CHECK(evbuffer_reserve_space(b, 10000, v, 2) == 2);
		*(char *)v[0].iov_base = *(char *)v[1].iov_base = '!';
		switch (change) {
		case 0: evbuffer_add_reference(b, "zzz", 3, NULL, NULL); break;
		case 1: evbuffer_prepend(b, "zzz", 3); break;
		}
		v[0].iov_len = v[1].iov_len = 1;
		result = evbuffer_commit_space(b, v, 2);
		SAY("%d: %d, %zu\n", change, result, evbuffer_get_length(b));
		evbuffer_free(b);
	}
}
