/*
 * event2/buffer.h: evbuffer, a queue of bytes.
 *
 * Bytes are added at the end and drained from the front. They lie in a chain of segments: adding never moves what is
 * there, and whole buffers move into one another without copying. Pointers into a buffer (evbuffer_pullup(),
 * evbuffer_peek(), evbuffer_reserve_space()) and positions (evbuffer_ptr) are good until the buffer next changes.
 *
 * Functions that answer int answer 0 for success and -1 for failure where nothing else is said; after a failure the
 * buffer is as it was. Every function fails at an end that evbuffer_freeze() has closed.
 */
#ifndef EVENT2_BUFFER_H_INCLUDED_
#define EVENT2_BUFFER_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

#include <stdarg.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <event2/util.h>

struct event_base;

/** A buffer. */
struct evbuffer;

/** A position in a buffer. */
struct evbuffer_ptr {
	ev_ssize_t pos; /**< bytes from the front; -1: nowhere */
	struct {
		void *chain;
		size_t pos_in_chain;
	} internal_; /**< the library's own */
};

/** A piece of memory: the system's struct iovec. */
#define evbuffer_iovec iovec
#define EVBUFFER_IOVEC_IS_NATIVE_

/* ---- life and locks ---------------------------------------------------------------------------------------------- */

/** An empty buffer. NULL where there is no memory. */
struct evbuffer *evbuffer_new(void);

/** Frees a buffer with what it holds. */
void evbuffer_free(struct evbuffer *buf);

/** Lets several threads use the buffer. @param lock a recursive lock of <event2/thread.h>'s functions; NULL: a new one */
int evbuffer_enable_locking(struct evbuffer *buf, void *lock);

/** Takes the buffer's lock, for several calls in a row. Nothing where it has none. */
void evbuffer_lock(struct evbuffer *buf);

/** Releases it. */
void evbuffer_unlock(struct evbuffer *buf);

/** Everything in the buffer ends in a file descriptor: files may be added that the kernel sends by itself. */
#define EVBUFFER_FLAG_DRAINS_TO_FD 1

/** Sets EVBUFFER_FLAG_* bits. */
int evbuffer_set_flags(struct evbuffer *buf, ev_uint64_t flags);

/** Clears EVBUFFER_FLAG_* bits. */
int evbuffer_clear_flags(struct evbuffer *buf, ev_uint64_t flags);

/* ---- length and room --------------------------------------------------------------------------------------------- */

/** How many bytes there are. */
size_t evbuffer_get_length(const struct evbuffer *buf);

/** How many of them lie in one piece at the front. */
size_t evbuffer_get_contiguous_space(const struct evbuffer *buf);

/** Makes room, so that adding that many bytes cannot fail for want of memory. */
int evbuffer_expand(struct evbuffer *buf, size_t datlen);

/**
 * Room at the end to write to directly; evbuffer_commit_space() makes what was written part of the buffer.
 * @param vec takes the pieces, at most `n_vec`; 1 asks for one piece
 * @return how many pieces, or -1
 */
int evbuffer_reserve_space(struct evbuffer *buf, ev_ssize_t size, struct evbuffer_iovec *vec, int n_vec);

/** Adds what was written to reserved room. @param vec the pieces, shortened to what was written */
int evbuffer_commit_space(struct evbuffer *buf, struct evbuffer_iovec *vec, int n_vecs);

/* ---- adding ------------------------------------------------------------------------------------------------------ */

/** Adds a copy at the end. */
int evbuffer_add(struct evbuffer *buf, const void *data, size_t datlen);

/** Adds copies of several pieces. @return how many bytes were added */
size_t evbuffer_add_iovec(struct evbuffer *buffer, struct evbuffer_iovec *vec, int n_vec);

/** Adds a copy at the front. */
int evbuffer_prepend(struct evbuffer *buf, const void *data, size_t size);

/** Moves all of `inbuf` to the end of `outbuf`, without copying. */
int evbuffer_add_buffer(struct evbuffer *outbuf, struct evbuffer *inbuf);

/** Moves all of `src` to the front of `dst`, without copying. */
int evbuffer_prepend_buffer(struct evbuffer *dst, struct evbuffer *src);

/** Adds what `inbuf` holds to `outbuf`, shared and not copied; `inbuf` keeps it. It must hold no files. */
int evbuffer_add_buffer_reference(struct evbuffer *outbuf, struct evbuffer *inbuf);

