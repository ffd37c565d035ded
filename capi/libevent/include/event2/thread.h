/*
 * event2/thread.h: locks, for programs that use a base from several threads.
 *
 * Choose once, before the first base is made: evthread_use_pthreads(), or locks of your own. Without a choice nothing is
 * locked, and a base belongs to one thread.
 */
#ifndef EVENT2_THREAD_H_INCLUDED_
#define EVENT2_THREAD_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

struct event_base;
struct timeval;

/* Modes of a lock or unlock call. */
#define EVTHREAD_WRITE 0x04 /**< for writing (read-write locks) */
#define EVTHREAD_READ 0x08  /**< for reading (read-write locks) */
#define EVTHREAD_TRY 0x10   /**< do not wait: fail where it is held */

#define EVTHREAD_LOCK_API_VERSION 1

/* Kinds of locks. */
#define EVTHREAD_LOCKTYPE_RECURSIVE 1 /**< its holder may take it again */
#define EVTHREAD_LOCKTYPE_READWRITE 2 /**< many readers or one writer; the library asks for none */

/** The functions that make and work locks. */
struct evthread_lock_callbacks {
	int lock_api_version;	      /**< EVTHREAD_LOCK_API_VERSION */
	unsigned supported_locktypes; /**< EVTHREAD_LOCKTYPE_* beyond the plain kind */
	void *(*alloc)(unsigned locktype);
	void (*free)(void *lock, unsigned locktype);
	int (*lock)(unsigned mode, void *lock);	  /**< 0 once it is held */
	int (*unlock)(unsigned mode, void *lock); /**< 0 once it is released */
};

/**
 * Sets the lock functions. They are copied; NULL takes them away. Once set they cannot change, except to the same ones.
 * @return 0, or -1
 */
int evthread_set_lock_callbacks(const struct evthread_lock_callbacks *callbacks);

#define EVTHREAD_CONDITION_API_VERSION 1

/** The functions that make and work condition variables. */
struct evthread_condition_callbacks {
	int condition_api_version; /**< EVTHREAD_CONDITION_API_VERSION */
	void *(*alloc_condition)(unsigned condtype);
	void (*free_condition)(void *cond);
	int (*signal_condition)(void *cond, int broadcast);
	/** 0 when signalled, 1 when `timeout` (NULL: none) is over, -1 on error; the lock is held on entry and return. */
	int (*wait_condition)(void *cond, void *lock, const struct timeval *timeout);
};

/** Sets the condition functions, as evthread_set_lock_callbacks() does for locks. */
int evthread_set_condition_callbacks(const struct evthread_condition_callbacks *callbacks);

/** Sets the function that tells threads apart: a number for the calling one. */
void evthread_set_id_callback(unsigned long (*id_fn)(void));

/** Sets all three to POSIX threads. @return 0, or -1 */
int evthread_use_pthreads(void);
#define EVTHREAD_USE_PTHREADS_IMPLEMENTED 1

/** Mutexes that lend a waiting thread's priority to their holder. */
#define EVTHREAD_PTHREAD_PRIO_INHERIT 0x01

/** evthread_use_pthreads() with EVTHREAD_PTHREAD_* flags (libevent 2.2). */
int evthread_use_pthreads_with_flags(int flags);

/** Checks every use of a lock: released by its holder, released as often as taken. Before or after the locks are set. */
void evthread_enable_lock_debugging(void);

/** The same, as early versions spelled it. */
void evthread_enable_lock_debuging(void);

/**
 * Lets other threads wake the base. Bases made after the locks were set can do so already.
 * @return 0, or -1
 */
int evthread_make_base_notifiable(struct event_base *base);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_THREAD_H_INCLUDED_ */
