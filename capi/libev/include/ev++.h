/*
 * ev++.h: watchers and loops of ev.h as C++ classes.
 *
 * A watcher class has its C struct as a base, remembers its loop, is stopped by its destructor and cannot be copied.
 * Callbacks are given as template arguments of set(): a function, a method of an object, or an object's call operator.
 */
#ifndef EVPP_H__
#define EVPP_H__

#ifdef EV_H
# include EV_H
#else
# include "ev.h"
#endif

#ifndef EV_USE_STDEXCEPT
# define EV_USE_STDEXCEPT 1
#endif
#if EV_USE_STDEXCEPT
# include <stdexcept>
#endif

#undef ERROR

namespace ev {

typedef ev_tstamp tstamp;

// Events.
enum {
  UNDEF = EV_UNDEF,
  NONE = EV_NONE,
  READ = EV_READ,
  WRITE = EV_WRITE,
#if EV_COMPAT3
  TIMEOUT = EV_TIMEOUT,
#endif
  TIMER = EV_TIMER,
  PERIODIC = EV_PERIODIC,
  SIGNAL = EV_SIGNAL,
  CHILD = EV_CHILD,
  STAT = EV_STAT,
  IDLE = EV_IDLE,
  PREPARE = EV_PREPARE,
  CHECK = EV_CHECK,
  EMBED = EV_EMBED,
  FORK = EV_FORK,
  ASYNC = EV_ASYNC,
  ERROR = EV_ERROR
};

// Flags and backends of loops.
enum {
  AUTO = EVFLAG_AUTO,
  NOENV = EVFLAG_NOENV,
  FORKCHECK = EVFLAG_FORKCHECK,
  SELECT = EVBACKEND_SELECT,
  POLL = EVBACKEND_POLL,
  EPOLL = EVBACKEND_EPOLL,
  KQUEUE = EVBACKEND_KQUEUE,
  DEVPOLL = EVBACKEND_DEVPOLL,
  PORT = EVBACKEND_PORT
};

// Flags of run().
enum {
#if EV_COMPAT3
  NONBLOCK = EVLOOP_NONBLOCK,
  ONESHOT = EVLOOP_ONESHOT,
#endif
  NOWAIT = EVRUN_NOWAIT,
  ONCE = EVRUN_ONCE
};

enum how_t { ONE = EVBREAK_ONE, ALL = EVBREAK_ALL };

// Thrown where no loop can be made.
struct bad_loop
#if EV_USE_STDEXCEPT
  : std::exception
#endif
{
#if EV_USE_STDEXCEPT
  const char *what () const EV_NOEXCEPT
  {
    return "no event loop could be made; is LIBEV_FLAGS right?";
  }
#endif
};

// A loop that somebody else owns.
struct loop_ref {
  struct ev_loop *raw_loop;

  loop_ref (struct ev_loop *loop) EV_NOEXCEPT : raw_loop (loop) {}

  operator struct ev_loop * () const EV_NOEXCEPT { return raw_loop; }
  operator const struct ev_loop * () const EV_NOEXCEPT { return raw_loop; }

  bool operator == (const loop_ref &other) const EV_NOEXCEPT { return raw_loop == other.raw_loop; }
  bool operator != (const loop_ref &other) const EV_NOEXCEPT { return raw_loop != other.raw_loop; }
  bool operator == (struct ev_loop *loop) const EV_NOEXCEPT { return raw_loop == loop; }
  bool operator != (struct ev_loop *loop) const EV_NOEXCEPT { return raw_loop != loop; }

  bool is_default () const EV_NOEXCEPT { return raw_loop == ev_default_loop (0); }

