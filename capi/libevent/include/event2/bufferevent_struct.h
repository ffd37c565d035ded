/*
 * event2/bufferevent_struct.h: the layout of struct bufferevent, for programs written when it was public.
 *
 * The layout is fixed. Use the functions of <event2/bufferevent.h>; what is written to the fields has no effect that can
 * be relied on.
 */
#ifndef EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

#include <sys/time.h>
#include <sys/types.h>

#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <event2/util.h>

struct bufferevent_ops;

/** The marks of one direction. */
struct event_watermark {
	size_t low;
	size_t high;
};

/** The part of a bufferevent that programs may see. */
struct bufferevent {
	struct event_base *ev_base;
	const struct bufferevent_ops *be_ops; /**< tells the kinds apart */

	struct event ev_read;  /**< waits for bytes to read */
	struct event ev_write; /**< waits for room to write */

	struct evbuffer *input;
	struct evbuffer *output;

	struct event_watermark wm_read;
	struct event_watermark wm_write;

	bufferevent_data_cb readcb;
	bufferevent_data_cb writecb;
	bufferevent_event_cb errorcb;
	void *cbarg;

	struct timeval timeout_read;
	struct timeval timeout_write;

	short enabled; /**< EV_READ, EV_WRITE */
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_ */
