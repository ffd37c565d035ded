/*
 * event2/util.h: small portable helpers, for sockets, times, addresses, text and random bytes.
 */
#ifndef EVENT2_UTIL_H_INCLUDED_
#define EVENT2_UTIL_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

/* Integer types of a known width, as macros: programs test for them with #ifdef. */
#define ev_uint64_t uint64_t
#define ev_int64_t int64_t
#define ev_uint32_t uint32_t
#define ev_int32_t int32_t
#define ev_uint16_t uint16_t
#define ev_int16_t int16_t
#define ev_uint8_t uint8_t
#define ev_int8_t int8_t
#define ev_uintptr_t uintptr_t
#define ev_intptr_t intptr_t
#define ev_ssize_t ssize_t
#define ev_off_t ev_int64_t /**< a file offset as the library sees it, whatever off_t is to the program */
#define ev_socklen_t socklen_t

/* Their limits; also for #if. */
#define EV_UINT64_MAX UINT64_MAX
#define EV_INT64_MAX INT64_MAX
#define EV_INT64_MIN INT64_MIN
#define EV_UINT32_MAX UINT32_MAX
#define EV_INT32_MAX INT32_MAX
#define EV_INT32_MIN INT32_MIN
#define EV_UINT16_MAX UINT16_MAX
#define EV_INT16_MIN INT16_MIN
#define EV_INT16_MAX INT16_MAX
#define EV_UINT8_MAX UINT8_MAX
#define EV_INT8_MAX INT8_MAX
#define EV_INT8_MIN INT8_MIN
#if EVENT__SIZEOF_SIZE_T == 8
#define EV_SIZE_MAX EV_UINT64_MAX
#define EV_SSIZE_MAX EV_INT64_MAX
#else
#define EV_SIZE_MAX EV_UINT32_MAX
#define EV_SSIZE_MAX EV_INT32_MAX
#endif
#define EV_SSIZE_MIN ((-EV_SSIZE_MAX) - 1)

/** A socket. */
#define evutil_socket_t int

/** What stands for no socket. */
#define EVUTIL_INVALID_SOCKET -1

/* ---- time -------------------------------------------------------------------------------------------------------- */

/** A clock that never goes backwards. */
struct evutil_monotonic_timer;

/** Exact, where a coarser and cheaper clock would be taken. */
#define EV_MONOT_PRECISE 1
/** Act as on a system without such a clock: the wall clock, held back where it goes backwards. For tests. */
#define EV_MONOT_FALLBACK 2

/** Makes a clock; evutil_configure_monotonic_time() must follow. NULL where there is no memory. */
struct evutil_monotonic_timer *evutil_monotonic_timer_new(void);

/** Ends a clock. */
void evutil_monotonic_timer_free(struct evutil_monotonic_timer *timer);

/** Sets a clock up with EV_MONOT_* flags. @return 0, or -1 */
int evutil_configure_monotonic_time(struct evutil_monotonic_timer *timer, int flags);

/** Reads a clock. @return 0, or -1 */
int evutil_gettime_monotonic(struct evutil_monotonic_timer *timer, struct timeval *tp);

/**
 * Writes a date in the form of HTTP headers, `Sun, 06 Nov 1994 08:49:37 GMT`.
 * @param tm NULL for now
 * @return the length that it has or would have, as snprintf()
 */
int evutil_date_rfc1123(char *date, const size_t datelen, const struct tm *tm);

#define evutil_timeradd(tvp, uvp, vvp) timeradd((tvp), (uvp), (vvp))
#define evutil_timersub(tvp, uvp, vvp) timersub((tvp), (uvp), (vvp))
#define evutil_timerclear(tvp) timerclear(tvp)
#define evutil_timerisset(tvp) timerisset(tvp)

