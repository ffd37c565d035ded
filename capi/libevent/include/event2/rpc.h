/*
 * event2/rpc.h: calls of remote functions over HTTP, their messages from the code that event_rpcgen writes.
 *
 * A server: EVRPC_HEADER and EVRPC_GENERATE once for each command, evrpc_init(), EVRPC_REGISTER(); the callback fills in
 * the reply and calls EVRPC_REQUEST_DONE(). A client: evrpc_pool_new(), evrpc_pool_add_connection(), EVRPC_MAKE_REQUEST().
 */
#ifndef EVENT2_RPC_H_INCLUDED_
#define EVENT2_RPC_H_INCLUDED_

#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;
struct event_base;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;
struct evrpc;
struct evrpc_base;
struct evrpc_hook_meta;
struct evrpc_pool;
struct evrpc_req_generic;
struct evrpc_request_wrapper;
struct evrpc_status;

/* Members of messages. */

/** 1 where the member is set. */
#define EVTAG_HAS(msg, member) ((msg)->member##_set == 1)

#ifndef EVENT2_RPC_COMPAT_H_INCLUDED_
/** Sets a member; 0, or -1. */
#define EVTAG_ASSIGN(msg, member, value) (*(msg)->base->member##_assign)((msg), (value))
/** Sets a member that is bytes; 0, or -1. */
#define EVTAG_ASSIGN_WITH_LEN(msg, member, value, len) (*(msg)->base->member##_assign)((msg), (value), (len))
/** Reads a member; 0, or -1 where it is not set. */
#define EVTAG_GET(msg, member, pvalue) (*(msg)->base->member##_get)((msg), (pvalue))
/** Reads a member that is bytes; 0, or -1 where it is not set. */
#define EVTAG_GET_WITH_LEN(msg, member, pvalue, plen) (*(msg)->base->member##_get)((msg), (pvalue), (plen))
#endif

/** Appends a value to an array. */
#define EVTAG_ARRAY_ADD_VALUE(msg, member, value) (*(msg)->base->member##_add)((msg), (value))
/** Appends an empty element to an array and gives it. */
#define EVTAG_ARRAY_ADD(msg, member) (*(msg)->base->member##_add)(msg)
/** Reads the element at an index; 0, or -1. */
#define EVTAG_ARRAY_GET(msg, member, offset, pvalue) (*(msg)->base->member##_get)((msg), (offset), (pvalue))
/** How many elements an array has. */
#define EVTAG_ARRAY_LEN(msg, member) ((msg)->member##_length)

/* Commands. */

/** The struct that a server's callback takes. */
#define EVRPC_STRUCT(rpcname) struct evrpc_req__##rpcname

/** Declares a command: its struct, and the function that sends it. */
#define EVRPC_HEADER(rpcname, reqstruct, rplystruct) \
	EVRPC_STRUCT(rpcname) { \
		struct evrpc_hook_meta *hook_meta; \
		struct reqstruct *request; \
		struct rplystruct *reply; \
		struct evrpc *rpc; \
		struct evhttp_request *http_req; \
		struct evbuffer *rpc_data; \
	}; \
	EVENT2_EXPORT_SYMBOL \
	int evrpc_send_request_##rpcname(struct evrpc_pool *, struct reqstruct *, struct rplystruct *, \
	    void (*)(struct evrpc_status *, struct reqstruct *, struct rplystruct *, void *cbarg), void *);

