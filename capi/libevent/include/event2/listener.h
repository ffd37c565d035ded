/*
 * event2/listener.h: evconnlistener, which accepts connections.
 */
#ifndef EVENT2_LISTENER_H_INCLUDED_
#define EVENT2_LISTENER_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event.h>

struct sockaddr;

/** A listener. */
struct evconnlistener;

/** A connection came: its socket, which the callback owns, and the peer's address. */
typedef void (*evconnlistener_cb)(struct evconnlistener *, evutil_socket_t, struct sockaddr *, int socklen, void *);

/** Accepting failed for another reason than that there was nothing to accept: see EVUTIL_SOCKET_ERROR(). */
typedef void (*evconnlistener_errorcb)(struct evconnlistener *, void *);

#define LEV_OPT_LEAVE_SOCKETS_BLOCKING (1u << 0) /**< accepted sockets are made non-blocking without this */
#define LEV_OPT_CLOSE_ON_FREE (1u << 1)		 /**< the listening socket is closed with the listener */
#define LEV_OPT_CLOSE_ON_EXEC (1u << 2)		 /**< close-on-exec, for the listening and the accepted sockets */
#define LEV_OPT_REUSEABLE (1u << 3)		 /**< the address may be taken again at once after a restart */
#define LEV_OPT_THREADSAFE (1u << 4)		 /**< several threads may use the listener */
#define LEV_OPT_DISABLED (1u << 5)		 /**< does not accept before evconnlistener_enable() */
#define LEV_OPT_DEFERRED_ACCEPT (1u << 6)	 /**< a connection is shown once it has sent something */
#define LEV_OPT_REUSEABLE_PORT (1u << 7)	 /**< several listeners share the port */
#define LEV_OPT_BIND_IPV6ONLY (1u << 8)		 /**< an IPv6 listener takes no IPv4 connections */
#define LEV_OPT_BIND_IPV4_AND_IPV6 (1u << 9)	 /**< an IPv6 listener takes both (libevent 2.2) */

/**
 * Listens on a socket that is bound already, and non-blocking.
 * @param cb NULL: disabled until evconnlistener_set_cb() gives one
 * @param backlog for listen(); negative: a sensible number; 0: the socket listens already
 * @return NULL on failure
 */
struct evconnlistener *evconnlistener_new(struct event_base *base, evconnlistener_cb cb, void *ptr, unsigned flags,
    int backlog, evutil_socket_t fd);

/** Makes a socket, binds it to the address and listens. @return NULL on failure, with errno set */
struct evconnlistener *evconnlistener_new_bind(struct event_base *base, evconnlistener_cb cb, void *ptr,
    unsigned flags, int backlog, const struct sockaddr *sa, int socklen);

/** Ends a listener, also from inside its callback. */
void evconnlistener_free(struct evconnlistener *lev);

/** Accepts again. @return 0, or -1 */
int evconnlistener_enable(struct evconnlistener *lev);

/** Accepts nothing for now; connections wait in the kernel. @return 0, or -1 */
int evconnlistener_disable(struct evconnlistener *lev);

/** Its base. */
struct event_base *evconnlistener_get_base(struct evconnlistener *lev);

/** The listening socket. */
evutil_socket_t evconnlistener_get_fd(struct evconnlistener *lev);

/** Changes the callback and its argument. */
void evconnlistener_set_cb(struct evconnlistener *lev, evconnlistener_cb cb, void *arg);

/** Sets the error callback; NULL: a warning is logged. */
void evconnlistener_set_error_cb(struct evconnlistener *lev, evconnlistener_errorcb errorcb);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_LISTENER_H_INCLUDED_ */
