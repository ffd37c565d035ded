/*
 * event2/bufferevent.h: bufferevent, a stream with a buffer on either side.
 *
 * The library reads into the input buffer and writes from the output buffer; the program gets callbacks when there is
 * something to read, when the output has gone, and when something happened. Kinds: a socket, one half of a pair inside
 * the process, a filter over another bufferevent, TLS (<event2/bufferevent_ssl.h>).
 *
 * A callback may do anything with its bufferevent, also free it. Functions that answer int answer 0 for success and -1
 * for failure where nothing else is said.
 */
#ifndef EVENT2_BUFFEREVENT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

#include <sys/time.h>
#include <sys/types.h>

#include <event2/util.h>

struct event_base;
struct evbuffer;
struct evdns_base;
struct sockaddr;

/* What the event callback is told. */
#define BEV_EVENT_READING 0x01	 /**< it happened while reading */
#define BEV_EVENT_WRITING 0x02	 /**< it happened while writing */
#define BEV_EVENT_EOF 0x10	 /**< the other side has ended */
#define BEV_EVENT_ERROR 0x20	 /**< an error: see EVUTIL_SOCKET_ERROR() */
#define BEV_EVENT_TIMEOUT 0x40	 /**< the timeout is over; that direction is now disabled */
#define BEV_EVENT_CONNECTED 0x80 /**< the connection asked for stands */

/** A buffered stream. The layout is in <event2/bufferevent_struct.h>. */
struct bufferevent;

/** The read or write callback. */
typedef void (*bufferevent_data_cb)(struct bufferevent *bev, void *ctx);

/** The event callback: a set of BEV_EVENT_*. */
typedef void (*bufferevent_event_cb)(struct bufferevent *bev, short what, void *ctx);

/** Options of a new bufferevent. */
enum bufferevent_options {
	BEV_OPT_CLOSE_ON_FREE = (1 << 0),   /**< what is below goes with it: the socket is closed, the underlying freed */
	BEV_OPT_THREADSAFE = (1 << 1),	    /**< several threads may use it; its lock is held in callbacks */
	BEV_OPT_DEFER_CALLBACKS = (1 << 2), /**< callbacks run from the loop, never inside a call of the program */
	BEV_OPT_UNLOCK_CALLBACKS = (1 << 3) /**< its lock is not held in callbacks; needs deferred ones */
};

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/**
 * Makes a bufferevent on a socket, which must be non-blocking.
 * @param fd -1: a socket comes later, by bufferevent_setfd() or a connect call
 * @return NULL where there is no memory
 */
struct bufferevent *bufferevent_socket_new(struct event_base *base, evutil_socket_t fd, int options);

/** Connects; makes a socket where it has none. The event callback tells the outcome. */
int bufferevent_socket_connect(struct bufferevent *bev, const struct sockaddr *addr, int socklen);

/**
 * Looks a name up and connects.
 * @param evdns_base NULL: the look-up blocks
 * @param family AF_INET, AF_INET6 or AF_UNSPEC
 */
int bufferevent_socket_connect_hostname(struct bufferevent *bev, struct evdns_base *evdns_base, int family,
    const char *hostname, int port);

/** bufferevent_socket_connect_hostname() with hints for the look-up (libevent 2.2). */
int bufferevent_socket_connect_hostname_hints(struct bufferevent *bev, struct evdns_base *evdns_base,
    const struct evutil_addrinfo *hints, const char *hostname, int port);

/** The EVUTIL_EAI_* error of the last look-up; 0: none. */
int bufferevent_socket_get_dns_error(struct bufferevent *bev);

/** Gives it another socket. The buffers stay; callbacks for the old one are not called any more. */
int bufferevent_setfd(struct bufferevent *bufev, evutil_socket_t fd);

/** bufferevent_setfd() that first closes the old socket under BEV_OPT_CLOSE_ON_FREE (libevent 2.2). */
int bufferevent_replacefd(struct bufferevent *bufev, evutil_socket_t fd);

/** Its socket, or -1. */
evutil_socket_t bufferevent_getfd(struct bufferevent *bufev);

/* ---- life and callbacks ------------------------------------------------------------------------------------------ */

/** Gives up the program's hold. What is in the output buffer is lost. */
void bufferevent_free(struct bufferevent *bufev);

/** Sets the callbacks (NULL: none) and their argument. */
void bufferevent_setcb(struct bufferevent *bufev, bufferevent_data_cb readcb, bufferevent_data_cb writecb,
    bufferevent_event_cb eventcb, void *cbarg);

/** Asks for them; an output may be NULL. */
void bufferevent_getcb(struct bufferevent *bufev, bufferevent_data_cb *readcb_ptr, bufferevent_data_cb *writecb_ptr,
    bufferevent_event_cb *eventcb_ptr, void **cbarg_ptr);

/** Moves it to another base. For sockets, before they are in use. */
int bufferevent_base_set(struct event_base *base, struct bufferevent *bufev);

/** Its base. */
struct event_base *bufferevent_get_base(struct bufferevent *bev);

