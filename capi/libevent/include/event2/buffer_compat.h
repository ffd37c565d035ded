/*
 * event2/buffer_compat.h: buffer calls of libevent 1.x.
 */
#ifndef EVENT2_BUFFER_COMPAT_H_INCLUDED_
#define EVENT2_BUFFER_COMPAT_H_INCLUDED_

#include <event2/visibility.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;

/** evbuffer_readln() with EVBUFFER_EOL_ANY. */
char *evbuffer_readline(struct evbuffer *buffer);

/** Called after a change with the length before and after it. */
typedef void (*evbuffer_cb)(struct evbuffer *buffer, size_t old_len, size_t new_len, void *arg);

/** Removes every callback and sets this one; NULL: none. @return 0, or -1 where there is no memory */
int evbuffer_setcb(struct evbuffer *buffer, evbuffer_cb cb, void *cbarg);

/** Finds bytes; puts what lies before and around them into one piece. @return where, or NULL */
unsigned char *evbuffer_find(struct evbuffer *buffer, const unsigned char *what, size_t len);

/** How many bytes there are. */
#define EVBUFFER_LENGTH(x) evbuffer_get_length(x)

/** All of them in one piece. */
#define EVBUFFER_DATA(x) evbuffer_pullup((x), -1)

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFER_COMPAT_H_INCLUDED_ */
