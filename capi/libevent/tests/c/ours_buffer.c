/* evbuffer: functions of 2.2, and what the original does not do or does wrong. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <limits.h>
#include <stdint.h>
#include <sys/socket.h>

static void
cleanup(const void *data, size_t len, void *arg)
{
	SAY("cleanup %s %zu %.*s\n", (const char *)arg, len, (int)len, (const char *)data);
}

CASE(reference_with_offset)
{
	struct evbuffer *b = evbuffer_new();
	CHECK(evbuffer_add_reference_with_offset(b, "hello world", 6, 5, cleanup, (void *)"A") == 0);
	CHECK(evbuffer_get_length(b) == 5);
	CHECK(memcmp(evbuffer_pullup(b, -1), "world", 5) == 0);
	evbuffer_drain(b, 5);
	CHECK(evbuffer_add_reference_with_offset(b, "x", SIZE_MAX, 1, NULL, NULL) == -1);
	CHECK(evbuffer_add_reference_with_offset(b, "x", 1, SIZE_MAX, NULL, NULL) == -1);
	CHECK(evbuffer_add_reference_with_offset(b, "x", (size_t)SSIZE_MAX, 1, NULL, NULL) == -1);
	CHECK(evbuffer_get_length(b) == 0);
	evbuffer_free(b);
}

CASE(max_read)
{
	struct evbuffer *b = evbuffer_new();
	static char data[30000];
	int p[2];
	CHECK(evbuffer_get_max_read(b) == 4096);
	CHECK(evbuffer_set_max_read(b, (size_t)INT_MAX + 1) == -1);
	CHECK(evbuffer_set_max_read(b, 10000) == 0);
	CHECK(evbuffer_get_max_read(b) == 10000);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	CHECK(write(p[1], data, sizeof data) == sizeof data);
	CHECK(evbuffer_read(b, p[0], -1) == 10000);
	CHECK(evbuffer_read(b, p[0], 20000) == 10000);
	CHECK(evbuffer_read(b, p[0], 500) == 500);
	CHECK(evbuffer_set_max_read(b, 100) == 0);
	CHECK(evbuffer_read(b, p[0], -1) == 100);
	CHECK(evbuffer_get_length(b) == 20600);
	evbuffer_free(b);
}

static int
file(void)
{
	char name[] = "/tmp/case-XXXXXX";
	int fd = mkstemp(name);
	unlink(name);
	CHECK(write(fd, "the content of a file", 21) == 21);
	return fd;
}

/* A file that was added to be sent can be looked at after all. */
CASE(file_to_send_is_readable)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[3];
	struct evbuffer_ptr p;
	char out[30] = "";
	evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_add(b, "head ", 5);
	CHECK(evbuffer_add_file(b, file(), 4, -1) == 0);
	p = evbuffer_search(b, "file", 4, NULL);
	CHECK(p.pos == 18);
	CHECK(evbuffer_copyout(b, out, 12) == 12);
	SAY("%s\n", out);
	CHECK(evbuffer_peek(b, -1, NULL, v, 3) == 2);
	CHECK(memcmp(v[1].iov_base, "content", 7) == 0);
	CHECK(evbuffer_add_buffer_reference(c, b) == 0);
	CHECK(memcmp(evbuffer_pullup(b, -1), "head content of a file", 22) == 0);
	evbuffer_free(b);
	CHECK(evbuffer_get_length(c) == 22);
	evbuffer_free(c);
}

CASE(file_offsets_are_checked)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_file_segment *s = evbuffer_file_segment_new(file(), 0, 21, EVBUF_FS_CLOSE_ON_FREE);
	CHECK(evbuffer_add_file_segment(b, s, -1, 5) == -1);
	CHECK(evbuffer_add_file_segment(b, s, 20, 2) == -1);
	CHECK(evbuffer_add_file_segment(b, s, INT64_MAX, INT64_MAX) == -1);
	CHECK(evbuffer_add_file_segment(b, s, INT64_MIN, INT64_MAX) == -1);
	/* Failures have not used up our hold. */
	CHECK(evbuffer_add_file_segment(b, s, 20, 1) == 0);
	evbuffer_file_segment_free(s);
	CHECK(evbuffer_get_length(b) == 1);
	evbuffer_free(b);
}

