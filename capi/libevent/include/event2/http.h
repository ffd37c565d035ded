/*
 * event2/http.h: servers and clients of HTTP/1.1.
 */
#ifndef EVENT2_HTTP_H_INCLUDED_
#define EVENT2_HTTP_H_INCLUDED_

#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;
struct event_base;
struct bufferevent;
struct evconnlistener;
struct evdns_base;
struct evkeyvalq;

/** A server. */
struct evhttp;
/** A socket that a server accepts from. */
struct evhttp_bound_socket;
/** A connection, of a server or a client. */
struct evhttp_connection;
/** A request and its answer. */
struct evhttp_request;
/** A URI, parsed. */
struct evhttp_uri;

/* Statuses */
#define HTTP_OK 200
#define HTTP_NOCONTENT 204
#define HTTP_MOVEPERM 301
#define HTTP_MOVETEMP 302
#define HTTP_NOTMODIFIED 304
#define HTTP_BADREQUEST 400
#define HTTP_NOTFOUND 404
#define HTTP_BADMETHOD 405
#define HTTP_ENTITYTOOLARGE 413
#define HTTP_EXPECTATIONFAILED 417
#define HTTP_INTERNAL 500
#define HTTP_NOTIMPLEMENTED 501
#define HTTP_SERVUNAVAIL 503

/*
 * The numbers of what 2.1 has are those of its header. Those of what 2.2 added could be checked against no document: what is compiled
 * with this header is right, what was compiled with a 2.2 may mean another flag.
 */

/** Server: a body that is too long is read to its end before that is told, so that the client reads the answer. */
#define EVHTTP_SERVER_LINGERING_CLOSE 0x0001

/** Client: connects again to the address that was reached, without another look-up. */
#define EVHTTP_CON_REUSE_CONNECTED_ADDR 0x0008
/** Client: an answer is read although writing failed. Always so here. */
#define EVHTTP_CON_READ_ON_WRITE_ERROR 0x0010
/** As EVHTTP_SERVER_LINGERING_CLOSE, of one connection. */
#define EVHTTP_CON_LINGERING_CLOSE 0x0020
/** No public flag is this or above. */
#define EVHTTP_CON_PUBLIC_FLAGS_END 0x100000

/** URIs: any character in path, query and fragment. */
#define EVHTTP_URI_NONCONFORMANT 0x01
/** URIs: an IPv6 address is kept without its brackets (libevent 2.2). */
#define EVHTTP_URI_HOST_STRIP_BRACKETS 0x04
/** URIs: http://unix:/path/of/a/socket:/path (libevent 2.2). */
#define EVHTTP_URI_UNIX_SOCKET 0x08

/** Queries: fields without a key are passed over, and those without `=' have an empty value (libevent 2.2). */
#define EVHTTP_URI_QUERY_NONCONFORMANT 0x01
/** Queries: of fields with one key, the last stays (libevent 2.2). */
#define EVHTTP_URI_QUERY_LAST 0x02

/** Methods. */
enum evhttp_cmd_type {
	EVHTTP_REQ_GET = 1 << 0,
	EVHTTP_REQ_POST = 1 << 1,
	EVHTTP_REQ_HEAD = 1 << 2,
	EVHTTP_REQ_PUT = 1 << 3,
	EVHTTP_REQ_DELETE = 1 << 4,
	EVHTTP_REQ_OPTIONS = 1 << 5,
	EVHTTP_REQ_TRACE = 1 << 6,
	EVHTTP_REQ_CONNECT = 1 << 7,
	EVHTTP_REQ_PATCH = 1 << 8,
	/* libevent 2.2; the next bits, unchecked */
	EVHTTP_REQ_PROPFIND = 1 << 9,
	EVHTTP_REQ_PROPPATCH = 1 << 10,
	EVHTTP_REQ_MKCOL = 1 << 11,
	EVHTTP_REQ_LOCK = 1 << 12,
	EVHTTP_REQ_UNLOCK = 1 << 13,
	EVHTTP_REQ_COPY = 1 << 14,
	EVHTTP_REQ_MOVE = 1 << 15
};

