/* What the buffer programs share: showing a buffer, bytes to fill with, a sum over the content. */
#ifndef BUFFER_UTIL_H
#define BUFFER_UTIL_H

#include "case.h"
#include <event2/buffer.h>
#include <stdint.h>

/* Everything the buffer holds, with its length. */
CASE_UNUSED static void
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

CASE_UNUSED static void
fill(unsigned char *p, size_t n, unsigned seed)
{
	size_t i;
	for (i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (unsigned char)(seed >> 16);
	}
}

CASE_UNUSED static unsigned
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

#endif /* BUFFER_UTIL_H */
