/*
 * event2/bufferevent_ssl.h: bufferevents over TLS, with OpenSSL.
 *
 * Link with -levent_openssl -levent -lssl -lcrypto.
 */
#ifndef EVENT2_BUFFEREVENT_SSL_H_INCLUDED_
#define EVENT2_BUFFEREVENT_SSL_H_INCLUDED_

#include <event2/visibility.h>
#include <event2/event-config.h>
#include <event2/bufferevent.h>
#include <event2/util.h>

#ifdef __cplusplus
extern "C" {
#endif

/* OpenSSL's SSL. */
struct ssl_st;

/* Where an SSL object stands when its bufferevent is made. */
enum bufferevent_ssl_state {
	BUFFEREVENT_SSL_OPEN = 0,	/* the handshake is behind it */
	BUFFEREVENT_SSL_CONNECTING = 1, /* it is a client, and begins */
	BUFFEREVENT_SSL_ACCEPTING = 2	/* it is a server, and waits */
};

#if defined(EVENT__HAVE_OPENSSL) || defined(EVENT_IN_DOXYGEN_)

/* Flags of bufferevent_ssl_set_flags(), since 2.2. */
/* A transport that ends without close_notify is an end of file, not an error. */
#define BUFFEREVENT_SSL_DIRTY_SHUTDOWN 1
/* What lies in the output is gathered into as few records as it fits in. */
#define BUFFEREVENT_SSL_BATCH_WRITE 2

/*
 * Makes a bufferevent over TLS on another bufferevent, of the same base, whose callbacks it takes. With
 * BEV_OPT_CLOSE_ON_FREE it owns the SSL and that bufferevent. NULL on failure.
 */
EVENT2_EXPORT_SYMBOL
struct bufferevent *bufferevent_openssl_filter_new(struct event_base *base, struct bufferevent *underlying,
    struct ssl_st *ssl, enum bufferevent_ssl_state state, int options);

/*
 * Makes a bufferevent over TLS on a socket; -1: that of the SSL's own BIO, or one given later. With
 * BEV_OPT_CLOSE_ON_FREE it owns the SSL and the socket. NULL on failure.
 */
EVENT2_EXPORT_SYMBOL
struct bufferevent *bufferevent_openssl_socket_new(struct event_base *base, evutil_socket_t fd, struct ssl_st *ssl,
    enum bufferevent_ssl_state state, int options);

/* Whether a transport that ends without close_notify is told as BEV_EVENT_EOF (1) or BEV_EVENT_ERROR (0). */
EVENT2_EXPORT_SYMBOL
int bufferevent_openssl_get_allow_dirty_shutdown(struct bufferevent *bev);
EVENT2_EXPORT_SYMBOL
void bufferevent_openssl_set_allow_dirty_shutdown(struct bufferevent *bev, int allow_dirty_shutdown);

/* The SSL; NULL for any other bufferevent. */
EVENT2_EXPORT_SYMBOL
struct ssl_st *bufferevent_openssl_get_ssl(struct bufferevent *bufev);

/* Begins another handshake. 0, or -1. */
EVENT2_EXPORT_SYMBOL
int bufferevent_ssl_renegotiate(struct bufferevent *bev);

/* The latest OpenSSL error that was not asked for yet; 0: none. */
EVENT2_EXPORT_SYMBOL
unsigned long bufferevent_get_openssl_error(struct bufferevent *bev);

/* Flags, since 2.2; all bits set where bev is no such bufferevent or a flag is unknown. */
EVENT2_EXPORT_SYMBOL
ev_uint64_t bufferevent_ssl_get_flags(struct bufferevent *bev);
EVENT2_EXPORT_SYMBOL
ev_uint64_t bufferevent_ssl_set_flags(struct bufferevent *bev, ev_uint64_t flags);
EVENT2_EXPORT_SYMBOL
ev_uint64_t bufferevent_ssl_clear_flags(struct bufferevent *bev, ev_uint64_t flags);

#endif

#ifdef __cplusplus
}
#endif

#endif
