/*
 * ev.h: the C interface of libev 4.33, as evoxide offers it.
 *
 * Programs own their watchers: plain structs that are initialised, configured
 * and started with the macros and functions below, and must stay in place
 * while they are active or pending. Of a watcher's members a program may
 * read and write `data`, and what is marked rw; what is marked ro may change
 * only while the watcher is stopped; the rest belongs to the library.
 *
 * A loop is used by one thread at a time. Only ev_async_send, ev_feed_signal
 * and signal handlers may come from elsewhere.
 *
 * The library is built for several loops and for the watcher types below, so
 * EV_MULTIPLICITY and the EV_..._ENABLE switches tell what there is and do
 * not change it.
 */
#ifndef EV_H_
#define EV_H_

#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/stat.h>

/* ---- the language ------------------------------------------------------- */

#ifdef __cplusplus
# define EV_CPP(x) x
# if __cplusplus >= 201103L
#  define EV_NOEXCEPT noexcept
# else
#  define EV_NOEXCEPT
# endif
extern "C" {
#else
# define EV_CPP(x)
# define EV_NOEXCEPT
#endif
#define EV_THROW EV_NOEXCEPT

#if defined __cplusplus || (defined __STDC_VERSION__ && __STDC_VERSION__ >= 199901L)
# define EV_INLINE static inline
#elif defined __GNUC__
# define EV_INLINE static __inline__
#else
# define EV_INLINE static
#endif

#ifndef EV_API_DECL
# define EV_API_DECL extern
#endif

/* ---- what a program may set before it includes this ---------------------- */

/* Names of libev 3. */
#ifndef EV_COMPAT3
# define EV_COMPAT3 1
#endif

/* Function declarations. */
#ifndef EV_PROTOTYPES
# define EV_PROTOTYPES 1
#endif

/* A program that adds members to its watchers gets structs that are not the library's: for sources that embed libev. */
#ifndef EV_COMMON
# define EV_COMMON void *data;
#endif

#ifndef EV_CB_DECLARE
# define EV_CB_DECLARE(type) void (*cb) (EV_P_ struct type *w, int revents);
#endif

#ifndef EV_CB_INVOKE
# define EV_CB_INVOKE(watcher, revents) (watcher)->cb (EV_A_ (watcher), (revents))
#endif

#ifndef EV_TSTAMP_T
# define EV_TSTAMP_T double
#endif

#ifndef EV_ATOMIC_T
# define EV_ATOMIC_T sig_atomic_t volatile
#endif

/* ---- what the library has ------------------------------------------------ */

#define EV_VERSION_MAJOR 4
#define EV_VERSION_MINOR 33

#ifndef EV_FEATURES
# define EV_FEATURES 0x7f
#endif
#define EV_FEATURE_CODE     (EV_FEATURES & 0x01)
#define EV_FEATURE_DATA     (EV_FEATURES & 0x02)
#define EV_FEATURE_CONFIG   (EV_FEATURES & 0x04)
#define EV_FEATURE_API      (EV_FEATURES & 0x08)
#define EV_FEATURE_WATCHERS (EV_FEATURES & 0x10)
#define EV_FEATURE_BACKENDS (EV_FEATURES & 0x20)
#define EV_FEATURE_OS       (EV_FEATURES & 0x40)

#ifndef EV_MULTIPLICITY
# define EV_MULTIPLICITY 1
#elif !EV_MULTIPLICITY
# error "the library is built for several loops: EV_MULTIPLICITY must be 1"
#endif

#ifndef EV_MINPRI
# define EV_MINPRI -2
#endif
#ifndef EV_MAXPRI
# define EV_MAXPRI 2
#endif

#ifndef EV_PERIODIC_ENABLE
# define EV_PERIODIC_ENABLE 1
#endif
#ifndef EV_STAT_ENABLE
# define EV_STAT_ENABLE 1
#endif
#ifndef EV_IDLE_ENABLE
# define EV_IDLE_ENABLE 1
#endif
#ifndef EV_FORK_ENABLE
# define EV_FORK_ENABLE 1
#endif
#ifndef EV_CLEANUP_ENABLE
# define EV_CLEANUP_ENABLE 1
#endif
#ifndef EV_SIGNAL_ENABLE
# define EV_SIGNAL_ENABLE 1
#endif
#ifndef EV_CHILD_ENABLE
# define EV_CHILD_ENABLE 1
#endif
#ifndef EV_ASYNC_ENABLE
# define EV_ASYNC_ENABLE 1
#endif
#ifndef EV_EMBED_ENABLE
# define EV_EMBED_ENABLE 1
#endif
#ifndef EV_WALK_ENABLE
# define EV_WALK_ENABLE 0
#endif
#ifndef EV_CHECK_ENABLE
# define EV_CHECK_ENABLE 1
#endif
#ifndef EV_PREPARE_ENABLE
# define EV_PREPARE_ENABLE 1
#endif
#undef EV_IO_ENABLE
#define EV_IO_ENABLE 1

/* ---- naming a loop -------------------------------------------------------- */

struct ev_loop;

/* A parameter called `loop`, alone and before others; the same as an argument; and the default loop as an argument, made
 * if need be, or, for _UC, only if it is known to exist. */
#define EV_P struct ev_loop *loop
#define EV_P_ EV_P,
#define EV_A loop
#define EV_A_ EV_A,
#define EV_DEFAULT ev_default_loop (0)
#define EV_DEFAULT_ EV_DEFAULT,
#define EV_DEFAULT_UC ev_default_loop_uc_ ()
#define EV_DEFAULT_UC_ EV_DEFAULT_UC,

/* Seconds, as a point in time (since 1970) or as a duration. */
typedef EV_TSTAMP_T ev_tstamp;

/* ---- numbers -------------------------------------------------------------- */

/* What a watcher waits for, and what its callback is told. */
enum {
  EV_UNDEF    = -1,         /* no set of events has this value */
  EV_NONE     = 0,
  EV_READ     = 0x01,       /* io: a read would not block */
  EV_WRITE    = 0x02,       /* io: a write would not block */
  EV__IOFDSET = 0x80,       /* the library's own */
  EV_IO       = EV_READ,
  EV_TIMER    = 0x00000100,
#if EV_COMPAT3
  EV_TIMEOUT  = EV_TIMER,
#endif
  EV_PERIODIC = 0x00000200,
  EV_SIGNAL   = 0x00000400,
  EV_CHILD    = 0x00000800,
  EV_STAT     = 0x00001000,
  EV_IDLE     = 0x00002000,
  EV_PREPARE  = 0x00004000,
  EV_CHECK    = 0x00008000,
  EV_EMBED    = 0x00010000,
  EV_FORK     = 0x00020000,
  EV_CLEANUP  = 0x00040000,
  EV_ASYNC    = 0x00080000,
  EV_CUSTOM   = 0x01000000, /* for programs: the library never sends it */
  EV_ERROR    = (int) 0x80000000u /* the watcher was stopped by an error */
};

/* Flags of ev_default_loop and ev_loop_new, to be or-ed with backends. */
enum {
  EVFLAG_AUTO      = 0,
  EVFLAG_NOENV     = 0x01000000, /* do not look at LIBEV_FLAGS */
  EVFLAG_FORKCHECK = 0x02000000, /* notice forks by itself */
  EVFLAG_NOINOTIFY = 0x00100000, /* stat watchers look by themselves */
#if EV_COMPAT3
  EVFLAG_NOSIGFD   = 0,
#endif
  EVFLAG_SIGNALFD  = 0x00200000, /* signals through a descriptor */
  EVFLAG_NOSIGMASK = 0x00400000, /* leave the signal mask alone */
  EVFLAG_NOTIMERFD = 0x00800000  /* no descriptor that tells when the clock is set */
};

enum {
  EVBACKEND_SELECT   = 0x01,
  EVBACKEND_POLL     = 0x02,
  EVBACKEND_EPOLL    = 0x04,
  EVBACKEND_KQUEUE   = 0x08,
  EVBACKEND_DEVPOLL  = 0x10,
  EVBACKEND_PORT     = 0x20,
  EVBACKEND_LINUXAIO = 0x40,
  EVBACKEND_IOURING  = 0x80,
  EVBACKEND_ALL      = 0xff,
  EVBACKEND_MASK     = 0xffff
};

/* Flags of ev_run. */
enum {
  EVRUN_NOWAIT = 1, /* one turn, without waiting */
  EVRUN_ONCE   = 2  /* one turn */
};

/* How far ev_break reaches. */
enum {
  EVBREAK_CANCEL = 0, /* take an earlier one back */
  EVBREAK_ONE    = 1, /* the innermost ev_run */
  EVBREAK_ALL    = 2  /* every ev_run */
};

/* ---- watchers ------------------------------------------------------------- */

#ifndef EV_DECL_PRIORITY
# define EV_DECL_PRIORITY int priority;
#endif

/* How every watcher begins: not zero while active, not zero while pending, the priority, the program's data, the callback. */
#define EV_WATCHER(type)                                                                                               \
  int active;                                                                                                          \
  int pending;                                                                                                         \
  EV_DECL_PRIORITY                                                                                                     \
  EV_COMMON                                                                                                            \
  EV_CB_DECLARE (type)

/* ... those that are chained, and those that are due at some time. */
#define EV_WATCHER_LIST(type)                                                                                          \
  EV_WATCHER (type)                                                                                                    \
  struct ev_watcher_list *next;
#define EV_WATCHER_TIME(type)                                                                                          \
  EV_WATCHER (type)                                                                                                    \
  ev_tstamp at;

/* Not in use by the library: a callback's definition. */
#define EV_CB(type, name) void name (EV_P_ struct ev_##type *w, int revents)

typedef struct ev_watcher {
  EV_WATCHER (ev_watcher)
} ev_watcher;

typedef struct ev_watcher_list {
  EV_WATCHER_LIST (ev_watcher_list)
} ev_watcher_list;

typedef struct ev_watcher_time {
  EV_WATCHER_TIME (ev_watcher_time)
} ev_watcher_time;

/* A descriptor that can be read or written: EV_READ, EV_WRITE. */
typedef struct ev_io {
  EV_WATCHER_LIST (ev_io)
  int fd;     /* ro */
  int events; /* ro */
} ev_io;

/* A time from now, perhaps again and again: EV_TIMER. */
typedef struct ev_timer {
  EV_WATCHER_TIME (ev_timer)
  ev_tstamp repeat; /* rw */
} ev_timer;

/* A time on the calendar: EV_PERIODIC. */
typedef struct ev_periodic {
  EV_WATCHER_TIME (ev_periodic)
  ev_tstamp offset;   /* rw */
  ev_tstamp interval; /* rw */
  ev_tstamp (*reschedule_cb) (struct ev_periodic *w, ev_tstamp now) EV_NOEXCEPT; /* rw */
} ev_periodic;

/* A signal of the process: EV_SIGNAL. */
typedef struct ev_signal {
  EV_WATCHER_LIST (ev_signal)
  int signum; /* ro */
} ev_signal;

/* A change of a child process, in the default loop: EV_CHILD. */
typedef struct ev_child {
  EV_WATCHER_LIST (ev_child)
  int flags;
  int pid;     /* ro; 0 for any */
  int rpid;    /* rw; which child it was */
  int rstatus; /* rw; what waitpid said */
} ev_child;

typedef struct stat ev_statdata;

/* The attributes of a path: EV_STAT. A path that is not there has st_nlink 0. */
typedef struct ev_stat {
  EV_WATCHER_LIST (ev_stat)
  ev_timer timer;
  ev_tstamp interval; /* ro */
  const char *path;   /* ro */
  ev_statdata prev;   /* ro */
  ev_statdata attr;   /* ro */
  int wd;
} ev_stat;

/* Nothing else to do: EV_IDLE. */
typedef struct ev_idle {
  EV_WATCHER (ev_idle)
} ev_idle;

/* Before each wait: EV_PREPARE. */
typedef struct ev_prepare {
  EV_WATCHER (ev_prepare)
} ev_prepare;

/* After each wait: EV_CHECK. */
typedef struct ev_check {
  EV_WATCHER (ev_check)
} ev_check;

/* In the child after a fork: EV_FORK. */
typedef struct ev_fork {
  EV_WATCHER (ev_fork)
} ev_fork;

/* The loop is being destroyed: EV_CLEANUP. */
typedef struct ev_cleanup {
  EV_WATCHER (ev_cleanup)
} ev_cleanup;

/* Another loop inside this one: EV_EMBED. Without a callback it is swept as needed. */
typedef struct ev_embed {
  EV_WATCHER (ev_embed)
  struct ev_loop *other; /* ro */
  ev_io io;
  ev_prepare prepare;
  ev_check check;
  ev_timer timer;
  ev_periodic periodic;
  ev_idle idle;
  ev_fork fork;
  ev_cleanup cleanup;
} ev_embed;

/* Woken from another thread or a signal handler: EV_ASYNC. */
typedef struct ev_async {
  EV_WATCHER (ev_async)
  EV_ATOMIC_T sent;
} ev_async;

/* Room for any of them. */
union ev_any_watcher {
  struct ev_watcher w;
  struct ev_watcher_list wl;
  struct ev_io io;
  struct ev_timer timer;
  struct ev_periodic periodic;
  struct ev_signal signal;
  struct ev_child child;
  struct ev_stat stat;
  struct ev_idle idle;
  struct ev_prepare prepare;
  struct ev_check check;
  struct ev_fork fork;
  struct ev_cleanup cleanup;
  struct ev_embed embed;
  struct ev_async async;
};

/* ---- macros over watchers ------------------------------------------------- */

/* These may use the watcher expression several times. */
#define ev_is_active(ev)  (0 + ((ev_watcher *) (void *) (ev))->active)
#define ev_is_pending(ev) (0 + ((ev_watcher *) (void *) (ev))->pending)

#define ev_cb_(ev) (ev)->cb
#define ev_cb(ev)  ev_cb_ (ev)
#ifndef ev_set_cb
# define ev_set_cb(ev, cb_) (ev_cb_ (ev) = (cb_))
#endif

#define ev_priority(ev)          (0 + ((ev_watcher *) (void *) (ev))->priority)
#define ev_set_priority(ev, pri) ((ev_watcher *) (void *) (ev))->priority = (pri)

#define ev_periodic_at(ev)   (0 + ((ev_watcher_time *) (void *) (ev))->at)
#define ev_async_pending(ev) (0 + (ev)->sent)

/* Makes a watcher of plain memory: stopped, priority 0. */
#define ev_init(ev, cb_)                                                                                               \
  do {                                                                                                                 \
    ((ev_watcher *) (void *) (ev))->active = 0;                                                                        \
    ((ev_watcher *) (void *) (ev))->pending = 0;                                                                       \
    ev_set_priority ((ev), 0);                                                                                         \
    ev_set_cb ((ev), cb_);                                                                                             \
  } while (0)

/* Configure a stopped watcher. ev_io_modify changes the events alone and tells that the descriptor is still the same. */
#define ev_io_set(ev, fd_, events_)                                                                                    \
  do { (ev)->fd = (fd_); (ev)->events = (events_) | EV__IOFDSET; } while (0)
#define ev_io_modify(ev, events_)                                                                                      \
  do { (ev)->events = ((ev)->events & EV__IOFDSET) | (events_); } while (0)
#define ev_timer_set(ev, after_, repeat_)                                                                              \
  do { ((ev_watcher_time *) (void *) (ev))->at = (after_); (ev)->repeat = (repeat_); } while (0)
#define ev_periodic_set(ev, ofs_, ival_, rcb_)                                                                         \
  do { (ev)->offset = (ofs_); (ev)->interval = (ival_); (ev)->reschedule_cb = (rcb_); } while (0)
#define ev_signal_set(ev, signum_)                                                                                     \
  do { (ev)->signum = (signum_); } while (0)
#define ev_child_set(ev, pid_, trace_)                                                                                 \
  do { (ev)->pid = (pid_); (ev)->flags = (trace_) ? 1 : 0; } while (0)
#define ev_stat_set(ev, path_, interval_)                                                                              \
  do { (ev)->path = (path_); (ev)->interval = (interval_); (ev)->wd = -2; } while (0)
#define ev_embed_set(ev, other_)                                                                                       \
  do { (ev)->other = (other_); } while (0)
#define ev_idle_set(ev)
#define ev_prepare_set(ev)
#define ev_check_set(ev)
#define ev_fork_set(ev)
#define ev_cleanup_set(ev)
#define ev_async_set(ev)

/* Both steps in one. */
#define ev_io_init(ev, cb, fd, events) \
  do { ev_init ((ev), (cb)); ev_io_set ((ev), (fd), (events)); } while (0)
#define ev_timer_init(ev, cb, after, repeat) \
  do { ev_init ((ev), (cb)); ev_timer_set ((ev), (after), (repeat)); } while (0)
#define ev_periodic_init(ev, cb, ofs, ival, rcb) \
  do { ev_init ((ev), (cb)); ev_periodic_set ((ev), (ofs), (ival), (rcb)); } while (0)
#define ev_signal_init(ev, cb, signum) \
  do { ev_init ((ev), (cb)); ev_signal_set ((ev), (signum)); } while (0)
#define ev_child_init(ev, cb, pid, trace) \
  do { ev_init ((ev), (cb)); ev_child_set ((ev), (pid), (trace)); } while (0)
#define ev_stat_init(ev, cb, path, interval) \
  do { ev_init ((ev), (cb)); ev_stat_set ((ev), (path), (interval)); } while (0)
#define ev_embed_init(ev, cb, other) \
  do { ev_init ((ev), (cb)); ev_embed_set ((ev), (other)); } while (0)
#define ev_idle_init(ev, cb)    ev_init ((ev), (cb))
#define ev_prepare_init(ev, cb) ev_init ((ev), (cb))
#define ev_check_init(ev, cb)   ev_init ((ev), (cb))
#define ev_fork_init(ev, cb)    ev_init ((ev), (cb))
#define ev_cleanup_init(ev, cb) ev_init ((ev), (cb))
#define ev_async_init(ev, cb)   ev_init ((ev), (cb))

/* ---- functions ------------------------------------------------------------ */

#if EV_PROTOTYPES

/* The library. */
EV_API_DECL int ev_version_major (void) EV_NOEXCEPT;
EV_API_DECL int ev_version_minor (void) EV_NOEXCEPT;
EV_API_DECL unsigned int ev_supported_backends (void) EV_NOEXCEPT;
EV_API_DECL unsigned int ev_recommended_backends (void) EV_NOEXCEPT;
EV_API_DECL unsigned int ev_embeddable_backends (void) EV_NOEXCEPT;

/* The time, and sleeping. */
EV_API_DECL ev_tstamp ev_time (void) EV_NOEXCEPT;
EV_API_DECL void ev_sleep (ev_tstamp delay) EV_NOEXCEPT;

/* Memory for what programs hold pointers to: like realloc, and like free for size 0. It must not fail. */
EV_API_DECL void ev_set_allocator (void *(*cb) (void *ptr, long size) EV_NOEXCEPT) EV_NOEXCEPT;
/* Told of system errors that the library cannot deal with; without it the program ends. */
EV_API_DECL void ev_set_syserr_cb (void (*cb) (const char *msg) EV_NOEXCEPT) EV_NOEXCEPT;

/* Loops. Only the default loop knows of child processes. */
EV_API_DECL struct ev_loop *ev_default_loop (unsigned int flags EV_CPP (= 0)) EV_NOEXCEPT;
EV_API_DECL struct ev_loop *ev_loop_new (unsigned int flags EV_CPP (= 0)) EV_NOEXCEPT;
EV_API_DECL void ev_loop_destroy (EV_P);
/* In the child, or anywhere: what a fork shares is rebuilt before the next wait. */
EV_API_DECL void ev_loop_fork (EV_P) EV_NOEXCEPT;
EV_API_DECL unsigned int ev_backend (EV_P) EV_NOEXCEPT;

extern struct ev_loop *ev_default_loop_ptr;

EV_INLINE struct ev_loop *
ev_default_loop_uc_ (void) EV_NOEXCEPT
{
  return ev_default_loop_ptr;
}

EV_INLINE int
ev_is_default_loop (EV_P) EV_NOEXCEPT
{
  return EV_A == ev_default_loop_ptr;
}

/* The loop's time, which stands still during callbacks. */
EV_API_DECL ev_tstamp ev_now (EV_P) EV_NOEXCEPT;
EV_API_DECL void ev_now_update (EV_P) EV_NOEXCEPT;
EV_API_DECL void ev_suspend (EV_P) EV_NOEXCEPT;
EV_API_DECL void ev_resume (EV_P) EV_NOEXCEPT;

/* Handles events until nothing is active or ev_break is called. Zero when nothing is active. */
EV_API_DECL int ev_run (EV_P_ int flags EV_CPP (= 0));
EV_API_DECL void ev_break (EV_P_ int how EV_CPP (= EVBREAK_ONE)) EV_NOEXCEPT;
/* One reason more, or less, to go on. */
EV_API_DECL void ev_ref (EV_P) EV_NOEXCEPT;
EV_API_DECL void ev_unref (EV_P) EV_NOEXCEPT;

/* One event, or a time: then cb is called once. A negative time is none. */
EV_API_DECL void ev_once (EV_P_ int fd, int events, ev_tstamp timeout, void (*cb) (int revents, void *arg), void *arg)
  EV_NOEXCEPT;

EV_API_DECL unsigned int ev_iteration (EV_P) EV_NOEXCEPT;
EV_API_DECL unsigned int ev_depth (EV_P) EV_NOEXCEPT;
EV_API_DECL void ev_verify (EV_P) EV_NOEXCEPT;

/* Be late on purpose, to handle more at once. */
EV_API_DECL void ev_set_io_collect_interval (EV_P_ ev_tstamp interval) EV_NOEXCEPT;
EV_API_DECL void ev_set_timeout_collect_interval (EV_P_ ev_tstamp interval) EV_NOEXCEPT;

EV_API_DECL void ev_set_userdata (EV_P_ void *data) EV_NOEXCEPT;
EV_API_DECL void *ev_userdata (EV_P) EV_NOEXCEPT;

/* For loops shared by threads: who runs what is pending, and what surrounds each wait. */
typedef void (*ev_loop_callback) (EV_P);
EV_API_DECL void ev_set_invoke_pending_cb (EV_P_ ev_loop_callback invoke_pending_cb) EV_NOEXCEPT;
EV_API_DECL void ev_set_loop_release_cb (EV_P_ void (*release) (EV_P) EV_NOEXCEPT, void (*acquire) (EV_P) EV_NOEXCEPT)
  EV_NOEXCEPT;
EV_API_DECL void ev_invoke_pending (EV_P);
EV_API_DECL unsigned int ev_pending_count (EV_P) EV_NOEXCEPT;

/* Artificial events. ev_feed_signal may be called from anywhere. */
EV_API_DECL void ev_feed_event (EV_P_ void *w, int revents) EV_NOEXCEPT;
EV_API_DECL void ev_feed_fd_event (EV_P_ int fd, int revents) EV_NOEXCEPT;
EV_API_DECL void ev_feed_signal (int signum) EV_NOEXCEPT;
EV_API_DECL void ev_feed_signal_event (EV_P_ int signum) EV_NOEXCEPT;
EV_API_DECL void ev_invoke (EV_P_ void *w, int revents);
EV_API_DECL int ev_clear_pending (EV_P_ void *w) EV_NOEXCEPT;

/* Starting an active watcher and stopping a stopped one do nothing; stopping also takes the pending state off. */
EV_API_DECL void ev_io_start (EV_P_ ev_io *w) EV_NOEXCEPT;
EV_API_DECL void ev_io_stop (EV_P_ ev_io *w) EV_NOEXCEPT;

EV_API_DECL void ev_timer_start (EV_P_ ev_timer *w) EV_NOEXCEPT;
EV_API_DECL void ev_timer_stop (EV_P_ ev_timer *w) EV_NOEXCEPT;
/* Restarts a repeating timer, stops another. */
EV_API_DECL void ev_timer_again (EV_P_ ev_timer *w) EV_NOEXCEPT;
EV_API_DECL ev_tstamp ev_timer_remaining (EV_P_ ev_timer *w) EV_NOEXCEPT;

EV_API_DECL void ev_periodic_start (EV_P_ ev_periodic *w) EV_NOEXCEPT;
EV_API_DECL void ev_periodic_stop (EV_P_ ev_periodic *w) EV_NOEXCEPT;
EV_API_DECL void ev_periodic_again (EV_P_ ev_periodic *w) EV_NOEXCEPT;

EV_API_DECL void ev_signal_start (EV_P_ ev_signal *w) EV_NOEXCEPT;
EV_API_DECL void ev_signal_stop (EV_P_ ev_signal *w) EV_NOEXCEPT;

EV_API_DECL void ev_child_start (EV_P_ ev_child *w) EV_NOEXCEPT;
EV_API_DECL void ev_child_stop (EV_P_ ev_child *w) EV_NOEXCEPT;

EV_API_DECL void ev_stat_start (EV_P_ ev_stat *w) EV_NOEXCEPT;
EV_API_DECL void ev_stat_stop (EV_P_ ev_stat *w) EV_NOEXCEPT;
/* Looks now. */
EV_API_DECL void ev_stat_stat (EV_P_ ev_stat *w) EV_NOEXCEPT;

EV_API_DECL void ev_idle_start (EV_P_ ev_idle *w) EV_NOEXCEPT;
EV_API_DECL void ev_idle_stop (EV_P_ ev_idle *w) EV_NOEXCEPT;

EV_API_DECL void ev_prepare_start (EV_P_ ev_prepare *w) EV_NOEXCEPT;
EV_API_DECL void ev_prepare_stop (EV_P_ ev_prepare *w) EV_NOEXCEPT;

EV_API_DECL void ev_check_start (EV_P_ ev_check *w) EV_NOEXCEPT;
EV_API_DECL void ev_check_stop (EV_P_ ev_check *w) EV_NOEXCEPT;

EV_API_DECL void ev_fork_start (EV_P_ ev_fork *w) EV_NOEXCEPT;
EV_API_DECL void ev_fork_stop (EV_P_ ev_fork *w) EV_NOEXCEPT;

EV_API_DECL void ev_cleanup_start (EV_P_ ev_cleanup *w) EV_NOEXCEPT;
EV_API_DECL void ev_cleanup_stop (EV_P_ ev_cleanup *w) EV_NOEXCEPT;

EV_API_DECL void ev_embed_start (EV_P_ ev_embed *w) EV_NOEXCEPT;
EV_API_DECL void ev_embed_stop (EV_P_ ev_embed *w) EV_NOEXCEPT;
/* Handles what is ready in the embedded loop. */
EV_API_DECL void ev_embed_sweep (EV_P_ ev_embed *w) EV_NOEXCEPT;

EV_API_DECL void ev_async_start (EV_P_ ev_async *w) EV_NOEXCEPT;
EV_API_DECL void ev_async_stop (EV_P_ ev_async *w) EV_NOEXCEPT;
/* From any thread, and from signal handlers. */
EV_API_DECL void ev_async_send (EV_P_ ev_async *w) EV_NOEXCEPT;

#endif /* EV_PROTOTYPES */

/* ---- libev 3 -------------------------------------------------------------- */

#if EV_COMPAT3
# define EVLOOP_NONBLOCK EVRUN_NOWAIT
# define EVLOOP_ONESHOT  EVRUN_ONCE
# define EVUNLOOP_CANCEL EVBREAK_CANCEL
# define EVUNLOOP_ONE    EVBREAK_ONE
# define EVUNLOOP_ALL    EVBREAK_ALL
# if EV_PROTOTYPES
EV_INLINE void ev_loop (EV_P_ int flags) { ev_run (EV_A_ flags); }
EV_INLINE void ev_unloop (EV_P_ int how) { ev_break (EV_A_ how); }
EV_INLINE void ev_default_destroy (void) { ev_loop_destroy (EV_DEFAULT); }
EV_INLINE void ev_default_fork (void) { ev_loop_fork (EV_DEFAULT); }
EV_INLINE unsigned int ev_loop_count (EV_P) { return ev_iteration (EV_A); }
EV_INLINE unsigned int ev_loop_depth (EV_P) { return ev_depth (EV_A); }
EV_INLINE void ev_loop_verify (EV_P) { ev_verify (EV_A); }
# endif
#else
typedef struct ev_loop ev_loop;
#endif

#ifdef __cplusplus
}
#endif

#endif /* EV_H_ */
