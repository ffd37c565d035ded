/*
 * The seam between bufferevents and a TLS library.
 *
 * A bufferevent over TLS lives in the main library: its events, buffers, marks, timeouts and callbacks. What only the
 * TLS library can do is done by an adaptor, a shared object of its own, through one table of functions. No call is made
 * while the main library has anything of the bufferevent open; the bufferevent's lock is held.
 *
 * Not installed: it is shared by the main library and its adaptors, which are built together.
 */
#ifndef EVOXIDE_TLS_H
#define EVOXIDE_TLS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bufferevent;
struct event_base;

/* The version of the table. An adaptor with another one is refused. */
#define EVOXIDE_TLS_VERSION 4

/* Answers of handshake, read, write and shutdown: how many bytes were done (0 for a handshake or shutdown that is
 * over), or one of these. */
#define EVOXIDE_TLS_WANT_READ (-1)  /* nothing done: the transport must become readable */
#define EVOXIDE_TLS_WANT_WRITE (-2) /* nothing done: the transport must become writable */
#define EVOXIDE_TLS_CLOSED (-3)	    /* the peer ended the session */
#define EVOXIDE_TLS_TRUNCATED (-4)  /* the transport ended without the session's end */
#define EVOXIDE_TLS_ERROR (-5)	    /* anything else: last_error tells what; errno for the transport's own */
#define EVOXIDE_TLS_BEHIND_DATA (-6) /* nothing done: what was received must be read first */
#define EVOXIDE_TLS_WANT_BOTH (-7)   /* nothing done: the transport must become readable or writable */

/* What a session begins with. */
#define EVOXIDE_TLS_OPEN 0	/* the handshake is behind it */
#define EVOXIDE_TLS_HANDSHAKE 1 /* the handshake comes first */

struct evoxide_tls_ops {
	uint32_t version;
	uint32_t size; /* of this struct */
	/* The session's transport is this descriptor from now on; -1: none yet. Not called for one over a bufferevent. */
	void (*attach)(void *session, int fd);
	ptrdiff_t (*handshake)(void *session);
	ptrdiff_t (*read)(void *session, void *data, size_t size);
	/* One that wants something is tried again with the same bytes, maybe in another place, and maybe more behind them.
	 * more: unless this one wants something or fails, another follows at once. */
	ptrdiff_t (*write)(void *session, const void *data, size_t size, int more);
	/* Not 0: something was received, the peer's end among it, that the transport does not announce again. More than 1: data
	 * is there, not only a part of a record. A write and a handshake may bring that. */
	size_t (*pending)(void *session);
	/* Tells the peer that no more is written. Called at most once; last: free follows, and nothing is read any more. */
	ptrdiff_t (*shutdown)(void *session, int last);
	/* The latest error not asked for yet; 0: none. */
	unsigned long (*last_error)(void *session);
	/* The transport could not connect. errno is the caller's to keep. */
	void (*unconnected)(void *session);
	/* The bufferevent is gone. close: the user asked to free what is below with it. */
	void (*free)(void *session, int close);
};

/* A bufferevent over TLS on a descriptor; NULL, with the session left alone, where it cannot be made. */
struct bufferevent *evoxide_tls_socket_new(struct event_base *base, int fd, const struct evoxide_tls_ops *ops,
    void *session, int mode, int options);
/* A bufferevent over TLS on another bufferevent, whose buffers the session reads and writes as its transport. */
struct bufferevent *evoxide_tls_filter_new(struct bufferevent *below, const struct evoxide_tls_ops *ops, void *session,
    int mode, int options);
/* The session, where the bufferevent was made with this table; NULL for any other. */
void *evoxide_tls_session(struct bufferevent *bev, const struct evoxide_tls_ops *ops);
/* Begins another handshake: 1 where it is over at once, 0 where it goes on. -1 where there is no session. */
int evoxide_tls_handshake(struct bufferevent *bev);
/* Whether a transport that ends without the session's end is an ordinary end of file: asks (on < 0) or sets it. */
int evoxide_tls_dirty_shutdown(struct bufferevent *bev, int on);

#ifdef __cplusplus
}
#endif
#endif