/** Adds a formatted text. @return its length, or -1 */
int evbuffer_add_printf(struct evbuffer *buf, const char *fmt, ...)
#ifdef __GNUC__
	__attribute__((format(printf, 2, 3)))
#endif
	;

/** evbuffer_add_printf() with a va_list. */
int evbuffer_add_vprintf(struct evbuffer *buf, const char *fmt, va_list ap)
#ifdef __GNUC__
	__attribute__((format(printf, 2, 0)))
#endif
	;

/** Told when a buffer no longer needs foreign memory. */
typedef void (*evbuffer_ref_cleanup_cb)(const void *data, size_t datalen, void *extra);

/** Adds foreign memory without copying it. It must stay as it is until `cleanupfn` (NULL: none) is called. */
int evbuffer_add_reference(struct evbuffer *outbuf, const void *data, size_t datlen,
    evbuffer_ref_cleanup_cb cleanupfn, void *cleanupfn_arg);

/** evbuffer_add_reference() of the part that starts at `offset`; the clean-up is told of `data` itself (libevent 2.2). */
int evbuffer_add_reference_with_offset(struct evbuffer *outbuf, const void *data, size_t offset, size_t datlen,
    evbuffer_ref_cleanup_cb cleanupfn, void *cleanupfn_arg);

/* ---- files ------------------------------------------------------------------------------------------------------- */

/**
 * Adds part of a file; the descriptor now belongs to the buffer, which closes it at the end.
 * @param length -1: to the end of the file
 */
int evbuffer_add_file(struct evbuffer *outbuf, int fd, ev_off_t offset, ev_off_t length);

/** Part of a file, for adding to several buffers. */
struct evbuffer_file_segment;

#define EVBUF_FS_CLOSE_ON_FREE 0x01    /**< close the descriptor with the segment */
#define EVBUF_FS_DISABLE_MMAP 0x02     /**< do not map the file */
#define EVBUF_FS_DISABLE_SENDFILE 0x04 /**< do not let the kernel send it */
#define EVBUF_FS_DISABLE_LOCKING 0x08  /**< all its buffers stay on one thread */

/** Told when a segment goes. */
typedef void (*evbuffer_file_segment_cleanup_cb)(struct evbuffer_file_segment const *seg, int flags, void *arg);

/** Makes a segment. @param length -1: to the end of the file @return NULL on failure */
struct evbuffer_file_segment *evbuffer_file_segment_new(int fd, ev_off_t offset, ev_off_t length, unsigned flags);

/** Gives up the caller's hold; the segment goes when no buffer needs it. */
void evbuffer_file_segment_free(struct evbuffer_file_segment *seg);

/** Sets what is called then. */
void evbuffer_file_segment_add_cleanup_cb(struct evbuffer_file_segment *seg, evbuffer_file_segment_cleanup_cb cb,
    void *arg);

/** Adds a part of a segment. @param offset from the segment's start @param length -1: to its end */
int evbuffer_add_file_segment(struct evbuffer *buf, struct evbuffer_file_segment *seg, ev_off_t offset,
    ev_off_t length);

/* ---- taking ------------------------------------------------------------------------------------------------------ */

/** Copies bytes out and drains them. @return how many, or -1 */
int evbuffer_remove(struct evbuffer *buf, void *data, size_t datlen);

/** Copies bytes out and leaves them. @return how many, or -1 */
ev_ssize_t evbuffer_copyout(struct evbuffer *buf, void *data_out, size_t datlen);

/** evbuffer_copyout() from a position; NULL: the front. */
ev_ssize_t evbuffer_copyout_from(struct evbuffer *buf, const struct evbuffer_ptr *pos, void *data_out,
    size_t datlen);

/** Moves at most that many bytes to the end of another buffer. @return how many, or -1 */
int evbuffer_remove_buffer(struct evbuffer *src, struct evbuffer *dst, size_t datlen);

/** Throws bytes away at the front; more than there are: all. */
int evbuffer_drain(struct evbuffer *buf, size_t len);

/** How lines end. */
enum evbuffer_eol_style {
	EVBUFFER_EOL_ANY,	  /**< any run of CR and LF */
	EVBUFFER_EOL_CRLF,	  /**< CRLF, or LF alone */
	EVBUFFER_EOL_CRLF_STRICT, /**< CRLF */
	EVBUFFER_EOL_LF,	  /**< LF */
	EVBUFFER_EOL_NUL	  /**< a zero byte */
};

/**
 * Takes a line, without its end.
 * @param n_read_out takes its length, which differs from strlen() where it holds zeros; may be NULL
 * @return memory to free(), or NULL where there is no whole line
 */