static struct evbuffer_cb_entry *other;
static void
remove_other(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	SAY("remover %zu\n", i->n_added);
	if (other) {
		CHECK(evbuffer_remove_cb_entry(b, other) == 0);
		CHECK(evbuffer_remove_cb_entry(b, other) == -1);
		other = NULL;
	}
}
static void
told(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)b;
	SAY("%s %zu\n", (const char *)arg, i->n_added);
}

CASE(callback_removes_another)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_cb(b, told, (void *)"first");
	other = evbuffer_add_cb(b, told, (void *)"removed");
	evbuffer_add_cb(b, remove_other, NULL);
	evbuffer_add(b, "x", 1);
	evbuffer_add(b, "xx", 2);
	evbuffer_free(b);
}

static void
free_it(struct evbuffer *b, const struct evbuffer_cb_info *i, void *arg)
{
	(void)i;
	(void)arg;
	SAY("freed\n");
	evbuffer_free(b);
}

CASE(free_inside_callback)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	evbuffer_add_cb(b, told, (void *)"also");
	evbuffer_add_cb(b, free_it, NULL);
	SAY("%d\n", evbuffer_add(b, "x", 1));
	evbuffer_add(c, "line\nrest", 9);
	evbuffer_add_cb(c, free_it, NULL);
	free(evbuffer_readln(c, NULL, EVBUFFER_EOL_LF));
}

/* What takes room for each byte of a length that is too large by one. */
CASE(cve_2014_6272_and_2015_6525_sums)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[2];
	CHECK(evbuffer_add_reference(b, "x", (size_t)SSIZE_MAX - 5, NULL, NULL) == 0);
	CHECK(evbuffer_add(b, "123456", 6) == -1);
	CHECK(evbuffer_prepend(b, "123456", 6) == -1);
	CHECK(evbuffer_expand(b, 6) == -1);
	CHECK(evbuffer_reserve_space(b, 6, v, 2) == -1);
	CHECK(evbuffer_add_printf(b, "%d", 123456) == -1);
	CHECK(evbuffer_add_reference(b, "123456", 6, NULL, NULL) == -1);
	CHECK(evbuffer_add_file(b, file(), 0, 6) == -1);
	evbuffer_add(c, "123456", 6);
	CHECK(evbuffer_add_buffer(b, c) == -1);
	CHECK(evbuffer_prepend_buffer(b, c) == -1);
	CHECK(evbuffer_add_buffer_reference(b, c) == -1);
	CHECK(evbuffer_remove_buffer(c, b, 6) == -1);
	v[0].iov_base = (void *)"123456";
	v[0].iov_len = 6;
	CHECK(evbuffer_add_iovec(b, v, 1) == 0);
	CHECK(evbuffer_get_length(b) == (size_t)SSIZE_MAX - 5);
	CHECK(evbuffer_get_length(c) == 6);
	CHECK(evbuffer_remove_buffer(c, b, 5) == 5);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(empty_reference_is_free_at_once)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_reference(b, "", 0, cleanup, (void *)"empty"));
	evbuffer_freeze(b, 0);
	SAY("%d\n", evbuffer_add_reference(b, "", 0, cleanup, (void *)"frozen"));
	SAY("%d\n", evbuffer_add_reference(b, "x", 1, cleanup, (void *)"frozen"));
	evbuffer_free(b);
}

static long held;
static void *
counted_malloc(size_t n)
{
	void *p = malloc(n);
	held += p != NULL;
	return p;
}
static void *
counted_realloc(void *p, size_t n)
{
	held += p == NULL;
	return realloc(p, n);
}
static void
counted_free(void *p)
{
	held -= p != NULL;
	free(p);
}

