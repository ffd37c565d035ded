/*
 * event2/event.h: the loop.
 *
 * An event_base waits; an event says what for: a descriptor that can be read or written, a signal, a time, or only the
 * program's own event_active(). Its life:
 *
 *     event_new()  ->  event_add()  ->  [pending]  ->  [active]  ->  callback
 *                         ^                                             |
 *                         |______ a one-shot event is idle again, ______|
 *                                 an EV_PERSIST one is pending again
 *
 * A callback may do anything: add, delete and free events, its own included, and stop the loop.
 *
 *     struct event_base *base = event_base_new();
 *     struct event *ev = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, arg);
 *     event_add(ev, NULL);
 *     event_base_dispatch(base);
 *     event_free(ev);
 *     event_base_free(base);
 *
 * One base belongs to one thread unless the program has called evthread_use_pthreads() (<event2/thread.h>) before it made
 * the base. Functions that answer int answer 0 for success and -1 for failure where nothing else is said.
 */
#ifndef EVENT2_EVENT_H_INCLUDED_
#define EVENT2_EVENT_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

#include <stdio.h>
#include <sys/time.h>
#include <sys/types.h>

#include <event2/util.h>

/** A loop with its events. */
struct event_base;

/** Something to wait for, and what to call then. The layout is in <event2/event_struct.h>. */
struct event;

/** Wishes about a base to be made. */
struct event_config;

/* ---- bases ------------------------------------------------------------------------------------------------------- */

/** Makes a base with the best method of this system. NULL where that fails. */
struct event_base *event_base_new(void);

/** Makes a base as the wishes say. NULL where they cannot be met. */
struct event_base *event_base_new_with_config(const struct event_config *config);

/**
 * Frees a base. Its events become idle; finalizers that still wait are run. Events are not freed, and must not be added
 * again before event_base_set() or event_assign() gives them another base.
 */
void event_base_free(struct event_base *base);

/** event_base_free() that runs no finalizers. */
void event_base_free_nofinalize(struct event_base *base);

/** Makes the base work in a child after fork(). Needed before the child uses it. */
int event_reinit(struct event_base *base);

/** The name of the method: "epoll", "poll" or "select". */
const char *event_base_get_method(const struct event_base *base);

/** How the base learns of signals: "signal" or "signalfd_signal" (libevent 2.2). */
const char *event_base_get_signal_method(const struct event_base *base);

/** The names of all methods that were built in, best first, ended by NULL. */
const char **event_get_supported_methods(void);

/** What the base's method can do: a set of enum event_method_feature. */
int event_base_get_features(const struct event_base *base);

/* What event_base_get_num_events() counts. */
#define EVENT_BASE_COUNT_ACTIVE 1U  /**< callbacks that are about to run */
#define EVENT_BASE_COUNT_VIRTUAL 2U /**< work that keeps the loop running without an event of the program */
#define EVENT_BASE_COUNT_ADDED 4U   /**< pending; one with a descriptor and a time counts twice */

/** How many there are now of the kinds in `flags`. */
int event_base_get_num_events(struct event_base *base, unsigned int flags);

/** The highest that number has been, per kind and then added up; `clear` begins the count again. */
int event_base_get_max_events(struct event_base *base, unsigned int flags, int clear);

/* ---- wishes ------------------------------------------------------------------------------------------------------ */

/** No wishes yet. NULL where there is no memory. */
struct event_config *event_config_new(void);

/** Frees the wishes; bases made by them stay. */
void event_config_free(struct event_config *cfg);

/** Do not take the method of that name. */
int event_config_avoid_method(struct event_config *cfg, const char *method);

/** What a method may be able to do. */
enum event_method_feature {
	EV_FEATURE_ET = 0x01,	      /**< edge-triggered events */
	EV_FEATURE_O1 = 0x02,	      /**< the cost does not grow with the number of idle descriptors */
	EV_FEATURE_FDS = 0x04,	      /**< any descriptor, not only sockets */
	EV_FEATURE_EARLY_CLOSE = 0x08 /**< EV_CLOSED */
};