/** Whether a request object holds a request or an answer. */
enum evhttp_request_kind { EVHTTP_REQUEST, EVHTTP_RESPONSE };

/** Why a client's request failed. */
enum evhttp_request_error {
	EVREQ_HTTP_TIMEOUT,	   /**< a time-out */
	EVREQ_HTTP_EOF,		   /**< the connection ended */
	EVREQ_HTTP_INVALID_HEADER, /**< what came is no answer */
	EVREQ_HTTP_BUFFER_ERROR,   /**< reading or writing failed */
	EVREQ_HTTP_REQUEST_CANCEL, /**< evhttp_cancel_request() */
	EVREQ_HTTP_DATA_TOO_LONG   /**< the body exceeds the limit */
};

/** The method may have a body (libevent 2.2). */
#define EVHTTP_METHOD_HAS_BODY 0x0001

/** A method that only the program knows: its name or its number is given, the other is wanted (libevent 2.2). */
struct evhttp_ext_method {
	const char *method;
	ev_uint32_t type;
	ev_uint16_t flags;
};
/** Fills in what is missing; 0 if it knows the method (libevent 2.2). */
typedef int (*evhttp_ext_method_cb)(struct evhttp_ext_method *);

/* Servers */

/** A new server. */
EVENT2_EXPORT_SYMBOL
struct evhttp *evhttp_new(struct event_base *base);

/** Listens on an address; -1 where that fails. */
EVENT2_EXPORT_SYMBOL
int evhttp_bind_socket(struct evhttp *http, const char *address, ev_uint16_t port);

/** Listens on an address; a handle, or null. */
EVENT2_EXPORT_SYMBOL
struct evhttp_bound_socket *evhttp_bind_socket_with_handle(struct evhttp *http,
    const char *address, ev_uint16_t port);

/** Accepts from a socket that listens; -1 where that fails. */
EVENT2_EXPORT_SYMBOL
int evhttp_accept_socket(struct evhttp *http, evutil_socket_t fd);

/** Accepts from a socket that listens; a handle, or null. */
EVENT2_EXPORT_SYMBOL
struct evhttp_bound_socket *evhttp_accept_socket_with_handle(struct evhttp *http,
    evutil_socket_t fd);

/** Accepts from a listener, which belongs to the server from now on. */
EVENT2_EXPORT_SYMBOL
struct evhttp_bound_socket *evhttp_bind_listener(struct evhttp *http,
    struct evconnlistener *listener);

/** The listener of a socket. */
EVENT2_EXPORT_SYMBOL
struct evconnlistener *evhttp_bound_socket_get_listener(struct evhttp_bound_socket *bound);

/** Sees one socket of a server. */
typedef void evhttp_bound_socket_foreach_fn(struct evhttp_bound_socket *, void *);

/** Calls a function for each socket. */
EVENT2_EXPORT_SYMBOL
void evhttp_foreach_bound_socket(struct evhttp *http, evhttp_bound_socket_foreach_fn *function,
    void *argument);

/** Stops accepting from a socket, and frees it and its listener. */
EVENT2_EXPORT_SYMBOL
void evhttp_del_accept_socket(struct evhttp *http, struct evhttp_bound_socket *bound_socket);

/** The descriptor of a socket. */
EVENT2_EXPORT_SYMBOL
evutil_socket_t evhttp_bound_socket_get_fd(struct evhttp_bound_socket *bound_socket);

/** Frees a server with its sockets, connections and virtual hosts. */
EVENT2_EXPORT_SYMBOL
void evhttp_free(struct evhttp* http);