/** Sets the priority of its events. */
int bufferevent_priority_set(struct bufferevent *bufev, int pri);

/** That priority. */
int bufferevent_get_priority(const struct bufferevent *bufev);

/** What a filter lies on; NULL for other kinds. */
struct bufferevent *bufferevent_get_underlying(struct bufferevent *bufev);

/** Takes its lock, for several calls in a row. */
void bufferevent_lock(struct bufferevent *bufev);

/** Releases it. */
void bufferevent_unlock(struct bufferevent *bufev);

/** One more hold, to be given up by bufferevent_decref() or bufferevent_free(). */
void bufferevent_incref(struct bufferevent *bufev);

/** Gives up a hold. @return 1 where that was the last one */
int bufferevent_decref(struct bufferevent *bufev);

/* ---- reading and writing ----------------------------------------------------------------------------------------- */

/** Adds a copy to the output. */
int bufferevent_write(struct bufferevent *bufev, const void *data, size_t size);

/** Moves a buffer's bytes to the output. */
int bufferevent_write_buffer(struct bufferevent *bufev, struct evbuffer *buf);

/** Takes bytes from the input. @return how many */
size_t bufferevent_read(struct bufferevent *bufev, void *data, size_t size);

/** Moves the whole input to the end of a buffer. */
int bufferevent_read_buffer(struct bufferevent *bufev, struct evbuffer *buf);

/** The input buffer: drain it, do not add to it. */
struct evbuffer *bufferevent_get_input(struct bufferevent *bufev);

/** The output buffer: add to it, do not drain it. */
struct evbuffer *bufferevent_get_output(struct bufferevent *bufev);

/** Enables EV_READ, EV_WRITE or both. A new one writes but does not read. */
int bufferevent_enable(struct bufferevent *bufev, short event);

/** Disables EV_READ, EV_WRITE or both. */
int bufferevent_disable(struct bufferevent *bufev, short event);

/** What is enabled. */
short bufferevent_get_enabled(struct bufferevent *bufev);

/** Sets how long reading and writing may stand still (NULL: for ever). */
int bufferevent_set_timeouts(struct bufferevent *bufev, const struct timeval *timeout_read,
    const struct timeval *timeout_write);

/**
 * Sets the marks. EV_READ: the read callback waits for `lowmark` bytes, and reading stops at `highmark` (0: never) until
 * the input is drained below it. EV_WRITE: the write callback waits until the output has at most `lowmark`.
 */
void bufferevent_setwatermark(struct bufferevent *bufev, short events, size_t lowmark, size_t highmark);

/** Asks for the marks of EV_READ or EV_WRITE; an output may be NULL. @return 0, or -1 for another set */
int bufferevent_getwatermark(struct bufferevent *bufev, short events, size_t *lowmark, size_t *highmark);

/** How hard bufferevent_flush() tries. */
enum bufferevent_flush_mode {
	BEV_NORMAL = 0,	 /**< as usual */
	BEV_FLUSH = 1,	 /**< everything that there is */
	BEV_FINISHED = 2 /**< and nothing comes after it */
};

/**
 * Pushes bytes through pairs and filters, past the marks.
 * @param iotype EV_READ, EV_WRITE or both
 * @return -1 on error, 0 where nothing moved, 1 where something did
 */
int bufferevent_flush(struct bufferevent *bufev, short iotype, enum bufferevent_flush_mode mode);

/** Options of bufferevent_trigger(). */
enum bufferevent_trigger_options {
	BEV_TRIG_IGNORE_WATERMARKS = (1 << 16),		    /**< whatever the buffers hold */
	BEV_TRIG_DEFER_CALLBACKS = BEV_OPT_DEFER_CALLBACKS  /**< from the loop */
};

/** Runs the read or write callback, or both, if the marks allow it. */
void bufferevent_trigger(struct bufferevent *bufev, short iotype, int options);

/** Runs the event callback. */
void bufferevent_trigger_event(struct bufferevent *bufev, short what, int options);

/* ---- filters and pairs ------------------------------------------------------------------------------------------- */

/** What a filter function answers. */
enum bufferevent_filter_result {
	BEV_OK = 0,	   /**< something was written to `dst` */
	BEV_NEED_MORE = 1, /**< nothing was: `src` must hold more first */
	BEV_ERROR = 2	   /**< the stream is broken */
};

/** A filter function: takes from `src`, adds to `dst`, at most `dst_limit` bytes (-1: any number). */
typedef enum bufferevent_filter_result (*bufferevent_filter_cb)(struct evbuffer *src, struct evbuffer *dst,
    ev_ssize_t dst_limit, enum bufferevent_flush_mode mode, void *ctx);

/**
 * Makes a filter over another bufferevent, whose callbacks are the filter's from then on.
 * @param input_filter, output_filter NULL: as it is
 * @param free_context called with `ctx` at the end; may be NULL
 */
struct bufferevent *bufferevent_filter_new(struct bufferevent *underlying, bufferevent_filter_cb input_filter,
    bufferevent_filter_cb output_filter, int options, void (*free_context)(void *), void *ctx);