CASE(objects_go_back_to_the_hooks)
{
	struct evbuffer *b, *c;
	struct evbuffer_file_segment *s;
	event_set_mem_functions(counted_malloc, counted_realloc, counted_free);
	b = evbuffer_new();
	c = evbuffer_new();
	evbuffer_add_cb(b, told, (void *)"b");
	evbuffer_add_reference(b, "ref", 3, NULL, NULL);
	evbuffer_add_buffer_reference(c, b);
	s = evbuffer_file_segment_new(file(), 0, -1, EVBUF_FS_CLOSE_ON_FREE);
	evbuffer_add_file_segment(b, s, 0, -1);
	evbuffer_file_segment_free(s);
	CHECK(held > 0);
	evbuffer_free(b);
	evbuffer_free(c);
	CHECK(held == 0);
}

/* A buffer's own memory put into the buffer: what was there at the call is copied, whatever has to move or to grow. */
static void
own_memory(size_t before, size_t from, size_t len, int at_front)
{
	static unsigned char want[70000];
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v;
	size_t i;

	for (i = 0; i < before; i++)
		want[i] = (unsigned char)(i * 7 + i / 251);
	evbuffer_add(b, want, before);
	if (evbuffer_peek(b, -1, NULL, &v, 1) < 1 || v.iov_len < from + len)
		SAY("NO one extent\n");
	if (at_front) {
		evbuffer_prepend(b, (char *)v.iov_base + from, len);
		memmove(want + len, want, before);
		memmove(want, want + len + from, len);
	} else {
		evbuffer_add(b, (char *)v.iov_base + from, len);
		memmove(want + before, want + from, len);
	}
	if (evbuffer_get_length(b) != before + len || memcmp(evbuffer_pullup(b, -1), want, before + len) != 0)
		SAY("NO %zu bytes from %zu on behind %zu\n", len, from, before);
	evbuffer_free(b);
}

CASE(own_memory_added)
{
	static const size_t before[] = { 1, 100, 600, 1000, 1024, 1025, 4000, 8192, 30000 };
	size_t i;
	int front;

	for (front = 0; front < 2; front++) {
		for (i = 0; i < sizeof before / sizeof before[0]; i++) {
			own_memory(before[i], 0, before[i], front);
			own_memory(before[i], before[i] / 2, before[i] - before[i] / 2, front);
			own_memory(before[i], before[i] - 1, 1, front);
		}
	}
	SAY("done\n");
}

CASE(own_room_added)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v;

	/* Written into reserved room, and then added rather than committed. */
	evbuffer_reserve_space(b, 100, &v, 1);
	memcpy(v.iov_base, "0123456789", 10);
	evbuffer_add(b, v.iov_base, 10);
	CHECK(memcmp(evbuffer_pullup(b, -1), "0123456789", 10) == 0);
	evbuffer_reserve_space(b, 100, &v, 1);
	memcpy(v.iov_base, "abcdefghij", 10);
	evbuffer_add(b, (char *)v.iov_base + 3, 7);
	CHECK(evbuffer_get_length(b) == 17);
	CHECK(memcmp(evbuffer_pullup(b, -1), "0123456789defghij", 17) == 0);
	evbuffer_drain(b, 5);
	CHECK(evbuffer_prepend(b, (char *)evbuffer_pullup(b, -1) - 3, 4) == 0);
	CHECK(memcmp(evbuffer_pullup(b, -1), "234556789", 9) == 0);
	evbuffer_free(b);
}

CASE(own_memory_in_an_iovec)
{
	struct evbuffer *b = evbuffer_new();
	struct evbuffer_iovec v[3];

	evbuffer_add(b, "abcdef", 6);
	v[0].iov_base = evbuffer_pullup(b, -1);
	v[0].iov_len = 6;
	v[1].iov_base = (char *)v[0].iov_base + 2;
	v[1].iov_len = 2;
	v[2].iov_base = (void *)"xyz";
	v[2].iov_len = 3;
	CHECK(evbuffer_add_iovec(b, v, 3) == 11);
	CHECK(memcmp(evbuffer_pullup(b, -1), "abcdefabcdefcdxyz", 17) == 0);
	evbuffer_free(b);
}