/** The longest head; negative: no limit but the usual one. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_max_headers_size(struct evhttp* http, ev_ssize_t max_headers_size);

/** The longest body; negative: no limit. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_max_body_size(struct evhttp* http, ev_ssize_t max_body_size);

/** Sets the default content type; null: none. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_default_content_type(struct evhttp *http, const char *content_type);

/** Sets the methods that requests may have: a sum of EVHTTP_REQ_*. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_allowed_methods(struct evhttp* http, ev_uint16_t methods);

/** Sets the callback of a path: -1 where it has one. */
EVENT2_EXPORT_SYMBOL
int evhttp_set_cb(struct evhttp *http, const char *path,
    void (*cb)(struct evhttp_request *, void *), void *cb_arg);

/** Removes the callback of a path: -1 where it has none. */
EVENT2_EXPORT_SYMBOL
int evhttp_del_cb(struct evhttp *, const char *);

/** Sets who gets what no path's callback gets. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_gencb(struct evhttp *http, void (*cb)(struct evhttp_request *, void *), void *arg);

/** Sets what makes the bufferevents of connections. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_bevcb(struct evhttp *http, struct bufferevent *(*cb)(struct event_base *, void *),
    void *arg);

/** Adds a virtual host: -1 where it is one already, or has sockets. */
EVENT2_EXPORT_SYMBOL
int evhttp_add_virtual_host(struct evhttp* http, const char *pattern, struct evhttp* vhost);

/** Removes a virtual host, which is the program's again. */
EVENT2_EXPORT_SYMBOL
int evhttp_remove_virtual_host(struct evhttp* http, struct evhttp* vhost);

/** Adds a name that a server or virtual host answers to. */
EVENT2_EXPORT_SYMBOL
int evhttp_add_server_alias(struct evhttp *http, const char *alias);

/** Removes such a name. */
EVENT2_EXPORT_SYMBOL
int evhttp_remove_server_alias(struct evhttp *http, const char *alias);

/** Sets the time-out of new connections in seconds; negative: the usual one. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_timeout(struct evhttp *http, int timeout_in_secs);

/** Sets the time-outs of new connections; null: the usual ones. */
EVENT2_EXPORT_SYMBOL
void evhttp_set_timeout_tv(struct evhttp *http, const struct timeval* tv);

/** Sets flags; 1 where one of them is unknown. */
EVENT2_EXPORT_SYMBOL
int evhttp_set_flags(struct evhttp *http, int flags);

/** Sets what makes the bufferevents of one socket's connections (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_bound_set_bevcb(struct evhttp_bound_socket *bound,
    struct bufferevent *(*cb)(struct event_base *, void *), void *arg);

/** Sets who sees each new request (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_set_newreqcb(struct evhttp *http, int (*cb)(struct evhttp_request *, void *), void *arg);

/** Sets who writes the pages of errors (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_set_errorcb(struct evhttp *http,
    int (*cb)(struct evhttp_request *req, struct evbuffer *buffer, int error, const char *reason, void *cbarg),
    void *cbarg);

/** Sets who knows further methods (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_set_ext_method_cmp(struct evhttp *http, evhttp_ext_method_cb cmp);

/** The most connections at once; 0: any number (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
int evhttp_set_max_connections(struct evhttp *http, int max_connections);

/** How many connections there are (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
int evhttp_get_connection_count(struct evhttp *http);

/** Sets the time-out of reading of new connections (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_set_read_timeout_tv(struct evhttp *http, const struct timeval *tv);

/** Sets the time-out of writing of new connections (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_set_write_timeout_tv(struct evhttp *http, const struct timeval *tv);

/* Answers */

/** Sends an error with a page. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_error(struct evhttp_request *req, int error, const char *reason);

/** Answers a request; databuf is empty afterwards. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_reply(struct evhttp_request *req, int code, const char *reason,
    struct evbuffer *databuf);

/** Begins an answer whose body comes in pieces. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_reply_start(struct evhttp_request *req, int code, const char *reason);

/** Sends a piece of the body; databuf is empty afterwards. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_reply_chunk(struct evhttp_request *req, struct evbuffer *databuf);

/** As evhttp_send_reply_chunk, and calls cb once the piece has left. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_reply_chunk_with_cb(struct evhttp_request *, struct evbuffer *,
    void (*cb)(struct evhttp_connection *, void *), void *arg);

/** Ends an answer whose body came in pieces. */
EVENT2_EXPORT_SYMBOL
void evhttp_send_reply_end(struct evhttp_request *req);