/** Defines what EVRPC_HEADER declares. */
#define EVRPC_GENERATE(rpcname, reqstruct, rplystruct) \
	int evrpc_send_request_##rpcname(struct evrpc_pool *pool, struct reqstruct *request, struct rplystruct *reply, \
	    void (*cb)(struct evrpc_status *, struct reqstruct *, struct rplystruct *, void *cbarg), void *cbarg) \
	{ \
		return evrpc_send_request_generic(pool, request, reply, \
		    (void (*)(struct evrpc_status *, void *, void *, void *))cb, cbarg, #rpcname, \
		    (void (*)(struct evbuffer *, void *))reqstruct##_marshal, (void (*)(void *))rplystruct##_clear, \
		    (int (*)(void *, struct evbuffer *))rplystruct##_unmarshal); \
	}

/** A request ready for evrpc_make_request(). */
#define EVRPC_MAKE_CTX(rpcname, reqstruct, rplystruct, pool, request, reply, cb, cbarg) \
	evrpc_make_request_ctx(pool, request, reply, #rpcname, (void (*)(struct evbuffer *, void *))reqstruct##_marshal, \
	    (void (*)(void *))rplystruct##_clear, (int (*)(void *, struct evbuffer *))rplystruct##_unmarshal, \
	    (void (*)(struct evrpc_status *, void *, void *, void *))cb, cbarg)

/** What EVRPC_MAKE_CTX calls; NULL without memory. The name is copied. */
EVENT2_EXPORT_SYMBOL
struct evrpc_request_wrapper *evrpc_make_request_ctx(struct evrpc_pool *pool, void *request, void *reply,
    const char *rpcname, void (*req_marshal)(struct evbuffer *, void *), void (*rpl_clear)(void *),
    int (*rpl_unmarshal)(void *, struct evbuffer *), void (*cb)(struct evrpc_status *, void *, void *, void *),
    void *cbarg);

/* Servers. */

/** The HTTP request below a request of a command. */
#define EVRPC_REQUEST_HTTP(rpc_req) (rpc_req)->http_req

/** Sends the reply, or an error where it is not complete; request and reply are freed. */
EVENT2_EXPORT_SYMBOL
void evrpc_request_done(struct evrpc_req_generic *req);

/** The request's message. */
EVENT2_EXPORT_SYMBOL
void *evrpc_get_request(struct evrpc_req_generic *req);
/** The reply's message. */
EVENT2_EXPORT_SYMBOL
void *evrpc_get_reply(struct evrpc_req_generic *req);

/** evrpc_request_done() for the struct of a command. */
#define EVRPC_REQUEST_DONE(rpc_req) \
	do { \
		struct evrpc_req_generic *req_ = (struct evrpc_req_generic *)(rpc_req); \
		evrpc_request_done(req_); \
	} while (0)

/** Commands on an HTTP server; NULL without memory. */
EVENT2_EXPORT_SYMBOL
struct evrpc_base *evrpc_init(struct evhttp *server);

/** Unregisters every command and frees the base; before the server is freed. */
EVENT2_EXPORT_SYMBOL
void evrpc_free(struct evrpc_base *base);

/** Offers a command under its name. */
#define EVRPC_REGISTER(base, name, request, reply, callback, cbarg) \
	evrpc_register_generic(base, #name, (void (*)(struct evrpc_req_generic *, void *))callback, cbarg, \
	    (void *(*)(void *))request##_new_with_arg, NULL, (void (*)(void *))request##_free, \
	    (int (*)(void *, struct evbuffer *))request##_unmarshal, \
	    (void *(*)(void *))reply##_new_with_arg, NULL, (void (*)(void *))reply##_free, \
	    (int (*)(void *))reply##_complete, (void (*)(struct evbuffer *, void *))reply##_marshal)

/** Offers a command that the caller filled in; it and its name come from malloc() and belong to the base. */
EVENT2_EXPORT_SYMBOL
int evrpc_register_rpc(struct evrpc_base *, struct evrpc *, void (*)(struct evrpc_req_generic *, void *), void *);

/** What EVRPC_REGISTER calls; 0, or -1. */
EVENT2_EXPORT_SYMBOL
int evrpc_register_generic(struct evrpc_base *base, const char *name,
    void (*callback)(struct evrpc_req_generic *, void *), void *cbarg, void *(*req_new)(void *), void *req_new_arg,
    void (*req_free)(void *), int (*req_unmarshal)(void *, struct evbuffer *), void *(*rpl_new)(void *),
    void *rpl_new_arg, void (*rpl_free)(void *), int (*rpl_complete)(void *),
    void (*rpl_marshal)(struct evbuffer *, void *));

/** evrpc_unregister_rpc() for a name without quotes. */
#define EVRPC_UNREGISTER(base, name) evrpc_unregister_rpc((base), #name)

/** Withdraws a command; -1 where there is none of this name. */
EVENT2_EXPORT_SYMBOL
int evrpc_unregister_rpc(struct evrpc_base *base, const char *name);

/* Clients. */

/** Sends a command; 0, or -1. */
#define EVRPC_MAKE_REQUEST(name, pool, request, reply, cb, cbarg) \
	evrpc_send_request_##name((pool), (request), (reply), (cb), (cbarg))

/** Queues a request until a connection is free; 0, or -1. */
EVENT2_EXPORT_SYMBOL
int evrpc_make_request(struct evrpc_request_wrapper *ctx);

/** What EVRPC_MAKE_REQUEST comes to. */
EVENT2_EXPORT_SYMBOL
int evrpc_send_request_generic(struct evrpc_pool *pool, void *request, void *reply,
    void (*cb)(struct evrpc_status *, void *, void *, void *), void *cb_arg, const char *rpcname,
    void (*req_marshal)(struct evbuffer *, void *), void (*rpl_clear)(void *),
    int (*rpl_unmarshal)(void *, struct evbuffer *));

/** A pool of connections; NULL without memory. */
EVENT2_EXPORT_SYMBOL
struct evrpc_pool *evrpc_pool_new(struct event_base *base);
/** Frees a pool, its connections, and its requests without a call. */
EVENT2_EXPORT_SYMBOL
void evrpc_pool_free(struct evrpc_pool *pool);
/** Gives the pool a new connection. */
EVENT2_EXPORT_SYMBOL
void evrpc_pool_add_connection(struct evrpc_pool *pool, struct evhttp_connection *evcon);
/** Takes a connection back from the pool. */
EVENT2_EXPORT_SYMBOL
void evrpc_pool_remove_connection(struct evrpc_pool *pool, struct evhttp_connection *evcon);
/** Seconds after which a request fails; 0 for never. Holds for the connections that are there, and for those to come that have none. */
EVENT2_EXPORT_SYMBOL
void evrpc_pool_set_timeout(struct evrpc_pool *pool, int timeout_in_secs);

/* Hooks. */

/** Which way a hook looks. */
enum EVRPC_HOOK_TYPE {
	EVRPC_INPUT, /**< at what comes in */
	EVRPC_OUTPUT /**< at what goes out */
};

#ifndef _WIN32
/** Older names. */
#define INPUT EVRPC_INPUT
#define OUTPUT EVRPC_OUTPUT
#endif

/** What a hook says. */
enum EVRPC_HOOK_RESULT {
	EVRPC_TERMINATE = -1, /**< the request fails */
	EVRPC_CONTINUE = 0,   /**< the request goes on */
	EVRPC_PAUSE = 1       /**< the request waits for evrpc_resume_request() */
};

/** Adds a hook to a base or pool; a handle for evrpc_remove_hook(), or NULL. */
EVENT2_EXPORT_SYMBOL
void *evrpc_add_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type,
    int (*cb)(void *, struct evhttp_request *, struct evbuffer *, void *), void *cb_arg);
/** Removes a hook; 1, or 0 where there is none. */
EVENT2_EXPORT_SYMBOL
int evrpc_remove_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type, void *handle);
/** Goes on with a request that a hook paused; 0, or -1 where it is not paused. */
EVENT2_EXPORT_SYMBOL
int evrpc_resume_request(void *vbase, void *ctx, enum EVRPC_HOOK_RESULT res);