/** Compares two times; `cmp` is one of == != < <= > >=. */
#define evutil_timercmp(tvp, uvp, cmp)                                         \
	(((tvp)->tv_sec == (uvp)->tv_sec)                                      \
		? ((tvp)->tv_usec cmp (uvp)->tv_usec)                          \
		: ((tvp)->tv_sec cmp (uvp)->tv_sec))

/** The wall clock. */
#define evutil_gettimeofday(tv, tz) gettimeofday((tv), (tz))

/** Where a field lies within its struct. */
#define evutil_offsetof(type, field) offsetof(type, field)

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/**
 * socketpair(), which also takes AF_INET: two connected TCP sockets of this machine.
 * @return 0, or -1 with errno set
 */
int evutil_socketpair(int d, int type, int protocol, evutil_socket_t sv[2]);

/** Sets O_NONBLOCK. @return 0, or -1 */
int evutil_make_socket_nonblocking(evutil_socket_t sock);

/** Sets SO_REUSEADDR, so that a server can start again at once. @return 0, or -1 */
int evutil_make_listen_socket_reuseable(evutil_socket_t sock);

/** Sets SO_REUSEPORT, so that several sockets share a port. @return 0, or -1 */
int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock);

/** Sets IPV6_V6ONLY. @return 0, or -1 */
int evutil_make_listen_socket_ipv6only(evutil_socket_t sock);

/** Clears IPV6_V6ONLY, so that one socket serves both protocols (libevent 2.2). @return 0, or -1 */
int evutil_make_listen_socket_not_ipv6only(evutil_socket_t sock);

/** Sets FD_CLOEXEC. @return 0, or -1 */
int evutil_make_socket_closeonexec(evutil_socket_t sock);

/** Sets TCP_DEFER_ACCEPT: a connection is shown once it has sent something. @return 0, or -1 */
int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock);

/** Turns keep-alive on or off; with it on, the peer is given up after `timeout` seconds (libevent 2.2). @return 0, or -1 */
int evutil_set_tcp_keepalive(evutil_socket_t sock, int on, int timeout);

/** Closes a socket. @return 0, or -1 with errno set */
int evutil_closesocket(evutil_socket_t sock);
#define EVUTIL_CLOSESOCKET(s) evutil_closesocket(s)

/** The error of the last call on a socket. */
#define EVUTIL_SOCKET_ERROR() (errno)
/** Sets it. */
#define EVUTIL_SET_SOCKET_ERROR(errcode)                                       \
	do {                                                                   \
		errno = (errcode);                                             \
	} while (0)
/** The error of the last call on that socket. */
#define evutil_socket_geterror(sock) (errno)
/** Its text; needs <string.h>. */
#define evutil_socket_error_to_string(errcode) (strerror(errcode))

/* ---- text -------------------------------------------------------------------------------------------------------- */

/** strtoll(). */
ev_int64_t evutil_strtoll(const char *s, char **endptr, int base);

/** snprintf(): always ends the text where `buflen` is not 0. @return the length of the whole text, or -1 */
int evutil_snprintf(char *buf, size_t buflen, const char *format, ...)
#ifdef __GNUC__
	__attribute__((format(printf, 3, 4)))
#endif
	;

/** vsnprintf(), as evutil_snprintf(). */
int evutil_vsnprintf(char *buf, size_t buflen, const char *format, va_list ap)
#ifdef __GNUC__
	__attribute__((format(printf, 3, 0)))
#endif
	;

/** strcasecmp() for ASCII letters, whatever the locale. */
int evutil_ascii_strcasecmp(const char *str1, const char *str2);

/** strncasecmp() for ASCII letters, whatever the locale. */
int evutil_ascii_strncasecmp(const char *str1, const char *str2, size_t n);

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/** inet_ntop(). @return `dst`, or NULL where `len` is too small or the family unknown */
const char *evutil_inet_ntop(int af, const void *src, char *dst, size_t len);

/** evutil_inet_pton() that also takes `address%interface` and answers the interface's number (0: none given). */
int evutil_inet_pton_scope(int af, const char *src, void *dst, unsigned *indexp);