/* Connections of clients and servers */

/** A client's connection to a host, over a bufferevent or one of its own. */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evhttp_connection_base_bufferevent_new(struct event_base *base,
    struct evdns_base *dnsbase, struct bufferevent* bev, const char *address, ev_uint16_t port);

/** The bufferevent. */
EVENT2_EXPORT_SYMBOL
struct bufferevent*evhttp_connection_get_bufferevent(struct evhttp_connection *evcon);

/** The server that accepted it, or null. */
EVENT2_EXPORT_SYMBOL
struct evhttp *evhttp_connection_get_server(struct evhttp_connection *evcon);

/** A client's connection to a host. */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evhttp_connection_base_new(struct event_base *base,
    struct evdns_base *dnsbase, const char *address, ev_uint16_t port);

/** Sets the address family of look-ups. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_family(struct evhttp_connection *evcon, int family);

/** Sets public flags; 1 where one of them is unknown. */
EVENT2_EXPORT_SYMBOL
int evhttp_connection_set_flags(struct evhttp_connection *evcon, int flags);

/** The base. */
EVENT2_EXPORT_SYMBOL
struct event_base *evhttp_connection_get_base(struct evhttp_connection *req);

/** The longest head; negative: no limit but the usual one. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_max_headers_size(struct evhttp_connection *evcon,
    ev_ssize_t new_max_headers_size);

/** The longest body; negative: no limit. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_max_body_size(struct evhttp_connection* evcon,
    ev_ssize_t new_max_body_size);

/** Frees a connection, with its requests. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_free(struct evhttp_connection *evcon);

/** Frees the connection with its last request. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_free_on_completion(struct evhttp_connection *evcon);

/** Sets the address that connections are made from; null for any. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_local_address(struct evhttp_connection *evcon, const char *address);

/** Sets the port that connections are made from; 0 for any. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_local_port(struct evhttp_connection *evcon, ev_uint16_t port);

/** Sets the time-out in seconds; -1 for the usual ones. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_timeout(struct evhttp_connection *evcon, int timeout_in_secs);

/** Sets the time-outs; null for the usual ones. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_timeout_tv(struct evhttp_connection *evcon, const struct timeval *tv);

/** Sets the delay before the first repetition; each further one waits twice as long. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_initial_retry_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);

/** Sets how often connecting is tried again; -1: for ever. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_retries(struct evhttp_connection *evcon, int retry_max);

/** Sets who is told when it closes. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_closecb(struct evhttp_connection *evcon,
    void (*)(struct evhttp_connection *, void *), void *);

/** The peer's address and port. */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_get_peer(struct evhttp_connection *evcon, char **address, ev_uint16_t *port);

/** The peer's socket address; null where it is not connected. Good until the next call. */
EVENT2_EXPORT_SYMBOL
const struct sockaddr*evhttp_connection_get_addr(struct evhttp_connection *evcon);

/** A client's connection to a local socket (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evhttp_connection_base_bufferevent_unix_new(struct event_base *base,
    struct bufferevent *bev, const char *path);

/** A client's connection over a bufferevent that is connected (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evhttp_connection_base_bufferevent_reuse_new(struct event_base *base,
    struct evdns_base *dnsbase, struct bufferevent *bev);

/** Sets who knows further methods (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_ext_method_cmp(struct evhttp_connection *evcon, evhttp_ext_method_cb cmp);

/** Sets the time-out of connecting; null for the usual one (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_connect_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);

/** Sets the time-out of reading; null for the usual one (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_read_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);

/** Sets the time-out of writing; null for the usual one (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
void evhttp_connection_set_write_timeout_tv(struct evhttp_connection *evcon,
    const struct timeval *tv);

/* Requests */

