/* The functions and macros of the 1.x interface. */
#include "case.h"
#include <event2/buffer.h>
#include <event2/buffer_compat.h>

CASE(length_and_data)
{
	struct evbuffer *b = evbuffer_new();
	SAY("%zu %d\n", EVBUFFER_LENGTH(b), EVBUFFER_DATA(b) != NULL);
	evbuffer_add(b, "hello", 5);
	evbuffer_add_reference(b, " world", 6, NULL, NULL);
	SAY("%zu %.11s\n", EVBUFFER_LENGTH(b), (char *)EVBUFFER_DATA(b));
	evbuffer_free(b);
}

CASE(data_grows_step_by_step)
{
	struct evbuffer *b = evbuffer_new();
	int i, bad = 0;
	for (i = 0; i < 3000; i++) {
		char c = (char)('a' + i % 26);
		evbuffer_add(b, &c, 1);
		if (EVBUFFER_DATA(b)[i] != (unsigned char)c || EVBUFFER_LENGTH(b) != (size_t)i + 1)
			bad++;
	}
	SAY("%d\n", bad);
	evbuffer_free(b);
}

CASE(readline)
{
	struct evbuffer *b = evbuffer_new();
	char *line;
	evbuffer_add(b, "one\ntwo\r\n\r\nthree\rfour\n\rfive", 28);
	while ((line = evbuffer_readline(b)) != NULL) {
		SAY("[%s]\n", line);
		free(line);
	}
	SAY("%zu\n", evbuffer_get_length(b));
	evbuffer_free(b);
}

CASE(find)
{
	struct evbuffer *b = evbuffer_new();
	unsigned char *p;
	CHECK(evbuffer_find(b, (const unsigned char *)"x", 1) == NULL);
	evbuffer_add_reference(b, "hello wo", 8, NULL, NULL);
	evbuffer_add_reference(b, "rld, good", 9, NULL, NULL);
	evbuffer_add_reference(b, "bye", 3, NULL, NULL);
	p = evbuffer_find(b, (const unsigned char *)"world", 5);
	SAY("%d %.5s\n", p != NULL, (char *)p);
	p = evbuffer_find(b, (const unsigned char *)"goodbye", 7);
	SAY("%d %.7s\n", p != NULL, (char *)p);
	CHECK(p == EVBUFFER_DATA(b) + 13);
	CHECK(evbuffer_find(b, (const unsigned char *)"worlds", 6) == NULL);
	CHECK(evbuffer_find(b, (const unsigned char *)"hello", 5) == EVBUFFER_DATA(b));
	SAY("nothing is found at the front %d\n", evbuffer_find(b, (const unsigned char *)"", 0) == EVBUFFER_DATA(b));
	evbuffer_free(b);
}
