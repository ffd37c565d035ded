/* evbuffer: adding, removing, draining, prepending, copying out, objects. */
#include "buffer_util.h"
#include <event2/event.h>
#include <limits.h>

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