/** A new request. */
EVENT2_EXPORT_SYMBOL
struct evhttp_request *evhttp_request_new( void (*cb)(struct evhttp_request *, void *), void *arg);

/** Sets who gets the body piece by piece. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_set_chunked_cb(struct evhttp_request *,
    void (*cb)(struct evhttp_request *, void *));

/** Sets who sees the head when it has come. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_set_header_cb(struct evhttp_request *,
    int (*cb)(struct evhttp_request *, void *));

/** Sets who is told of errors. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_set_error_cb(struct evhttp_request *,
    void (*)(enum evhttp_request_error, void *));

/** Sets who is told when the answer has left. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_set_on_complete_cb(struct evhttp_request *req,
    void (*cb)(struct evhttp_request *, void *), void *cb_arg);

/** Frees a request. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_free(struct evhttp_request *req);

/** Makes a request the program's: it is freed by the program alone. */
EVENT2_EXPORT_SYMBOL
void evhttp_request_own(struct evhttp_request *req);

/** Whether the program owns it. */
EVENT2_EXPORT_SYMBOL
int evhttp_request_is_owned(struct evhttp_request *req);

/** The connection, or null. */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evhttp_request_get_connection(struct evhttp_request *req);

/** Sends a request, now or after those before it. On failure it is freed. */
EVENT2_EXPORT_SYMBOL
int evhttp_make_request(struct evhttp_connection *evcon, struct evhttp_request *req,
    enum evhttp_cmd_type type, const char *uri);

/** Cancels a request: its callback does not run. */
EVENT2_EXPORT_SYMBOL
void evhttp_cancel_request(struct evhttp_request *req);

/** The request target. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_request_get_uri(const struct evhttp_request *req);

/** The request target, parsed. */
EVENT2_EXPORT_SYMBOL
const struct evhttp_uri *evhttp_request_get_evhttp_uri(const struct evhttp_request *req);

/** The method. */
EVENT2_EXPORT_SYMBOL
enum evhttp_cmd_type evhttp_request_get_command(const struct evhttp_request *req);

/** The status. */
EVENT2_EXPORT_SYMBOL
int evhttp_request_get_response_code(const struct evhttp_request *req);

/** The reason phrase. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_request_get_response_code_line(const struct evhttp_request *req);

/** The headers that came. */
EVENT2_EXPORT_SYMBOL
struct evkeyvalq *evhttp_request_get_input_headers(struct evhttp_request *req);

/** The headers to be sent. */
EVENT2_EXPORT_SYMBOL
struct evkeyvalq *evhttp_request_get_output_headers(struct evhttp_request *req);

/** The body that came. */
EVENT2_EXPORT_SYMBOL
struct evbuffer *evhttp_request_get_input_buffer(struct evhttp_request *req);

/** The body to be sent. */
EVENT2_EXPORT_SYMBOL
struct evbuffer *evhttp_request_get_output_buffer(struct evhttp_request *req);

/**
 * The host that is asked for, without a port: of an absolute target, or of Host. Null where there is
 * none.
 */
EVENT2_EXPORT_SYMBOL
const char *evhttp_request_get_host(struct evhttp_request *req);

/* Headers */

/** The value of the first header of a name, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_find_header(const struct evkeyvalq *headers, const char *key);

/** Removes the first header of a name; -1 where there is none. */
EVENT2_EXPORT_SYMBOL
int evhttp_remove_header(struct evkeyvalq *headers, const char *key);

/** Appends a header; -1 where a line break stands in it. */
EVENT2_EXPORT_SYMBOL
int evhttp_add_header(struct evkeyvalq *headers, const char *key, const char *value);

/** Removes all headers. */
EVENT2_EXPORT_SYMBOL
void evhttp_clear_headers(struct evkeyvalq *headers);

/* Text */