/** Keeps a copy of data under a key, for later hooks of this request. */
EVENT2_EXPORT_SYMBOL
void evrpc_hook_add_meta(void *ctx, const char *key, const void *data, size_t data_size);
/** Finds what evrpc_hook_add_meta() kept; 0, or -1. */
EVENT2_EXPORT_SYMBOL
int evrpc_hook_find_meta(void *ctx, const char *key, void **data, size_t *data_size);
/** The connection of a hook's request, or NULL. */
EVENT2_EXPORT_SYMBOL
struct evhttp_connection *evrpc_hook_get_connection(void *ctx);

/* Parts of a request that is not sent yet. */

/** Its pool. */
EVENT2_EXPORT_SYMBOL
struct evrpc_pool *evrpc_request_get_pool(struct evrpc_request_wrapper *ctx);
/** Replaces its pool. */
EVENT2_EXPORT_SYMBOL
void evrpc_request_set_pool(struct evrpc_request_wrapper *ctx, struct evrpc_pool *pool);
/** Replaces its callback. */
EVENT2_EXPORT_SYMBOL
void evrpc_request_set_cb(struct evrpc_request_wrapper *ctx,
    void (*cb)(struct evrpc_status *, void *request, void *reply, void *arg), void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_RPC_H_INCLUDED_ */
