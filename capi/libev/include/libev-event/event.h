/*
 * event.h as libev has it: the calls of libevent 1.x that can be had on libev.
 *
 * It stands in a folder of its own, since libevent has a header of that name.
 * An event_base is a loop of ev.h. An event is one descriptor or signal, and a
 * timeout; its members are for looking at.
 */
#ifndef EVENT_H_
#define EVENT_H_

#ifdef EV_H
# include EV_H
#else
# include "ev.h"
#endif

#include <time.h>
#include <sys/time.h>

#ifndef EVLOOP_NONBLOCK
# define EVLOOP_NONBLOCK EVRUN_NOWAIT
#endif
#ifndef EVLOOP_ONESHOT
# define EVLOOP_ONESHOT EVRUN_ONCE
#endif
#define EVLOOP_ONCE EVLOOP_ONESHOT
#ifndef EV_TIMEOUT
# define EV_TIMEOUT EV_TIMER
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/* ev_events: these are enumerators of ev.h; programs ask with #ifdef whether they exist. */
#define EV_READ    EV_READ
#define EV_WRITE   EV_WRITE
#define EV_PERSIST 0x10
#define EV_ET      0x20 /* without effect */

/* ev_flags */
#define EVLIST_TIMEOUT  0x01
#define EVLIST_INSERTED 0x02
#define EVLIST_SIGNAL   0x04
#define EVLIST_ACTIVE   0x08
#define EVLIST_INTERNAL 0x10
#define EVLIST_INIT     0x80

typedef void (*event_callback_fn) (int, short, void *);

struct event {
  union {
    struct ev_io io;
    struct ev_signal sig;
  } iosig;
  struct ev_timer to;
  struct event_base *ev_base;
  event_callback_fn ev_callback;
  void *ev_arg;
  int ev_fd;
  int ev_pri;
  int ev_res;
  int ev_flags;
  short ev_events;
};

#define EVENT_FD(ev)          ((int) (ev)->ev_fd)
#define EVENT_SIGNAL(ev)      EVENT_FD (ev)
#define event_initialized(ev) ((ev)->ev_flags & EVLIST_INIT)

#define evtimer_set(ev, cb, arg)     event_set ((ev), -1, 0, (cb), (arg))
#define evtimer_add(ev, tv)          event_add ((ev), (tv))
#define evtimer_del(ev)              event_del (ev)
#define evtimer_pending(ev, tv)      event_pending ((ev), EV_TIMEOUT, (tv))
#define evtimer_initialized(ev)      event_initialized (ev)

#define timeout_set(ev, cb, arg)     evtimer_set (ev, cb, arg)
#define timeout_add(ev, tv)          evtimer_add (ev, tv)
#define timeout_del(ev)              evtimer_del (ev)
#define timeout_pending(ev, tv)      evtimer_pending (ev, tv)
#define timeout_initialized(ev)      event_initialized (ev)

#define signal_set(ev, sig, cb, arg) event_set ((ev), (sig), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define signal_add(ev, tv)           event_add ((ev), (tv))
#define signal_del(ev)               event_del (ev)
#define signal_pending(ev, tv)       event_pending ((ev), EV_SIGNAL, (tv))
#define signal_initialized(ev)       event_initialized (ev)

const char *event_get_version (void);
const char *event_get_method (void);
event_callback_fn event_get_callback (const struct event *ev);

/* Bases. event_init makes the current one, for the calls that name none. */
void *event_init (void);
struct event_base *event_base_new (void);
void event_base_free (struct event_base *base);
const char *event_base_get_method (const struct event_base *base);

int event_loop (int flags);
int event_loopexit (struct timeval *tv);
int event_dispatch (void);
int event_base_loop (struct event_base *base, int flags);
int event_base_loopexit (struct event_base *base, struct timeval *tv);
int event_base_dispatch (struct event_base *base);

/* Events. */
void event_set (struct event *ev, int fd, short events, void (*cb) (int, short, void *), void *arg);
int event_base_set (struct event_base *base, struct event *ev);
int event_add (struct event *ev, struct timeval *tv);
int event_del (struct event *ev);
void event_active (struct event *ev, int res, short ncalls);
int event_pending (struct event *ev, short events, struct timeval *tv);
int event_once (int fd, short events, void (*cb) (int, short, void *), void *arg, struct timeval *tv);
int event_base_once (struct event_base *base, int fd, short events, void (*cb) (int, short, void *), void *arg,
                     struct timeval *tv);

/* Accepted, without effect. */
int event_priority_init (int npri);
int event_base_priority_init (struct event_base *base, int npri);
int event_priority_set (struct event *ev, int pri);

/* Declared for programs that mention it; no library defines it. */
typedef void (*event_log_cb) (int severity, const char *msg);
void event_set_log_callback (event_log_cb cb);
#define _EVENT_LOG_DEBUG 0
#define _EVENT_LOG_MSG   1
#define _EVENT_LOG_WARN  2
#define _EVENT_LOG_ERR   3

#ifdef __cplusplus
}
#endif

#endif /* EVENT_H_ */