/** Flags for event_config_set_flag(). */
enum event_base_config_flag {
	EVENT_BASE_FLAG_NOLOCK = 0x01,	     /**< no locks: the base stays on one thread */
	EVENT_BASE_FLAG_IGNORE_ENV = 0x02,   /**< do not look at EVENT_* environment variables */
	EVENT_BASE_FLAG_STARTUP_IOCP = 0x04, /**< Windows only */
	EVENT_BASE_FLAG_NO_CACHE_TIME = 0x08, /**< ask the clock before every callback instead of once a turn */
	/**
	 * Gather the changes of a turn and make them together before the next wait. Not where a descriptor that has events
	 * is duplicated: the kernel then reports a file that the base has forgotten.
	 */
	EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST = 0x10,
	EVENT_BASE_FLAG_PRECISE_TIMER = 0x20, /**< times exact to less than a millisecond, at some cost */
	EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD = 0x40, /**< ... without a descriptor for it (libevent 2.2) */
	EVENT_BASE_FLAG_USE_SIGNALFD = 0x80 /**< signals by signalfd; children inherit the blocked ones (libevent 2.2) */
};

/** Take only a method with these features. */
int event_config_require_features(struct event_config *cfg, int feature);

/** Adds flags. */
int event_config_set_flag(struct event_config *cfg, int flag);

/** How many processors there are; of use on Windows only. */
int event_config_set_num_cpus_hint(struct event_config *cfg, int cpus);

/**
 * Looks for new events in between when many callbacks are due: after that time, or that many callbacks.
 * @param max_interval NULL for no limit
 * @param max_callbacks negative for no limit
 * @param min_priority only for callbacks of this priority number and above; 0 for all
 */
int event_config_set_max_dispatch_interval(struct event_config *cfg,
    const struct timeval *max_interval, int max_callbacks, int min_priority);

/* ---- running ----------------------------------------------------------------------------------------------------- */

/** event_base_loop() without flags. */
int event_base_dispatch(struct event_base *base);

#define EVLOOP_ONCE 0x01	     /**< wait for the first events, run their callbacks, return */
#define EVLOOP_NONBLOCK 0x02	     /**< run what is due now, return */
#define EVLOOP_NO_EXIT_ON_EMPTY 0x04 /**< keep waiting although there are no events */

/**
 * Waits for events and runs callbacks until there are no events left or it is told to stop.
 * @return 0 when told to stop, 1 when there were no events, -1 on error, also when the base runs already
 */
int event_base_loop(struct event_base *base, int flags);

/** Stops the loop after the callbacks of the present turn, or of the turn in which `tv` has passed; NULL: at once. */
int event_base_loopexit(struct event_base *base, const struct timeval *tv);

/** Stops the loop after the callback that runs now. Safe in signal handlers. */
int event_base_loopbreak(struct event_base *base);

/** Starts the next turn after the callback that runs now; what is left of this turn comes first there. */
int event_base_loopcontinue(struct event_base *base);

/** Whether event_base_loopexit() ended the last run. */
int event_base_got_exit(struct event_base *base);

/** Whether event_base_loopbreak() ended the last run. */
int event_base_got_break(struct event_base *base);

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* What an event waits for, how, and what its callback is told. */
#define EV_TIMEOUT 0x01	 /**< told: the time is over */
#define EV_READ 0x02	 /**< the descriptor can be read */
#define EV_WRITE 0x04	 /**< the descriptor can be written */
#define EV_SIGNAL 0x08	 /**< the signal came */
#define EV_PERSIST 0x10	 /**< stays pending when its callback runs; its timeout starts again then */
#define EV_ET 0x20	 /**< told of changes only, where the method can (EV_FEATURE_ET) */
#define EV_FINALIZE 0x40 /**< event_del() does not wait for its callback: end it by event_finalize() */
#define EV_CLOSED 0x80	 /**< the other side has closed, where the method can (EV_FEATURE_EARLY_CLOSE) */

/** A callback: descriptor or signal, what happened, and the event's argument. */
typedef void (*event_callback_fn)(evutil_socket_t, short, void *);

/** As argument of event_new() or event_assign(): the event itself. */
void *event_self_cbarg(void);

/**
 * Makes an event.
 * @param fd a descriptor, a signal number with EV_SIGNAL, or -1
 * @param events EV_READ, EV_WRITE, EV_CLOSED or EV_SIGNAL, with EV_PERSIST, EV_ET, EV_FINALIZE; 0 for a plain timer
 * @return NULL where there is no memory or the set makes no sense
 */
struct event *event_new(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg);

/** event_new() in memory of the program's own. The event must not be pending or active. */
int event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg);

