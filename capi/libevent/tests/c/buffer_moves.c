/* evbuffer: moving between buffers, references, freezing. */
#include "case.h"
#include <event2/buffer.h>
#include <limits.h>
#include <stdint.h>

static void
show(const char *name, struct evbuffer *b)
{
	char out[200];
	ev_ssize_t n = evbuffer_copyout(b, out, sizeof out);
	SAY("%s %zu: %.*s\n", name, evbuffer_get_length(b), n < 0 ? 0 : (int)n, out);
}

static void
cleanup(const void *data, size_t len, void *arg)
{
	SAY("cleanup %s %zu %.*s\n", (const char *)arg, len, (int)(len > 10 ? 10 : len), (const char *)data);
}

CASE(add_buffer_moves_all)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "first ", 6);
	evbuffer_add(b, "second", 6);
	SAY("%d\n", evbuffer_add_buffer(a, b));
	show("a", a);
	show("b", b);
	SAY("%d\n", evbuffer_add_buffer(b, a));
	show("a", a);
	show("b", b);
	evbuffer_add(a, "new", 3);
	evbuffer_add(b, " tail", 5);
	show("a", a);
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(add_buffer_empty_ones)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_buffer(a, b));
	evbuffer_expand(a, 1000);
	SAY("%d\n", evbuffer_add_buffer(a, b));
	SAY("%d\n", evbuffer_add_buffer(b, a));
	evbuffer_expand(b, 1000);
	evbuffer_add(a, "x", 1);
	SAY("%d\n", evbuffer_add_buffer(a, b));
	SAY("%d\n", evbuffer_add_buffer(b, a));
	show("a", a);
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(add_buffer_to_itself)
{
	struct evbuffer *a = evbuffer_new();
	evbuffer_add(a, "abc", 3);
	SAY("%d\n", evbuffer_remove_buffer(a, a, 2));
	show("a", a);
	evbuffer_free(a);
}

CASE(prepend_buffer)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "second", 6);
	evbuffer_add(b, "fi", 2);
	evbuffer_add_reference(b, "rst ", 4, NULL, NULL);
	SAY("%d\n", evbuffer_prepend_buffer(a, b));
	show("a", a);
	show("b", b);
	SAY("%d\n", evbuffer_prepend_buffer(b, a));
	show("a", a);
	show("b", b);
	evbuffer_add(b, "!", 1);
	evbuffer_prepend(b, ">", 1);
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(remove_buffer_pieces)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	int i;
	evbuffer_add_reference(a, "abc", 3, NULL, NULL);
	evbuffer_add_reference(a, "defg", 4, NULL, NULL);
	evbuffer_add_reference(a, "hij", 3, NULL, NULL);
	for (i = 0; i < 6; i++) {
		SAY("%d\n", evbuffer_remove_buffer(a, b, (size_t)i));
		show("a", a);
		show("b", b);
	}
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(remove_buffer_large)
{
	static unsigned char data[200000];
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	size_t i, step = 1;
	int n;
	for (i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	evbuffer_add(a, data, 100000);
	for (i = 100000; i < sizeof data; i += 1000)
		evbuffer_add(a, data + i, 1000);
	while ((n = evbuffer_remove_buffer(a, b, step)) > 0)
		step = step * 5 % 30011;
	SAY("%zu %zu\n", evbuffer_get_length(a), evbuffer_get_length(b));
	CHECK(memcmp(evbuffer_pullup(b, -1), data, sizeof data) == 0);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(remove_buffer_huge_count)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "abc", 3);
	SAY("%d\n", evbuffer_remove_buffer(a, b, SIZE_MAX));
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(move_keeps_addresses)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer_iovec v[3], w[3];
	static char data[5000];
	evbuffer_add(a, data, sizeof data);
	evbuffer_peek(a, -1, NULL, v, 3);
	evbuffer_add_reference(b, "x", 1, NULL, NULL);
	evbuffer_add_buffer(b, a);
	CHECK(evbuffer_peek(b, -1, NULL, w, 3) >= 2);
	CHECK(w[1].iov_base == v[0].iov_base);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(reference_cleanup)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_reference(b, "one two", 7, cleanup, (void *)"A"));
	SAY("%d\n", evbuffer_add_reference(b, "three", 5, cleanup, (void *)"B"));
	SAY("drain 6\n");
	evbuffer_drain(b, 6);
	SAY("drain 1\n");
	evbuffer_drain(b, 1);
	SAY("drain 2\n");
	evbuffer_drain(b, 2);
	SAY("free\n");
	evbuffer_free(b);
}

