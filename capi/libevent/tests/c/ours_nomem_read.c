/*
 * Every allocation in turn fails while a buffer is read into, also those that never see the program's hooks: no byte that left
 * the descriptor is lost. What a failed call did not take, the next one takes.
 * ctest: ldflags=-ldl no-sanitizer
 */
#include "case.h"
#include "loop_kit.h"
#include <dlfcn.h>
#include <event2/buffer.h>

static int failing, until;

static int refused(void)
{
	return failing && until-- <= 0;
}

/* In the program, these are what the library calls too. */
void *malloc(size_t n)
{
	static void *(*next)(size_t);

	if (!next)
		next = (void *(*)(size_t))(size_t)dlsym(RTLD_NEXT, "malloc");
	return refused() ? NULL : next(n);
}

void *realloc(void *p, size_t n)
{
	static void *(*next)(void *, size_t);

	if (!next)
		next = (void *(*)(void *, size_t))(size_t)dlsym(RTLD_NEXT, "realloc");
	return refused() ? NULL : next(p, n);
}

/* Reads `total` bytes in calls of which each has no memory from its allocation number `k` on, and then some. */
static int reads(size_t before, size_t total, int k, int *failures)
{
	static unsigned char sent[20000], got[40000];
	struct evbuffer *b = evbuffer_new();
	size_t i;
	int fd[2], n, ok;

	pair(fd);
	for (i = 0; i < before + total; i++)
		got[i] = (unsigned char)(i * 13 + i / 255);
	evbuffer_add(b, got, before);
	memcpy(sent, got + before, total);
	if (write(fd[1], sent, total) != (ssize_t)total)
		return 0;
	while (evbuffer_get_length(b) < before + total) {
		until = k;
		failing = 1;
		n = evbuffer_read(b, fd[0], -1);
		failing = 0;
		if (n < 0) {
			if (errno != ENOMEM)
				return 0;
			++*failures;
			if (evbuffer_read(b, fd[0], 100) <= 0)
				return 0;
		}
	}
	ok = evbuffer_get_length(b) == before + total && memcmp(evbuffer_pullup(b, -1), got, before + total) == 0;
	evbuffer_free(b);
	close(fd[0]);
	close(fd[1]);
	return ok;
}

CASE(no_byte_is_lost)
{
	static const size_t before[] = { 0, 1, 900, 1024, 3000, 9000 };
	int k, failures = 0;
	size_t i;

	for (k = 0; k < 6; k++)
		for (i = 0; i < sizeof before / sizeof before[0]; i++)
			if (!reads(before[i], 6000, k, &failures))
				SAY("NO behind %zu, allocation %d\n", before[i], k);
	CHECK(failures > 0);
}