  void run (int flags = 0) { ev_run (raw_loop, flags); }
  void break_loop (how_t how = ONE) EV_NOEXCEPT { ev_break (raw_loop, how); }
#if EV_COMPAT3
  void loop (int flags = 0) { run (flags); }
  void unloop (how_t how = ONE) EV_NOEXCEPT { break_loop (how); }
#endif
  void post_fork () EV_NOEXCEPT { ev_loop_fork (raw_loop); }
  unsigned int backend () const EV_NOEXCEPT { return ev_backend (raw_loop); }
  tstamp now () const EV_NOEXCEPT { return ev_now (raw_loop); }
  void ref () EV_NOEXCEPT { ev_ref (raw_loop); }
  void unref () EV_NOEXCEPT { ev_unref (raw_loop); }
  unsigned int iteration () const EV_NOEXCEPT { return ev_iteration (raw_loop); }
  unsigned int depth () const EV_NOEXCEPT { return ev_depth (raw_loop); }
  void set_io_collect_interval (tstamp interval) EV_NOEXCEPT { ev_set_io_collect_interval (raw_loop, interval); }
  void set_timeout_collect_interval (tstamp interval) EV_NOEXCEPT { ev_set_timeout_collect_interval (raw_loop, interval); }
  void feed_fd_event (int fd, int revents) EV_NOEXCEPT { ev_feed_fd_event (raw_loop, fd, revents); }
  void feed_signal_event (int signum) EV_NOEXCEPT { ev_feed_signal_event (raw_loop, signum); }

  // One event: a function with an argument, ...
  void once (int fd, int events, tstamp timeout, void (*cb) (int, void *), void *arg = 0) EV_NOEXCEPT
  {
    ev_once (raw_loop, fd, events, timeout, cb, arg);
  }

