/*
 * event2/event_struct.h: the layout of struct event, for programs that place events inside structs of their own.
 *
 * The layout is fixed. The fields belong to the library: read them through the event_get_*() functions, and fill a
 * struct with event_assign() only. While an event is neither pending nor active its bytes may be copied or thrown away.
 */
#ifndef EVENT2_EVENT_STRUCT_H_INCLUDED_
#define EVENT2_EVENT_STRUCT_H_INCLUDED_

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>
#include <sys/time.h>
#include <sys/types.h>

#include <event2/keyvalq_struct.h>
#include <event2/util.h>

/* Bits of evcb_flags. */
#define EVLIST_TIMEOUT 0x01	 /**< waits for a time */
#define EVLIST_INSERTED 0x02	 /**< waits for a descriptor or signal */
#define EVLIST_SIGNAL 0x04	 /**< unused, kept for old programs */
#define EVLIST_ACTIVE 0x08	 /**< its callback is about to run */
#define EVLIST_INTERNAL 0x10	 /**< the library's own; does not keep the loop running */
#define EVLIST_ACTIVE_LATER 0x20 /**< its callback runs in the next turn */
#define EVLIST_FINALIZING 0x40	 /**< its finalizer has not run yet */
#define EVLIST_INIT 0x80	 /**< has been assigned */
#define EVLIST_ALL 0xff

/* The list macros of <sys/queue.h>, for the time of this header where the program has not included that one. */
#ifndef TAILQ_ENTRY
#define EVENT_DEFINED_TQENTRY_
#define TAILQ_ENTRY(type)                                                      \
	struct {                                                               \
		struct type *tqe_next;                                         \
		struct type **tqe_prev;                                        \
	}
#endif
#ifndef TAILQ_HEAD
#define EVENT_DEFINED_TQHEAD_
#define TAILQ_HEAD(name, type)                                                 \
	struct name {                                                          \
		struct type *tqh_first;                                        \
		struct type **tqh_last;                                        \
	}
#endif
#ifndef LIST_ENTRY
#define EVENT_DEFINED_LISTENTRY_
#define LIST_ENTRY(type)                                                       \
	struct {                                                               \
		struct type *le_next;                                          \
		struct type **le_prev;                                         \
	}
#endif
#ifndef LIST_HEAD
#define EVENT_DEFINED_LISTHEAD_
#define LIST_HEAD(name, type)                                                  \
	struct name {                                                          \
		struct type *lh_first;                                         \
	}
#endif

struct event;
struct event_base;

/** The part of an event that is about running its callback. */
struct event_callback {
	TAILQ_ENTRY(event_callback) evcb_active_next;
	short evcb_flags;
	ev_uint8_t evcb_pri;	 /**< smaller numbers run first */
	ev_uint8_t evcb_closure; /**< which member of the union is called, and how */
	union {
		void (*evcb_callback)(evutil_socket_t, short, void *);
		void (*evcb_selfcb)(struct event_callback *, void *);
		void (*evcb_evfinalize)(struct event *, void *);
		void (*evcb_cbfinalize)(struct event_callback *, void *);
	} evcb_cb_union;
	void *evcb_arg;
};

/** An event. */
struct event {
	struct event_callback ev_evcallback;

	/** Where it stands among those that wait for a time. */
	union {
		TAILQ_ENTRY(event) ev_next_with_common_timeout;
		int min_heap_idx;
	} ev_timeout_pos;
	evutil_socket_t ev_fd;

	struct event_base *ev_base;

	union {
		struct {
			LIST_ENTRY(event) ev_io_next;
			struct timeval ev_timeout;
		} ev_io;
		struct {
			LIST_ENTRY(event) ev_signal_next;
			short ev_ncalls;
			short *ev_pncalls;
		} ev_signal;
	} ev_;

	short ev_events;
	short ev_res; /**< what the callback is told */
	struct timeval ev_timeout;
};

TAILQ_HEAD(event_list, event);
LIST_HEAD(event_dlist, event);

#ifdef EVENT_DEFINED_TQENTRY_
#undef TAILQ_ENTRY
#undef EVENT_DEFINED_TQENTRY_
#endif
#ifdef EVENT_DEFINED_TQHEAD_
#undef TAILQ_HEAD
#undef EVENT_DEFINED_TQHEAD_
#endif
#ifdef EVENT_DEFINED_LISTENTRY_
#undef LIST_ENTRY
#undef EVENT_DEFINED_LISTENTRY_
#endif
#ifdef EVENT_DEFINED_LISTHEAD_
#undef LIST_HEAD
#undef EVENT_DEFINED_LISTHEAD_
#endif

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_STRUCT_H_INCLUDED_ */