/** Encodes for a URI. */
EVENT2_EXPORT_SYMBOL
char *evhttp_encode_uri(const char *str);

/** Encodes len bytes for a URI, or a string where that is negative. */
EVENT2_EXPORT_SYMBOL
char *evhttp_uriencode(const char *str, ev_ssize_t size, int space_to_plus);

/** Decodes, plus signs after the first question mark included. */
EVENT2_EXPORT_SYMBOL
char *evhttp_decode_uri(const char *uri);

/** Decodes; len gets the length, since a NUL may stand inside. */
EVENT2_EXPORT_SYMBOL
char *evhttp_uridecode(const char *uri, int decode_plus, size_t *size_out);

/** The fields of a URI's query. */
EVENT2_EXPORT_SYMBOL
int evhttp_parse_query(const char *uri, struct evkeyvalq *headers);

/** The fields of a query string. */
EVENT2_EXPORT_SYMBOL
int evhttp_parse_query_str(const char *uri, struct evkeyvalq *headers);

/** Escapes for HTML. */
EVENT2_EXPORT_SYMBOL
char *evhttp_htmlescape(const char *html);

/** The fields of a query string, as EVHTTP_URI_QUERY_* say (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
int evhttp_parse_query_str_flags(const char *query, struct evkeyvalq *headers, unsigned flags);

/* URIs */

/** A new URI with nothing set. */
EVENT2_EXPORT_SYMBOL
struct evhttp_uri *evhttp_uri_new(void);

/** Changes the EVHTTP_URI_* flags. */
EVENT2_EXPORT_SYMBOL
void evhttp_uri_set_flags(struct evhttp_uri *uri, unsigned flags);

/** The scheme, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_scheme(const struct evhttp_uri *uri);

/** The user information, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_userinfo(const struct evhttp_uri *uri);

/** The host, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_host(const struct evhttp_uri *uri);

/** The port, or -1. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_get_port(const struct evhttp_uri *uri);

/** The path. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_path(const struct evhttp_uri *uri);

/** The query, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_query(const struct evhttp_uri *uri);

/** The fragment, or null. */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_fragment(const struct evhttp_uri *uri);

/** Sets the scheme; null clears it. -1 where it is not well-formed. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_scheme(struct evhttp_uri *uri, const char *scheme);

/** Sets the user information; null clears it. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_userinfo(struct evhttp_uri *uri, const char *userinfo);

/** Sets the host; null clears it. -1 where it is not well-formed. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_host(struct evhttp_uri *uri, const char *host);

/** Sets the port; -1 clears it. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_port(struct evhttp_uri *uri, int port);

/** Sets the path; null clears it. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_path(struct evhttp_uri *uri, const char *path);

/** Sets the query; null clears it. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_query(struct evhttp_uri *uri, const char *query);

/** Sets the fragment; null clears it. */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_fragment(struct evhttp_uri *uri, const char *fragment);

/** Parses a URI-Reference. */
EVENT2_EXPORT_SYMBOL
struct evhttp_uri *evhttp_uri_parse_with_flags(const char *source_uri, unsigned flags);

/** Parses a URI-Reference, strictly. */
EVENT2_EXPORT_SYMBOL
struct evhttp_uri *evhttp_uri_parse(const char *source_uri);

/** Frees a URI. */
EVENT2_EXPORT_SYMBOL
void evhttp_uri_free(struct evhttp_uri *uri);

/** Puts a URI together in buf; null where it does not fit, or where a host has a relative path. */
EVENT2_EXPORT_SYMBOL
char *evhttp_uri_join(struct evhttp_uri *uri, char *buf, size_t limit);

/** The path of a local socket, or null (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
const char *evhttp_uri_get_unixsocket(const struct evhttp_uri *uri);

/** Sets the path of a local socket; null clears it (libevent 2.2). */
EVENT2_EXPORT_SYMBOL
int evhttp_uri_set_unixsocket(struct evhttp_uri *uri, const char *unixsocket);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_HTTP_H_INCLUDED_ */
