/*
 * event2/ws.h: WebSocket sessions of an HTTP server (libevent 2.2).
 *
 * A request that asks for a WebSocket becomes a session in its callback: evws_new_session() answers it and takes its
 * connection over. Messages then arrive whole, with pings answered and the closing handshake done on the way.
 */
#ifndef EVENT2_WS_H_INCLUDED_
#define EVENT2_WS_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct timeval;
struct evhttp_request;

/** A session. */
struct evws_connection;

/** Reasons of evws_close(): close codes of RFC 6455, and 0 (unchecked against a 2.2) for none. */
#define WS_CR_NONE 0
#define WS_CR_NORMAL 1000
#define WS_CR_PROTO_ERR 1002
#define WS_CR_DATA_TOO_BIG 1009

/** Kinds of messages: opcodes of RFC 6455. */
#define WS_TEXT_FRAME 0x1
#define WS_BINARY_FRAME 0x2

/**
 * A whole message: the session, its kind, its bytes, how many, the argument given with the callback. Text is valid UTF-8. A
 * zero byte that does not count follows the message.
 */
typedef void (*ws_on_msg_cb)(struct evws_connection *, int type, const unsigned char *, size_t, void *);

/** A session ends: the session, which is freed after the callback, and the argument given with it. */
typedef void (*ws_on_close_cb)(struct evws_connection *, void *);

/**
 * Makes a session of a request, in the request's callback. The request and its HTTP connection must not be used any more.
 *
 * Where the request asks for no WebSocket, it is answered with an error, and NULL comes back. A subprotocol or other
 * headers of the answer are set beforehand, as output headers of the request. `options` are BEV_OPT_* bits.
 */
struct evws_connection *evws_new_session(struct evhttp_request *req, ws_on_msg_cb cb, void *arg, int options);

/** Sends a message of text. What is not UTF-8 is not sent, and nothing is once the session closes. */
void evws_send_text(struct evws_connection *evws, const char *packet_str);

/** Sends a message of bytes. */
void evws_send_binary(struct evws_connection *evws, const char *packet_data, size_t packet_len);

/** Begins to close: the session ends when the peer has answered, or after a while without an answer. */
void evws_close(struct evws_connection *evws, uint16_t reason);

/** Sets what is called when the session ends, in whatever way. */
void evws_connection_set_closecb(struct evws_connection *evws, ws_on_close_cb, void *);

/**
 * Of this library alone. After `ping` without a byte of the peer a ping asks for one; after `idle` the session ends. Either is
 * never where it is NULL or zero, as it is for a new session. This takes the place of the bufferevent's read time-out; who
 * shall not wait for ever for a peer that does not read sets the bufferevent's write time-out.
 */
void evoxide_ws_set_timeouts(struct evws_connection *evws, const struct timeval *ping, const struct timeval *idle);

/** Ends a session at once, after its close callback; so does evhttp_free() with all sessions of its server. */
void evws_connection_free(struct evws_connection *evws);

/** The session's bufferevent. */
struct bufferevent *evws_connection_get_bufferevent(struct evws_connection *evws);

#ifdef __cplusplus
}
#endif

#endif
