/*
 * event2/event_compat.h: the calls of libevent 1.x, which work on one hidden base, the last one that event_init() made.
 *
 * They are not for use from several threads; new programs name their base.
 */
#ifndef EVENT2_EVENT_COMPAT_H_INCLUDED_
#define EVENT2_EVENT_COMPAT_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>
#include <sys/time.h>
#include <sys/types.h>

#include <event2/util.h>

struct event;
struct event_base;

/** Makes a base, which the other functions here then use. */
struct event_base *event_init(void);

/** event_base_dispatch() on that base. */
int event_dispatch(void);

/** event_base_loop() on that base. */
int event_loop(int flags);

/** event_base_loopexit() on that base. */
int event_loopexit(const struct timeval *tv);

/** event_base_loopbreak() on that base. */
int event_loopbreak(void);

/** event_base_once() on that base. */
int event_once(evutil_socket_t fd, short events,
    void (*callback)(evutil_socket_t, short, void *), void *arg,
    const struct timeval *timeout);

/** event_base_get_method() of that base. */
const char *event_get_method(void);

/** event_base_priority_init() on that base. */
int event_priority_init(int npriorities);

/** event_assign() to that base; event_base_set() may change it afterwards. */
void event_set(struct event *ev, evutil_socket_t fd, short events,
    void (*callback)(evutil_socket_t, short, void *), void *arg);

#define evtimer_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define evsignal_set(ev, x, cb, arg)                                           \
	event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))

#define timeout_add(ev, tv) event_add((ev), (tv))
#define timeout_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define timeout_del(ev) event_del(ev)
#define timeout_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define timeout_initialized(ev) event_initialized(ev)

#define signal_add(ev, tv) event_add((ev), (tv))
#define signal_set(ev, x, cb, arg)                                             \
	event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define signal_del(ev) event_del(ev)
#define signal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define signal_initialized(ev) event_initialized(ev)

#ifndef EVENT_FD
#define EVENT_FD(ev) ((int)event_get_fd(ev))
#define EVENT_SIGNAL(ev) event_get_signal(ev)
#endif

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_COMPAT_H_INCLUDED_ */