  // ... a method, ...
  template<class K, void (K::*method) (int)>
  void once (int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
  {
    once (fd, events, timeout, method_thunk<K, method>, object);
  }

  // ... an object that can be called, ...
  template<class K>
  void once (int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
  {
    once (fd, events, timeout, method_thunk<K, &K::operator ()>, object);
  }

  // ... a method that does not care about the events, ...
  template<class K, void (K::*method) ()>
  void once (int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
  {
    once (fd, events, timeout, method_noargs_thunk<K, method>, object);
  }

  // ... a function of the events, ...
  template<void (*cb) (int)>
  void once (int fd, int events, tstamp timeout) EV_NOEXCEPT
  {
    once (fd, events, timeout, simpler_func_thunk<cb>);
  }

  // ... a function of nothing.
  template<void (*cb) ()>
  void once (int fd, int events, tstamp timeout) EV_NOEXCEPT
  {
    once (fd, events, timeout, simplest_func_thunk<cb>);
  }

  template<class K, void (K::*method) (int)>
  static void method_thunk (int revents, void *arg) { (static_cast<K *> (arg)->*method) (revents); }

  template<class K, void (K::*method) ()>
  static void method_noargs_thunk (int, void *arg) { (static_cast<K *> (arg)->*method) (); }

  template<void (*cb) (int)>
  static void simpler_func_thunk (int revents, void *) { cb (revents); }

  template<void (*cb) ()>
  static void simplest_func_thunk (int, void *) { cb (); }
};

// A loop of one's own.
struct dynamic_loop : loop_ref {
  dynamic_loop (unsigned int flags = AUTO) : loop_ref (ev_loop_new (flags))
  {
    if (!raw_loop)
      throw bad_loop ();
  }

  ~dynamic_loop () EV_NOEXCEPT
  {
    ev_loop_destroy (raw_loop);
    raw_loop = 0;
  }

private:
  dynamic_loop (const dynamic_loop &);
  dynamic_loop &operator = (const dynamic_loop &);
};

// The default loop; it outlives this.
struct default_loop : loop_ref {
  default_loop (unsigned int flags = AUTO) : loop_ref (ev_default_loop (flags))
  {
    if (!raw_loop)
      throw bad_loop ();
  }

private:
  default_loop (const default_loop &);
  default_loop &operator = (const default_loop &);
};

inline loop_ref get_default_loop () EV_NOEXCEPT { return loop_ref (ev_default_loop (0)); }

inline tstamp now (struct ev_loop *loop) EV_NOEXCEPT { return ev_now (loop); }
inline void delay (tstamp interval) EV_NOEXCEPT { ev_sleep (interval); }
inline int version_major () EV_NOEXCEPT { return ev_version_major (); }
inline int version_minor () EV_NOEXCEPT { return ev_version_minor (); }
inline unsigned int supported_backends () EV_NOEXCEPT { return ev_supported_backends (); }
inline unsigned int recommended_backends () EV_NOEXCEPT { return ev_recommended_backends (); }
inline unsigned int embeddable_backends () EV_NOEXCEPT { return ev_embeddable_backends (); }
inline void set_allocator (void *(*cb) (void *ptr, long size) EV_NOEXCEPT) EV_NOEXCEPT { ev_set_allocator (cb); }
inline void set_syserr_cb (void (*cb) (const char *msg) EV_NOEXCEPT) EV_NOEXCEPT { ev_set_syserr_cb (cb); }

// What the watcher classes have in common: the C struct, and the loop.
template<class c_watcher, class watcher>
struct base : c_watcher {
  loop_ref loop;

  // Stops an active watcher for a while.
  struct freeze_guard {
    watcher &w;
    bool active;

    freeze_guard (watcher *self) EV_NOEXCEPT : w (*self), active (w.is_active ())
    {
      if (active)
        w.stop ();
    }

    ~freeze_guard ()
    {
      if (active)
        w.start ();
    }
  };

  base (loop_ref loop) EV_NOEXCEPT : loop (loop)
  {
    ev_init (static_cast<c_watcher *> (this), 0);
  }

  void set (struct ev_loop *other) EV_NOEXCEPT { loop = loop_ref (other); }

  void set_ (const void *data, void (*cb) (struct ev_loop *, c_watcher *, int)) EV_NOEXCEPT
  {
    this->data = const_cast<void *> (data);
    ev_set_cb (static_cast<c_watcher *> (this), cb);
  }

  // A function of the watcher and the events, ...
  template<void (*function) (watcher &w, int)>
  void set (void *data = 0) EV_NOEXCEPT
  {
    set_ (data, function_thunk<function>);
  }

  // ... a method of them, ...
  template<class K, void (K::*method) (watcher &w, int)>
  void set (K *object) EV_NOEXCEPT
  {
    set_ (object, method_thunk<K, method>);
  }

  // ... an object that can be called with them, ...
  template<class K>
  void set (K *object) EV_NOEXCEPT
  {
    set_ (object, method_thunk<K, &K::operator ()>);
  }

  // ... a method of nothing.
  template<class K, void (K::*method) ()>
  void set (K *object) EV_NOEXCEPT
  {
    set_ (object, method_noargs_thunk<K, method>);
  }

  template<void (*function) (watcher &w, int)>
  static void function_thunk (struct ev_loop *, c_watcher *w, int revents)
  {
    function (*static_cast<watcher *> (w), revents);
  }

  template<class K, void (K::*method) (watcher &w, int)>
  static void method_thunk (struct ev_loop *, c_watcher *w, int revents)
  {
    (static_cast<K *> (w->data)->*method) (*static_cast<watcher *> (w), revents);
  }

  template<class K, void (K::*method) ()>
  static void method_noargs_thunk (struct ev_loop *, c_watcher *w, int)
  {
    (static_cast<K *> (w->data)->*method) ();
  }

  // Calls the callback.
  void operator () (int revents = EV_UNDEF)
  {
    ev_invoke (loop, static_cast<c_watcher *> (this), revents);
  }

  bool is_active () const EV_NOEXCEPT { return static_cast<const c_watcher *> (this)->active; }
  bool is_pending () const EV_NOEXCEPT { return static_cast<const c_watcher *> (this)->pending; }
  void feed_event (int revents) EV_NOEXCEPT { ev_feed_event (loop, static_cast<c_watcher *> (this), revents); }
};

#define EVPP_WATCHER_(name, cname)                                                                                     \
  struct name : base<ev_##cname, name> {                                                                               \
    name (loop_ref loop = get_default_loop ()) EV_NOEXCEPT : base<ev_##cname, name> (loop) {}                          \
    ~name () EV_NOEXCEPT { stop (); }                                                                                  \
    void start () EV_NOEXCEPT { ev_##cname##_start (loop, static_cast<ev_##cname *> (this)); }                         \
    void stop () EV_NOEXCEPT { ev_##cname##_stop (loop, static_cast<ev_##cname *> (this)); }                           \
    using base<ev_##cname, name>::set;                                                                                 \
                                                                                                                       \
  private:                                                                                                             \
    name (const name &);                                                                                               \
    name &operator = (const name &);                                                                                   \
                                                                                                                       \
  public:

EVPP_WATCHER_ (io, io)
  void set (int fd, int events) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_io_set (static_cast<ev_io *> (this), fd, events);
  }

  void set (int events) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_io_modify (static_cast<ev_io *> (this), events);
  }

  void start (int fd, int events) EV_NOEXCEPT
  {
    set (fd, events);
    start ();
  }
};

EVPP_WATCHER_ (timer, timer)
  void set (tstamp after, tstamp repeat = 0.) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_timer_set (static_cast<ev_timer *> (this), after, repeat);
  }

