/*
 * event2/watch.h: callbacks just before and just after a base waits (libevent 2.2).
 *
 * In each turn of the loop "prepare" watchers run before it waits for events and "check" watchers after it has waited,
 * before any event's callback; both in the order in which they were made. Watchers do not keep the loop running.
 */
#ifndef EVENT2_WATCH_H_INCLUDED_
#define EVENT2_WATCH_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>
#include <sys/time.h>

struct event_base;

/** A watcher. */
struct evwatch;

/** What a prepare callback may ask about the coming wait. */
struct evwatch_prepare_cb_info;

/** What a check callback may ask: nothing yet. */
struct evwatch_check_cb_info;

/** A prepare callback: the watcher, the facts about the wait, the argument given with it. */
typedef void (*evwatch_prepare_cb)(struct evwatch *, const struct evwatch_prepare_cb_info *, void *);

/** A check callback. */
typedef void (*evwatch_check_cb)(struct evwatch *, const struct evwatch_check_cb_info *, void *);

/** The base it belongs to. */
struct event_base *evwatch_base(struct evwatch *watcher);

/** Makes a prepare watcher. NULL where there is no memory. */
struct evwatch *evwatch_prepare_new(struct event_base *base, evwatch_prepare_cb callback, void *arg);

/** Makes a check watcher. NULL where there is no memory. */
struct evwatch *evwatch_check_new(struct event_base *base, evwatch_check_cb callback, void *arg);

/** Ends a watcher, also from inside a callback. The base frees those that are left. */
void evwatch_free(struct evwatch *watcher);

/** How long the base is about to wait at most. @return 1 and the time, or 0 where it waits for an event without limit */
int evwatch_prepare_get_timeout(const struct evwatch_prepare_cb_info *info, struct timeval *timeout);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_WATCH_H_INCLUDED_ */