CASE(reference_empty)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_reference(b, "", 0, cleanup, (void *)"empty"));
	SAY("%zu\n", evbuffer_get_length(b));
	SAY("add\n");
	evbuffer_add(b, "x", 1);
	SAY("drain\n");
	evbuffer_drain(b, 1);
	SAY("free\n");
	evbuffer_free(b);
}

CASE(reference_huge)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_reference(b, "x", (size_t)SSIZE_MAX, NULL, NULL));
	SAY("%d\n", evbuffer_add(b, "x", 1));
	evbuffer_free(b);
}

CASE(reference_removed)
{
	struct evbuffer *b = evbuffer_new();
	char out[20] = "";
	evbuffer_add_reference(b, "one two", 7, cleanup, (void *)"A");
	SAY("%d\n", evbuffer_remove(b, out, 3));
	SAY("%s\n", out);
	SAY("%d\n", evbuffer_remove(b, out, 20));
	evbuffer_free(b);
}

CASE(reference_pulled_up)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add_reference(b, "one ", 4, cleanup, (void *)"A");
	evbuffer_add_reference(b, "two ", 4, cleanup, (void *)"B");
	evbuffer_add_reference(b, "three", 5, cleanup, (void *)"C");
	SAY("pullup 4\n");
	evbuffer_pullup(b, 4);
	SAY("pullup 6\n");
	evbuffer_pullup(b, 6);
	SAY("pullup all\n");
	evbuffer_pullup(b, -1);
	show("b", b);
	SAY("free\n");
	evbuffer_free(b);
}

CASE(reference_moves)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add_reference(a, "one ", 4, cleanup, (void *)"A");
	evbuffer_add_reference(a, "two ", 4, cleanup, (void *)"B");
	SAY("move\n");
	evbuffer_add_buffer(b, a);
	SAY("free a\n");
	evbuffer_free(a);
	SAY("prefix\n");
	a = evbuffer_new();
	evbuffer_remove_buffer(b, a, 4);
	SAY("free a\n");
	evbuffer_free(a);
	SAY("free b\n");
	evbuffer_free(b);
}

CASE(reference_prefix_moves)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add_reference(a, "one two", 7, cleanup, (void *)"A");
	evbuffer_remove_buffer(a, b, 3);
	SAY("drain a\n");
	evbuffer_drain(a, 4);
	SAY("drain b\n");
	evbuffer_drain(b, 3);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(reference_is_not_written)
{
	struct evbuffer *b = evbuffer_new();
	char data[8] = "abcdefg";
	evbuffer_add_reference(b, data, 4, NULL, NULL);
	evbuffer_add(b, "XY", 2);
	evbuffer_drain(b, 2);
	evbuffer_prepend(b, "12", 2);
	evbuffer_expand(b, 100);
	SAY("%s\n", data);
	show("b", b);
	evbuffer_free(b);
}

CASE(reference_many_cleanups)
{
	struct evbuffer *b = evbuffer_new();
	static const char *const names[] = { "0", "1", "2", "3", "4", "5" };
	int i;
	for (i = 0; i < 6; i++)
		evbuffer_add_reference(b, names[i], 1, cleanup, (void *)names[i]);
	evbuffer_drain(b, 4);
	SAY("rest\n");
	evbuffer_drain(b, 4);
	evbuffer_free(b);
}

static struct evbuffer *other;
static void
cleanup_adds(const void *data, size_t len, void *arg)
{
	(void)arg;
	SAY("%d\n", evbuffer_add(other, data, len));
}

CASE(reference_cleanup_uses_other_buffer)
{
	struct evbuffer *b = evbuffer_new();
	other = evbuffer_new();
	evbuffer_add_reference(b, "one ", 4, cleanup_adds, NULL);
	evbuffer_add_reference(b, "two", 3, cleanup_adds, NULL);
	evbuffer_drain(b, 5);
	evbuffer_free(b);
	show("other", other);
	evbuffer_free(other);
}

CASE(buffer_reference)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "own ", 4);
	evbuffer_add_reference(a, "ref ", 4, cleanup, (void *)"A");
	evbuffer_add(b, "head ", 5);
	SAY("%d\n", evbuffer_add_buffer_reference(b, a));
	show("a", a);
	show("b", b);
	evbuffer_add(a, "more", 4);
	evbuffer_add(b, "tail", 4);
	show("a", a);
	show("b", b);
	SAY("drain a\n");
	evbuffer_drain(a, 100);
	SAY("free a\n");
	evbuffer_free(a);
	show("b", b);
	SAY("free b\n");
	evbuffer_free(b);
}