  void start (tstamp after, tstamp repeat = 0.) EV_NOEXCEPT
  {
    set (after, repeat);
    start ();
  }

  void again () EV_NOEXCEPT { ev_timer_again (loop, static_cast<ev_timer *> (this)); }
  tstamp remaining () { return ev_timer_remaining (loop, static_cast<ev_timer *> (this)); }
};

EVPP_WATCHER_ (periodic, periodic)
  void set (tstamp at, tstamp interval = 0.) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_periodic_set (static_cast<ev_periodic *> (this), at, interval, 0);
  }

  void start (tstamp at, tstamp interval = 0.) EV_NOEXCEPT
  {
    set (at, interval);
    start ();
  }

  void again () EV_NOEXCEPT { ev_periodic_again (loop, static_cast<ev_periodic *> (this)); }
};

EVPP_WATCHER_ (sig, signal)
  void set (int signum) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_signal_set (static_cast<ev_signal *> (this), signum);
  }

  void start (int signum) EV_NOEXCEPT
  {
    set (signum);
    start ();
  }
};

EVPP_WATCHER_ (child, child)
  void set (int pid, int trace = 0) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_child_set (static_cast<ev_child *> (this), pid, trace);
  }

  void start (int pid, int trace = 0) EV_NOEXCEPT
  {
    set (pid, trace);
    start ();
  }
};

EVPP_WATCHER_ (stat, stat)
  void set (const char *path, tstamp interval = 0.) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_stat_set (static_cast<ev_stat *> (this), path, interval);
  }

  void start (const char *path, tstamp interval = 0.) EV_NOEXCEPT
  {
    stop ();
    set (path, interval);
    start ();
  }

  void update () EV_NOEXCEPT { ev_stat_stat (loop, static_cast<ev_stat *> (this)); }
};

EVPP_WATCHER_ (idle, idle)
  void set () EV_NOEXCEPT {}
};

EVPP_WATCHER_ (prepare, prepare)
  void set () EV_NOEXCEPT {}
};

EVPP_WATCHER_ (check, check)
  void set () EV_NOEXCEPT {}
};

EVPP_WATCHER_ (embed, embed)
  void set_embed (struct ev_loop *embedded_loop) EV_NOEXCEPT
  {
    freeze_guard freeze (this);
    ev_embed_set (static_cast<ev_embed *> (this), embedded_loop);
  }

  void start (struct ev_loop *embedded_loop) EV_NOEXCEPT
  {
    set_embed (embedded_loop);
    start ();
  }

  void sweep () { ev_embed_sweep (loop, static_cast<ev_embed *> (this)); }
};

EVPP_WATCHER_ (fork, fork)
  void set () EV_NOEXCEPT {}
};

EVPP_WATCHER_ (async, async)
  void set () EV_NOEXCEPT {}
  void send () EV_NOEXCEPT { ev_async_send (loop, static_cast<ev_async *> (this)); }
  bool async_pending () EV_NOEXCEPT { return ev_async_pending (static_cast<ev_async *> (this)); }
};

#undef EVPP_WATCHER_

} // namespace ev

#endif // EVPP_H__