/** Makes two bufferevents; what is written to one is read from the other. */
int bufferevent_pair_new(struct event_base *base, int options, struct bufferevent *pair[2]);

/** The other one; NULL where it is gone or this is no pair. */
struct bufferevent *bufferevent_pair_get_partner(struct bufferevent *bev);

/* ---- rates ------------------------------------------------------------------------------------------------------- */

/** A rate: so much a tick, at most so much at once. */
struct ev_token_bucket_cfg;

/** Bufferevents that share a rate. */
struct bufferevent_rate_limit_group;

/** The highest rate and burst. */
#define EV_RATE_LIMIT_MAX EV_SSIZE_MAX

/**
 * Makes a rate in bytes a tick.
 * @param tick_len NULL: a second
 * @return NULL where a number is 0 or too large, or a burst smaller than its rate
 */
struct ev_token_bucket_cfg *ev_token_bucket_cfg_new(size_t read_rate, size_t read_burst, size_t write_rate,
    size_t write_burst, const struct timeval *tick_len);

/** Frees a rate. Not while a bufferevent uses it. */
void ev_token_bucket_cfg_free(struct ev_token_bucket_cfg *cfg);

/** Limits a bufferevent; NULL: no limit. The rate is not copied. */
int bufferevent_set_rate_limit(struct bufferevent *bev, struct ev_token_bucket_cfg *cfg);

/** Makes a group. The rate is copied. */
struct bufferevent_rate_limit_group *bufferevent_rate_limit_group_new(struct event_base *base,
    const struct ev_token_bucket_cfg *cfg);

/** Changes a group's rate. */
int bufferevent_rate_limit_group_set_cfg(struct bufferevent_rate_limit_group *grp,
    const struct ev_token_bucket_cfg *cfg);

/** The least that a member may move when it may move at all; 64 to begin with. */
int bufferevent_rate_limit_group_set_min_share(struct bufferevent_rate_limit_group *grp, size_t share);

/** Frees a group that has no members. */
void bufferevent_rate_limit_group_free(struct bufferevent_rate_limit_group *grp);

/** Puts a bufferevent into a group; it leaves the one it was in. */
int bufferevent_add_to_rate_limit_group(struct bufferevent *bev, struct bufferevent_rate_limit_group *g);

/** Takes it out. */
int bufferevent_remove_from_rate_limit_group(struct bufferevent *bev);

/** The most to read at once; 0: the usual 16 KiB. */
int bufferevent_set_max_single_read(struct bufferevent *bev, size_t size);

/** The most to write at once; 0: the usual 16 KiB. */
int bufferevent_set_max_single_write(struct bufferevent *bev, size_t size);

/** What was set by bufferevent_set_max_single_read(). */
ev_ssize_t bufferevent_get_max_single_read(struct bufferevent *bev);

/** What was set by bufferevent_set_max_single_write(). */
ev_ssize_t bufferevent_get_max_single_write(struct bufferevent *bev);

/** What its own rate allows to read now; below 0 where it has gone too far. */
ev_ssize_t bufferevent_get_read_limit(struct bufferevent *bev);

/** What its own rate allows to write now. */
ev_ssize_t bufferevent_get_write_limit(struct bufferevent *bev);

/** The most that it would read now, by all limits. */
ev_ssize_t bufferevent_get_max_to_read(struct bufferevent *bev);

/** The most that it would write now, by all limits. */
ev_ssize_t bufferevent_get_max_to_write(struct bufferevent *bev);

/** Its own rate, or NULL. */
const struct ev_token_bucket_cfg *bufferevent_get_token_bucket_cfg(const struct bufferevent *bev);

/** What a group's rate allows to read now. */
ev_ssize_t bufferevent_rate_limit_group_get_read_limit(struct bufferevent_rate_limit_group *grp);

/** What a group's rate allows to write now. */
ev_ssize_t bufferevent_rate_limit_group_get_write_limit(struct bufferevent_rate_limit_group *grp);

/** Counts bytes read elsewhere against its rate; a negative number gives some back. */
int bufferevent_decrement_read_limit(struct bufferevent *bev, ev_ssize_t decr);

/** Counts bytes written elsewhere against its rate. */
int bufferevent_decrement_write_limit(struct bufferevent *bev, ev_ssize_t decr);

/** Counts bytes read elsewhere against a group's rate. */
int bufferevent_rate_limit_group_decrement_read(struct bufferevent_rate_limit_group *grp, ev_ssize_t decr);

/** Counts bytes written elsewhere against a group's rate. */
int bufferevent_rate_limit_group_decrement_write(struct bufferevent_rate_limit_group *grp, ev_ssize_t decr);

/** All that a group has read and written; an output may be NULL. */
void bufferevent_rate_limit_group_get_totals(struct bufferevent_rate_limit_group *grp, ev_uint64_t *total_read_out,
    ev_uint64_t *total_written_out);

/** Resets those totals. */
void bufferevent_rate_limit_group_reset_totals(struct bufferevent_rate_limit_group *grp);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFEREVENT_H_INCLUDED_ */