/** event_del(), then frees the memory. For events of event_new(). */
void event_free(struct event *ev);

/** Called instead of an event's callback when it is safe to free what the callback uses. */
typedef void (*event_finalize_callback_fn)(struct event *, void *);

/** Ends an event; the finalizer runs in the loop once the callback does not. The flags are 0. */
int event_finalize(unsigned flags, struct event *ev, event_finalize_callback_fn finalizer);

/** event_finalize(), then frees the event. */
int event_free_finalize(unsigned flags, struct event *ev, event_finalize_callback_fn finalizer);

/**
 * A callback that runs once, without an event to keep.
 * @param events EV_TIMEOUT, EV_READ, EV_WRITE, EV_READ | EV_WRITE, or EV_CLOSED with these
 */
int event_base_once(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg, const struct timeval *timeout);

/**
 * Makes an event pending. An event that is pending already gets the new timeout; its own stays where `timeout` is NULL.
 * @param timeout how long to wait at most; NULL for ever
 */
int event_add(struct event *ev, const struct timeval *timeout);

/** Takes the timeout from a pending event. */
int event_remove_timer(struct event *ev);

/**
 * Makes an event idle. If its callback runs on another thread just now, waits for its end, unless the event has
 * EV_FINALIZE.
 */
int event_del(struct event *ev);

/** event_del() that never waits. */
int event_del_noblock(struct event *ev);

/** event_del() that always waits. */
int event_del_block(struct event *ev);

/** Runs an event's callback soon, pending or not. @param ncalls how often, for EV_SIGNAL */
void event_active(struct event *ev, int res, short ncalls);

/** Which of `events` the event is pending or active for; `tv`, where not NULL, gets the time when it runs out. */
int event_pending(const struct event *ev, short events, struct timeval *tv);

/** The event whose callback runs now, or NULL. For that callback to call. */
struct event *event_base_get_running_event(struct event_base *base);

/** Whether the event has been assigned. Memory of zeros has not. */
int event_initialized(const struct event *ev);

/* Events for times alone. */
#define evtimer_assign(ev, b, cb, arg) event_assign((ev), (b), -1, 0, (cb), (arg))
#define evtimer_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evtimer_add(ev, tv) event_add((ev), (tv))
#define evtimer_del(ev) event_del(ev)
#define evtimer_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define evtimer_initialized(ev) event_initialized(ev)

/* Events for signals; they persist. */
#define evsignal_add(ev, tv) event_add((ev), (tv))
#define evsignal_assign(ev, b, x, cb, arg)                                     \
	event_assign((ev), (b), (x), EV_SIGNAL | EV_PERSIST, cb, (arg))
#define evsignal_new(b, x, cb, arg) event_new((b), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define evsignal_del(ev) event_del(ev)
#define evsignal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define evsignal_initialized(ev) event_initialized(ev)

/* Events that only the program activates. */
#define evuser_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evuser_del(ev) event_del(ev)
#define evuser_pending(ev, tv) event_pending((ev), 0, (tv))
#define evuser_initialized(ev) event_initialized(ev)
#define evuser_trigger(ev) event_active((ev), 0, 0)

/* ---- what an event is -------------------------------------------------------------------------------------------- */

/** The descriptor or signal number, or -1. */
evutil_socket_t event_get_fd(const struct event *ev);

/** The signal number. */
#define event_get_signal(ev) ((int)event_get_fd(ev))

/** The base. */
struct event_base *event_get_base(const struct event *ev);

/** The EV_* set given at its assignment. */
short event_get_events(const struct event *ev);

/** The callback. */
event_callback_fn event_get_callback(const struct event *ev);

/** The callback's argument. */
void *event_get_callback_arg(const struct event *ev);

/** The priority. */
int event_get_priority(const struct event *ev);

/** Everything at once; an output may be NULL. */
void event_get_assignment(const struct event *event, struct event_base **base_out,
    evutil_socket_t *fd_out, short *events_out, event_callback_fn *callback_out, void **arg_out);

/** The size of struct event in this library, for programs that allocate events without knowing the layout. */
size_t event_get_struct_event_size(void);

/** Gives a fresh event another base. Not while it is pending or active. */
int event_base_set(struct event_base *base, struct event *ev);

/* ---- priorities -------------------------------------------------------------------------------------------------- */