char *evbuffer_readln(struct evbuffer *buffer, size_t *n_read_out, enum evbuffer_eol_style eol_style);

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/** Puts that many bytes at the front into one piece. @param size negative: all @return them, or NULL */
unsigned char *evbuffer_pullup(struct evbuffer *buf, ev_ssize_t size);

/**
 * Shows the pieces that hold `len` bytes.
 * @param len negative: as much as `n_vec` pieces hold
 * @param start_at NULL: the front
 * @return how many pieces that takes, which may be more than `n_vec`
 */
int evbuffer_peek(struct evbuffer *buffer, ev_ssize_t len, struct evbuffer_ptr *start_at,
    struct evbuffer_iovec *vec_out, int n_vec);

/** Finds bytes. @param start NULL: the front @return where; pos is -1 where they are not there */
struct evbuffer_ptr evbuffer_search(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start);

/** evbuffer_search() for what ends at or before `end`; NULL: the buffer's end. */
struct evbuffer_ptr evbuffer_search_range(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end);

/** Finds a line's end. @param eol_len_out takes the length of the end itself; may be NULL */
struct evbuffer_ptr evbuffer_search_eol(struct evbuffer *buffer, struct evbuffer_ptr *start, size_t *eol_len_out,
    enum evbuffer_eol_style eol_style);

/** How evbuffer_ptr_set() counts. */
enum evbuffer_ptr_how {
	EVBUFFER_PTR_SET, /**< from the front */
	EVBUFFER_PTR_ADD  /**< from where the position is */
};

/** Moves a position. Past the end it fails and the position is nowhere. */
int evbuffer_ptr_set(struct evbuffer *buffer, struct evbuffer_ptr *ptr, size_t position,
    enum evbuffer_ptr_how how);

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/** Writes to a descriptor and drains what went out. @return how many bytes, or -1 with errno set */
int evbuffer_write(struct evbuffer *buffer, evutil_socket_t fd);

/** evbuffer_write() of at most `howmuch` bytes; negative: all. */
int evbuffer_write_atmost(struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t howmuch);

/** Reads from a descriptor. @param howmuch at most; negative: what is there @return how many, 0 at the end, or -1 */
int evbuffer_read(struct evbuffer *buffer, evutil_socket_t fd, int howmuch);

/** The most that one evbuffer_read() takes (libevent 2.2). */
size_t evbuffer_get_max_read(struct evbuffer *buf);

/** Sets it (libevent 2.2). @return 0, or -1 where `max` does not fit an int */
int evbuffer_set_max_read(struct evbuffer *buf, size_t max);

/* ---- being told of changes --------------------------------------------------------------------------------------- */

/** A change: the length before, and how much came and went since. */
struct evbuffer_cb_info {
	size_t orig_size;
	size_t n_added;
	size_t n_deleted;
};

/** Called after a change. It may change the buffer. */
typedef void (*evbuffer_cb_func)(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg);

/** A callback on a buffer. */
struct evbuffer_cb_entry;

/** Adds a callback. NULL where there is no memory. */
struct evbuffer_cb_entry *evbuffer_add_cb(struct evbuffer *buffer, evbuffer_cb_func cb, void *cbarg);

/** Removes it. */
int evbuffer_remove_cb_entry(struct evbuffer *buffer, struct evbuffer_cb_entry *ent);

/** Removes the callback with this function and argument. */
int evbuffer_remove_cb(struct evbuffer *buffer, evbuffer_cb_func cb, void *cbarg);

/** Without this flag a callback is not called. */
#define EVBUFFER_CB_ENABLED 1

/** Sets flags of a callback. */
int evbuffer_cb_set_flags(struct evbuffer *buffer, struct evbuffer_cb_entry *cb, ev_uint32_t flags);

/** Clears flags of a callback. */
int evbuffer_cb_clear_flags(struct evbuffer *buffer, struct evbuffer_cb_entry *cb, ev_uint32_t flags);

/** Runs the callbacks from a base's loop instead of inside the call that changed the buffer. */
int evbuffer_defer_callbacks(struct evbuffer *buffer, struct event_base *base);

/* ---- closing an end ---------------------------------------------------------------------------------------------- */

/** Closes an end: nothing more is drained or prepended (`at_front`), or added. */
int evbuffer_freeze(struct evbuffer *buf, int at_front);

/** Opens it again. */
int evbuffer_unfreeze(struct evbuffer *buf, int at_front);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFER_H_INCLUDED_ */