/** inet_pton(). @return 1, or 0 where the text is no address, or -1 where the family is unknown */
int evutil_inet_pton(int af, const char *src, void *dst);

/**
 * Reads `[IPv6]:port`, `[IPv6]`, `IPv6`, `IPv4:port` or `IPv4`. A port that is not given is 0.
 * @param outlen the room at `out`, then the length of the address
 * @return 0, or -1 where the text is wrong or the room too small
 */
int evutil_parse_sockaddr_port(const char *str, struct sockaddr *out, int *outlen);

/** Orders two addresses, with or without their ports: negative, 0 or positive. */
int evutil_sockaddr_cmp(const struct sockaddr *sa1, const struct sockaddr *sa2, int include_port);

/* ---- names ------------------------------------------------------------------------------------------------------- */

/** The system's struct addrinfo. */
#define evutil_addrinfo addrinfo

/* Errors of evutil_getaddrinfo(); those that the system's headers hide have numbers of their own. */
#ifdef EAI_ADDRFAMILY
#define EVUTIL_EAI_ADDRFAMILY EAI_ADDRFAMILY
#else
#define EVUTIL_EAI_ADDRFAMILY -901
#endif
#define EVUTIL_EAI_AGAIN EAI_AGAIN
#define EVUTIL_EAI_BADFLAGS EAI_BADFLAGS
#define EVUTIL_EAI_FAIL EAI_FAIL
#define EVUTIL_EAI_FAMILY EAI_FAMILY
#define EVUTIL_EAI_MEMORY EAI_MEMORY
#ifdef EAI_NODATA
#define EVUTIL_EAI_NODATA EAI_NODATA
#else
#define EVUTIL_EAI_NODATA -907
#endif
#define EVUTIL_EAI_NONAME EAI_NONAME
#define EVUTIL_EAI_SERVICE EAI_SERVICE
#define EVUTIL_EAI_SOCKTYPE EAI_SOCKTYPE
#define EVUTIL_EAI_SYSTEM EAI_SYSTEM
/** The look-up was cancelled. */
#define EVUTIL_EAI_CANCEL -90001

#define EVUTIL_AI_PASSIVE AI_PASSIVE
#define EVUTIL_AI_CANONNAME AI_CANONNAME
#define EVUTIL_AI_NUMERICHOST AI_NUMERICHOST
#define EVUTIL_AI_NUMERICSERV AI_NUMERICSERV
#define EVUTIL_AI_V4MAPPED AI_V4MAPPED
#define EVUTIL_AI_ALL AI_ALL
#define EVUTIL_AI_ADDRCONFIG AI_ADDRCONFIG

/** getaddrinfo(); it blocks. @return 0, or EVUTIL_EAI_* */
int evutil_getaddrinfo(const char *nodename, const char *servname,
    const struct evutil_addrinfo *hints_in, struct evutil_addrinfo **res);

/** Frees what evutil_getaddrinfo() or evdns_getaddrinfo() answered. */
void evutil_freeaddrinfo(struct evutil_addrinfo *ai);

/** The text of an EVUTIL_EAI_* error. */
const char *evutil_gai_strerror(int err);

/* ---- random bytes ------------------------------------------------------------------------------------------------ */

/** Fills `buf` with bytes that nobody can guess. Safe from any thread. */
void evutil_secure_rng_get_bytes(void *buf, size_t n);

/** Seeds the generator now instead of at the first use, say before chroot(). @return 0, or -1 */
int evutil_secure_rng_init(void);

/** Names another device to seed from; before the first use. @return 0, or -1 */
int evutil_secure_rng_set_urandom_device_file(char *fname);

/** Stirs bytes in. They never make the generator weaker. */
void evutil_secure_rng_add_bytes(const char *dat, size_t datlen);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_UTIL_H_INCLUDED_ */
