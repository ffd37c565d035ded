/*
 * event2/http_struct.h: the fields of a request.
 */
#ifndef EVENT2_HTTP_STRUCT_H_INCLUDED_
#define EVENT2_HTTP_STRUCT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/http.h>
#include <event2/util.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A request and its answer, on either side. */
struct evhttp_request {
#ifdef TAILQ_ENTRY
	TAILQ_ENTRY(evhttp_request) next; /**< in the queue of its connection */
#else
	struct {
		struct evhttp_request *tqe_next;
		struct evhttp_request **tqe_prev;
	} next;
#endif

	struct evhttp_connection *evcon; /**< NULL once the connection is gone */
	int flags;			 /**< a sum of these */
#define EVHTTP_REQ_OWN_CONNECTION 0x0001 /**< a server's: the connection goes with it */
#define EVHTTP_PROXY_REQUEST 0x0002	 /**< the target is an absolute URI */
#define EVHTTP_USER_OWNED 0x0004	 /**< the program frees it */
#define EVHTTP_REQ_DEFER_FREE 0x0008	 /**< a callback has it: freeing waits */
#define EVHTTP_REQ_NEEDS_FREE 0x0010	 /**< ... and was asked for */

	struct evkeyvalq *input_headers;  /**< those that came */
	struct evkeyvalq *output_headers; /**< those to be sent */

	char *remote_host; /**< the peer's address */
	ev_uint16_t remote_port;

	char *host_cache; /**< for evhttp_request_get_host() */

	enum evhttp_request_kind kind;
	enum evhttp_cmd_type type;

	size_t headers_size; /**< bytes of the head, line ends not counted */
	size_t body_size;    /**< bytes of the body so far */

	char *uri;		      /**< the target as it came */
	struct evhttp_uri *uri_elems; /**< the target, parsed */

	char major; /**< HTTP's version */
	char minor;

	int response_code;	  /**< the status */
	char *response_code_line; /**< the reason phrase */

	struct evbuffer *input_buffer; /**< the body that came */
	ev_int64_t ntoread;	       /**< what is left of an announced body; -1: nothing was announced */
	unsigned chunked : 1,	       /**< the body comes, or goes, in chunks */
	    userdone : 1;	       /**< all of the answer was given */

	struct evbuffer *output_buffer; /**< the body to be sent */

	void (*cb)(struct evhttp_request *, void *); /**< a client's: the answer came, or did not (NULL) */
	void *cb_arg;

	void (*chunk_cb)(struct evhttp_request *, void *);	  /**< a piece of the body came */
	int (*header_cb)(struct evhttp_request *, void *);	  /**< the head came; negative: closes the connection */
	void (*error_cb)(enum evhttp_request_error, void *);	  /**< a client's request failed */
	void (*on_complete_cb)(struct evhttp_request *, void *); /**< a server's answer has left */
	void *on_complete_cb_arg;
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_HTTP_STRUCT_H_INCLUDED_ */
