/*
 * event2/rpc_struct.h: the structs of event2/rpc.h that programs see.
 */
#ifndef EVENT2_RPC_STRUCT_H_INCLUDED_
#define EVENT2_RPC_STRUCT_H_INCLUDED_

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TAILQ_ENTRY
#define EVENT_DEFINED_TQENTRY_
#define TAILQ_ENTRY(type) \
	struct { \
		struct type *tqe_next; \
		struct type **tqe_prev; \
	}
#endif

struct evbuffer;
struct evhttp_request;
struct evrpc_base;
struct evrpc_req_generic;

/** No failure. */
#define EVRPC_STATUS_ERR_NONE 0
/** No answer in time, or no connection. */
#define EVRPC_STATUS_ERR_TIMEOUT 1
/** The answer is no reply. */
#define EVRPC_STATUS_ERR_BADPAYLOAD 2
/** The request could not be sent. */
#define EVRPC_STATUS_ERR_UNSTARTED 3
/** A hook ended it. */
#define EVRPC_STATUS_ERR_HOOKABORTED 4

/** How a request went. */
struct evrpc_status {
	/** One of EVRPC_STATUS_ERR_*. */
	int error;
	/** The request with its answer, or NULL where there was none. */
	struct evhttp_request *http_req;
};

/** A command that a server offers. */
struct evrpc {
	TAILQ_ENTRY(evrpc) next;
	/** Its name. */
	const char *uri;
	/* How a request is made, freed and read. */
	void *(*request_new)(void *);
	void *request_new_arg;
	void (*request_free)(void *);
	int (*request_unmarshal)(void *, struct evbuffer *);
	/* How a reply is made, freed, checked and written. */
	void *(*reply_new)(void *);
	void *reply_new_arg;
	void (*reply_free)(void *);
	int (*reply_complete)(void *);
	void (*reply_marshal)(struct evbuffer *, void *);
	/** Called for each request. */
	void (*cb)(struct evrpc_req_generic *, void *);
	void *cb_arg;
	struct evrpc_base *base;
};

#ifdef EVENT_DEFINED_TQENTRY_
#undef TAILQ_ENTRY
#endif

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_RPC_STRUCT_H_INCLUDED_ */