/** The most priorities that a base can have. */
#define EVENT_MAX_PRIORITIES 256

/** Sets how many priorities there are; 0 is the most urgent. Not while events are active. */
int event_base_priority_init(struct event_base *base, int npriorities);

/** How many there are. */
int event_base_get_npriorities(struct event_base *base);

/** Sets an event's priority; the middle one is given to new events. Not while it is active. */
int event_priority_set(struct event *ev, int priority);

/* ---- time -------------------------------------------------------------------------------------------------------- */

/**
 * A timeout that very many events share: as `timeout` of event_add() the answer makes them cheap to add and delete.
 * At most 256 lengths to a base.
 * @return NULL where there are too many; the pointer belongs to the base
 */
const struct timeval *event_base_init_common_timeout(struct event_base *base, const struct timeval *duration);

/** The wall clock at the start of this turn's callbacks; now, where the loop does not run. */
int event_base_gettimeofday_cached(struct event_base *base, struct timeval *tv);

/** Reads the clock again: after a callback that took long. */
int event_base_update_cache_time(struct event_base *base);

/** The base's monotonic clock. */
int event_gettime_monotonic(struct event_base *base, struct timeval *tp);

/* ---- looking in -------------------------------------------------------------------------------------------------- */

/** Writes the pending and active events to a file, for people. */
void event_base_dump_events(struct event_base *base, FILE *output);

/** Makes the events of a descriptor active that wait for any of `events`; EV_TIMEOUT those with a timeout. */
void event_base_active_by_fd(struct event_base *base, evutil_socket_t fd, short events);

/** Makes the events of a signal active. */
void event_base_active_by_signal(struct event_base *base, int sig);

/** A visitor: 0 to go on. */
typedef int (*event_base_foreach_event_cb)(const struct event_base *, const struct event *, void *);

/** Shows every pending or active event to a visitor, which must not change them. @return what ended it, or 0 */
int event_base_foreach_event(struct event_base *base, event_base_foreach_event_cb fn, void *arg);

/* ---- the library ------------------------------------------------------------------------------------------------- */

/** The version as text. */
const char *event_get_version(void);

/** The version as a number: a byte each for major, minor, patch, and stage. */
ev_uint32_t event_get_version_number(void);

#define LIBEVENT_VERSION EVENT__VERSION
#define LIBEVENT_VERSION_NUMBER EVENT__NUMERIC_VERSION

/** Checks how the program uses events, at some cost. Before the first event or base. */
void event_enable_debug_mode(void);

/** Under debug mode: an assigned event's memory is about to go. */
void event_debug_unassign(struct event *ev);

#define EVENT_LOG_DEBUG 0
#define EVENT_LOG_MSG 1
#define EVENT_LOG_WARN 2
#define EVENT_LOG_ERR 3

/* The same, as libevent 2.0 spelled them. */
#define _EVENT_LOG_DEBUG EVENT_LOG_DEBUG
#define _EVENT_LOG_MSG EVENT_LOG_MSG
#define _EVENT_LOG_WARN EVENT_LOG_WARN
#define _EVENT_LOG_ERR EVENT_LOG_ERR

/** Gets what the library has to say; must not call the library. */
typedef void (*event_log_cb)(int severity, const char *msg);

/** Sends messages there; NULL: to standard error. */
void event_set_log_callback(event_log_cb cb);

/** Called instead of exit() after an error that cannot be survived; must not return. */
typedef void (*event_fatal_cb)(int err);

/** Sets that function; NULL: exit(). */
void event_set_fatal_callback(event_fatal_cb cb);

#define EVENT_DBG_ALL 0xffffffffu
#define EVENT_DBG_NONE 0

/** Turns messages of the kind EVENT_LOG_DEBUG on or off. */
void event_enable_debug_logging(ev_uint32_t which);

/**
 * Sets the functions by which memory that the program sees is allocated. Before any other call. Any may be NULL: the
 * standard one.
 */
void event_set_mem_functions(void *(*malloc_fn)(size_t sz), void *(*realloc_fn)(void *ptr, size_t sz),
    void (*free_fn)(void *ptr));
#define EVENT_SET_MEM_FUNCTIONS_IMPLEMENTED

/** Frees what the library holds for the whole process, for leak checkers. After everything else is freed. */
void libevent_global_shutdown(void);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_H_INCLUDED_ */