CASE(buffer_reference_of_reference)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new(), *c = evbuffer_new();
	evbuffer_add(a, "text", 4);
	SAY("%d\n", evbuffer_add_buffer_reference(b, a));
	SAY("%d\n", evbuffer_add_buffer_reference(c, b));
	SAY("%d\n", evbuffer_add_buffer_reference(c, a));
	SAY("%d\n", evbuffer_add_buffer_reference(c, a));
	show("c", c);
	SAY("%d\n", evbuffer_add_buffer_reference(a, a));
	show("a", a);
	evbuffer_free(a);
	evbuffer_free(b);
	show("c", c);
	evbuffer_free(c);
}

CASE(buffer_reference_modified)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "0123456789", 10);
	evbuffer_add_buffer_reference(b, a);
	evbuffer_drain(a, 3);
	evbuffer_prepend(a, "ABC", 3);
	evbuffer_drain(b, 5);
	evbuffer_prepend(b, "abcde", 5);
	show("a", a);
	show("b", b);
	evbuffer_pullup(b, -1);
	evbuffer_add_buffer(a, b);
	show("a", a);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(buffer_reference_empty)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	SAY("%d\n", evbuffer_add_buffer_reference(b, a));
	evbuffer_add(b, "x", 1);
	SAY("%d\n", evbuffer_add_buffer_reference(b, a));
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(buffer_reference_free_referrer_first)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add_reference(a, "ref ", 4, cleanup, (void *)"A");
	evbuffer_add(a, "own", 3);
	evbuffer_add_buffer_reference(b, a);
	SAY("free b\n");
	evbuffer_free(b);
	show("a", a);
	SAY("free a\n");
	evbuffer_free(a);
}

CASE(freeze_back)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[2];
	char out[8];
	evbuffer_add(b, "abcdef", 6);
	evbuffer_add(c, "xyz", 3);
	SAY("%d\n", evbuffer_freeze(b, 0));
	SAY("add %d\n", evbuffer_add(b, "x", 1));
	SAY("add nothing %d\n", evbuffer_add(b, "", 0));
	SAY("printf %d\n", evbuffer_add_printf(b, "x"));
	SAY("reference %d\n", evbuffer_add_reference(b, "x", 1, NULL, NULL));
	SAY("add_buffer %d\n", evbuffer_add_buffer(b, c));
	SAY("remove_buffer to %d\n", evbuffer_remove_buffer(c, b, 2));
	SAY("buffer_reference %d\n", evbuffer_add_buffer_reference(b, c));
	SAY("reserve %d\n", evbuffer_reserve_space(b, 10, v, 1));
	SAY("commit %d\n", evbuffer_commit_space(b, v, 0));
	SAY("expand %d\n", evbuffer_expand(b, 10));
	SAY("file %d\n", evbuffer_add_file(b, -1, 0, 1));
	SAY("read %d\n", evbuffer_read(b, -1, 10));
	SAY("prepend %d\n", evbuffer_prepend(b, "P", 1));
	SAY("prepend_buffer %d\n", evbuffer_prepend_buffer(b, c));
	SAY("drain %d\n", evbuffer_drain(b, 1));
	SAY("remove %d\n", evbuffer_remove(b, out, 1));
	SAY("pullup %d\n", evbuffer_pullup(b, -1) != NULL);
	show("b", b);
	show("c", c);
	SAY("%d\n", evbuffer_unfreeze(b, 0));
	SAY("add %d\n", evbuffer_add(b, "x", 1));
	show("b", b);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(freeze_front)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[2];
	char out[8];
	size_t n;
	evbuffer_add(b, "abc\ndef", 7);
	evbuffer_add(c, "xyz", 3);
	SAY("%d\n", evbuffer_freeze(b, 1));
	SAY("drain %d\n", evbuffer_drain(b, 1));
	SAY("drain nothing %d\n", evbuffer_drain(b, 0));
	SAY("remove %d\n", evbuffer_remove(b, out, 1));
	SAY("remove nothing %d\n", evbuffer_remove(b, out, 0));
	SAY("copyout %d\n", (int)evbuffer_copyout(b, out, 1));
	SAY("copyout nothing %d\n", (int)evbuffer_copyout(b, out, 0));
	SAY("readln %d\n", evbuffer_readln(b, &n, EVBUFFER_EOL_LF) != NULL);
	SAY("add_buffer from %d\n", evbuffer_add_buffer(c, b));
	SAY("prepend_buffer from %d\n", evbuffer_prepend_buffer(c, b));
	SAY("remove_buffer from %d\n", evbuffer_remove_buffer(b, c, 2));
	SAY("remove_buffer nothing %d\n", evbuffer_remove_buffer(b, c, 0));
	SAY("prepend %d\n", evbuffer_prepend(b, "P", 1));
	SAY("prepend nothing %d\n", evbuffer_prepend(b, "", 0));
	SAY("prepend_buffer %d\n", evbuffer_prepend_buffer(b, c));
	SAY("write %d\n", evbuffer_write(b, -1));
	SAY("pullup %d\n", evbuffer_pullup(b, 4) != NULL);
	SAY("peek %d\n", evbuffer_peek(b, -1, NULL, v, 1));
	SAY("reference of it %d\n", evbuffer_add_buffer_reference(c, b));
	SAY("add %d\n", evbuffer_add(b, "x", 1));
	show("b", b);
	show("c", c);
	SAY("%d\n", evbuffer_unfreeze(b, 1));
	SAY("drain %d\n", evbuffer_drain(b, 1));
	show("b", b);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(freeze_front_empty)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	char out[8];
	size_t n = 5;
	evbuffer_freeze(b, 1);
	SAY("drain %d\n", evbuffer_drain(b, 1));
	SAY("drain nothing %d\n", evbuffer_drain(b, 0));
	SAY("remove %d\n", evbuffer_remove(b, out, 1));
	SAY("readln %d\n", evbuffer_readln(b, &n, EVBUFFER_EOL_LF) != NULL);
	SAY("add_buffer from %d\n", evbuffer_add_buffer(c, b));
	SAY("prepend_buffer from %d\n", evbuffer_prepend_buffer(c, b));
	SAY("remove_buffer from %d\n", evbuffer_remove_buffer(b, c, 2));
	SAY("prepend %d\n", evbuffer_prepend(b, "", 0));
	SAY("write %d\n", evbuffer_write(b, -1));
	evbuffer_freeze(b, 1);
	evbuffer_unfreeze(b, 1);
	SAY("drain %d\n", evbuffer_drain(b, 1));
	evbuffer_unfreeze(b, 1);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(freeze_back_empty)
{
	struct evbuffer *b = evbuffer_new(), *c = evbuffer_new();
	struct evbuffer_iovec v[2];
	v[0].iov_base = (void *)"x";
	v[0].iov_len = 1;
	evbuffer_freeze(b, 0);
	SAY("add nothing %d\n", evbuffer_add(b, NULL, 0));
	SAY("add_buffer %d\n", evbuffer_add_buffer(b, c));
	SAY("remove_buffer %d\n", evbuffer_remove_buffer(c, b, 0));
	SAY("buffer_reference %d\n", evbuffer_add_buffer_reference(b, c));
	SAY("reference nothing %d\n", evbuffer_add_reference(b, "", 0, NULL, NULL));
	SAY("iovec %zu\n", evbuffer_add_iovec(b, v, 1));
	SAY("expand nothing %d\n", evbuffer_expand(b, 0));
	SAY("printf nothing %d\n", evbuffer_add_printf(b, "%s", ""));
	SAY("commit nothing %d\n", evbuffer_commit_space(b, v, 0));
	SAY("reserve nothing %d\n", evbuffer_reserve_space(b, 0, v, 1));
	SAY("prepend %d\n", evbuffer_prepend(b, "p", 1));
	show("b", b);
	evbuffer_free(b);
	evbuffer_free(c);
}

CASE(freeze_both)
{
	struct evbuffer *b = evbuffer_new();
	evbuffer_add(b, "abc", 3);
	evbuffer_freeze(b, 0);
	evbuffer_freeze(b, 5);
	SAY("%d %d\n", evbuffer_add(b, "x", 1), evbuffer_drain(b, 1));
	evbuffer_unfreeze(b, 0);
	SAY("%d %d\n", evbuffer_add(b, "x", 1), evbuffer_drain(b, 1));
	evbuffer_unfreeze(b, 1);
	SAY("%d %d\n", evbuffer_add(b, "x", 1), evbuffer_drain(b, 1));
	show("b", b);
	evbuffer_free(b);
}

/* A buffer that holds one empty chain. */
CASE(cve_2026_63381_empty_chain)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	evbuffer_add(a, "content", 7);
	evbuffer_expand(b, 100);
	evbuffer_add(b, "x", 1);
	evbuffer_drain(b, 1);
	evbuffer_add_buffer_reference(b, a);
	show("b", b);
	evbuffer_add(b, "!", 1);
	show("b", b);
	evbuffer_free(a);
	evbuffer_free(b);
}

CASE(buffer_reference_of_itself)
{
	struct evbuffer *b = evbuffer_new();
	SAY("empty %d\n", evbuffer_add_buffer_reference(b, b));
	evbuffer_freeze(b, 0);
	evbuffer_freeze(b, 1);
	SAY("frozen %d\n", evbuffer_add_buffer_reference(b, b));
	evbuffer_unfreeze(b, 0);
	evbuffer_unfreeze(b, 1);
	evbuffer_add(b, "abc", 3);
	SAY("not empty %d\n", evbuffer_add_buffer_reference(b, b));
	show("b", b);
	evbuffer_free(b);
}
